"""Tickets, ushers and rooms on a real PostgreSQL: one place each, in order, kept through whatever happens."""

import asyncio
import hashlib
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from litestar.datastructures import State

from evertill.app import open_shop
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.refusals import Conflict, Invalid, NotFound, Unavailable
from evertill.resilience import LANES, Gate, Priority
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer
from evertill.storage import Connection
from evertill.waitingroom import (
    Guards,
    Plan,
    Pressure,
    RoomState,
    Standing,
    Taking,
    TicketState,
    Usher,
    change_room,
    leave,
    plan_room,
    seal,
)
from evertill.waitingroom.checking import check_agent, take_ticket, word_to_the_waiting
from evertill.waitingroom.model import place_of
from evertill.waitingroom.rooms import stand
from evertill.web.admission import Admission
from tests.buying import buy
from tests.conftest import put_on_hand

EASE = Pressure(load=0.1, refused=0)
STAFF = new_id()


@pytest.fixture(autouse=True)
async def staff(connection: Connection) -> None:
    """Somebody who opens rooms."""
    await connection.execute(
        "INSERT INTO staff VALUES ($1, 'o@example.com', 'o@example.com', 'O', 'operator', '', now())", STAFF
    )


def holder(name: object) -> bytes:
    """A browser."""
    return hashlib.sha256(str(name).encode()).digest()


async def opened(shop: Shop, plan: Plan | None = None) -> UUID:
    """A room, and this worker knows of it."""
    room_id = await plan_room(shop.desk, plan or Plan("A rush", Guards.CHECKOUT), staff_id=STAFF, now=shop.clock())
    await shop.rooms.refresh()
    return room_id


def usher_of(shop: Shop, pressure: Pressure = EASE, *, opens: bool = False) -> Usher:
    return Usher(shop.desk, pressure=lambda: pressure, clock=shop.clock, opens_rooms=opens)


async def usher_calls(shop: Shop, connection: Connection, usher: Usher, times: int = 1) -> None:
    """Seconds pass."""
    for _ in range(times):
        await connection.execute("UPDATE waiting_room SET moved_at = '-infinity'")
        await usher.run_once()
    await shop.rooms.refresh()


def ask(room_id: UUID, name: object, customer_id: UUID | None = None) -> Taking:
    return Taking(room_id, holder(name), customer_id, utc_now())


def standing_of(shop: Shop, room_id: UUID, number: int) -> Standing:
    known = shop.rooms.known(room_id)
    assert known is not None
    return stand(known, number)


async def test_a_crowd_is_numbered_without_gap_or_double(shop: Shop, settings: Settings) -> None:
    """A thousand browsers, three times each, at two workers: a thousand tickets, one each."""
    room_id = await opened(shop)
    async with AsyncExitStack() as stack:
        other = await open_shop(settings, Signer(b"test" * 8), utc_now, stack)
        comers = [ask(room_id, number) for number in range(1_000) for _ in range(3)]
        tickets = await asyncio.gather(
            *((shop, other)[turn % 2].tickets.take(comer) for turn, comer in enumerate(comers))
        )
    numbers = {comer.holder: ticket.number for comer, ticket in zip(comers, tickets, strict=True)}
    assert sorted(numbers.values()) == list(range(1, 1_001))
    assert all(numbers[comer.holder] == ticket.number for comer, ticket in zip(comers, tickets, strict=True))
    assert await shop.desk.fetchval("SELECT issued FROM waiting_room WHERE id = $1", room_id) == 1_000


async def test_a_customer_has_one_place_in_fifty_browsers_and_gets_it_back(shop: Shop) -> None:
    """Signed in elsewhere, cookie lost: the same place, and no longer in the browser before."""
    room_id, customer = await opened(shop), new_id()
    await shop.tickets.take(ask(room_id, "somebody before"))
    first = await shop.tickets.take(ask(room_id, "kitchen", customer))
    await shop.tickets.take(ask(room_id, "somebody behind"))
    again = await asyncio.gather(*(shop.tickets.take(ask(room_id, f"b{number}", customer)) for number in range(50)))
    assert {ticket.number for ticket in again} == {first.number} == {2}
    stranger = await shop.tickets.take(ask(room_id, "kitchen"))
    assert stranger.number == 4  # the browser it was before is somebody else's now


async def test_people_are_called_in_order_and_make_room_for_others(shop: Shop, connection: Connection) -> None:
    """As many as fit inside; those who buy or are not heard of any more make room; nobody is called out of turn."""
    room_id = await opened(shop)
    await connection.execute("UPDATE waiting_room SET inside_max = 20")
    for number in range(60):
        await shop.tickets.take(ask(room_id, number))
    usher = usher_of(shop, Pressure(load=0.7, refused=0))  # as full as it does well to be: the bound stays
    await usher_calls(shop, connection, usher, 3)
    assert [standing_of(shop, room_id, number).may_enter for number in (1, 20, 21)] == [True, True, False]
    for number in range(1, 21):
        shop.rooms.note_seen(standing_of(shop, room_id, number))
    await shop.rooms.refresh()
    await usher_calls(shop, connection, usher, 3)
    assert not standing_of(shop, room_id, 21).may_enter
    for number in range(1, 6):
        shop.rooms.note_done(standing_of(shop, room_id, number))
    await shop.rooms.refresh()
    await usher_calls(shop, connection, usher)
    assert [standing_of(shop, room_id, number).may_enter for number in (25, 26)] == [True, False]
    await connection.execute("UPDATE ticket SET seen_at = now() - interval '1 hour' WHERE number BETWEEN 6 AND 20")
    await usher_calls(shop, connection, usher)
    assert [standing_of(shop, room_id, number).may_enter for number in (40, 41)] == [True, False]
    assert standing_of(shop, room_id, 6).may_enter  # whoever was called stays called


async def test_who_is_called_and_does_not_come_is_not_waited_for(shop: Shop, connection: Connection) -> None:
    """After three minutes others are called instead; the ticket still opens the door."""
    room_id = await opened(shop)
    await connection.execute("UPDATE waiting_room SET inside_max = 20")
    for number in range(60):
        await shop.tickets.take(ask(room_id, number))
    usher = usher_of(shop, Pressure(load=0.7, refused=0))
    await usher_calls(shop, connection, usher, 2)
    assert not standing_of(shop, room_id, 21).may_enter
    await connection.execute("UPDATE waiting_room_move SET at = at - interval '4 minutes'")
    await usher_calls(shop, connection, usher)
    assert standing_of(shop, room_id, 40).may_enter
    assert standing_of(shop, room_id, 1).may_enter


async def test_checkout_in_trouble_calls_nobody(shop: Shop, connection: Connection) -> None:
    """Refusals bring the bound down; ease brings it up again."""
    room_id = await opened(shop)
    for number in range(500):
        await shop.tickets.take(ask(room_id, number))
    await usher_calls(shop, connection, usher_of(shop, Pressure(load=1.0, refused=9)), 12)
    (room,) = (known.room for known in shop.rooms.all)
    assert room.inside_max < 100
    first = room.now_serving
    for number in range(1, first + 1):
        shop.rooms.note_seen(standing_of(shop, room_id, number))
    await shop.rooms.refresh()
    await usher_calls(shop, connection, usher_of(shop), 16)
    (room,) = (known.room for known in shop.rooms.all)
    assert room.now_serving > first


async def test_those_who_gathered_are_shuffled_at_the_opening_and_nobody_is_called_before(
    shop: Shop, connection: Connection
) -> None:
    """By the database's clock; later comers stand behind; the shuffle is the one whose fingerprint was shown."""
    opens = shop.clock() + timedelta(hours=1)
    room_id = await opened(shop, Plan("At noon", Guards.CHECKOUT, opens_at=opens))
    promise = next(known.room.promise for known in shop.rooms.all)
    for number in range(200):
        await shop.tickets.take(ask(room_id, number))
    usher = usher_of(shop)
    await usher_calls(shop, connection, usher, 3)
    standing = standing_of(shop, room_id, 1)
    assert (standing.known.room.state, standing.may_enter, standing.place) == (RoomState.GATHERING, False, None)
    await connection.execute("UPDATE waiting_room SET opens_at = now()")
    await usher_calls(shop, connection, usher)
    await shop.tickets.take(ask(room_id, "late"))
    (known,) = shop.rooms.all
    assert known.room.state is RoomState.OPEN
    assert known.room.gathered == 200
    assert hashlib.sha256(known.room.seed).hexdigest() == promise
    places = [stand(known, number).place for number in range(1, 202)]
    assert sorted(places[:200]) == list(range(1, 201))  # type: ignore[type-var]
    assert places[:200] != list(range(1, 201))
    assert places[200] == 201


async def test_a_worker_whose_clock_is_ahead_opens_nothing_early(shop: Shop, connection: Connection) -> None:
    """Times are the database's."""
    await opened(shop, Plan("At noon", Guards.CHECKOUT, opens_at=shop.clock() + timedelta(minutes=5)))
    ahead = Usher(shop.desk, pressure=lambda: EASE, clock=lambda: utc_now() + timedelta(days=1), opens_rooms=False)
    await usher_calls(shop, connection, ahead, 3)
    assert [known.room.state for known in shop.rooms.all] == [RoomState.GATHERING]


async def test_two_ushers_move_a_line_once_a_second(shop: Shop, connection: Connection) -> None:
    """However many workers look."""
    await opened(shop)
    await connection.execute("UPDATE waiting_room SET moved_at = '-infinity'")
    await asyncio.gather(*(usher_of(shop).run_once() for _ in range(10)))
    assert await connection.fetchval("SELECT count(*) FROM waiting_room_move") == 1


async def test_who_gives_a_place_up_comes_again_at_the_end(shop: Shop) -> None:
    """And the place given up is nobody's."""
    room_id = await opened(shop)
    first = await shop.tickets.take(ask(room_id, "ada"))
    await shop.tickets.take(ask(room_id, "bob"))
    (known,) = shop.rooms.all
    await leave(shop.desk, room=known.room, number=first.number)
    await leave(shop.desk, room=known.room, number=first.number)
    assert (await shop.tickets.take(ask(room_id, "ada"))).number == 3
    state = await shop.desk.fetchval("SELECT state FROM ticket WHERE number = 1")
    assert state == TicketState.LEFT


async def test_when_it_is_sold_out_everybody_who_waits_is_told_at_once(shop: Shop, connection: Connection) -> None:
    """The line for the last three: when they are sold, nobody waits for nothing; when units come back, it is back."""
    room_id = await opened(shop, Plan("The last three", Guards.CHECKOUT, skus=("LAST",)))
    for number in range(50):
        await shop.tickets.take(ask(room_id, number))
    assert standing_of(shop, room_id, 2).reach == "yes"
    assert standing_of(shop, room_id, 40).reach == "unlikely"
    assert shop.rooms.behind(Guards.CHECKOUT, {"LAST", "MUG"}) is not None
    assert shop.rooms.behind(Guards.CHECKOUT, {"MUG"}) is None
    for _ in range(3):
        await buy(shop, ("LAST", 1))
    await shop.rooms.refresh()
    assert standing_of(shop, room_id, 2).reach == "no"
    assert shop.rooms.behind(Guards.CHECKOUT, {"LAST"}) is None  # whoever asks is told that it is sold out
    assert b'"left":0' in shop.rooms.board
    await put_on_hand(connection, "LAST", 4)
    await shop.rooms.refresh()
    assert standing_of(shop, room_id, 2).reach == "unlikely"
    assert shop.rooms.behind(Guards.CHECKOUT, {"LAST"}) is not None


async def test_a_database_that_is_gone_lets_nobody_in_and_loses_nobody(shop: Shop, connection: Connection) -> None:
    """What was known last holds: who was called may enter, who was not waits, and all are told that the line stands."""
    room_id = await opened(shop)
    await connection.execute("UPDATE waiting_room SET inside_max = 20")
    tickets = [await shop.tickets.take(ask(room_id, number)) for number in range(30)]
    await usher_calls(shop, connection, usher_of(shop, Pressure(0.7, 0)))
    shop.rooms.note_seen(standing_of(shop, room_id, 1))
    await connection.execute("ALTER TABLE waiting_room RENAME TO waiting_room_gone")
    await shop.rooms.refresh()
    with pytest.raises(Exception, match="waiting_room"):
        await shop.tickets.take(ask(room_id, "somebody new"))
    assert [standing_of(shop, room_id, number).may_enter for number in (20, 21)] == [True, False]
    assert shop.rooms.behind(Guards.CHECKOUT) is not None
    await connection.execute("ALTER TABLE waiting_room_gone RENAME TO waiting_room")
    await shop.rooms.refresh()
    assert (await shop.tickets.take(ask(room_id, 7))).number == tickets[7].number
    assert await connection.fetchval("SELECT state FROM ticket WHERE number = 1") == TicketState.INSIDE


async def test_an_agent_gets_a_ticket_to_present_and_is_let_in_by_it(shop: Shop, connection: Connection) -> None:
    """One attempt, one place, however often it comes again, with its ticket or without."""
    room_id = await opened(shop)
    await connection.execute("UPDATE waiting_room SET inside_max = 20")
    for number in range(25):
        await shop.tickets.take(ask(room_id, number))

    async def come(attempt: str, presented: str = "") -> None:
        await check_agent(shop, owner="agent:a", attempt=attempt, presented=presented, skus={"MUG"}, host=None)

    with pytest.raises(Unavailable) as first:
        await come("one")
    with pytest.raises(Unavailable) as second:
        await come("one")
    assert first.value.facts["ticket"] == second.value.facts["ticket"]
    assert first.value.retry_after_seconds
    assert "place 26 in line" in first.value.sentence
    with pytest.raises(Unavailable) as other:
        await come("two", str(first.value.facts["ticket"]))  # somebody else's ticket is none
    assert "place 27 in line" in other.value.sentence
    await usher_calls(shop, connection, usher_of(shop), 3)
    await connection.execute("UPDATE waiting_room_move SET at = at - interval '4 minutes'")
    await usher_calls(shop, connection, usher_of(shop), 2)
    await come("one", str(first.value.facts["ticket"]))
    await come("one")
    assert await connection.fetchval("SELECT count(*) FROM ticket") == 27


async def test_who_comes_before_their_turn_is_told_by_their_ticket_alone(shop: Shop, connection: Connection) -> None:
    """Whoever sends it, real or made up, until its number is called: then it is looked at."""
    room_id = await opened(shop)
    for number in range(30):
        await shop.tickets.take(ask(room_id, number))
    ticket = f"{room_id.hex}.30.{'x' * 22}"
    word = word_to_the_waiting(shop.rooms, ticket)
    assert word is not None
    assert (word.code, word.facts["ticket"]) == ("waiting_room", ticket)
    assert "place 30 in line" in word.sentence
    assert 5 <= (word.retry_after_seconds or 0) <= 30
    for nothing in ("", "x", ticket.replace(".30.", ".-30."), ticket.replace(".30.", ".٣."), ticket[1:], "9" * 200):
        assert word_to_the_waiting(shop.rooms, nothing) is None
    assert word_to_the_waiting(shop.rooms, ticket.replace(room_id.hex, new_id().hex)) is None
    await usher_calls(shop, connection, usher_of(shop), 2)
    assert word_to_the_waiting(shop.rooms, ticket) is None
    with pytest.raises(Unavailable):  # called it is, but made up: its sender gets a place of their own
        await check_agent(shop, owner="agent:a", attempt="one", presented=ticket, skus={"MUG"}, host=None)
    assert await connection.fetchval("SELECT count(*) FROM ticket") == 31


async def test_newcomers_are_refused_in_the_lines_lane_and_not_before_those_who_were_called(shop: Shop) -> None:
    """Who has no place asks for a place: neither's being full is the other's matter."""
    await opened(shop)
    for number in range(3):
        await shop.tickets.take(ask(next(iter(shop.rooms.all)).room.id, number))
    gate = Gate()
    door = Admission(_nothing, State({"shop": shop}), gate, [])
    head = b"POST", b"/ucp/v1/checkout-sessions"
    called = [(b"evertill-ticket", b"of another line")]
    gate.under_way = gate.limit.value
    assert door.turned_away(*head, []) is None
    assert door.turned_away(*head, called) is not None
    assert gate.lanes[Priority.CHECKOUT].refused == 1
    gate.under_way, line = 0, gate.lanes[Priority.LINE]
    line.running = LANES[Priority.LINE].running_max
    line.waiting.extend(asyncio.get_running_loop().create_future() for _ in range(LANES[Priority.LINE].waiting_max))
    refused = door.turned_away(*head, [])
    assert refused is not None
    assert 5 <= int(refused.split(b"retry-after: ")[1].split(b"\r")[0]) <= 15
    assert door.turned_away(*head, called) is None
    assert gate.lanes[Priority.CHECKOUT].refused == 1  # what the usher looks at


async def _nothing(*_: object) -> None:
    raise AssertionError("nobody goes in here")


async def test_the_usher_waits_its_turn_among_those_who_take_tickets(shop: Shop, connection: Connection) -> None:
    """While people stream in, the room's row is locked nearly all the time: it is not passed over."""
    room_id = await opened(shop)
    for number in range(5):
        await shop.tickets.take(ask(room_id, number))
    await connection.execute("UPDATE waiting_room SET moved_at = '-infinity'")
    async with connection.transaction():
        await connection.execute("SELECT FROM waiting_room FOR NO KEY UPDATE")
        ushers = [asyncio.create_task(usher_of(shop).run_once()) for _ in range(3)]
        async with asyncio.timeout(10):
            while await shop.desk.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < 3:  # noqa: ASYNC110 - the database's own list
                await asyncio.sleep(0.01)
    await asyncio.gather(*ushers)
    await shop.rooms.refresh()
    assert standing_of(shop, room_id, 5).may_enter
    assert await connection.fetchval("SELECT count(*) FROM waiting_room_move") == 1  # one of them moved it


async def test_a_room_opens_by_itself_when_checkout_saturates_and_closes_when_it_is_calm(
    shop: Shop, connection: Connection
) -> None:
    """After five seconds of refusals in a row; after a minute of calm with nobody in line."""
    rush = usher_of(shop, Pressure(load=1.2, refused=5), opens=True)
    for _ in range(4):
        await rush.run_once()
    await shop.rooms.refresh()
    assert len(shop.rooms.all) == 0
    await rush.run_once()
    for _ in range(20):
        await rush.run_once()
    await shop.rooms.refresh()
    (known,) = shop.rooms.all
    assert (known.room.opened_by, known.room.guards, known.room.state) == ("limiter", Guards.CHECKOUT, RoomState.OPEN)
    calm = usher_of(shop, EASE, opens=True)
    await usher_calls(shop, connection, calm, 59)
    assert len(shop.rooms.all) == 1
    await usher_calls(shop, connection, calm, 2)
    assert len(shop.rooms.all) == 0


async def test_staff_open_pause_drain_and_close(shop: Shop, connection: Connection) -> None:
    """Each in its time only, and written down with who; a drained room closes when nobody waits."""
    room_id = await opened(shop)
    await shop.tickets.take(ask(room_id, "ada"))

    async def move(name: str) -> RoomState:
        return await change_room(shop.desk, room_id=room_id, move=name, reason="", staff_id=STAFF, now=shop.clock())

    assert await move("pause") is RoomState.PAUSED
    await usher_calls(shop, connection, usher_of(shop), 3)
    assert not standing_of(shop, room_id, 1).may_enter
    with pytest.raises(Conflict):
        await move("pause")
    assert await move("open") is RoomState.OPEN
    assert await move("drain") is RoomState.DRAINING
    await usher_calls(shop, connection, usher_of(shop), 2)
    assert not shop.rooms.any_open
    with pytest.raises(Conflict):
        await move("open")
    with pytest.raises(NotFound):
        await shop.tickets.take(ask(room_id, "late"))
    verbs = await connection.fetch("SELECT verb FROM staff_action ORDER BY at")
    assert [row["verb"] for row in verbs] == ["open_room", "pause_room", "open_room", "drain_room"]


async def test_one_line_for_one_thing(shop: Shop) -> None:
    """Two staff press at once: one room."""
    plan = Plan("A rush", Guards.CHECKOUT)
    outcomes = await asyncio.gather(
        *(plan_room(shop.desk, plan, staff_id=STAFF, now=shop.clock()) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(outcome, UUID) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (Plan(" ", Guards.CHECKOUT), "title"),
        (Plan("x" * 121, Guards.CHECKOUT), "title"),
        (Plan("x", Guards.SHOP, skus=("MUG",)), "skus"),
        (Plan("x", Guards.CHECKOUT, skus=("NOT-KNOWN",)), "skus"),
        (Plan("x", Guards.CHECKOUT, skus=tuple(map(str, range(51)))), "skus"),
        (Plan("x", Guards.CHECKOUT, opens_at=utc_now() - timedelta(seconds=1)), "opens_at"),
        (Plan("x", Guards.CHECKOUT, gathers_at=utc_now() + timedelta(hours=1)), "opens_at"),
        (
            Plan(
                "x", Guards.CHECKOUT, gathers_at=utc_now() + timedelta(hours=2), opens_at=utc_now() + timedelta(hours=1)
            ),
            "gathers_at",
        ),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_by_field(shop: Shop, plan: Plan, field: str) -> None:
    """Nothing is opened."""
    with pytest.raises(Invalid) as refused:
        await plan_room(shop.desk, plan, staff_id=STAFF, now=shop.clock())
    assert [problem.field for problem in refused.value.fields] == [field]
    assert await shop.desk.fetchval("SELECT count(*) FROM waiting_room") == 0


async def test_a_ticket_of_a_room_that_is_over_is_none(shop: Shop, connection: Connection) -> None:
    """Yesterday's ticket opens nothing today."""
    room_id = await opened(shop)
    (known,) = shop.rooms.all
    _, sealed = await take_ticket(shop, known, holder=holder("ada"), customer_id=None, host=None)
    await change_room(shop.desk, room_id=room_id, move="close", reason="", staff_id=STAFF, now=shop.clock())
    await opened(shop)
    (today,) = shop.rooms.all
    assert shop.rooms.standing(today, sealed, holder("ada")) is None
    ticket = await shop.tickets.take(ask(today.room.id, "ada"))
    assert shop.rooms.standing(today, seal(shop.signer, ticket, holder("ada")), holder("ada")) is not None
    assert place_of(1, gathered=0, seed=today.room.seed) == 1
