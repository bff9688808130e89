"""The pulse on its table: told, seen by all, folded away; and no counter that ever goes down."""

import asyncio
import random
from datetime import datetime, timedelta

import pytest

from evertill.checkout.model import Completion
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.pulse import Heart, Seen
from evertill.pulse.heart import DEPARTED, SPAN_SECONDS, sql
from evertill.pulse.model import FORGOTTEN, FRESH, GROUPS, figure
from evertill.refusals import NotFound, Unavailable
from evertill.resilience import Gate, Priority
from evertill.shop import Shop
from evertill.storage import Connection
from evertill.waitingroom import Taking
from tests.buying import buy, open_session, placing
from tests.hearts import heart_of

SECOND = timedelta(seconds=1)


class Ahead:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.by


def refuse(gate: Gate, many: int) -> None:
    """So many payments are refused: a counter to look at."""
    gate.lanes[Priority.PAY].refused += many


def refused(seen: Seen) -> float:
    """What all have refused together."""
    return seen.counters.get("refused|pay", 0)


async def test_any_worker_says_what_all_did(shop: Shop) -> None:
    """Two workers, each with counts of its own; whichever is asked gives the sum, once both have told."""
    gates = [Gate(), Gate()]
    first, second = (heart_of(shop, gate=gate) for gate in gates)
    refuse(gates[0], 3)
    refuse(gates[1], 4)
    gates[1].under_way = 5
    await first.look()
    for heart in (second, first):
        seen = await heart.look()
        assert refused(seen) == 7
        assert seen.gauges["under_way"] == 5
        assert seen.gauges["limit"] == sum(gate.limit.value for gate in gates)
        assert len(seen.workers) == 2


async def test_a_purchase_is_counted_where_it_happens(shop: Shop) -> None:
    """Taken, confirmed, declined, sold out; units per SKU, and those that come back do not count as gone."""
    assert isinstance(await buy(shop, ("MUG", 2), ("TEA", 1)), Completion)
    await buy(shop, ("MUG", 5), method="tok_decline")
    sessions = [await open_session(shop, ("LAST", 2)) for _ in range(2)]
    for session in sessions:
        await shop.checkout.complete(placing(session))
    seen = await shop.heart.look()
    counted = {
        name: seen.counters[f"orders|{name}"] for name in ("taken", "not taken", "confirmed", "declined", "held")
    }
    assert counted == {"taken": 3, "not taken": 1, "confirmed": 2, "declined": 1, "held": 0}
    assert seen.moved == {"LAST": 2, "MUG": 2, "TEA": 1}
    assert seen.counters["groups|till"] == 7
    assert seen.counters["connection_holds|till|checkout.till._write"] == 7


async def test_the_groups_of_every_desk_are_counted(shop: Shop) -> None:
    """The till's, the sessions' and those in which tickets are given: what the live page draws is what there is."""
    await open_session(shop, ("MUG", 1))
    nowhere = [Taking(new_id(), bytes([number]) * 32, None, utc_now()) for number in range(3)]
    answers = await asyncio.gather(*(shop.tickets.take(ask) for ask in nowhere), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotFound] * 3
    seen = await shop.heart.look()
    assert seen.counters["group_asks|sessions"] == 1
    assert (seen.counters["groups|tickets"], seen.counters["group_asks|tickets"]) == (1, 3)
    assert {name for name in seen.gauges if name.startswith("group_waiting")} == {
        figure("group_waiting", name) for name in GROUPS
    }


async def test_counters_survive_the_worker_that_counted(shop: Shop, connection: Connection) -> None:
    """Silent for a minute it is folded into the departed, several at once, and again; the sum stays what it was."""
    ahead = Ahead()
    for many in (3, 4):
        gate = Gate()
        refuse(gate, many)
        await heart_of(shop, gate=gate).look()
    survivor = heart_of(shop, clock=ahead)
    assert refused(await survivor.look()) == 7
    ahead.by = FRESH + SECOND
    seen = await survivor.look()
    assert (refused(seen), len(seen.workers)) == (7, 1)
    for again in (1, 2):
        ahead.by = again * (FORGOTTEN + SECOND)
        await survivor.run_once()
        assert refused(await survivor.look()) == 7 + 5 * (again - 1)
        assert await connection.fetchval("SELECT count(*) FROM worker_pulse") == 2
        gate = Gate()
        refuse(gate, 5)
        await heart_of(shop, gate=gate, clock=ahead).look()
    assert refused(await survivor.look()) == 17


async def test_a_worker_that_was_folded_away_and_wakes_is_not_counted_twice(shop: Shop) -> None:
    """It was stopped for two minutes: what it counted before is the departed's, what it counts now its own."""
    ahead, gate = Ahead(), Gate()
    sleeper, other = heart_of(shop, gate=gate), heart_of(shop, clock=ahead)
    refuse(gate, 10)
    await sleeper.look()
    ahead.by = 2 * FORGOTTEN
    await other.run_once()
    refuse(gate, 1)
    assert refused(await sleeper.look()) == 11
    refuse(gate, 1)
    assert refused(await sleeper.look()) == 12
    assert refused(await other.look()) == 12


async def test_a_worker_that_ends_leaves_its_counts_and_is_gone(shop: Shop, connection: Connection) -> None:
    """At once: nobody takes it for alive for another five seconds."""
    gate = Gate()
    ending, other = heart_of(shop, gate=gate), heart_of(shop)
    refuse(gate, 2)
    await ending.look()
    refuse(gate, 1)
    await ending.stop()
    seen = await other.look()
    assert (refused(seen), len(seen.workers)) == (3, 1)
    await other.run_once()
    assert refused(await other.look()) == 3
    assert await connection.fetchval("SELECT count(*) FROM worker_pulse WHERE worker <> $1", DEPARTED) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_no_counter_anybody_saw_is_ever_smaller_afterwards(shop: Shop, seed: int) -> None:
    """Workers come, count, fall silent, are folded by several at once, and wake: whoever looks sees no less."""
    draw, ahead = random.Random(seed), Ahead()
    gates: list[Gate] = []
    hearts: list[Heart] = []
    most = 0.0
    for _ in range(60):
        if len(hearts) < 5:
            gates.append(Gate())
            hearts.append(heart_of(shop, gate=gates[-1], clock=ahead))
        for gate in gates:
            refuse(gate, draw.randint(0, 3))
        if draw.random() < 0.3:
            ahead.by += draw.choice([SECOND, FRESH, FORGOTTEN, 2 * FORGOTTEN])
        if draw.random() < 0.2:
            place = draw.randrange(len(hearts))
            del hearts[place], gates[place]
            continue
        some = draw.sample(hearts, draw.randint(1, len(hearts)))
        await asyncio.gather(*(heart.run_once() for heart in some))
        for heart in some:
            looked = refused(await heart.look())
            assert looked >= most
            most = looked
    assert most > 0


async def test_what_is_told_and_kept_is_bounded(shop: Shop, connection: Connection) -> None:
    """A row per worker whatever it counts, and five minutes of seconds."""
    for _ in range(SPAN_SECONDS + 10):
        await shop.heart.run_once()
    assert await connection.fetchval("SELECT count(*) FROM worker_pulse") == 1
    assert len(shop.heart.seconds) == SPAN_SECONDS
    latest = shop.heart.latest()
    assert latest is not None
    assert shop.heart.seconds[-1].at == latest.at


async def test_who_asks_while_somebody_looks_shares_the_next_look(shop: Shop) -> None:
    """A hundred at once ask the database twice at most; each is told what was so after it asked."""
    await asyncio.gather(*(shop.heart.look() for _ in range(100)))
    assert shop.heart.pool.holds["pulse.read"].count <= 2


async def test_a_locked_table_is_told_and_not_waited_for(shop: Shop, connection: Connection) -> None:
    """The statement ends by itself; what this worker knows it says all the same, and that it is that alone."""
    await shop.heart.look()
    async with connection.transaction():
        await connection.execute("LOCK TABLE worker_pulse IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await shop.heart.look()
        seen = shop.heart.alone()
    assert (seen.whole, len(seen.workers)) == (False, 1)
    assert (await shop.heart.look()).whole


async def test_a_first_pulse_that_is_lost_silences_nobody(shop: Shop, connection: Connection) -> None:
    """Whether it was written or not is not known then; the next one is told all the same."""
    gate = Gate()
    heart = heart_of(shop, gate=gate)
    async with connection.transaction():
        await connection.execute("LOCK TABLE worker_pulse IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await heart.look()
    refuse(gate, 2)
    seen = await heart.look()
    assert (refused(seen), len(seen.workers)) == (2, 1)


async def test_every_statement_of_the_pulse_is_tagged(shop: Shop) -> None:
    """So that its holders are seen, too."""
    await shop.heart.run_once()
    assert set(shop.heart.pool.holds) == {"pulse.begin", "pulse.read", "pulse.fold"}
    assert set(sql) == {"begin", "tell", "read", "fold"}
