"""Who watches the live page: all are sent the same, the slow get the newest, and nobody holds up an end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from evertill.web import watchers
from evertill.web.watchers import Watchers

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


async def begin(each: Watchers) -> AsyncIterator[bytes]:
    """A watcher that was let in."""
    watching = each.watch()
    assert await anext(watching) == b"retry: 2000\n\n"
    return watching


async def _next(watching: AsyncIterator[bytes]) -> bytes:
    return await anext(watching)


async def test_all_are_sent_the_same() -> None:
    """And whoever was slow is sent the newest, once."""
    all_of_them = Watchers()
    first, slow = await begin(all_of_them), await begin(all_of_them)
    waiting = [asyncio.create_task(_next(each)) for each in (first, slow)]
    await asyncio.sleep(0)
    all_of_them.publish(b"1", at=NOON)
    assert [await each for each in waiting] == [b"data: 1\n\n"] * 2
    for number in (b"2", b"3"):
        ahead = asyncio.create_task(_next(first))
        await asyncio.sleep(0)
        all_of_them.publish(number, at=NOON)
        assert await ahead == b"data: " + number + b"\n\n"
    assert await _next(slow) == b"data: 3\n\n"
    late = asyncio.create_task(_next(slow))
    await asyncio.sleep(0)
    all_of_them.publish(b"4", at=NOON)
    assert await late == b"data: 4\n\n"


async def test_whoever_comes_now_or_missed_something_is_sent_the_whole() -> None:
    """What is only new says nothing to them; and the whole is made once for all of them, if anybody needs it."""
    made: list[bytes] = []

    def whole() -> bytes:
        made.append(b"whole")
        return b"whole"

    each = Watchers()
    present, slow = await begin(each), await begin(each)
    for number in (b"1", b"2"):
        ahead = asyncio.create_task(_next(present))
        await asyncio.sleep(0)
        each.publish(number, at=NOON, whole=whole)
        assert await ahead == b"data: " + number + b"\n\n"
    assert made == []
    assert await _next(slow) == b"data: whole\n\n"
    for _ in range(2):
        assert await _next(await begin(each)) == b"data: whole\n\n"
    assert made == [b"whole"]


async def test_a_crowd_is_told_in_cohorts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are told, the first at once and the last a little later: between them others have their turn."""
    monkeypatch.setattr(watchers, "_COHORT", 2)
    each = Watchers(6)
    crowd = [await begin(each) for _ in range(6)]
    waiting = [asyncio.create_task(_next(one)) for one in crowd]
    await asyncio.sleep(0)
    each.publish(b"1", at=NOON)
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 2
    assert await asyncio.gather(*waiting) == [b"data: 1\n\n"] * 6


async def test_a_place_is_given_back_however_one_leaves() -> None:
    """By going away in the midst of waiting, by hanging up between two messages, by the end."""
    each = Watchers()
    waiting, hung_up, to_the_end = [await begin(each) for _ in range(3)]
    assert each.here == 3
    task = asyncio.create_task(_next(waiting))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert each.here == 2
    await hung_up.aclose()  # type: ignore[attr-defined]
    assert each.here == 1
    each.close()
    assert [message async for message in to_the_end] == []
    assert each.here == 0


async def test_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever slips in beside the check is sent nothing and leaves nothing."""
    monkeypatch.setattr(watchers, "WATCHERS_MAX", 2)
    each = Watchers()
    kept = [await begin(each) for _ in range(2)]
    assert each.full
    assert [message async for message in each.watch()] == []
    await kept[0].aclose()  # type: ignore[attr-defined]
    assert not each.full


async def test_the_end_of_the_worker_ends_every_stream() -> None:
    """Also one that waits at that moment; and nobody is let in any more."""
    each = Watchers()
    streams = [await begin(each) for _ in range(5)]
    waiting = [asyncio.create_task(_next(stream)) for stream in streams]
    await asyncio.sleep(0)
    each.close()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in ended] == [StopAsyncIteration] * 5
    assert (each.here, each.full) == (0, True)


async def test_a_stream_ends_after_a_while_and_says_now_and_then_that_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that staff who lost their place are not shown the shop for ever, and the dead are noticed."""
    monkeypatch.setattr(watchers, "_SILENCE_SECONDS_MAX", 0.001)
    monkeypatch.setattr(watchers, "_STAY_SECONDS_MAX", 0.02)
    each = Watchers()
    sent = [message async for message in each.watch()]
    assert sent[0] == b"retry: 2000\n\n"
    assert set(sent[1:]) == {b": still here\n\n"}
    assert each.here == 0
