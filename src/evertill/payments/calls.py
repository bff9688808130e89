"""Calling a provider: with a deadline, outside everything, and always with one of three endings."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from uuid import UUID

from evertill.payments.model import Authorisation, Ending, Provider, Seen, Unknown

log = logging.getLogger(__name__)


async def authorise_within(provider: Provider, ask: Authorisation, *, seconds: float) -> Ending:
    """Reserve the amount; what is not answered in time, or breaks, is unknown."""
    return await within(provider.authorise(ask), provider.name, "authorise", seconds=seconds)


async def within(call: Awaitable[Ending], provider_name: str, verb: str, *, seconds: float) -> Ending:
    """Any provider verb under a deadline."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        log.warning("provider_silent provider=%s verb=%s seconds=%.1f", provider_name, verb, seconds)
        return Unknown("timeout")
    except Exception as error:
        log.exception("provider_broke provider=%s verb=%s error=%r", provider_name, verb, error)
        return Unknown("provider_error")


async def look_up_within(provider: Provider, attempt_id: UUID, *, seconds: float) -> Seen | Unknown | None:
    """Look up under a deadline; no answer is unknown."""
    found: list[Seen | Unknown | None] = []

    async def ask() -> Ending:
        found.append(await provider.look_up(attempt_id))
        return Unknown("looked_up")

    ending = await within(ask(), provider.name, "look_up", seconds=seconds)
    return found[0] if found else (ending if isinstance(ending, Unknown) else Unknown("provider_error"))


async def side_by_side(calls: Iterable[Awaitable[None]]) -> None:
    """
    Carry out a bite of calls at once: one silence must not be waited for twenty times in a row.

    Each is carried out whatever happens to the others.

    Raises:
        ExceptionGroup: What went wrong with any of them.
    """
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if errors:
        raise ExceptionGroup("some calls broke", errors)
