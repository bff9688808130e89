"""The console as staff meet it: who may do what, forms that say what is wrong, and bad input that breaks nothing."""

import asyncio
import json
import os
import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from evertill.checkout.model import Completion
from evertill.ids import new_id
from evertill.members import memberships_of
from evertill.members.giving import begin_trial
from evertill.notices import Sender, enqueue
from evertill.ops.live import PARTS, tell_watchers
from evertill.resilience import PAYMENT
from evertill.shop import Shop
from evertill.staff import Role, actions_of
from evertill.stock.movements import STAFF_REASONS
from evertill.storage import Connection
from evertill.web.watchers import WATCHERS_MAX
from tests.buying import attempt_of, books, buy, open_session, placing
from tests.consoling import enter, hidden, press
from tests.dealing import make_customer

GETS = (
    "/ops", "/ops/live", "/ops/orders", "/ops/products", "/ops/products/mug", "/ops/stock", "/ops/stock?low=1",
    "/ops/mail", "/ops/customers",
)  # fmt: skip


async def bought(shop: Shop, *wants: tuple[str, int]) -> UUID:
    answer = await buy(shop, *(wants or (("MUG", 2),)))
    assert isinstance(answer, Completion)
    assert answer.state == "confirmed"
    return answer.order_id


async def state_of(shop: Shop, order_id: UUID) -> str:
    return str(await shop.desk.fetchval("SELECT state FROM orders WHERE id = $1", order_id))


# ---------------------------------------------------------------- who


async def test_nobody_gets_in_without_signing_in(console: httpx.AsyncClient, shop: Shop) -> None:
    """Every address of the console shows the door, and a form sent there changes nothing."""
    order_id = await bought(shop)
    for path in (*GETS, f"/ops/orders/{order_id}"):
        answer = await console.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/ops/sign-in"), path
    answer = await console.post(f"/ops/orders/{order_id}/shipment", data={"csrf": "x"})
    assert answer.headers["location"] == "/ops/sign-in"
    assert await state_of(shop, order_id) == "confirmed"


async def test_a_viewer_sees_everything_and_changes_nothing(console: httpx.AsyncClient, shop: Shop) -> None:
    """No form but the ones that look and the way out; what is sent all the same is not allowed."""
    await enter(console, shop, Role.VIEWER)
    order_id = await bought(shop)
    for path in (*GETS, f"/ops/orders/{order_id}"):
        page = await console.get(path)
        assert page.status_code == 200
        assert re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page.text) == ["/ops/sign-out"], path
        assert "Staff</a>" not in page.text
    for path in (
        f"/ops/orders/{order_id}/shipment",
        f"/ops/orders/{order_id}/cancellation",
        f"/ops/orders/{order_id}/refunds",
        f"/ops/orders/{order_id}/inquiries",
        "/ops/products/mug/status",
        "/ops/products/mug/prices",
        "/ops/stock",
        f"/ops/mail/{new_id()}/tries",
    ):
        answer = await press(console, path, {"reason": "because I can"})
        assert answer.status_code == 403, path
        assert "operator" in answer.text
    assert (await state_of(shop, order_id), await books(shop, "MUG")) == ("confirmed", (1_000, 0, 2))


async def test_a_form_from_elsewhere_changes_nothing(console: httpx.AsyncClient, shop: Shop) -> None:
    """An operator's browser, another site's form: refused."""
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop)
    await console.get("/ops")
    answer = await console.post(f"/ops/orders/{order_id}/shipment", data={"csrf": "made-up"})
    assert answer.status_code == 403
    assert await state_of(shop, order_id) == "confirmed"


async def test_admins_find_the_way_to_staff(console: httpx.AsyncClient, shop: Shop) -> None:
    """The menu shows staff to admins."""
    await enter(console, shop, Role.ADMIN)
    assert 'href="/ops/staff"' in (await console.get("/ops")).text


# ---------------------------------------------------------------- orders


async def test_an_order_is_found_shipped_and_refunded(console: httpx.AsyncClient, shop: Shop) -> None:
    """By its number's beginning; the page tells who did what; a refund's form pressed twice gives back once."""
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop)
    number = await shop.desk.fetchval("SELECT number FROM orders WHERE id = $1", order_id)
    found = await console.get("/ops/orders", params={"q": number[:9].lower(), "state": "confirmed"})
    assert number in found.text
    here = f"/ops/orders/{order_id}"
    page = await console.get(here)
    assert "Ship it" in page.text
    assert "Give money back" not in page.text
    answer = await press(console, f"{here}/shipment")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{here}?done=ship")
    page = await console.get(answer.headers["location"])
    for expected in (
        "Shipped.",
        "<strong>Operator</strong> shipped it",
        "captured",
        "order shipped",
        "order confirmed",
    ):
        assert expected in page.text, expected
    assert "Ship it" not in page.text
    assert "Cancel the order" not in page.text
    form = {"refund": hidden(page, "refund"), "amount": "5.00", "reason": "one arrived broken"}
    answers = await asyncio.gather(*(press(console, f"{here}/refunds", form) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {303}
    assert await shop.desk.fetchval("SELECT refunded_minor FROM orders") == 500
    page = await console.get(f"{here}?done=refund")
    assert "“one arrived broken”" in page.text
    assert hidden(page, "refund") != form["refund"]


async def test_an_order_is_cancelled_with_a_reason(console: httpx.AsyncClient, shop: Shop) -> None:
    """Without a reason the form comes back with what is wrong beside the field; with one it is done."""
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop)
    here = f"/ops/orders/{order_id}"
    answer = await press(console, f"{here}/cancellation", {"reason": "x"})
    assert answer.status_code == 422
    assert 'id="wrong-reason"' in answer.text
    assert 'aria-invalid="true" aria-describedby="wrong-reason help-reason"' in answer.text
    assert await state_of(shop, order_id) == "confirmed"
    answer = await press(console, f"{here}/cancellation", {"reason": "changed her mind"})
    assert answer.headers["location"] == f"{here}?done=cancel"
    assert (await state_of(shop, order_id), await attempt_of(shop, order_id)) == ("cancelled", "voided")
    page = await console.get(here)
    assert "“changed her mind”" in page.text
    answer = await press(console, f"{here}/shipment")
    assert answer.status_code == 409
    assert "This order is cancelled: it cannot be shipped." in answer.text


@pytest.mark.parametrize(
    ("amount", "problem"),
    [
        ("", "An amount such as 12.50"),
        ("abc", "An amount such as 12.50"),
        ("-1", "An amount such as 12.50"),
        ("1,299.00", "An amount such as 12.50"),
        ("1e3", "An amount such as 12.50"),
        ("٣", "An amount such as 12.50"),
        ("NaN", "An amount such as 12.50"),
        ("9" * 40, "An amount such as 12.50"),
        ("1.005", "not as fine as that"),
        ("0", "more than nothing"),
        ("0.00", "more than nothing"),
        ("999999999", "At most £28.95"),
    ],
)
async def test_a_refund_that_cannot_be_keeps_what_was_typed(
    console: httpx.AsyncClient, shop: Shop, amount: str, problem: str
) -> None:
    """The page comes back with the problem beside the field, the form open, its id and its words kept."""
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop)
    here = f"/ops/orders/{order_id}"
    await press(console, f"{here}/shipment")
    form = {"refund": str(new_id()), "amount": amount, "reason": "a <b>good</b> reason"}
    answer = await press(console, f"{here}/refunds", form)
    assert answer.status_code == 422
    assert problem in answer.text
    assert 'id="wrong-amount"' in answer.text
    assert "a &lt;b&gt;good&lt;/b&gt; reason" in answer.text
    assert hidden(answer, "refund") == form["refund"]
    assert await shop.desk.fetchval("SELECT count(*) FROM refund") == 0


async def test_a_comma_is_a_decimal_point(console: httpx.AsyncClient, shop: Shop) -> None:
    """As half the world writes it."""
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop)
    await press(console, f"/ops/orders/{order_id}/shipment")
    form = {"refund": str(new_id()), "amount": "12,50", "reason": "as agreed"}
    assert (await press(console, f"/ops/orders/{order_id}/refunds", form)).status_code == 303
    assert await shop.desk.fetchval("SELECT refunded_minor FROM orders") == 1_250


async def test_a_held_order_can_be_hurried(
    console: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that nobody knows, tells of the letter, and lets an operator ask."""
    await enter(console, shop, Role.OPERATOR)
    monkeypatch.setattr("evertill.checkout.complete.PAYMENT", _impatient())
    session = await open_session(shop, ("MUG", 1))
    answer = await shop.checkout.complete(placing(session, "tok_timeout_before"))
    assert isinstance(answer, Completion)
    here = f"/ops/orders/{answer.order_id}"
    page = await console.get(here)
    for expected in ("Nobody knows yet", "Ask the provider now", "order held", "unknown"):
        assert expected in page.text, expected
    for unexpected in ("Ship it", "Cancel the order"):
        assert unexpected not in page.text, unexpected
    assert (await press(console, f"{here}/inquiries")).headers["location"] == f"{here}?done=ask"
    assert await shop.desk.fetchval("SELECT next_look_at <= now() FROM payment_attempt")
    assert "1 to be paid" in (await console.get("/ops")).text


def _impatient() -> object:
    class Impatient:
        deadline = timedelta(milliseconds=50)
        first_retry = PAYMENT.first_retry

    return Impatient


async def test_orders_are_paged_to_the_end(console: httpx.AsyncClient, shop: Shop) -> None:
    """Fifty a page; every order is on one page, once."""
    await enter(console, shop, Role.VIEWER)
    ids = {(await bought(shop, ("TEA", 1))).hex for _ in range(53)}
    seen: list[str] = []
    path: str | None = "/ops/orders?state=confirmed"
    while path:
        page = await console.get(path)
        seen += [found.replace("-", "") for found in re.findall(r'href="/ops/orders/([0-9a-f-]{36})"', page.text)]
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == 53
    assert set(seen) == ids


# ---------------------------------------------------------------- products, stock


async def test_a_price_is_set_and_whoever_was_shown_the_old_one_is_asked_again(
    console: httpx.AsyncClient, shop: Shop
) -> None:
    """The new price counts at once, is written down, and a session with the old one is not charged."""
    await enter(console, shop, Role.OPERATOR)
    session = await open_session(shop, ("MUG", 1))
    page = await console.get("/ops/products/mug")
    form = {"sku": "MUG", "seen": hidden(page, "seen"), "price": "13.75", "reason": "supplier went up"}
    answer = await press(console, "/ops/products/mug/prices", form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ops/products/mug?done=price")
    page = await console.get(answer.headers["location"])
    for expected in ("The price is changed.", "£12.50 → £13.75", "“supplier went up”", "£13.75"):
        assert expected in page.text, expected
    refused = await shop.checkout.complete(placing(session))
    assert getattr(refused, "code", None) == "price_changed"
    # The same form again is done already; an older one is not laid over what somebody else set.
    assert (await press(console, "/ops/products/mug/prices", form)).status_code == 303
    assert len(await actions_of(shop.desk, subject="sku:MUG")) == 1
    answer = await press(console, "/ops/products/mug/prices", {**form, "price": "11.00"})
    assert answer.status_code == 409
    assert "Somebody has changed this price" in answer.text


@pytest.mark.parametrize("price", ["", "0", "0.00", "-5", "1,299.00", "free", "99999999.00"])
async def test_a_price_that_cannot_be_is_told_beside_its_field(
    console: httpx.AsyncClient, shop: Shop, price: str
) -> None:
    """And nothing is changed."""
    await enter(console, shop, Role.OPERATOR)
    form = {"sku": "MUG", "seen": "1250", "price": price, "reason": "why not"}
    answer = await press(console, "/ops/products/mug/prices", form)
    assert answer.status_code == 422
    assert 'id="wrong-price"' in answer.text
    assert await shop.desk.fetchval("SELECT price_minor FROM variant WHERE sku = 'MUG'") == 1_250


async def test_a_product_is_taken_off_the_shelves_and_put_back(console: httpx.AsyncClient, shop: Shop) -> None:
    """Archived it cannot be bought, is still in the console, and who did it is written down."""
    await enter(console, shop, Role.OPERATOR)
    form = {"status": "archived", "status-reason": "recalled by the maker"}
    assert (await press(console, "/ops/products/mug/status", form)).status_code == 303
    page = await console.get("/ops/products/mug")
    assert "active → archived" in page.text
    assert "recalled by the maker" in page.text
    assert "mug" in (await console.get("/ops/products?status=archived")).text
    session = await open_session(shop, ("MUG", 1))
    assert session.status != "ready"
    answer = await press(console, "/ops/products/mug/status", {"status": "gone", "status-reason": "why not"})
    assert (answer.status_code, "choose one of the three" in answer.text) == (422, True)
    await press(console, "/ops/products/mug/status", {"status": "active", "status-reason": "they are fine"})
    assert (await open_session(shop, ("MUG", 1))).status == "ready"


async def test_units_are_counted_at_the_stock_page(console: httpx.AsyncClient, shop: Shop) -> None:
    """The form adds once however often it is pressed, and refuses what is spoken for with its figures."""
    await enter(console, shop, Role.OPERATOR)
    await buy(shop, ("LAST", 2))
    page = await console.get("/ops/stock?q=LAST&sku=LAST")
    assert 'value="LAST"' in page.text
    form = {"form": hidden(page, "form"), "sku": "LAST", "change": "+4", "reason": "count", "note": "a box was found"}
    for _ in range(3):
        answer = await press(console, "/ops/stock", form)
        assert answer.headers["location"] == "/ops/stock?q=LAST&done=stock"
    assert await books(shop, "LAST") == (7, 0, 2)
    form = {"form": str(new_id()), "sku": "LAST", "change": "-6", "reason": "written_off", "note": "stolen"}
    answer = await press(console, "/ops/stock", form)
    assert answer.status_code == 409
    assert "at most 5 can be taken off" in answer.text
    assert 'value="-6"' in answer.text
    for change in ("", "0", "1.5", "many", "1e3", "9" * 30, "--1"):
        answer = await press(console, "/ops/stock", {**form, "form": str(new_id()), "change": change})
        assert (answer.status_code, 'id="wrong-change"' in answer.text) == (422, True), change
    answer = await press(console, "/ops/stock", {**form, "form": "not-ours"})
    assert answer.status_code == 409
    assert await books(shop, "LAST") == (7, 0, 2)


async def test_a_products_page_tells_what_came_and_went(
    console: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """By whom and why, with the order a parcel was for; the newest first, twenty at a time, each of them once."""
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop, ("MUG", 3))
    answer = await press(console, f"/ops/orders/{order_id}/shipment")
    assert answer.status_code == 303
    form = {"form": str(new_id()), "sku": "MUG", "change": "12", "reason": "received", "note": "delivery <4711>"}
    assert (await press(console, "/ops/stock", form)).status_code == 303
    page = await console.get("/ops/products/mug")
    number = await connection.fetchval("SELECT number FROM orders WHERE id = $1", order_id)
    for expected in (
        "+12",
        "Received",
        "“delivery &lt;4711&gt;”",
        "Operator",
        "-3",
        "Shipped",
        number,
        "+1,000",
        "Import",
    ):
        assert expected in page.text, expected
    await connection.execute(
        """INSERT INTO stock_movement (id, sku, units, reason, moved_at)
           SELECT gen_random_uuid(), 'MUG', n, 'import', now() FROM generate_series(5001, 5050) AS n"""
    )
    seen: list[str] = []
    path: str | None = "/ops/products/mug"
    while path:
        page = await console.get(path)
        rows = re.findall(r'<td class="number">([+-][\d,]+)</td>', page.text)
        assert len(rows) <= 20
        seen += rows
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 53
    assert (await console.get("/ops/products/mug?before=nonsense")).status_code == 200
    page = await console.get(f"/ops/products/mug?before={UUID(int=0)}")
    assert "Nothing before that." in page.text
    assert "No units have come or gone yet." in (await console.get("/ops/products/gone")).text


async def test_a_change_of_stock_without_a_reason_that_fits_says_so_beside_the_field(
    console: httpx.AsyncClient, shop: Shop
) -> None:
    """And keeps what was typed and chosen; the form offers every reason that staff may give."""
    await enter(console, shop, Role.OPERATOR)
    page = await console.get("/ops/stock")
    for reason in STAFF_REASONS:
        assert f'<option value="{reason}"' in page.text
    form = {"sku": "MUG", "change": "-5", "reason": "written_off", "note": "they broke"}
    for wrong, field in (
        ({"reason": ""}, "reason"),
        ({"reason": "import"}, "reason"),
        ({"reason": "received"}, "change"),
        ({"change": "5"}, "change"),
        ({"note": ""}, "note"),
    ):
        answer = await press(console, "/ops/stock", {**form, "form": str(new_id()), **wrong})
        assert (answer.status_code, f'id="wrong-{field}"' in answer.text) == (422, True), wrong
        assert 'value="MUG"' in answer.text
        assert wrong.get("reason") is not None or '<option value="written_off" selected>' in answer.text
    assert await books(shop, "MUG") == (1_000, 0, 0)


async def test_stock_is_listed_the_scarcest_first_to_the_end(
    console: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """Each SKU once over all pages, free units never falling."""
    await enter(console, shop, Role.VIEWER)
    await connection.execute(
        """INSERT INTO stock (sku, on_hand)
           SELECT 'X' || lpad(n::text, 3, '0'), n % 7 FROM generate_series(1, 120) AS n"""
    )
    seen: list[str] = []
    path: str | None = "/ops/stock"
    while path:
        page = await console.get(path)
        seen += re.findall(r'<th scope="row" class="mono">([^<]+)</th>', page.text)
        older = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 124
    free = {row["sku"]: row["free"] for row in await connection.fetch("SELECT sku, on_hand AS free FROM stock")}
    assert [free[sku] for sku in seen] == sorted(free.values())
    low = await console.get("/ops/stock?low=1&q=x00")
    assert len(re.findall(r'<th scope="row" class="mono">', low.text)) == 8  # X001 … X009 without X006


# ---------------------------------------------------------------- mail


async def test_letters_are_kept_read_and_tried_again(
    console: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """A kept letter is read by operators; one given up is shown with its error and can be tried again, once."""
    await enter(console, shop, Role.OPERATOR)
    await bought(shop)
    await enqueue(connection, kind="no_such_letter", recipient="ada@example.com", facts={}, now=shop.clock())
    sender = Sender(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock)
    await sender.run_once()
    page = await console.get("/ops/mail")
    assert "no letter of kind no_such_letter" in page.text
    assert "given up" in page.text
    letter = re.search(r'href="(/ops/mail/[^"]+)"', page.text)
    assert letter is not None
    read = await console.get(letter[1])
    assert (read.status_code, "is confirmed" in read.text) == (200, True)
    again = re.search(r'action="(/ops/mail/[^"]+/tries)"', page.text)
    assert again is not None
    assert (await press(console, again[1])).headers["location"] == "/ops/mail?done=letter"
    assert (await press(console, again[1])).status_code == 409  # due already
    assert await sender.run_once() == 1
    await enter(console, shop, Role.VIEWER)
    assert (await console.get(letter[1])).status_code == 403


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "path",
    [
        "/ops/orders?q=%00&state=nonsense&before=nonsense",
        "/ops/orders?q=%ff%fe&before=%00",
        "/ops/orders?q=" + "x" * 3_000,
        "/ops/orders?q=%27%3B--%40&state=%00",
        "/ops/orders?before=00000000-0000-0000-0000-000000000000",
        "/ops/products?q=%00&status=x&page=-1",
        "/ops/products?page=99999999999999999999",
        "/ops/products?q=%22%3A*%26%7C!(",
        "/ops/products?q=%ff",
        "/ops/stock?q=%00%25_&after=x,y&low=%00",
        "/ops/stock?after=99999999999999,X",
        "/ops/stock?after=-5,%00",
        "/ops/stock?after=1,%ff",
        "/ops/mail?page=0",
        "/ops/mail?page=%D9%A3",
        "/ops?done=%00",
    ],
)
async def test_a_nonsensical_question_gets_a_page(console: httpx.AsyncClient, shop: Shop, path: str) -> None:
    """An empty list or the whole one, never a fault."""
    await enter(console, shop, Role.VIEWER)
    assert (await console.get(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/ops/orders/01990000-0000-7000-8000-000000000009",
        "/ops/orders/not-an-order",
        "/ops/orders/%00",
        "/ops/products/nosuch",
        "/ops/products/%00",
        "/ops/products/%ff",
        "/ops/mail/nosuch",
        "/ops/mail/%00",
        "/ops/nowhere",
    ],
)
async def test_what_is_not_there_is_said_in_the_console(console: httpx.AsyncClient, shop: Shop, path: str) -> None:
    """In words; and to whom is signed in, within the console."""
    await enter(console, shop, Role.OPERATOR)
    answer = await console.get(path)
    assert answer.status_code == 404
    assert "console</title>" in answer.text


async def test_nothing_of_the_shop_is_taken_for_markup(
    console: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """Titles, names, e-mails and reasons are shown as they were written."""
    evil = "<script>alert(1)</script>"
    await connection.execute("UPDATE product SET title = $1, vendor = $1 WHERE handle = 'mug'", evil)
    await enter(console, shop, Role.OPERATOR)
    order_id = await bought(shop)
    await connection.execute("UPDATE orders SET email = $1, state_reason = $1", f"{evil}@example.com")
    await press(console, f"/ops/orders/{order_id}/cancellation", {"reason": evil})
    for path in (*GETS, f"/ops/orders/{order_id}", f"/ops/orders?q={evil}@"):
        page = await console.get(path)
        assert page.status_code == 200
        assert evil not in page.text, path


# ---------------------------------------------------------------- the live page


def plain(page: httpx.Response) -> str:
    """A page's words, every run of blanks one."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def test_the_live_page_shows_what_was_bought(console: httpx.AsyncClient, shop: Shop) -> None:
    """Orders, lanes, holders, workers, and how long the units last; whole as it comes from the server."""
    await enter(console, shop, Role.VIEWER)
    assert "In a second." in plain(await console.get("/ops/live"))
    await shop.heart.run_once()
    await bought(shop, ("LAST", 2))
    await bought(shop, ("MUG", 5))
    await shop.heart.run_once()
    page = await console.get("/ops/live")
    said = plain(page)
    assert re.search(r"LAST under a minute 1 2 Last", said)
    assert re.search(r"MUG \d+ h 995 5 Mug", said)
    assert "checkout.till._write till" in re.sub(r"\. ", ".", said)
    assert re.search(rf"{os.getpid()} \d+ s \d+ s ago 0 of {shop.gate.limit.value}", said)
    assert re.search(r"Group size asks a group till \d+(\.\d)? sessions \d+(\.\d)? tickets – ", said)
    assert '<noscript><meta http-equiv="refresh"' in page.text
    await bought(shop, ("LAST", 1))
    await shop.heart.run_once()
    assert re.search(r"LAST sold out 0 3 Last", plain(await console.get("/ops/live")))


async def test_a_title_that_looks_like_a_page_is_shown_as_text(
    console: httpx.AsyncClient, shop: Shop, connection: Connection
) -> None:
    """On the page and in the stream, where a script puts it into the page."""
    await enter(console, shop, Role.VIEWER)
    await connection.execute("UPDATE product SET title = '<img src=x>' WHERE handle = 'mug'")
    await bought(shop)
    await shop.heart.run_once()
    assert "&lt;img src=x&gt;" in (await console.get("/ops/live")).text
    watching = shop.watchers.watch()
    await anext(watching)
    message, _ = await asyncio.gather(anext(watching), tell_watchers(shop))
    data = message.decode().removeprefix("data: ")
    assert set(json.loads(data)) == set(PARTS)
    assert "&lt;img src=x&gt;" in json.loads(data)["hottest"]
    assert "<img" not in data


async def test_what_is_old_is_not_sent_as_new(shop: Shop) -> None:
    """Where the workers' table cannot be read the stream falls silent, and the page says that its figures are old."""
    await shop.heart.run_once()
    shop.watchers.here = 1
    await tell_watchers(shop)
    shown = shop.watchers.shown
    await tell_watchers(shop)
    assert shown is not None
    assert shop.watchers.shown is shown
    await shop.heart.run_once()
    await tell_watchers(shop)
    assert shop.watchers.shown != shown


async def test_nothing_is_drawn_where_nobody_watches(shop: Shop) -> None:
    """The page costs what it is looked at."""
    await bought(shop)
    await shop.heart.run_once()
    asked = dict(shop.heart.pool.holds)
    await tell_watchers(shop)
    assert "ops.levels_of" not in asked
    assert "ops.levels_of" not in shop.heart.pool.holds


async def test_the_stream_is_staffs_and_has_a_bound(console: httpx.AsyncClient, shop: Shop) -> None:
    """Nobody else is let in; one too many is told to come again."""
    assert (await console.get("/ops/live/stream")).status_code == 303
    await enter(console, shop, Role.VIEWER)
    shop.watchers.here = WATCHERS_MAX
    answer = await console.get("/ops/live/stream", headers={"accept": "text/event-stream"})
    assert answer.status_code == 503
    shop.watchers.here = 0
    shop.watchers.close()
    assert (await console.get("/ops/live/stream")).status_code == 503


# ---------------------------------------------------------------- customers


async def test_a_customer_is_found_by_e_mail_whatever_its_case(console: httpx.AsyncClient, shop: Shop) -> None:
    """The whole address leads to its page; anybody else's is said to be nobody's, and typed again by nobody."""
    await enter(console, shop, Role.VIEWER)
    ada = await make_customer(shop.desk)
    answer = await console.get("/ops/customers", params={"q": f"{ada.hex}@EXAMPLE.com"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ops/customers/{ada}")
    assert "None yet. The trial is theirs to begin" in (await console.get(f"/ops/customers/{ada}")).text
    answer = await console.get("/ops/customers", params={"q": "<ben>@example.com"})
    assert "Nobody has an account with that address" in answer.text
    assert 'value="&lt;ben&gt;@example.com"' in answer.text
    assert (await console.get(f"/ops/customers/{new_id()}")).status_code == 404


async def test_an_operator_gives_and_ends_a_membership(console: httpx.AsyncClient, shop: Shop) -> None:
    """With a reason, told beside its field where it lacks; who, when and why are on the customer's page."""
    await enter(console, shop, Role.OPERATOR)
    ada = await make_customer(shop.desk)
    path = f"/ops/customers/{ada}"
    for days, reason, said in (
        ("many", "A friend", "Must be a whole number of days, from 1 to 1,096."),
        ("30", "", "Say why"),
        ("1097", "A friend", "from 1 to 1,096"),
    ):
        answer = await press(console, f"{path}/memberships", {"days": days, "reason": reason})
        assert answer.status_code == 422
        assert said in answer.text
        assert f'value="{days}"' in answer.text
    answer = await press(console, f"{path}/memberships", {"days": "30", "reason": "A loyal friend"})
    assert answer.headers["location"] == f"{path}?done=membership"
    page = await console.get(answer.headers["location"])
    assert "The customer is a member from now on." in page.text
    assert page.text.count("A loyal friend") == 2
    assert "gave a membership" in page.text
    answer = await press(console, f"{path}/memberships", {"days": "30", "reason": "A loyal friend"})
    assert answer.status_code == 409
    assert "There is a membership already" in answer.text
    found = re.search(rf'action="({path}/memberships/[^"]+/end)"', page.text)
    assert found is not None
    assert (await press(console, found[1], {"reason": ""})).status_code == 422
    answer = await press(console, found[1], {"reason": "Asked us to"})
    assert answer.headers["location"] == f"{path}?done=membership-end"
    page = await console.get(answer.headers["location"])
    assert "Give a membership" in page.text
    assert "ended a membership" in page.text
    assert (await memberships_of(shop.desk, ada)).present is None


async def test_a_viewer_gives_no_membership(console: httpx.AsyncClient, shop: Shop) -> None:
    """No form, and what is sent all the same is not allowed."""
    await enter(console, shop, Role.VIEWER)
    ada = await make_customer(shop.desk)
    trial = await begin_trial(shop.desk, customer_id=ada, length=timedelta(days=1))
    assert 'action="/ops/customers' not in (await console.get(f"/ops/customers/{ada}")).text
    for path in ("memberships", f"memberships/{trial.id}/end"):
        answer = await press(console, f"/ops/customers/{ada}/{path}", {"days": "1", "reason": "because I can"})
        assert answer.status_code == 403
