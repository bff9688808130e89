"""The thin edge: who is behind a proxy, what HEAD gets, which settings are told of."""

import asyncio
import logging
from typing import Any

import pytest

from evertill.settings import BadSetting, Settings, read_settings, unknown_variables
from evertill.web.heads import with_heads
from evertill.web.proxies import address_of, behind_proxies

TRUSTED = Settings(trusted_proxies="10.0.0.0/8, 2001:db8::/32").proxies


async def _seen(peer: str | None, *headers: tuple[bytes, bytes], trusted: Any = TRUSTED) -> tuple[str | None, str]:
    """Whom the application sees, and over what."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope: Any = {"type": "http", "client": (peer, 4711) if peer else None, "scheme": "http", "headers": list(headers)}
    await behind_proxies(app, trusted=trusted)(scope, None, None)  # type: ignore[arg-type]
    client = seen[0]["client"]
    return client and client[0], seen[0]["scheme"]


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("10.0.0.1", b"203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", b"203.0.113.5:4711", "203.0.113.5"),
        ("10.0.0.1", b"[2001:DB9::1]:443", "2001:db9::1"),
        ("::ffff:10.0.0.1", b"203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", b"6.6.6.6, 203.0.113.5", "203.0.113.5"),  # what the browser itself claims is further left
        ("10.0.0.1", b"203.0.113.5, 10.0.0.7", "203.0.113.5"),  # two proxies of ours
        ("10.0.0.1", b"10.0.0.9, 10.0.0.7", "10.0.0.9"),  # somebody of our own network
        ("2001:db8::1", b"203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"unknown", "10.0.0.1"),
        ("10.0.0.1", b"203.0.113.5, _hidden", "10.0.0.1"),
        ("10.0.0.1", b"\xff\xfe,,,", "10.0.0.1"),
        ("10.0.0.1", b"6.6.6.6," * 5_000 + b"10.0.0.7", "6.6.6.6"),
        ("203.0.113.9", b"6.6.6.6", "203.0.113.9"),  # not one of ours: anybody's words
        ("11.0.0.1", b"6.6.6.6", "11.0.0.1"),
    ],
)
async def test_who_asks_is_who_our_nearest_proxy_says(peer: str, said: bytes, client: str) -> None:
    """From the right, past our own proxies, to the first that is not ours; nonsense ends the walk."""
    assert await _seen(peer, (b"X-Forwarded-For", said)) == (client, "http")


async def test_several_headers_are_one_list() -> None:
    """As RFC 9110 reads them."""
    assert await _seen("10.0.0.1", (b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.5")) == (
        "203.0.113.5",
        "http",
    )


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("10.0.0.1", b"https", "https"),
        ("10.0.0.1", b"http, HTTPS", "https"),
        ("10.0.0.1", b"gopher", "http"),
        ("203.0.113.9", b"https", "http"),
    ],
)
async def test_over_what_is_asked_is_what_our_proxy_says(peer: str, said: bytes, scheme: str) -> None:
    """Only http and https, and only from a proxy of ours."""
    assert (await _seen(peer, (b"x-forwarded-proto", said)))[1] == scheme


async def test_nobody_is_believed_where_no_proxy_is_ours() -> None:
    """Which is how the shop comes."""
    header = (b"x-forwarded-for", b"6.6.6.6")
    assert await _seen("127.0.0.1", header, trusted=Settings().proxies) == ("127.0.0.1", "http")
    assert await _seen(None, header) == (None, "http")


@pytest.mark.parametrize("text", ["", "[", "]", ":", "[::1", "1.2.3", "1.2.3.4.5", "fe80::1%eth0", "x" * 1_000, "\x00"])
def test_any_text_can_be_asked_for_its_address(text: str) -> None:
    """Nonsense has none, and nothing breaks."""
    found = address_of(text)
    assert found is None or str(found) in ("::1", "fe80::1")


@pytest.mark.parametrize("value", ["10.0.0.0/33", "everybody", "10.0.0.1/8", "10.0.0.0/8;fd00::/8", "*"])
def test_proxies_that_cannot_be_stop_the_start(value: str) -> None:
    """By name and value: a network misread would believe the wrong ones, or nobody."""
    with pytest.raises(BadSetting) as refused:
        read_settings({}, {"EVERTILL_TRUSTED_PROXIES": value})
    assert "trusted_proxies" in str(refused.value)
    assert value in str(refused.value)


def test_a_mistyped_variable_is_told_with_what_may_have_been_meant(caplog: pytest.LogCaptureFixture) -> None:
    """Ignored, but not in silence; its value, which may be a secret, is not repeated."""
    with caplog.at_level(logging.WARNING):
        settings = read_settings({}, {"EVERTILL_PROT": "9000", "EVERTILL_SECRET": "x", "PATH": "/bin"})
    assert settings.port == 8000
    assert "EVERTILL_PROT" in caplog.text
    assert "EVERTILL_PORT" in caplog.text
    assert "9000" not in caplog.text
    assert "SECRET" not in caplog.text
    assert unknown_variables({"EVERTILL_ZZZZZZ": "", "EVERTILL_PORT": "1"}) == [("EVERTILL_ZZZZZZ", None)]


HEAD: Any = {"type": "http", "method": "HEAD"}


async def test_head_of_what_never_ends_ends_at_once_and_leaves_nothing_behind() -> None:
    """One start, one empty end; whoever streamed is stopped and gives back what it held."""
    held, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        held.append("a place")
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/x")]})
            while True:
                await send({"type": "http.response.body", "body": scope["method"].encode(), "more_body": True})
                await asyncio.sleep(0)
        finally:
            held.clear()

    async def send(message: Any) -> None:
        sent.append(message)

    await with_heads(app)(HEAD, None, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[1]["body"], sent[1]["more_body"], held) == (b"", False, [])


async def test_whoever_asks_for_a_head_may_go_away_meanwhile() -> None:
    """Before the answer and in the midst of it: what was asked stops with them, and a fault stays one."""
    begun, stopped = asyncio.Event(), []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(scope["method"])

    asking = asyncio.ensure_future(with_heads(slow)(HEAD, None, None))  # type: ignore[arg-type]
    await begun.wait()
    asking.cancel()
    await asyncio.wait([asking])
    assert (asking.cancelled(), stopped) == (True, ["GET"])

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        await with_heads(broken)(HEAD, None, None)  # type: ignore[arg-type]
