"""Background duties: they repeat, survive their failures, step aside, and end when told."""

import asyncio

import pytest

from evertill import duties
from evertill.duties import Duty


async def _rounds(duty_of: list[int], duty: Duty, seconds: float) -> int:
    stopping = asyncio.Event()
    running = asyncio.create_task(duty.run(stopping))
    await asyncio.sleep(seconds)
    stopping.set()
    await running
    return len(duty_of)


async def test_a_duty_with_work_goes_on_at_once_and_without_pauses() -> None:
    """Until there is none left."""
    done: list[int] = []

    async def work() -> int:
        done.append(1)
        await asyncio.sleep(0)
        return 1 if len(done) < 50 else 0

    assert await _rounds(done, Duty("test", work, pause_seconds=60), 0.2) == 50


async def test_a_duty_steps_aside_while_buyers_wait_and_still_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round a pause, not none."""
    monkeypatch.setattr(duties, "_PAUSE_ASIDE_SECONDS", 0.05)
    done: list[int] = []

    async def work() -> int:
        done.append(1)
        return 1

    rounds = await _rounds(done, Duty("test", work, pause_seconds=60, steps_aside=lambda: True), 0.5)
    assert 2 <= rounds <= 11


async def test_a_duty_survives_its_own_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause it tries again."""
    monkeypatch.setattr(duties, "_PAUSE_AFTER_FAILURE_SECONDS", 0.01)
    done: list[int] = []

    async def work() -> int:
        done.append(1)
        raise RuntimeError("this once")

    assert await _rounds(done, Duty("test", work, pause_seconds=60), 0.3) > 3
