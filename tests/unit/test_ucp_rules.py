"""The protocol's rules as tables and properties: amounts, negotiation, signatures."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given
from hypothesis import strategies as st

from evertill.checkout.compose import Offered, compose
from evertill.checkout.model import House, Want, Wish
from evertill.checkout.quote import quote
from evertill.checkout.tax import rate_bp
from evertill.clock import utc_now
from evertill.codes import Code, Kind, Rules
from evertill.deals.costing import Cost
from evertill.refusals import Refusal
from evertill.signing import Signer
from evertill.ucp.answering import totals
from evertill.ucp.asking import checkout_asked, wish_of
from evertill.ucp.outside import NotCallable, check_address
from evertill.ucp.platforms import OURS, Agent, Platforms, in_common, owner_of
from evertill.ucp.profiles import Capability, Declared, PublicKey, read_profile
from evertill.ucp.signatures import SigningKey, check_request, content_digest
from evertill.ucp.wire import CHECKOUT, DISCOUNT, FULFILLMENT, ORDER, VERSION

AGENT = Agent("agent:a.example/p", "https://a.example/p", OURS)
HOUSE = House("GB", "GBP", True)


@given(
    price=st.integers(1, 10_000_000),
    quantity=st.integers(1, 999),
    country=st.sampled_from(["GB", "FI", "HU", "US"]),
    included=st.booleans(),
    option=st.sampled_from(["std", "express"]),
    off=st.none() | st.tuples(st.sampled_from(Kind), st.integers(1, 9_999)),
)
def test_amounts_add_up(
    price: int, quantity: int, country: str, included: bool, option: str, off: tuple[Kind, int] | None
) -> None:
    """Entries add up to the total, lines to their entry, and the total is the quote's, for any country and price."""
    codes = "[]" if off is None else '["summer"]'
    body = (
        f'{{"line_items":[{{"item":{{"id":"A"}},"quantity":{quantity}}}],"fulfillment":{{"methods":[{{"type":"shipping",'
        f'"destinations":[{{"address_country":"{country}"}}],"groups":[{{"selected_option_id":"{option}"}}]}}]}},'
        f'"discounts":{{"codes":{codes}}}}}'
    )
    wish, _ = wish_of(checkout_asked(body.encode()), AGENT)
    now = utc_now()
    kind, value = off or (Kind.PERCENT, 1)
    code = Code("SUMMER", kind, value, "GBP", now, None, None, None, 0, 0, 0, None)
    rules = Rules(now, {"SUMMER": code}, {}, True)
    terms, _ = compose(wish, {"A": Offered("A", Cost(price, price), 10_000)}, House("GB", "GBP", included), codes=rules)
    asked = terms.quote
    *entries, total = totals(
        asked.subtotal_minor, asked.discount_minor, asked.delivery_minor, asked.tax_minor, included=included,
        rate_bp=asked.tax_rate_bp,
    )  # fmt: skip
    assert sum(entry.amount for entry in entries) == total.amount == asked.total_minor
    assert [entry.type for entry in entries].count("subtotal") == 1
    for entry in entries:
        sign = -1 if entry.type == "items_discount" else 1
        assert sign * entry.amount > 0
        if entry.lines:
            assert sum(line.amount for line in entry.lines) == entry.amount
            assert all(sign * line.amount > 0 for line in entry.lines)
    assert ("tax" in [entry.type for entry in entries]) == (not included and asked.tax_minor > 0)


def test_without_a_word_on_delivery_the_goods_are_collected() -> None:
    """The one way that needs no address."""
    wish, memo = wish_of(checkout_asked(b'{"line_items":[{"item":{"id":"A"},"quantity":1}]}'), AGENT)
    assert (wish.delivery, wish.address, memo.type) == ("pickup", None, "")
    terms, _ = compose(wish, {"A": Offered("A", Cost(100, 100), 1)}, HOUSE)
    assert terms.quote == quote(terms.lines, choice=terms.choices[-1], country="GB", currency="GBP", tax_included=True)
    assert rate_bp("GB") == terms.quote.tax_rate_bp


def test_collecting_cannot_be_slipped_under_shipping() -> None:
    """A method of type shipping with our pickup's id chooses nothing."""
    body = (
        b'{"line_items":[{"item":{"id":"A"},"quantity":1}],"fulfillment":{"methods":[{"type":"shipping",'
        b'"groups":[{"selected_option_id":"pickup"}]}]}}'
    )
    assert wish_of(checkout_asked(body), AGENT)[0].delivery is None


def test_only_a_sandbox_vouches() -> None:
    """Whoever is not one must say whom it buys for."""
    asked = checkout_asked(b'{"line_items":[{"item":{"id":"A"},"quantity":1,"id":"mine"}]}')
    assert wish_of(asked, AGENT)[0] == Wish((Want("A", 1, "mine"),), delivery="pickup")
    assert wish_of(asked, Agent("agent:s", "https://s", OURS, sandbox=True))[0].vouched


@pytest.mark.parametrize(
    ("declared", "shared"),
    [
        ({}, ()),
        ({CHECKOUT: VERSION}, (CHECKOUT,)),
        ({CHECKOUT: VERSION, FULFILLMENT: VERSION, ORDER: VERSION}, (CHECKOUT, FULFILLMENT, ORDER)),
        ({CHECKOUT: VERSION, DISCOUNT: VERSION}, (CHECKOUT, DISCOUNT)),
        ({DISCOUNT: VERSION, ORDER: VERSION}, (ORDER,)),
        ({FULFILLMENT: VERSION, ORDER: VERSION}, (ORDER,)),
        ({CHECKOUT: "2026-01-11", FULFILLMENT: VERSION}, ()),
        ({CHECKOUT: VERSION, "com.example.other": VERSION}, (CHECKOUT,)),
    ],
)
def test_what_is_in_common(declared: dict[str, str], shared: tuple[str, ...]) -> None:
    """Same name, same version; an extension goes with its parent."""
    capabilities: dict[str, tuple[Capability, ...]] = {
        name: (Capability(version),) for name, version in declared.items()
    }
    assert in_common(Declared(VERSION, capabilities)) == shared


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "profile_malformed"),
        (b"not json", "profile_malformed"),
        (b"[]", "profile_malformed"),
        (b'{"ucp":{}}', "profile_malformed"),
        (b'{"ucp":{"version":"draft"}}', "profile_malformed"),
        (b'{"ucp":{"version":"2099-01-01"}}', "version_unsupported"),
        (b'{"ucp":{"version":"2026-04-08","capabilities":[]}}', "profile_malformed"),
        (b'{"ucp":' + b"[" * 100_000, "profile_malformed"),
    ],
)
def test_a_profile_that_cannot_be_read(body: bytes, code: str) -> None:
    """422, and why."""
    with pytest.raises(Refusal) as refused:
        read_profile(body)
    assert (refused.value.status, refused.value.code) == (422, code)


@pytest.mark.parametrize(
    ("url", "loopback", "fine"),
    [
        ("https://shop.example/p", False, True),
        ("https://shop.example:8443/p?x=1", False, True),
        ("http://shop.example/p", True, False),
        ("http://127.0.0.1:9000/p", False, False),
        ("http://127.0.0.1:9000/p", True, True),
        ("http://localhost:9000/p", True, True),
        ("https://user:secret@shop.example/p", False, False),
        ("https://shop.example/p#part", False, False),
        ("https://", False, False),
        ("https://shop.example:99999/", False, False),
        ("https://shöp.example/", False, False),
        ("https://shop.example/a b", False, False),
        ("file:///etc/passwd", True, False),
        ("https://[::1", False, False),
    ],
)
def test_which_addresses_may_be_called(url: str, loopback: bool, fine: bool) -> None:
    """https with a host and nothing hidden in it; this machine in test mode only."""
    if fine:
        assert check_address(url, loopback=loopback).hostname
    else:
        with pytest.raises(NotCallable):
            check_address(url, loopback=loopback)


async def test_a_registered_platform_is_never_fetched() -> None:
    """Trusted by its address; the header may carry the version, and other members."""
    platforms = Platforms(registered=("https://a.example/p",), sandboxes=("https://s.example/p",), loopback=False)
    for header in (
        'profile="https://a.example/p"',
        f'profile="https://a.example/p"; version="{VERSION}"',
        'other=1, profile="https://a.example/p"',
    ):
        agent = await platforms.agent_of(header)
        assert (agent.owner, agent.sandbox) == (owner_of("https://a.example/p"), False)
    assert (await platforms.agent_of('profile="https://s.example/p"')).sandbox


SIGNING = ec.derive_private_key(12345, ec.SECP256R1())


def _key(kid: str = "k") -> PublicKey:
    numbers = SIGNING.public_key().public_numbers()
    x, y = (
        base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode() for value in (numbers.x, numbers.y)
    )
    return PublicKey(kid, "EC", "P-256", x, y)


REQUEST = {
    "ucp-agent": 'profile="https://a.example/p"',
    "idempotency-key": "one",
    "content-type": "application/json",
}
COVERED = ("@method", "@authority", "@path", "ucp-agent", "idempotency-key", "content-digest", "content-type")


def _signed(body: bytes, covered: tuple[str, ...] = COVERED) -> dict[str, str]:
    """A request's headers with a signature of these components."""
    headers = REQUEST | {"content-digest": content_digest(body)}
    values = headers | {"@method": "POST", "@authority": "shop.example", "@path": "/ucp/v1/checkout-sessions"}
    parameters = f'({" ".join(f"{chr(34)}{name}{chr(34)}" for name in covered)});created=1;keyid="k"'
    text = "\n".join([*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {parameters}'])
    r, s = utils.decode_dss_signature(SIGNING.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    signature = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    return headers | {"signature-input": f"sig1={parameters}", "signature": f"sig1=:{signature}:"}


def _check(headers: dict[str, str], body: bytes = b"{}", *, path: str = "/ucp/v1/checkout-sessions", query: str = "",
           keys: tuple[PublicKey, ...] | None = None) -> str:  # fmt: skip
    """The code it is refused with, "" where it is not."""
    try:
        check_request(
            method="POST", authority="shop.example", path=path, query=query, headers=headers, body=body,
            keys=(_key(),) if keys is None else keys,
        )  # fmt: skip
    except Refusal as refusal:
        return refusal.code
    return ""


def test_a_signature_that_holds_is_taken() -> None:
    """RFC 9421, ES256, raw r||s."""
    assert _check(_signed(b"{}")) == ""


def test_a_signature_that_says_too_little_or_something_else_is_refused() -> None:
    """Each tampering with its own code; nothing passes that is not covered."""
    good = _signed(b"{}")
    assert _check(good | {"idempotency-key": "two"}) == "signature_invalid"
    assert _check(good, path="/ucp/v1/orders") == "signature_invalid"
    assert _check(good, b"{} ") == "digest_mismatch"
    assert _check(good | {"content-digest": content_digest(b"{} ")}, b"{} ") == "signature_invalid"
    assert _check(good, query="a=1") == "signature_missing"
    assert _check(good, keys=()) == "key_not_found"
    assert _check(good, keys=(PublicKey("k", "OKP", "Ed25519", "AA"),)) == "algorithm_unsupported"
    assert _check(good, keys=(PublicKey("k", "EC", "P-256", "AA", "AA"),)) == "signature_invalid"
    assert _check({name: value for name, value in good.items() if name != "signature"}) == "signature_missing"
    assert _check(good | {"signature": "sig1=:AAAA:"}) == "signature_invalid"
    assert _check(good | {"signature": "sig1=:!:"}) == "signature_invalid"
    assert _check(good | {"signature-input": "nonsense"}) == "signature_missing"
    for left_out in COVERED:
        covered = tuple(name for name in COVERED if name != left_out)
        assert _check(_signed(b"{}", covered)) == "signature_missing", left_out


def test_our_own_signature_holds_under_the_published_key() -> None:
    """What we send is checked by the very rules that we check others by; one secret, one key."""
    key = SigningKey(Signer(b"s" * 32))
    assert key.public == SigningKey(Signer(b"s" * 32)).public
    assert key.public != SigningKey(Signer(b"t" * 32)).public
    body = b'{"id":"1"}'
    headers = REQUEST | {"content-digest": content_digest(body)}
    signed = key.on_request(
        [("@method", "POST"), ("@authority", "shop.example"), ("@path", "/hook"), ("@query", "?a=1"), *headers.items()]
    )
    public = PublicKey(key.public.kid, "EC", "P-256", key.public.x, key.public.y)
    whole = headers | {name.lower(): value for name, value in signed.items()}
    assert _check(whole, body, path="/hook", query="a=1", keys=(public,)) == ""
