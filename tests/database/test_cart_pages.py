"""The cart as a browser without JavaScript uses it: forms posted, pages read."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import TypeAlias

import httpx
import pytest
from litestar.testing import AsyncTestClient

from evertill.app import Application, build
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Connection
from tests.conftest import stock_up

Browser: TypeAlias = AsyncTestClient[Application]


@pytest.fixture
async def browser(settings: Settings, connection: Connection) -> AsyncIterator[Browser]:
    """A browser that has opened the shop."""
    await stock_up(connection, {"MUG": (1_250, 1_000), "LAST": (9_900, 3), "GONE": (700, 0), 'A/B "1" <&>': (100, 5)})
    async with AsyncTestClient(app=build(settings, Signer(b"test" * 8))) as client:
        await client.get("/")
        yield client


async def post(browser: Browser, path: str, fields: Mapping[str, str], *, csrf: str | None = None) -> httpx.Response:
    """Send a form as the product's page holds it, redirects not followed."""
    if csrf is None:
        found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/products/mug")).text)
        assert found is not None
        csrf = found[1]
    return await browser.post(path, data={**fields, "csrf": csrf}, follow_redirects=False)


async def quantities(browser: Browser) -> list[str]:
    return re.findall(r'name="quantity" value="([^"]*)"', (await browser.get("/cart")).text)


async def test_what_is_put_in_is_in_the_cart(browser: Browser) -> None:
    """The form leads to the cart, and reloading it adds nothing."""
    answer = await post(browser, "/cart/lines", {"sku": "MUG", "quantity": "2", "handle": "mug"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/cart")
    assert await quantities(browser) == ["2"]
    page = (await browser.get("/cart")).text
    assert "£25.00" in page
    assert 'href="/checkout"' in page


@pytest.mark.parametrize("quantity", ["0", "-1", "2.5", "", "1e3", "99999999999999999999", "lots"])
async def test_a_quantity_that_cannot_be_brings_the_product_s_page_back(browser: Browser, quantity: str) -> None:
    """With what was typed, and the reason beside the field."""
    answer = await post(browser, "/cart/lines", {"sku": "MUG", "quantity": quantity, "handle": "mug"})
    assert answer.status_code == 422
    assert f'value="{quantity}"' in answer.text
    assert 'aria-invalid="true" aria-describedby="wrong-quantity"' in answer.text
    assert "whole number from 1 to 999" in answer.text
    assert await quantities(browser) == []


async def test_more_than_is_left_is_said_beside_the_line_and_changes_nothing(browser: Browser) -> None:
    """The cart's page comes back with what was typed; what it held, it holds."""
    await post(browser, "/cart/lines", {"sku": "LAST", "quantity": "2"})
    answer = await post(browser, "/cart/lines/change", {"sku": "LAST", "quantity": "4"})
    assert answer.status_code == 422
    assert "Only 3 are left." in answer.text
    assert 'value="4"' in answer.text
    assert await quantities(browser) == ["2"]


async def test_a_sku_of_odd_characters_goes_all_the_way(browser: Browser) -> None:
    """In, changed, out."""
    sku = 'A/B "1" <&>'
    await post(browser, "/cart/lines", {"sku": sku, "quantity": "1"})
    await post(browser, "/cart/lines/change", {"sku": sku, "quantity": "3"})
    assert await quantities(browser) == ["3"]
    await post(browser, "/cart/lines/change", {"sku": sku, "quantity": "3", "remove": "1"})
    assert await quantities(browser) == []


async def test_a_changed_price_is_shown_and_accepted_by_a_form(browser: Browser, connection: Connection) -> None:
    """Until then there is no way to the checkout."""
    await post(browser, "/cart/lines", {"sku": "MUG", "quantity": "1"})
    await connection.execute("UPDATE variant SET price_minor = 1400 WHERE sku = 'MUG'")
    page = (await browser.get("/cart")).text
    assert 'was <span class="money">£12.50</span>, now it is <span class="money">£14.00</span>' in page
    assert 'href="/checkout"' not in page
    await post(browser, "/cart/prices", {"price:MUG": "1400"})
    assert 'href="/checkout"' in (await browser.get("/cart")).text


async def test_a_form_that_is_not_ours_changes_nothing(browser: Browser) -> None:
    """Neither a guessed token nor another browser's."""
    answer = await post(browser, "/cart/lines", {"sku": "MUG", "quantity": "1"}, csrf="x" * 22)
    assert answer.status_code == 403
    assert await quantities(browser) == []


async def test_an_unknown_sku_is_refused_in_words(browser: Browser) -> None:
    """As a page, not as a fault."""
    answer = await post(browser, "/cart/lines", {"sku": "NONE", "quantity": "1", "handle": "mug"})
    assert answer.status_code == 404
    assert "not sold here" in answer.text
