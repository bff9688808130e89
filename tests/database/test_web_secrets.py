"""Nothing secret in the log, in a table longer than it is needed, or on a page that says something broke."""

import asyncio
import logging
import re
import sys
from collections.abc import Mapping

import asyncpg
import pytest

from evertill.app import build
from evertill.checkout.complete import check_method
from evertill.logs import Discreet
from evertill.refusals import Invalid
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import new_token
from evertill.storage import Connection
from evertill.web.browser import ACCOUNT_COOKIE, BROWSER_COOKIE
from tests.buying import open_session, placing
from tests.database.test_web_routes import Answer, Site, running

EMAIL = "ada.lovelace@example.com"
PASSWORD = "four words do well"
CARD = "4242424242424242"


class Person:
    """A browser that follows the account's letters."""

    def __init__(self, site: Site, shop: Shop, connection: Connection) -> None:
        self.site, self.shop, self.connection = site, shop, connection
        self.become(new_token())

    def become(self, token: str) -> None:
        self.site.cookies[BROWSER_COOKIE] = token
        self.csrf = self.shop.signer.sign("csrf", token)

    async def send(self, path: str, **fields: str) -> Answer:
        answer = await self.site.form(path, {**fields, "csrf": self.csrf})
        for cookie in (value for name, value in answer.headers if name == "set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if name == BROWSER_COOKIE:
                self.become(value)
            else:
                self.site.cookies[name] = value
        return answer

    async def letter(self, part: str) -> str:
        """The path of the newest link in a kept letter."""
        async with asyncio.timeout(10):
            while True:
                body = await self.connection.fetchval("SELECT body FROM kept_letter WHERE body LIKE $1", f"%{part}%")
                if body:
                    return re.search(rf"({part}[\w-]+)", body)[1]  # type: ignore[index]
                await asyncio.sleep(0.05)


async def test_the_log_holds_no_password_token_or_e_mail(
    settings: Settings, shop: Shop, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Sign-up, sign-in right and wrong, reset, a declined payment, a card number: the log tells what, never whose."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    site = Site(build(settings, shop.signer))
    async with running(site.app):
        person = Person(site, shop, connection)
        assert (await person.send("/account/sign-up", email=EMAIL)).status == 303
        finish = await person.letter("/account/finish/")
        assert (await person.send(finish, name="Ada", password=PASSWORD)).status == 303
        account = site.cookies.pop(ACCOUNT_COOKIE)
        assert (await person.send("/account/sign-in", email=EMAIL, password="wrong words altogether")).status == 422
        assert (await person.send("/account/sign-in", email=EMAIL, password=PASSWORD)).status == 303
        assert (await person.send("/account/forgotten", email=EMAIL)).status == 303
        reset = await person.letter("/account/reset/")
        assert (await person.send(reset, password=PASSWORD + " twice")).status == 303
        assert (await person.send("/ops/sign-in", email=EMAIL, password=PASSWORD)).status == 422
        declined = await shop.checkout.complete(placing(await open_session(shop, ("MUG", 1)), "tok_decline_generic"))
        assert declined
        with pytest.raises(Invalid):
            await shop.checkout.complete(placing(await open_session(shop, ("MUG", 1)), CARD))
        async with asyncio.timeout(10):
            while await connection.fetchval("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    secrets = [EMAIL, "lovelace", PASSWORD, "wrong words", CARD, account, *site.cookies.values(),
               finish.rpartition("/")[2], reset.rpartition("/")[2], "tok_decline"]  # fmt: skip
    assert "sign_in_refused" in caplog.text
    for secret in secrets:
        assert secret not in caplog.text, secret
    # And once the letters are sent, their links are in no row of the outbox any more.
    facts = await connection.fetch("SELECT kind, facts FROM outbox ORDER BY kind")
    assert {row["kind"] for row in facts} >= {"finish_sign_up", "password_reset"}
    assert all("http" not in row["facts"] for row in facts), facts


async def test_a_fault_is_told_without_its_inside(
    settings: Settings, shop: Shop, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """On the page, in the API's answer and in the log: neither statements, nor rows, nor the keys in addresses."""
    await connection.execute("ALTER TABLE password_reset RENAME TO elsewhere")
    await connection.execute("ALTER TABLE product RENAME TO nowhere")
    site, token = Site(build(settings, shop.signer)), new_token()
    asked: list[tuple[str, Mapping[str, str], str]] = [
        ("/products/mug", {"accept": "text/html"}, "text/html"),
        ("/products/mug", {"accept": "application/json"}, "application/problem+json"),
        (f"/account/reset/{token}", {}, "text/html"),
    ]
    async with running(site.app):
        for path, headers, kind in asked:
            answer = await site.ask("GET", path, headers=headers)
            assert (answer.status, answer.kind) == (500, kind)
            assert b"broke on our side" in answer.body
            for inside in (b"UndefinedTable", b"relation", b"SELECT", b"Traceback", b"asyncpg", b"password_reset"):
                assert inside not in answer.body, inside
            assert answer.header("cache-control") == "no-store"
            assert answer.header("content-security-policy")
    assert "fault route=/account/reset/{token:str}" in caplog.text.replace("{token}", "{token:str}")
    assert token not in caplog.text


async def test_a_broken_constraint_is_logged_without_the_row_it_was_about(connection: Connection) -> None:
    """PostgreSQL repeats the whole row in its detail: the constraint's name says enough."""
    formatter = Discreet("%(message)s")
    try:
        try:
            await connection.execute(
                "INSERT INTO staff VALUES (gen_random_uuid(), $1, $1, 'Ada', 'queen', 'hash-of-it', now())", EMAIL
            )
        except asyncpg.CheckViolationError as error:
            raise ExceptionGroup("some", [RuntimeError("outer")]) from error
    except ExceptionGroup:
        said = formatter.format(logging.LogRecord("x", logging.ERROR, "", 0, "broke", (), sys.exc_info()))
    assert "staff_role_known" in said
    assert "CheckViolationError" in said
    assert EMAIL not in said
    assert "hash-of-it" not in said


@pytest.mark.parametrize(
    "method",
    [CARD, "4242 4242 4242 4242", "4242-4242-4242-4242", "4242.4242.4242.4242", "４２４２４２４２４２４２４２４２",
     f"pan:{CARD}", f"card_{CARD}", "visa 4242 4242 4242 4242 12/29", "378282246310005", "123456789012"],
)  # fmt: skip
def test_what_looks_like_a_card_number_is_refused(method: str) -> None:
    """However it is dressed; and the refusal does not repeat it."""
    with pytest.raises(Invalid) as refused:
        check_method(method)
    assert "4242" not in str(refused.value)
    assert "not kept" in refused.value.sentence


@pytest.mark.parametrize(
    "method",
    ["tok_approve", "pm_1N3T00LkdIwHu7ixt44h1F8k", "tok_1732400000000", "3f2c1a9e-4242-4242-8242-424242424242",
     "tok_4242424242424241", "token 12"],
)  # fmt: skip
def test_tokens_of_providers_are_no_card_numbers(method: str) -> None:
    """Also where digits are in them."""
    check_method(method)
