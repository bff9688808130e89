"""Our own profile at /.well-known/ucp: what we speak, where, and how we are paid."""

import msgspec

from evertill.settings import Settings
from evertill.ucp.wire import (
    CHECKOUT,
    DISCOUNT,
    FULFILLMENT,
    ORDER,
    VERSION,
    CapabilityInUse,
    Envelope,
    Handler,
    HandlerConfig,
    Instruments,
)

BASE = "/ucp/v1"
HANDLER = "example.evertill.sandbox"
HANDLER_ID = "evertill_sandbox"
# The shop's own platform profile: what somebody with nothing but curl may present as who they are.
OWN_PLATFORM = "/ucp/platforms/curl.json"

_SPEC = f"https://ucp.dev/{VERSION}"


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A capability or service as a profile declares it."""

    version: str
    spec: str
    schema: str
    extends: str = ""
    transport: str = ""
    endpoint: str = ""


class JsonWebKey(msgspec.Struct, frozen=True):
    """A public key."""

    kid: str
    kty: str
    crv: str
    x: str
    y: str
    use: str
    alg: str


class Declaration(msgspec.Struct, frozen=True):
    """The protocol's part of a profile."""

    version: str
    services: dict[str, tuple[Entry, ...]]
    capabilities: dict[str, tuple[Entry, ...]]
    payment_handlers: dict[str, tuple[Handler, ...]]


class ProfileAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A profile."""

    ucp: Declaration
    signing_keys: tuple[JsonWebKey, ...] = ()


def business_profile(settings: Settings, keys: tuple[JsonWebKey, ...]) -> ProfileAnswer:
    """What we tell every platform of ourselves."""
    service = Entry(
        version=VERSION,
        spec=f"{_SPEC}/specification/overview",
        schema=f"{_SPEC}/services/shopping/rest.openapi.json",
        transport="rest",
        endpoint=settings.address + BASE,
    )
    return ProfileAnswer(
        Declaration(VERSION, {"dev.ucp.shopping": (service,)}, _capabilities(), handlers(settings, described=True)),
        signing_keys=keys,
    )


def own_platform(settings: Settings) -> ProfileAnswer:
    """The profile of our own platform, for trying things with curl."""
    service = Entry(
        version=VERSION,
        spec=f"{_SPEC}/specification/overview",
        schema=f"{_SPEC}/services/shopping/rest.openapi.json",
        transport="rest",
    )
    return ProfileAnswer(
        Declaration(VERSION, {"dev.ucp.shopping": (service,)}, _capabilities(), handlers(settings, described=True))
    )


def handlers(settings: Settings, *, described: bool) -> dict[str, tuple[Handler, ...]]:
    """How we are paid; described: with where that is documented."""
    documented = f"{settings.address}/openapi/sandbox"
    handler = Handler(
        id=HANDLER_ID,
        version=VERSION,
        available_instruments=(Instruments("card"),),
        config=HandlerConfig("sandbox"),
        spec=documented if described else "",
        schema=f"{documented}.json" if described else "",
    )
    return {HANDLER: (handler,)}


def envelope(settings: Settings, capabilities: tuple[str, ...], *, paying: bool, status: str = "") -> Envelope:
    """The protocol's part of an answer that uses these capabilities."""
    return Envelope(
        version=VERSION,
        capabilities={name: (CapabilityInUse(VERSION),) for name in capabilities},
        status=status,
        payment_handlers=handlers(settings, described=False) if paying else {},
    )


def _capabilities() -> dict[str, tuple[Entry, ...]]:
    entries: dict[str, tuple[Entry, ...]] = {}
    for name, extends in ((CHECKOUT, ""), (ORDER, ""), (DISCOUNT, CHECKOUT), (FULFILLMENT, CHECKOUT)):
        word = name.rpartition(".")[2]
        entries[name] = (
            Entry(
                version=VERSION,
                spec=f"{_SPEC}/specification/{word}",
                schema=f"{_SPEC}/schemas/shopping/{word}.json",
                extends=extends,
            ),
        )
    return entries
