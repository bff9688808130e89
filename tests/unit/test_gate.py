"""Who is let in: the important before the less important, few at once where few do best, and every place given back."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.resilience import LANES, Gate, Permit, Priority, outside


class Still:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def fill(gate: Gate, priority: Priority, many: int) -> list[Permit]:
    """Let that many in."""
    permits = [await gate.enter(priority) for _ in range(many)]
    assert None not in permits
    return [permit for permit in permits if permit is not None]


async def test_the_less_important_are_refused_first() -> None:
    """As a worker fills up: crawlers, then lookers, then carts, then checkouts; payments still come in, and staff."""
    gate = Gate()
    refused_at: dict[Priority, int] = {}
    for under_way in range(gate.limit.value + 5):
        for priority in Priority:
            permit = await gate.enter(priority)
            if permit is None:
                refused_at.setdefault(priority, under_way)
            else:
                permit.leave()
        gate.under_way += 1
    order = [Priority.BOT, Priority.BROWSE, Priority.CART, Priority.CHECKOUT]
    assert [refused_at[priority] for priority in order] == sorted(refused_at[priority] for priority in order)
    assert len({refused_at[priority] for priority in order}) == 4
    assert Priority.PAY not in refused_at
    assert Priority.CONSOLE not in refused_at


async def test_even_payments_have_a_bound() -> None:
    """Four times the limit and no more: what is let in beyond is answered by nobody."""
    gate = Gate()
    gate.under_way = gate.limit.value * 4
    assert await gate.enter(Priority.PAY) is None
    assert gate.lanes[Priority.PAY].refused == 1


async def test_a_full_lane_lets_a_few_wait_and_serves_them_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """First come, first served; whoever comes when the line is full is refused at once."""
    monkeypatch.setitem(LANES, Priority.BROWSE, replace(LANES[Priority.BROWSE], running_max=2, waiting_max=2))
    gate = Gate()
    inside = await fill(gate, Priority.BROWSE, 2)
    order: list[str] = []

    async def come(name: str) -> Permit | None:
        permit = await gate.enter(Priority.BROWSE)
        order.append(f"{name} {'in' if permit else 'out'}")
        return permit

    tasks = [asyncio.create_task(come(name)) for name in "abc"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == ["c out"]
    inside[0].leave()
    await asyncio.wait([tasks[0]])
    inside[1].leave()
    await asyncio.wait(tasks)
    assert order == ["c out", "a in", "b in"]
    assert gate.lanes[Priority.BROWSE].running == 2


async def test_a_wait_ends() -> None:
    """Nobody waits longer than their lane says, and who gave up leaves no place taken."""
    gate = Gate()
    inside = await fill(gate, Priority.BOT, LANES[Priority.BOT].running_max)
    assert await gate.enter(Priority.BOT) is None
    assert not gate.lanes[Priority.BOT].waiting or all(place.done() for place in gate.lanes[Priority.BOT].waiting)
    for permit in inside:
        permit.leave()
    assert (gate.under_way, gate.lanes[Priority.BOT].running) == (0, 0)
    assert await gate.enter(Priority.BOT) is not None


async def test_whoever_hangs_up_while_waiting_takes_nothing_along() -> None:
    """Also in the very moment in which a place was handed over."""
    gate = Gate()
    many = LANES[Priority.BROWSE].running_max
    inside = await fill(gate, Priority.BROWSE, many)
    waiting = [asyncio.create_task(gate.enter(Priority.BROWSE)) for _ in range(2)]
    await asyncio.sleep(0)
    inside.pop().leave()  # hands its place to the first of them …
    waiting[0].cancel()  # … who hangs up before hearing of it
    second = await waiting[1]
    assert second is not None
    assert gate.lanes[Priority.BROWSE].running == many
    for permit in [*inside, second]:
        permit.leave()
    assert (gate.under_way, gate.lanes[Priority.BROWSE].running) == (0, 0)


async def test_waiting_for_somebody_outside_takes_nothing_of_ours() -> None:
    """A slow payment provider fills nobody's worker, and its silence does not look like ours."""
    clock = Still()
    gate = Gate(clock=clock)

    async def pay() -> None:
        permit = await gate.enter(Priority.PAY, "pay")
        assert permit is not None
        clock.now += 0.002
        with outside():
            assert gate.under_way == 0
            clock.now += 8.0
        assert gate.under_way == 1
        clock.now += 0.001
        permit.leave()

    for _ in range(60):
        await asyncio.create_task(pay())
    assert gate.limit.quiet_times()["pay"] == pytest.approx(0.003)


async def test_what_goes_on_after_its_asker_hung_up_is_not_counted_twice() -> None:
    """The buyer's connection broke while the provider was asked; the payment is seen through all the same."""
    gate = Gate()
    permit = await gate.enter(Priority.PAY, "pay")
    assert permit is not None
    with outside():
        permit.leave()
        assert (gate.under_way, gate.lanes[Priority.PAY].running) == (0, 0)
    assert (gate.under_way, gate.lanes[Priority.PAY].running) == (0, 0)
    with outside():
        assert gate.under_way == 0


@given(st.data())
async def test_whatever_happens_all_places_come_back(data: st.DataObject) -> None:
    """Any coming, going, stepping out and in: at the end nobody is there."""
    gate = Gate()
    inside: list[tuple[Permit, bool]] = []
    for comes in data.draw(st.lists(st.booleans(), min_size=1, max_size=60)):
        if inside and not comes:
            permit, is_out = inside.pop(data.draw(st.integers(0, len(inside) - 1)))
            match data.draw(st.sampled_from(["leave", "out", "in"])):
                case "out" if not is_out:
                    permit.step_out()
                    inside.append((permit, True))
                case "in":
                    permit.step_in()
                    inside.append((permit, False))
                case _:
                    permit.leave()
        else:
            priority = data.draw(st.sampled_from([Priority.PAY, Priority.CHECKOUT]))
            if (permit_or_none := await gate.enter(priority, "x")) is not None:
                inside.append((permit_or_none, False))
        assert gate.under_way == sum(not is_out for _, is_out in inside)
    for permit, _ in inside:
        permit.leave()
    assert gate.under_way == 0
    assert all(state.running == 0 and not state.waiting for state in gate.lanes.values())


async def test_while_people_buy_pages_run_one_by_one_with_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page takes of the thread every purchase waits for; when nobody buys any more pages have it again."""
    monkeypatch.setitem(LANES, Priority.BROWSE, replace(LANES[Priority.BROWSE], waiting_max=0))
    still = Still()
    gate = Gate(clock=still)
    for _ in range(30):
        for permit in await fill(gate, Priority.CHECKOUT, 1):
            permit.leave()
    (page,) = await fill(gate, Priority.BROWSE, 1)
    assert gate.turns_away(Priority.BROWSE)
    still.now = 0.005
    page.leave()
    assert gate.turns_away(Priority.BROWSE)  # its place rests
    await asyncio.sleep(0.03)
    (page,) = await fill(gate, Priority.BROWSE, 1)
    still.now = 5.0
    more = await fill(gate, Priority.BROWSE, LANES[Priority.BROWSE].running_max - 1)
    for permit in (page, *more):
        permit.leave()
    assert gate.lanes[Priority.BROWSE].running == gate.under_way == 0


async def test_who_waits_for_a_place_gets_it_when_rests_are_over() -> None:
    """Nobody is forgotten in the line of a lane whose bound has changed meanwhile."""
    gate = Gate()
    for _ in range(30):
        for permit in await fill(gate, Priority.PAY, 1):
            permit.leave()
    (page,) = await fill(gate, Priority.BROWSE, 1)
    waiting = [asyncio.create_task(gate.enter(Priority.BROWSE)) for _ in range(3)]
    await asyncio.sleep(0)
    page.leave()
    for waiter in waiting:
        handed = await waiter
        assert handed is not None
        handed.leave()
