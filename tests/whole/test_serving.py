"""The shop as processes: it starts, refuses to be started twice, drains, and loses nothing when it is killed."""

import asyncio
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from evertill.audit import audit_at
from evertill.clock import utc_now
from tests.conftest import stock_up
from tests.whole.running import EVERTILL, Browser, Serving, alive, kill_postgres, serving

pytestmark = pytest.mark.whole


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data folder with a short path: socket files like that."""
    folder = tmp_path_factory.mktemp("d")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    return folder / "data"


@pytest.fixture
def shop(data: Path) -> Iterator[Serving]:
    """A shop with mugs."""
    with serving(data) as started:
        _sql(started, stock=True)
        yield started


def _sql(shop: Serving, statement: str = "SELECT 1", *, stock: bool = False) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(shop.database_url)
        try:
            if stock:
                await stock_up(connection, {"MUG": (1_250, 1_000)})
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def _states(shop: Serving) -> list[str]:
    return [row["state"] for row in _sql(shop, "SELECT state FROM orders ORDER BY id")]


def _wait_until_settled(shop: Serving, seconds: float = 90) -> list[str]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        states = _states(shop)
        if states and not {"pending", "held"} & set(states):
            return states
        time.sleep(0.5)
    raise AssertionError(f"orders left in limbo: {_states(shop)}")


def _books(shop: Serving) -> tuple[int, int, int]:
    (row,) = _sql(shop, "SELECT on_hand, claimed, sold FROM stock")
    return row["on_hand"], row["claimed"], row["sold"]


def _assert_clean(shop: Serving) -> None:
    report = asyncio.run(audit_at(shop.database_url, now=utc_now()))
    assert report.shown() == ()


def test_it_starts_quickly_and_stops_when_told(data: Path) -> None:
    """From an empty folder, and again; SIGTERM ends it with 0 and stops its database."""
    for _ in range(2):
        started = Serving(data).wait_ready()
        postgres = started.postgres()
        assert started.stop() == 0
        assert not alive(postgres)


def test_a_second_serve_on_one_folder_says_so_and_stops(shop: Serving) -> None:
    """With a sentence, and without harm to the first."""
    second = subprocess.run(
        [EVERTILL, "serve", "--data", shop.data, "--port", "1"], capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 2
    assert "being served already" in second.stderr
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{shop.url}/healthz").status_code == 200


def test_two_shops_do_not_share_a_port(shop: Serving) -> None:
    """The kernel would deal the buyers out to both: the second says so and stops, before it makes anything."""
    folder = shop.data.parent / "other"
    second = subprocess.run(
        [EVERTILL, "serve", "--data", folder, "--port", str(shop.port)], capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 2
    assert f"port is {shop.port}" in second.stderr
    assert "Traceback" not in second.stderr
    assert not (folder / "postgres").exists()


def test_a_database_of_ones_own_needs_no_data_folder_for_commands(shop: Serving, tmp_path: Path) -> None:
    """Nothing is made where a command is run that only speaks to a database."""
    made = subprocess.run(
        [EVERTILL, "staff", "add", "--email", "b@example.com", "--name", "B", "--database-url", shop.database_url],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_commands_work_while_it_serves(shop: Serving) -> None:
    """And when they end, the database stays."""
    made = subprocess.run(
        [EVERTILL, "staff", "add", "--data", shop.data, "--email", "boss@example.com", "--name", "Boss"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert httpx.get(f"{shop.url}/healthz").status_code == 200


def test_sigterm_lets_a_payment_under_way_finish(shop: Serving) -> None:
    """The bank takes three seconds; the shop is told to stop after one; the buyer gets the order's page."""
    browser = Browser(shop.url)
    to, fields = browser.to_the_button("MUG")
    answers: list[httpx.Response] = []
    paying = threading.Thread(target=lambda: answers.append(browser.post(to, method="tok_slow", **fields)))
    paying.start()
    time.sleep(1)
    shop.process.send_signal(signal.SIGTERM)
    paying.join(30)
    assert [answer.status_code for answer in answers] == [303]
    assert answers[0].headers["location"].startswith("/orders/")
    assert shop.process.wait(60) == 0
    with serving(shop.data) as again:
        assert _states(again) == ["confirmed"]
        assert _books(again) == (1_000, 0, 1)


def test_a_request_that_never_ends_its_headers_does_not_hold_up_the_stop(shop: Serving) -> None:
    """It is dropped; the worker need not be killed."""
    with socket.create_connection(("127.0.0.1", shop.port)) as stalled:
        stalled.sendall(b"GET / HTTP/1.1\r\nHost: shop.exa")
        assert httpx.get(f"{shop.url}/healthz").status_code == 200
        assert shop.stop(seconds=20) == 0
    assert "refused to gracefully stop" not in shop.log.read_text()


def _pay_and_be_cut_off(shop: Serving, browser: Browser, to: str, fields: dict[str, str]) -> threading.Thread:
    def pay() -> None:
        try:
            browser.post(to, method="tok_slow", **fields)
        except httpx.HTTPError:
            return

    paying = threading.Thread(target=pay)
    paying.start()
    time.sleep(1)
    return paying


def test_a_worker_killed_in_mid_payment_loses_nothing(shop: Serving) -> None:
    """kill -9 of the worker while the bank is thinking: another takes over, the buyer's repeat finds the one order."""
    browser = Browser(shop.url)
    to, fields = browser.to_the_button("MUG")
    paying = _pay_and_be_cut_off(shop, browser, to, fields)
    (worker,) = shop.workers()
    worker.kill()
    paying.join(30)
    shop.wait_ready()
    assert _states(shop) == ["pending"]
    _assert_clean(shop)
    assert _wait_until_settled(shop) == ["confirmed"]
    _assert_clean(shop)
    repeat = Browser(shop.url)
    repeat.cookies = browser.cookies
    answer = repeat.post(to, method="tok_slow", **fields)
    assert answer.status_code == 303
    page = repeat.get(answer.headers["location"]).text
    assert "Thank you, your order is confirmed" in page
    assert _books(shop) == (1_000, 0, 1)
    assert len(_sql(shop, "SELECT FROM sandbox_provider.charge")) == 1


def test_a_supervisor_killed_in_mid_payment_is_replaced_when_its_workers_are_done(shop: Serving) -> None:
    """They finish what they were asked; a serve started meanwhile waits for them instead of giving up."""
    browser = Browser(shop.url)
    to, fields = browser.to_the_button("MUG")
    answers: list[httpx.Response] = []
    paying = threading.Thread(target=lambda: answers.append(browser.post(to, method="tok_slow", **fields)))
    paying.start()
    time.sleep(1)
    shop.process.kill()
    shop.process.wait()
    with serving(shop.data) as again:
        paying.join(30)
        assert [answer.status_code for answer in answers] == [303]
        assert _states(again) == ["confirmed"]
        assert "serve_waits" in again.log.read_text()


def test_everything_killed_in_mid_payment_loses_nothing(shop: Serving) -> None:
    """kill -9 of supervisor, worker and PostgreSQL at once; after the next start the order ends, charged once."""
    browser = Browser(shop.url)
    to, fields = browser.to_the_button("MUG")
    paying = _pay_and_be_cut_off(shop, browser, to, fields)
    workers, postgres = shop.workers(), shop.postgres()
    shop.process.kill()
    for worker in workers:
        worker.kill()
    kill_postgres(postgres)
    paying.join(30)
    shop.process.wait()
    with serving(shop.data) as again:
        assert _wait_until_settled(again) == ["confirmed"]
        assert _books(again) == (1_000, 0, 1)
        assert len(_sql(again, "SELECT FROM sandbox_provider.charge")) == 1
        assert len(_sql(again, "SELECT FROM outbox WHERE kind = 'order_confirmed'")) == 1
        _assert_clean(again)


def test_a_cart_survives_the_death_of_everything(shop: Serving) -> None:
    """What was put in is still in it."""
    browser = Browser(shop.url)
    csrf_page = browser.get("/products/mug").text
    csrf = re.search(r'name="csrf" value="([^"]*)"', csrf_page)
    assert csrf
    assert browser.post("/cart/lines", csrf=csrf[1], sku="MUG", quantity="3").status_code == 303
    postgres = shop.postgres()
    shop.process.kill()
    kill_postgres(postgres)
    shop.process.wait()
    with serving(shop.data) as again:
        returned = Browser(again.url)
        returned.cookies = browser.cookies
        page = returned.get("/cart").text
        assert "Mug" in page
        assert 'value="3"' in page


def test_the_database_killed_under_load_loses_no_acknowledged_order(shop: Serving) -> None:
    """PostgreSQL dies while buyers buy; the shop starts it again; every order a buyer was told of is there."""
    told: list[str] = []
    stopping = threading.Event()

    def shopper() -> None:
        while not stopping.is_set():
            try:
                browser = Browser(shop.url)
                to, fields = browser.to_the_button("MUG")
                answer = browser.post(to, method="tok_approve", **fields)
                if answer.status_code == 303 and answer.headers["location"].startswith("/orders/"):
                    told.append(answer.headers["location"])
            except (httpx.HTTPError, KeyError):
                time.sleep(0.2)

    shoppers = [threading.Thread(target=shopper, daemon=True) for _ in range(6)]
    for each in shoppers:
        each.start()
    time.sleep(3)
    before = len(told)
    postgres = shop.postgres()
    kill_postgres(postgres)
    time.sleep(6)
    stopping.set()
    for each in shoppers:
        each.join(60)
    assert len(told) > before > 0
    shop.stop()
    with serving(shop.data) as again:
        _assert_clean(again)
        states = _wait_until_settled(again)
        _assert_clean(again)
        on_hand, claimed, sold = _books(again)
        assert claimed == 0
        assert sold == states.count("confirmed")
        assert len(set(told)) <= sold
        for link in set(told):
            assert "Thank you, your order is confirmed" in httpx.get(f"{again.url}{link}").text
        assert on_hand == 1_000
