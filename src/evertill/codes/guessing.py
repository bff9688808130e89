"""
Guessing codes is bounded as guessing passwords is: wrong tries are counted per browser, or platform, and per network
address, in windows of a quarter of an hour. Codes that are there count as no guess, whether they hold or not.
"""

from datetime import datetime

from evertill.customers.tries import Limit, count_try, take_try_back
from evertill.storage import Pool

BY_BROWSER = Limit("code", per_email=20, per_network=100)  # per_email: per browser, which is the subject here
BY_PLATFORM = Limit("code-platform", per_email=600, per_network=600)  # all of a platform's buyers come from one place


async def count_guess(pool: Pool, limit: Limit, *, who: str, network: str, now: datetime) -> None:
    """
    Count a try before it is judged, so that the bound holds against any number at once.

    Args:
        who: The browser or platform.

        network: As network_of() has it.

    Raises:
        TooMany: This window has seen as many wrong ones as it may.
    """
    async with pool.acquire() as connection:
        await count_try(connection, limit=limit, network=network, email=who, now=now)


async def take_guess_back(pool: Pool, limit: Limit, *, who: str, network: str, now: datetime) -> None:
    """It was no guess: the code is there."""
    async with pool.acquire() as connection:
        await take_try_back(connection, limit=limit, network=network, email=who, now=now)
