"""Group commit: who comes while a group is under way forms the next."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from evertill.refusals import Unavailable
from evertill.storage import Groups


async def test_those_who_come_during_a_group_form_the_next() -> None:
    """One alone first, then everybody who came meanwhile, in order, in one group."""
    sizes: list[int] = []

    async def run(asks: Sequence[int]) -> Sequence[int | Exception]:
        sizes.append(len(asks))
        await asyncio.sleep(0.01)
        return [ask * 2 for ask in asks]

    groups: Groups[int, int] = Groups("test", run)
    futures = [groups.submit(0)]
    await asyncio.sleep(0)
    futures += [groups.submit(number) for number in range(1, 40)]
    assert await asyncio.gather(*futures) == [number * 2 for number in range(40)]
    assert sizes == [1, 39]


async def test_an_answer_that_is_an_exception_is_raised_to_its_asker_alone() -> None:
    """Neighbours get theirs."""

    async def run(asks: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError("odd") if ask % 2 else ask for ask in asks]

    groups: Groups[int, int] = Groups("test", run)
    answers = await asyncio.gather(*(groups.submit(number) for number in range(4)), return_exceptions=True)
    assert [isinstance(answer, ValueError) for answer in answers] == [False, True, False, True]


async def test_whoever_the_database_refuses_fails_alone() -> None:
    """A group refused for its data runs again one by one."""

    async def run(asks: Sequence[int]) -> Sequence[int | Exception]:
        if 7 in asks:
            raise asyncpg.CheckViolationError("seven")
        return list(asks)

    groups: Groups[int, int] = Groups("test", run)
    answers = await asyncio.gather(*(groups.submit(number) for number in range(10)), return_exceptions=True)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Exception)] == [7]


async def test_a_lost_database_fails_the_whole_group_at_once() -> None:
    """It is not asked again for each of them."""
    tries = 0

    async def run(asks: Sequence[int]) -> Sequence[int | Exception]:
        nonlocal tries
        tries += 1
        raise ConnectionError("gone")

    groups: Groups[int, int] = Groups("test", run)
    answers = await asyncio.gather(*(groups.submit(number) for number in range(50)), return_exceptions=True)
    assert all(isinstance(answer, ConnectionError) for answer in answers)
    assert tries == 1


async def test_the_line_is_bounded() -> None:
    """Whoever comes when too many wait is told at once."""

    async def run(asks: Sequence[int]) -> Sequence[int | Exception]:
        await asyncio.sleep(0.01)
        return list(asks)

    groups: Groups[int, int] = Groups("test", run, waiting_max=3)
    futures = [groups.submit(number) for number in range(3)]
    with pytest.raises(Unavailable):
        groups.submit(4)
    await asyncio.gather(*futures)
    assert await groups.submit(5) == 5


async def test_an_ask_is_carried_out_even_if_its_asker_goes_away() -> None:
    """A closed browser has still pressed the button; the others are not harmed."""
    done: list[int] = []

    async def run(asks: Sequence[int]) -> Sequence[int | Exception]:
        await asyncio.sleep(0.01)
        done.extend(asks)
        return list(asks)

    groups: Groups[int, int] = Groups("test", run)
    first, second = groups.submit(1), groups.submit(2)
    first.cancel()
    assert await second == 2
    await groups.drain()
    assert done == [1, 2]
