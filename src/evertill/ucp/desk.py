"""The API's desk: whom a worker knows, what it says every time; and a call at it."""

from dataclasses import dataclass

import msgspec

from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.ucp.discovery import OWN_PLATFORM, business_profile, envelope, own_platform
from evertill.ucp.platforms import Agent, Platforms
from evertill.ucp.signatures import SigningKey
from evertill.ucp.wire import CHECKOUT, DISCOUNT, FULFILLMENT, ORDER, Envelope
from evertill.web.exchange import Asked

# The platform the conformance checker poses as; it cannot be fetched without a network.
_CHECKER = "https://spck.dev/agent"


class Desk:
    """The API's desk: one per worker."""

    def __init__(self, settings: Settings, signer: Signer) -> None:
        testing = settings.ucp_test_mode
        self.platforms = Platforms(
            registered=(settings.address + OWN_PLATFORM, *settings.ucp_platforms.split()),
            sandboxes=(_CHECKER,) if testing else (),
            loopback=testing,
        )
        self.key = SigningKey(signer)
        self.profile = msgspec.json.encode(business_profile(settings, (self.key.public,)))
        self.own_platform = msgspec.json.encode(own_platform(settings))
        self.order_envelope = envelope(settings, (ORDER,), paying=False)
        self.nothing_in_common = envelope(settings, (), paying=False, status="error")
        self.no_checkout = envelope(settings, (CHECKOUT,), paying=False, status="error")
        extensions: tuple[tuple[str, ...], ...] = ((), (DISCOUNT,), (FULFILLMENT,), (DISCOUNT, FULFILLMENT))
        self._checkouts = {shared: envelope(settings, (CHECKOUT, *shared), paying=True) for shared in extensions}

    def checkout_envelope(self, capabilities: tuple[str, ...]) -> Envelope:
        """The protocol's part of a checkout for a platform with these capabilities in common."""
        return self._checkouts[tuple(name for name in (DISCOUNT, FULFILLMENT) if name in capabilities)]


@dataclass(frozen=True, slots=True)
class Call:
    """A platform's call: who calls, at which desk of which shop."""

    asked: Asked
    shop: Shop
    desk: Desk
    agent: Agent
