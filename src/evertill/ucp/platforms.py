"""
Who calls: the platform named in UCP-Agent, and what we have in common.

    header ──► known (registered, or fetched and not too old) ──► an Agent
          └──► fetch its profile ──► version ──► capabilities in common ──► an Agent, kept for a while
"""

import asyncio
import re
import time

import msgspec

from evertill.refusals import Refusal
from evertill.ucp.errors import refused
from evertill.ucp.profiles import Declared, Fetching, Profile, PublicKey, check_version
from evertill.ucp.wire import CHECKOUT, DISCOUNT, FULFILLMENT, ORDER, VERSION

OURS = (CHECKOUT, DISCOUNT, FULFILLMENT, ORDER)
_EXTENDS = {DISCOUNT: CHECKOUT, FULFILLMENT: CHECKOUT}

_KEPT_MAX = 1000
_HEADER_MAX = 4096
# RFC 8941: a dictionary's member `profile` is a string; `version` may be a parameter of it.
_PROFILE = re.compile(r'(?:^|[,;\s])profile\s*=\s*"([^"\\]{0,2048})"')
_VERSION = re.compile(r';\s*version\s*=\s*"([^"\\]{0,40})"')


class Agent(msgspec.Struct, frozen=True):
    """A platform as it calls."""

    owner: str  # the name under which its sessions and attempts are kept
    profile_url: str
    capabilities: tuple[str, ...]  # those we have in common, by name
    sandbox: bool = False  # test mode: vouches for buyers and addresses
    webhook_url: str | None = None
    keys: tuple[PublicKey, ...] = ()

    @property
    def scope(self) -> str:
        """Where its attempts' names live."""
        return f"ucp:{self.owner}"


class Platforms:
    """
    The platforms this worker knows.

    Args:
        registered: Addresses of profiles that are trusted to speak all we speak and are never fetched.

        sandboxes: Those of them that vouch for buyers and addresses (test mode).

        loopback: Take http profiles of this machine, and let those vouch too (test mode).
    """

    def __init__(self, *, registered: tuple[str, ...], sandboxes: tuple[str, ...], loopback: bool) -> None:
        self._loopback = loopback
        self._registered = {
            url: Agent(owner_of(url), url, OURS, sandbox=url in sandboxes) for url in (*registered, *sandboxes)
        }
        self._by_header: dict[str, tuple[Agent, float]] = {}
        self._under_way: dict[str, asyncio.Task[tuple[Agent, float]]] = {}
        self._fetching = Fetching()

    async def agent_of(self, header: str) -> Agent:
        """
        Who sends this UCP-Agent header.

        Raises:
            Refusal: 400, 422, 424, 503: it names nobody, or nobody whom we can understand.
        """
        known = self._by_header.get(header)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        url = _url_in(header)
        registered = self._registered.get(url)
        if registered is not None:
            self._keep(header, registered, float("inf"))
            return registered
        agent, until = await self._fetch(url)
        self._keep(header, agent, until)
        return agent

    async def _fetch(self, url: str) -> tuple[Agent, float]:
        """Fetch once, however many ask for it at the same time."""
        task = self._under_way.get(url)
        if task is None:
            task = self._under_way[url] = asyncio.create_task(self._learn(url), name="ucp profile")
            task.add_done_callback(lambda _: self._under_way.pop(url, None))
        return await asyncio.shield(task)

    async def _learn(self, url: str) -> tuple[Agent, float]:
        fetched = await self._fetching.fetch(url, loopback=self._loopback)
        sandbox = self._loopback and url.startswith("http:")
        return agent_from(url, fetched.profile, sandbox=sandbox), time.monotonic() + fetched.seconds

    def _keep(self, header: str, agent: Agent, until: float) -> None:
        if len(self._by_header) >= _KEPT_MAX:
            del self._by_header[next(iter(self._by_header))]  # the oldest
        self._by_header[header] = (agent, until)


def owner_of(url: str) -> str:
    """The name a platform's sessions are kept under: its profile's address without the scheme."""
    return f"agent:{url.partition('://')[2]}"


def agent_from(url: str, profile: Profile, *, sandbox: bool) -> Agent:
    """A platform from its profile."""
    order = profile.ucp.capabilities.get(ORDER, ())
    webhook = next((entry.config.webhook_url for entry in order if entry.config and entry.config.webhook_url), None)
    return Agent(
        owner_of(url),
        url,
        in_common(profile.ucp),
        sandbox=sandbox,
        webhook_url=webhook,
        keys=profile.signing_keys,
    )


def in_common(declared: Declared) -> tuple[str, ...]:
    """
    Our capabilities that a platform has in a version of ours, without extensions that lost their parent.

    Source: UCP overview, "Intersection Algorithm".
    """
    shared = [name for name in OURS if any(entry.version == VERSION for entry in declared.capabilities.get(name, ()))]
    return tuple(name for name in shared if _EXTENDS.get(name, name) in shared)


def _url_in(header: str) -> str:
    found = _PROFILE.search(header) if len(header) <= _HEADER_MAX else None
    if found is None:
        raise missing_profile()
    stated = _VERSION.search(header)
    if stated is not None:
        check_version(stated[1])
    return found[1]


def missing_profile() -> Refusal:
    """The answer to a request that does not say who sends it."""
    return refused(
        400,
        "invalid_profile_url",
        'Say who calls: UCP-Agent: profile="https://…", the address of the platform\'s profile.',
    )
