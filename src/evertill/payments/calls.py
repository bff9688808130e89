"""Calling a provider: with a deadline, outside everything, and always with one of three endings."""

import asyncio
import logging
from collections.abc import Awaitable

from evertill.payments.model import Authorisation, Ending, Provider, Unknown

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
