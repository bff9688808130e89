"""`evertill audit`, the command: what it says, and how it ends."""

import asyncio
import json
import subprocess
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.conftest import stock_up
from tests.whole.running import EVERTILL, Browser, serving

pytestmark = pytest.mark.whole


def _audit(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([EVERTILL, "audit", *arguments], capture_output=True, text=True, timeout=60)


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if not statements:
            await stock_up(connection, {"MUG": (1_250, 1_000)})
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def test_clean_books_end_with_0_and_wrong_ones_with_1(tmp_path_factory: pytest.TempPathFactory) -> None:
    """While the shop serves, and after it has stopped; in words and as JSON."""
    folder = tmp_path_factory.mktemp("a")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    data = folder / "data"
    with serving(data) as shop:
        asyncio.run(_execute(shop.database_url))
        browser = Browser(shop.url)
        to, fields = browser.to_the_button("MUG", 2)
        assert browser.post(to, method="tok_approve", **fields).status_code == 303
        clean = _audit("--data", data)
        assert clean.returncode == 0, clean.stderr
        assert "The books balance" in clean.stdout
        asyncio.run(_execute(shop.database_url, "UPDATE stock SET claimed = claimed + 3"))
        wrong = _audit("--database-url", shop.database_url)
        assert wrong.returncode == 1
        assert "sku:MUG" in wrong.stdout
        assert "stock: sku=MUG on_hand=1000 claimed=3 sold=2 free=995" in wrong.stdout
        assert "order_line, summed: of_orders=1 claimed=0 sold=2" in wrong.stdout
        assert httpx.get(f"{shop.url}/healthz").status_code == 200
    after = _audit("--data", data, "--json")
    assert after.returncode == 1
    report = json.loads(after.stdout)
    (finding,) = [finding for check in report["checks"] for finding in check["findings"]]
    assert (finding["kind"], finding["count"]) == ("units_claimed", 1)
    assert finding["shown"][0]["proof"][0]["facts"]["claimed"] == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--data", "nowhere"), "there is no shop in nowhere"),
        (("--database-url", "postgresql://nobody@127.0.0.1:1/nothing"), "could not be run"),
        (("--database-url", "postgresql://user@localhost:many/shop"), "setting database_url"),
        (("--database-url", "postgresql://user:secret@[::1/shop"), "setting database_url"),
        (("--database-url", "mysql://localhost/shop"), "setting database_url"),
    ],
)
def test_what_cannot_be_audited_ends_with_2_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    """Never with a clean bill for books that nobody saw, nor with a folder or a database made on the way."""
    monkeypatch.chdir(tmp_path)
    ended = _audit(*arguments)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_no_shop_is_not_made_one(server_url: str) -> None:
    """It is said, and left as it was."""
    ended = _audit("--database-url", server_url)
    assert (ended.returncode, "holds no shop" in ended.stderr) == (2, True), ended.stderr
