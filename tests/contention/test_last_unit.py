"""A crowd at the last unit."""

import asyncio
from collections import Counter

from evertill.checkout.model import Completion
from evertill.checkout.placing import NotPlaced
from evertill.shop import Shop
from tests.buying import books, buy, open_session, placing


def _outcomes(results: list[Completion | NotPlaced]) -> Counter[str]:
    return Counter(result.state if isinstance(result, Completion) else result.code for result in results)


async def test_the_last_units_go_to_as_many_buyers_as_there_are_units(shop: Shop) -> None:
    """Three units, sixty buyers: three confirmed orders, fifty-seven plain refusals, books that balance."""
    results = await asyncio.gather(*(buy(shop, ("LAST", 1), owner=f"browser:{n}") for n in range(60)))
    assert _outcomes(results) == {"confirmed": 3, "out_of_stock": 57}
    assert await books(shop, "LAST") == (3, 0, 3)


async def test_pressing_pay_many_times_buys_once(shop: Shop) -> None:
    """Twenty presses under one key at once: one order, and all are told of that one."""
    session = await open_session(shop, ("MUG", 2))
    results = await asyncio.gather(*(shop.checkout.complete(placing(session, name="once")) for _ in range(20)))
    assert {result.order_id for result in results if isinstance(result, Completion)} == {results[0].order_id}  # type: ignore[union-attr]
    assert _outcomes(results) == {"confirmed": 20}
    assert await books(shop, "MUG") == (1_000, 0, 2)


async def test_two_tabs_with_keys_of_their_own_buy_once(shop: Shop) -> None:
    """A session is bought once, whatever the keys it is paid under."""
    session = await open_session(shop, ("MUG", 1))
    results = await asyncio.gather(*(shop.checkout.complete(placing(session)) for _ in range(10)))
    assert _outcomes(results) == {"confirmed": 10}
    assert await shop.desk.fetchval("SELECT count(*) FROM orders") == 1
    assert await shop.desk.fetchval("SELECT count(*) FROM sandbox_provider.charge") == 1


async def test_a_declined_payment_gives_the_unit_to_somebody_else(shop: Shop) -> None:
    """Declines release what they claimed, exactly once, while others buy."""
    asks = [buy(shop, ("LAST", 1), method="tok_decline_generic", owner=f"browser:{n}") for n in range(10)]
    await asyncio.gather(*asks)
    assert await books(shop, "LAST") == (3, 0, 0)
    results = await asyncio.gather(*(buy(shop, ("LAST", 1), owner=f"browser:x{n}") for n in range(5)))
    assert _outcomes(results) == {"confirmed": 3, "out_of_stock": 2}


async def test_an_order_that_fails_fails_alone(shop: Shop) -> None:
    """In one group: neighbours of a sold-out order are confirmed."""
    sessions = [await open_session(shop, ("LAST", 3), owner=f"browser:{n}") for n in range(2)]
    sessions += [await open_session(shop, ("MUG", 1), owner=f"browser:m{n}") for n in range(6)]
    results = await asyncio.gather(*(shop.checkout.complete(placing(session)) for session in sessions))
    assert _outcomes(results) == {"confirmed": 7, "out_of_stock": 1}
