"""Two workers and one set of figures: whoever answers answers for both; and whoever watches holds up nobody."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack

import asyncpg
import httpx
import pytest

from tests.browser.people import hire
from tests.conftest import stock_up
from tests.whole.running import Browser, Serving, hidden, serving

pytestmark = pytest.mark.whole

_ASKED = 12  # on a connection each: both workers are met


@pytest.fixture
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """Two workers and some mugs."""
    folder = tmp_path_factory.mktemp("d")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # the embedded PostgreSQL does not run as root
    with serving(folder / "data", "--workers", "2") as started:
        connection = await asyncpg.connect(started.database_url)
        await stock_up(connection, {"MUG": (1_250, 1_000)})
        await connection.close()
        yield started


def _figure(shop: Serving, name: str) -> float:
    text = httpx.get(f"{shop.url}/metrics", timeout=5).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def _all_say(shop: Serving, name: str, value: float, seconds: float = 20) -> None:
    """Within that time whoever is asked says so."""
    deadline = time.monotonic() + seconds
    said: set[float] = set()
    while time.monotonic() < deadline:
        said = {_figure(shop, name) for _ in range(_ASKED)}
        if said == {value}:
            return
        time.sleep(0.2)
    raise AssertionError(f"{name} is {said}, not {value}")


def _buy(shop: Serving) -> None:
    browser = Browser(shop.url)
    to, fields = browser.to_the_button("MUG")
    assert browser.post(to, method="tok_approve", **fields).headers["location"].startswith("/orders/")


def test_whichever_worker_answers_says_the_same(shop: Serving) -> None:
    """Six orders, wherever they were taken; they stay counted when the worker that took them is killed."""
    confirmed = 'evertill_orders_total{ending="confirmed"}'
    _all_say(shop, "evertill_workers", 2)
    for _ in range(6):
        _buy(shop)
    _all_say(shop, confirmed, 6)
    shop.workers()[0].kill()
    shop.wait_ready()
    most = 0.0
    for _ in range(20):
        said = _figure(shop, confirmed)
        assert said >= most
        most = said
    _buy(shop)
    _all_say(shop, confirmed, 7)
    _all_say(shop, "evertill_workers", 2)
    _all_say(shop, "evertill_workers_seen", 1)


def test_a_watcher_does_not_hold_up_the_end(shop: Serving) -> None:
    """Somebody looks at the live page and at deals when the shop is told to stop: the streams end, and it stops."""
    password = hire(shop, email="watcher@example.com", role="viewer")
    browser = Browser(shop.url)
    csrf = hidden(browser.get("/ops/sign-in").text, "csrf")
    browser.post("/ops/sign-in", csrf=csrf, email="watcher@example.com", password=password)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with ExitStack() as stack:
        streams = []
        for number in range(12):
            path = "/ops/live/stream" if number % 2 else "/deals.stream"
            client = stack.enter_context(httpx.Client(base_url=shop.url, timeout=20))
            answer = stack.enter_context(client.stream("GET", path, headers={"cookie": cookies}))
            assert answer.status_code == 200
            streams.append(answer.iter_text())
        for stream in streams:
            assert next(stream).startswith("retry:")
            assert next(stream).startswith("data:")
        assert shop.stop(seconds=20) == 0  # a worker that is not done by itself is killed after forty
        for stream in streams:
            assert all(text.startswith(("data:", ":")) for text in stream)  # to its end, not cut off
