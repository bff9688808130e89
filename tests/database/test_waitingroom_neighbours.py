"""Places per address: a script has a bound, neighbours are told in plain words, and nobody who has a place loses it."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from uuid import UUID

import msgspec
import pytest

from evertill.app import open_shop
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.refusals import TooMany, Unavailable
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer, new_token, token_hash
from evertill.storage import Connection
from evertill.waitingroom import Guards, Plan, Taking, Ticket, leave, plan_room
from evertill.waitingroom.checking import check_agent
from evertill.waitingroom.neighbours import mark_of

STAFF = new_id()
HOME, OTHER = "8.8.4.4", "9.9.9.9"
MOST, MINUTE = 5, 3


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A shop with little room: five places for an address, three in a minute."""
    return msgspec.structs.replace(
        settings,
        waiting_room_per_address=MOST,
        waiting_room_per_address_minute=MINUTE,
    )


@pytest.fixture
async def room_id(shop: Shop, connection: Connection) -> UUID:
    """A room that nobody is called into by itself."""
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'o@example.com', 'o@example.com', 'O', 'operator', '', now())", STAFF
    )
    made = await plan_room(shop.desk, Plan("A rush", Guards.CHECKOUT), staff_id=STAFF, now=shop.clock())
    await connection.execute("UPDATE waiting_room SET state = 'paused'")
    await shop.rooms.refresh()
    return made


def asks(shop: Shop, room_id: UUID, host: str, many: int, *, customers: bool = False) -> list[Taking]:
    """So many browsers that have no cookie."""
    return [
        Taking(
            room_id, token_hash(new_token()), new_id() if customers else None, utc_now(),
            None if customers else mark_of(shop.signer, room_id, host),
        )
        for _ in range(many)
    ]  # fmt: skip


async def come(shop: Shop, comers: list[Taking]) -> list[Ticket]:
    """All at once; those who got a ticket."""
    answers = await asyncio.gather(*(shop.tickets.take(ask) for ask in comers), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {Ticket, TooMany}
    return [answer for answer in answers if isinstance(answer, Ticket)]


async def a_minute_passes(connection: Connection) -> None:
    """For everything that happened."""
    await connection.execute("UPDATE ticket SET issued_at = issued_at - interval '1 minute'")
    await connection.execute("UPDATE waiting_room_move SET at = at - interval '1 minute'")


async def test_a_script_gets_what_an_address_may_have_and_no_more(
    shop: Shop, settings: Settings, room_id: UUID, connection: Connection
) -> None:
    """Two hundred without cookies at two workers at once: three in a minute, five in all; others are not held up."""
    async with AsyncExitStack() as stack:
        other = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
        for expected in (MINUTE, MOST - MINUTE, 0):
            got = await asyncio.gather(*(come(each, asks(each, room_id, HOME, 100)) for each in (shop, other)))
            assert sum(len(tickets) for tickets in got) == expected
            assert len(await come(other, asks(shop, room_id, OTHER, 1))) == 1
            await a_minute_passes(connection)
    assert await connection.fetchval("SELECT issued FROM waiting_room") == MOST + 3


async def test_whoever_has_a_place_is_given_it_however_full_their_address_is(
    shop: Shop, room_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    """The refused are told why and when; those with a cookie, and customers with or without, are not refused at all."""
    mine = asks(shop, room_id, HOME, MINUTE)
    numbers = [ticket.number for ticket in await come(shop, mine)]
    crowd = [*asks(shop, room_id, HOME, 50), *mine, *asks(shop, room_id, HOME, 10, customers=True)]
    answers = await asyncio.gather(*(shop.tickets.take(ask) for ask in crowd), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {TooMany: 50, Ticket: MINUTE + 10}
    assert [answer.number for answer in answers[50 : 50 + MINUTE] if isinstance(answer, Ticket)] == numbers
    [refusal] = [answer for answer in answers[:1] if isinstance(answer, TooMany)]
    assert (refusal.code, refusal.retry_after_seconds) == ("too_many_places", 20)
    assert "Nothing is lost" in refusal.sentence
    await come(shop, asks(shop, room_id, HOME, 5))
    assert caplog.text.count("places_refused") == 1  # the log is not the script's to fill


async def test_places_come_free_as_people_are_called(shop: Shop, room_id: UUID, connection: Connection) -> None:
    """Three minutes after they were called; of those who gathered only when all of them are."""
    for _ in range(2):
        await come(shop, asks(shop, room_id, HOME, MOST))
        await a_minute_passes(connection)
    assert await come(shop, asks(shop, room_id, HOME, 1)) == []
    await connection.execute("UPDATE waiting_room SET now_serving = 2")
    await connection.execute("INSERT INTO waiting_room_move SELECT id, now(), 2, 0, 5 FROM waiting_room")
    for _ in range(2):
        await a_minute_passes(connection)
        assert await come(shop, asks(shop, room_id, HOME, 1)) == []
    await a_minute_passes(connection)
    assert len(await come(shop, asks(shop, room_id, HOME, MOST))) == 2
    await a_minute_passes(connection)
    await connection.execute("UPDATE ticket SET network = NULL WHERE number = 7")
    await connection.execute("UPDATE waiting_room SET gathered = 5")
    assert (
        await come(shop, asks(shop, room_id, HOME, 1)) == []
    )  # numbers 1 to 6: whether 1 and 2 were called, who knows


async def test_taking_and_giving_up_in_turns_is_no_way_around(
    shop: Shop, room_id: UUID, connection: Connection
) -> None:
    """A place that was kept for a minute comes free when it is given up; one that was not goes on counting."""
    known = shop.rooms.known(room_id)
    assert known is not None
    for expected in (MINUTE, MOST - MINUTE, 0):
        tickets = await come(shop, asks(shop, room_id, HOME, MOST))
        assert len(tickets) == expected
        for ticket in tickets:
            await leave(shop.desk, room=known.room, number=ticket.number)
        await a_minute_passes(connection)
    patient = await come(shop, asks(shop, room_id, OTHER, MINUTE))
    await a_minute_passes(connection)
    for ticket in patient:
        await leave(shop.desk, room=known.room, number=ticket.number)
    for expected in (MINUTE, MOST - MINUTE):
        assert len(await come(shop, asks(shop, room_id, OTHER, MOST))) == expected
        await a_minute_passes(connection)


async def test_an_agent_that_takes_too_many_is_told_so(shop: Shop, room_id: UUID) -> None:
    """The same attempt keeps its one place; new ones are refused until there is room."""

    async def attempt(name: str) -> str:
        with pytest.raises((Unavailable, TooMany)) as refused:
            await check_agent(shop, owner="agent:a", attempt=name, presented="", skus={"MUG"}, host=HOME)
        return refused.value.code

    assert [await attempt(f"a{number}") for number in range(MINUTE)] == ["waiting_room"] * MINUTE
    assert await attempt("another") == "too_many_places"
    assert await attempt("a0") == "waiting_room"
