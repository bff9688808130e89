"""Buying by program, against a started shop: what a platform meets on good days and bad."""

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.whole.platforms import SHOPPING, profile, served_profiles
from tests.whole.running import Serving

pytestmark = pytest.mark.whole

LONDON = {
    "id": "d1", "first_name": "Ada", "last_name": "Byron", "street_address": "12 St James's Square",
    "address_locality": "London", "address_country": "GB", "postal_code": "SW1Y 4JH",
}  # fmt: skip


class Platform:
    """A platform that calls the shop: the shop's own, unless another profile is named."""

    def __init__(self, shop: Serving, named: str | None = None) -> None:
        agent = named or f"{shop.url}/ucp/platforms/curl.json"
        self.http = httpx.Client(base_url=f"{shop.url}/ucp/v1", headers={"UCP-Agent": f'profile="{agent}"'}, timeout=30)

    def open(self, *lines: tuple[str, int], **more: Any) -> httpx.Response:
        """A checkout of these lines, to Ada in London."""
        return self.http.post("/checkout-sessions", json=wanted(*lines, **more))

    def complete(self, name: str, token: str = "tok_approve", key: str | None = None, **more: Any) -> httpx.Response:
        """Pay with that token."""
        instrument = {"id": "pi_1", "type": "card", "credential": {"type": "token", "token": token}, **more}
        return self.http.post(
            f"/checkout-sessions/{name}/complete",
            json={"payment": {"instruments": [instrument]}},
            headers={"Idempotency-Key": key or str(uuid4())},
        )

    def look(self, name: str) -> Any:
        """The checkout as it is."""
        return self.http.get(f"/checkout-sessions/{name}").json()


def wanted(*lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    """A whole checkout as a platform asks for it."""
    return {
        "line_items": [{"item": {"id": sku}, "quantity": quantity} for sku, quantity in lines],
        "buyer": {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"},
        "fulfillment": {
            "methods": [{"type": "shipping", "destinations": [LONDON], "groups": [{"selected_option_id": "std"}]}]
        },
        **more,
    }


@pytest.fixture
def platform(served_shop: Serving) -> Platform:
    """The shop's own platform."""
    return Platform(served_shop)


def test_a_purchase_ends_in_an_order_that_can_be_looked_at(platform: Platform) -> None:
    """Open, complete, look: totals that add up, an order with a number and a page."""
    checkout = platform.open(("MUG", 2), ("TEA", 1))
    assert checkout.status_code == 201
    done = platform.complete(checkout.json()["id"]).json()
    assert done["status"] == "completed"
    assert "tok_approve" not in str(done)
    order = platform.http.get(f"/orders/{done['order']['id']}").json()
    assert [line["item"]["id"] for line in order["line_items"]] == ["MUG", "TEA"]
    for told in (done, order):
        *parts, total = told["totals"]
        assert sum(part["amount"] for part in parts) == total["amount"]
        assert all(sum(line["amount"] for line in part.get("lines", ())) in (0, part["amount"]) for part in parts)
    assert httpx.get(order["permalink_url"]).status_code == 200
    assert platform.look(checkout.json()["id"])["order"] == done["order"]


def test_the_same_attempt_brings_the_same_order_and_another_body_is_refused(platform: Platform) -> None:
    """Sent three times: one order. The key with another token: 409, nothing done."""
    name = platform.open(("MUG", 1)).json()["id"]
    key = str(uuid4())
    answers = [platform.complete(name, key=key) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    refused = platform.complete(name, "tok_slow", key=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_conflict")


def test_paying_without_a_key_is_refused(platform: Platform) -> None:
    """Whoever pays names the attempt."""
    name = platform.open(("MUG", 1)).json()["id"]
    instrument = {"credential": {"token": "tok_approve"}}
    answer = platform.http.post(f"/checkout-sessions/{name}/complete", json={"payment": {"instruments": [instrument]}})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert platform.look(name)["status"] == "ready_for_complete"


def test_a_decline_says_why_and_leaves_the_checkout_usable(platform: Platform) -> None:
    """Declined, then paid with another token."""
    name = platform.open(("MUG", 1)).json()["id"]
    declined = platform.complete(name, "tok_decline_insufficient_funds").json()
    assert declined["status"] == "ready_for_complete"
    (message,) = declined["messages"]
    assert (message["code"], message["severity"]) == ("payment_failed", "recoverable")
    assert "not enough money" in message["content"]
    assert platform.complete(name).json()["status"] == "completed"


def test_a_silent_bank_is_an_order_taken_and_confirmed_later(platform: Platform) -> None:
    """complete_in_progress, then completed; asked for again under the same key, the same order."""
    name = platform.open(("MUG", 1)).json()["id"]
    key = str(uuid4())
    held = platform.complete(name, "tok_timeout_after", key=key).json()
    assert held["status"] == "complete_in_progress"
    assert "order" not in held
    assert [message["type"] for message in held["messages"]] == ["info"]
    deadline = time.monotonic() + 30
    while platform.look(name)["status"] == "complete_in_progress":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    done = platform.look(name)
    assert done["status"] == "completed"
    assert platform.complete(name, "tok_timeout_after", key=key).json()["order"] == done["order"]


def test_what_sold_out_meanwhile_is_said_and_nothing_is_charged(platform: Platform) -> None:
    """Two want the last three: the second is told, and offered what is left."""
    first, second = (platform.open(("LAST", 3), ("TEA", 1)).json()["id"] for _ in range(2))
    assert platform.complete(first).json()["status"] == "completed"
    key = str(uuid4())
    told = platform.complete(second, key=key).json()
    assert told["status"] == "ready_for_complete"
    assert "out_of_stock" in [message["code"] for message in told["messages"]]
    assert [line["item"]["id"] for line in told["line_items"]] == ["TEA"]
    assert platform.complete(second, key=key).json()["status"] == "ready_for_complete"  # the attempt stays refused


def test_nothing_to_sell_is_an_outcome_without_a_checkout(platform: Platform) -> None:
    """Sold out and unknown: 200, an error envelope, no id."""
    answer = platform.open(("GONE", 1), ("NO-SUCH", 1))
    assert answer.status_code == 200
    told = answer.json()
    assert told["ucp"]["status"] == "error"
    assert "id" not in told
    assert [message["code"] for message in told["messages"]] == ["out_of_stock", "item_unavailable"]


def test_what_is_missing_is_named(platform: Platform) -> None:
    """No e-mail, no option, a postcode that cannot be: incomplete, each with its place; completing changes nothing."""
    destination = LONDON | {"postal_code": "12345"}
    methods = [{"type": "shipping", "destinations": [destination]}]
    checkout = platform.open(("MUG", 1), buyer={}, fulfillment={"methods": methods}).json()
    assert checkout["status"] == "incomplete"
    assert {message["path"] for message in checkout["messages"]} >= {
        "$.buyer.email",
        "$.fulfillment.methods[0].groups[0].selected_option_id",
    }
    answer = platform.complete(checkout["id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "incomplete")


def test_a_revision_replaces_everything(platform: Platform) -> None:
    """Another quantity, and no delivery said: the goods are collected."""
    name = platform.open(("MUG", 1), ("TEA", 1)).json()["id"]
    body = {"line_items": [{"item": {"id": "MUG"}, "quantity": 3}], "buyer": {"email": "ada@example.com"}}
    revised = platform.http.put(f"/checkout-sessions/{name}", json=body).json()
    assert [line["quantity"] for line in revised["line_items"]] == [3]
    assert revised["fulfillment"]["methods"][0]["type"] == "pickup"
    assert revised["totals"][-1]["amount"] == 3 * 1_250
    assert platform.complete(name).json()["status"] == "completed"


def test_what_is_over_cannot_be_changed(platform: Platform) -> None:
    """Canceled, and completed: 409, in words."""
    canceled = platform.open(("MUG", 1)).json()["id"]
    assert platform.http.post(f"/checkout-sessions/{canceled}/cancel").json()["status"] == "canceled"
    completed = platform.open(("MUG", 1)).json()["id"]
    platform.complete(completed)
    for name in (canceled, completed):
        assert platform.http.put(f"/checkout-sessions/{name}", json=wanted(("MUG", 1))).status_code == 409
        assert platform.http.post(f"/checkout-sessions/{name}/cancel").status_code == 409
    assert platform.complete(canceled).status_code == 409


def test_a_foreign_platform_finds_nothing(served_shop: Serving, platform: Platform) -> None:
    """Checkout and order of one platform are not there for another, nor is a name that was tampered with."""
    name = platform.open(("MUG", 1)).json()["id"]
    order = platform.complete(name).json()["order"]["id"]
    stranger = Platform(served_shop, "https://spck.dev/agent")
    for path in (f"/checkout-sessions/{name}", f"/orders/{order}"):
        assert stranger.http.get(path).status_code == 404
        assert platform.http.get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    assert stranger.complete(name).status_code == 404
    assert stranger.http.post(f"/checkout-sessions/{name}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("quantity", "status"),
    [("0", 400), ("-1", 400), ("1.5", 400), ("1e30", 400), ("1000", 400), ('"1"', 400), ("null", 400), ("2.0", 201)],
)
def test_a_quantity_is_a_whole_number_from_1_to_999(platform: Platform, quantity: str, status: int) -> None:
    """Anything else is refused, and the field is named."""
    body = f'{{"line_items":[{{"item":{{"id":"MUG"}},"quantity":{quantity}}}]}}'
    answer = platform.http.post("/checkout-sessions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert status == 201 or "line_items[0].quantity" in answer.json()["content"]


JSON = "application/json"
ITEM = b'{"line_items":[{"item":{"id":"%s"},"quantity":1}]}'


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", JSON, 400, "malformed_json"),
        (b"{", JSON, 400, "malformed_json"),
        (b"[]", JSON, 400, "invalid_request"),
        (b"{}", JSON, 400, "invalid_request"),
        (b'{"line_items":[]}', JSON, 400, "invalid_request"),
        (ITEM % b"\xff", JSON, 400, "malformed_json"),
        (ITEM % b"a\\u0000", JSON, 400, "invalid_request"),
        (ITEM % b"\\ud800", JSON, 400, "malformed_json"),
        (ITEM % (b"x" * 121), JSON, 400, "invalid_request"),
        (b'{"line_items":' + b"[" * 5_000 + b"]" * 5_000 + b"}", JSON, 400, "invalid_request"),
        (b'{"extra":' + b"[" * 20_000 + b"]" * 20_000 + b"}", JSON, 400, "malformed_json"),
        (b" " * 65_537, JSON, 413, "too_large"),
        (ITEM % b"MUG", "text/plain", 415, "wrong_content_type"),
        (ITEM % b"MUG", "", 415, "wrong_content_type"),
    ],
)
def test_a_bad_body_gets_a_clear_answer(
    platform: Platform, body: bytes, content_type: str, status: int, code: str
) -> None:
    """Flat, in the protocol's shape, never a fault."""
    answer = platform.http.post("/checkout-sessions", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["content"]


@pytest.mark.parametrize(
    ("agent", "status", "code"),
    [
        (None, 400, "invalid_profile_url"),
        ("nonsense", 400, "invalid_profile_url"),
        ('profile="http://shop.example/p"', 400, "invalid_profile_url"),
        ('profile="https://user@shop.example/p"', 400, "invalid_profile_url"),
        ('profile="https://10.0.0.1/p"', 400, "invalid_profile_url"),
        ('profile="https://169.254.169.254/latest"', 400, "invalid_profile_url"),
        ('profile="https://[::ffff:10.0.0.1]/p"', 400, "invalid_profile_url"),
        ('profile="https://spck.dev/agent"; version="2020-01-01"', 422, "version_unsupported"),
    ],
)
def test_who_calls_must_be_clear(served_shop: Serving, agent: str | None, status: int, code: str) -> None:
    """No platform, or one that may not be asked for."""
    headers = {"UCP-Agent": agent} if agent else {}
    answer = httpx.post(f"{served_shop.url}/ucp/v1/checkout-sessions", json=wanted(("MUG", 1)), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_platform_is_known_by_its_profile(served_shop: Serving) -> None:
    """Fetched once; without fulfillment in common there is none in the answer."""
    with served_profiles({"narrow.json": profile(SHOPPING[0])}) as platforms:
        platform = Platform(served_shop, f"{platforms}/narrow.json")
        first = platform.open(("MUG", 1))
        assert first.status_code == 201
        assert set(first.json()["ucp"]["capabilities"]) == {"dev.ucp.shopping.checkout"}
        assert "fulfillment" not in first.json()
    assert platform.open(("MUG", 1)).status_code == 201  # its server is gone; its profile is still known


def test_hooks_are_there_in_test_mode_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A shop as it is started by default has none, and refuses profiles on its own machine."""
    folder = tmp_path_factory.mktemp("h")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    shop = Serving(folder / "data").wait_ready()
    try:
        platform = Platform(shop)
        for hook in ("idempotency/age", "idempotency/outage"):
            assert platform.http.post(f"/testing/{hook}", json={}).status_code == 404
        stranger = Platform(shop, "http://127.0.0.1:9/p.json")
        assert stranger.open(("MUG", 1)).json()["code"] == "invalid_profile_url"
    finally:
        shop.stop()


# ---------------------------------------------------------------- deals and codes


def discounts_add_up(checkout: dict[str, Any]) -> bool:
    """Whatever is taken off is in applied, in its lines and in the totals, the same everywhere."""
    applied = checkout["discounts"]["applied"]
    of_lines = {f"$.line_items[{at}]": line for at, line in enumerate(checkout["line_items"])}
    assert all(each["amount"] == sum(part["amount"] for part in each["allocations"]) > 0 for each in applied)
    for path, line in of_lines.items():
        said = {total["type"]: total["amount"] for total in line["totals"]}
        mine = sum(part["amount"] for each in applied for part in each["allocations"] if part["path"] == path)
        assert said.get("items_discount", 0) == -mine
        assert said["subtotal"] == line["item"]["price"] * line["quantity"]
        assert said["total"] == said["subtotal"] - mine
    *parts, total = checkout["totals"]
    said = {part["type"]: part["amount"] for part in parts}
    assert said.get("items_discount", 0) == -sum(each["amount"] for each in applied)
    assert all(sum(line["amount"] for line in part.get("lines", ())) in (0, part["amount"]) for part in parts)
    return bool(sum(said.values()) == total["amount"])


def test_deals_and_codes_are_told_in_the_shape_of_discounts(platform: Platform) -> None:
    """A deal by itself at the list price less what it takes off; a code after it; both of their lines."""
    checkout = platform.open(("DEALT", 2), ("TEA", 1), discounts={"codes": ["summer"]}).json()
    deal, code = checkout["discounts"]["applied"]
    assert deal == {
        "title": "A fifth off", "amount": 400, "automatic": True, "method": "each", "priority": 1,
        "allocations": [{"path": "$.line_items[0]", "amount": 400}],
    }  # fmt: skip
    assert code == {
        "title": "10% off", "code": "SUMMER", "amount": 210, "method": "each", "priority": 2,
        "allocations": [{"path": "$.line_items[0]", "amount": 160}, {"path": "$.line_items[1]", "amount": 50}],
    }  # fmt: skip
    assert checkout["discounts"]["codes"] == ["summer"]
    assert discounts_add_up(checkout)
    done = platform.complete(checkout["id"]).json()
    assert done["status"] == "completed"
    assert discounts_add_up(done)
    order = platform.http.get(f"/orders/{done['order']['id']}").json()
    *parts, total = order["totals"]
    assert total["amount"] == done["totals"][-1]["amount"] == sum(part["amount"] for part in parts)


def test_codes_replace_those_before_and_an_empty_list_clears_them(platform: Platform) -> None:
    """A revision says all that is wanted, codes too; the same key, the same answer."""
    checkout = platform.open(("MUG", 1), discounts={"codes": ["SUMMER"]}).json()
    body = wanted(("MUG", 1), discounts={"codes": []})
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [
        platform.http.put(f"/checkout-sessions/{checkout['id']}", json=body, headers=key).json() for _ in range(2)
    ]
    assert first["discounts"] == again["discounts"] == {"codes": [], "applied": []}
    assert first["totals"][-1]["amount"] == checkout["totals"][-1]["amount"] + 125
    other = platform.http.put(
        f"/checkout-sessions/{checkout['id']}", json=wanted(("MUG", 1), discounts={"codes": ["SUMMER"]}), headers=key
    )
    assert other.status_code == 409


def test_rejected_codes_are_said_by_the_standard_s_names(platform: Platform) -> None:
    """A warning for each that does not count, with its place; the checkout can be completed all the same."""
    codes = ["NO-SUCH", "summer", "SUMMER"]
    checkout = platform.open(("MUG", 1), discounts={"codes": codes}).json()
    assert checkout["status"] == "ready_for_complete"
    assert checkout["discounts"]["codes"] == codes
    said = [(message["type"], message["code"], message["path"]) for message in checkout["messages"]]
    assert said == [
        ("warning", "discount_code_invalid", "$.discounts.codes[0]"),
        ("warning", "discount_code_already_applied", "$.discounts.codes[2]"),
    ]
    too_many = platform.open(("MUG", 1), discounts={"codes": [f"C{number}" for number in range(6)]})
    assert too_many.status_code == 400
    assert "discounts.codes" in too_many.json()["content"]


def test_whoever_knows_of_no_discounts_is_told_prices_alone(served_shop: Serving) -> None:
    """The deal's price is the price, codes are not heard, and nothing is in a shape that was not agreed on."""
    with served_profiles({"plain.json": profile(*SHOPPING[:3])}) as platforms:
        plain = Platform(served_shop, f"{platforms}/plain.json")
        checkout = plain.open(("DEALT", 2), discounts={"codes": ["SUMMER"]}).json()
    assert "discounts" not in checkout
    assert checkout["line_items"][0]["item"]["price"] == 800
    assert [total["type"] for total in checkout["totals"]] == ["subtotal", "fulfillment", "total"]
