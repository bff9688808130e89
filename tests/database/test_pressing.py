"""What the usher goes by: how checkout does over all workers, not in its own alone."""

from evertill.resilience import Gate, Priority
from evertill.shop import Shop
from evertill.waitingroom.pressing import Pressing
from tests.hearts import heart_of


async def test_the_pressure_is_that_of_all_workers(shop: Shop) -> None:
    """One worker refuses, another is asked: it knows. What was refused before it looked is no refusal of now."""
    busy, idle = Gate(), Gate()
    busy.lanes[Priority.CHECKOUT].refused = 1_000
    busy.under_way = busy.limit.value
    there, here = heart_of(shop, gate=busy), heart_of(shop, gate=idle)
    pressing = Pressing(here)
    await there.run_once()
    await here.run_once()
    assert pressing().refused == 0
    busy.lanes[Priority.CHECKOUT].refused += 7
    busy.lanes[Priority.PAY].refused += 1
    busy.lanes[Priority.BROWSE].refused += 50  # who looks around is refused first: that is no need for a line
    for _ in range(20):
        await there.run_once()
        await here.run_once()
        pressure = pressing()
        if pressure.refused:
            break
    assert pressure.refused == 8
    assert 0.1 < pressure.load <= 0.5  # one full worker of two
    assert pressing().refused == 0
