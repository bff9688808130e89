"""Accounts on a real PostgreSQL: signing up, in and out, and new passwords, alone and in crowds."""

import asyncio
import hashlib
import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from evertill import cart
from evertill.customers import (
    SignIn,
    change_password,
    finish_sign_up,
    open_reset,
    pending_email,
    purge_expired,
    request_reset,
    reset_password,
    sign_in,
    sign_out,
    sign_up,
)
from evertill.customers import passwords as passwords_module
from evertill.customers.tries import LETTER, SIGN_IN, WINDOW, count_try, take_try_back
from evertill.refusals import Conflict, Invalid, NotFound, Refusal, SignInNeeded, TooMany, Unavailable
from evertill.signing import new_token, token_hash
from evertill.storage import Connection, Pool
from tests.conftest import stock_up

NOW = datetime(2026, 7, 8, 9, 1, tzinfo=UTC)
SHOP = "https://shop.example"
HOME = "192.0.2.7"
EMAIL = "Ada@Example.com"
PASSWORD = "correct pony battery"
BROWSER = hashlib.sha256(b"one browser").digest()


async def ask(connection: Connection, email: str = EMAIL, *, network: str = HOME, now: datetime = NOW) -> None:
    await sign_up(connection, email=email, address=SHOP, network=network, now=now)


async def finish(pool: Pool, token: str, *, password: str = PASSWORD, now: datetime = NOW) -> SignIn:
    return await finish_sign_up(
        pool, token=token, name="Ada", password=password, browser_hash=BROWSER, network=HOME, now=now
    )


async def enter(
    pool: Pool, email: str = EMAIL, password: str = PASSWORD, *, network: str = HOME, now: datetime = NOW
) -> SignIn:
    return await sign_in(pool, email=email, password=password, browser_hash=BROWSER, network=network, now=now)


async def forget(connection: Connection, email: str = EMAIL, *, network: str = HOME, now: datetime = NOW) -> None:
    await request_reset(connection, email=email, address=SHOP, network=network, now=now)


async def reset(pool: Pool, token: str, password: str = "another pony entirely", *, now: datetime = NOW) -> str:
    return (await reset_password(pool, token=token, password=password, network=HOME, now=now)).email


async def letters(connection: Connection | Pool) -> list[tuple[str, str, dict[str, str]]]:
    rows = await connection.fetch("SELECT kind, recipient, facts FROM outbox ORDER BY ctid")
    return [(row["kind"], row["recipient"], json.loads(row["facts"])) for row in rows]


async def links(connection: Connection | Pool, kind: str) -> list[str]:
    """The tokens of the links in letters of a kind, oldest first."""
    return [facts["link"].rpartition("/")[2] for sent, _, facts in await letters(connection) if sent == kind]


async def known(pool: Pool, email: str = EMAIL) -> SignIn:
    """A customer, signed in."""
    async with pool.acquire() as connection:
        await ask(connection, email)
    return await finish(pool, (await links(pool, "finish_sign_up"))[-1])


async def is_signed_in(pool: Pool, token: str, now: datetime = NOW) -> bool:
    statement = "SELECT count(*) FROM customer_sign_in WHERE token_hash = $1 AND expires_at > $2"
    return bool(await pool.fetchval(statement, token_hash(token), now))


async def count(pool: Pool, table: str) -> int:
    return int(await pool.fetchval(f"SELECT count(*) FROM {table}"))


# ---------------------------------------------------------------- signing up


async def test_an_email_proves_itself_before_it_is_an_account(pool: Pool) -> None:
    """Nothing but a letter follows from asking; its link makes the account and signs its browser in."""
    async with pool.acquire() as connection:
        await ask(connection)
    assert await count(pool, "customer") == 0
    [(kind, recipient, facts)] = await letters(pool)
    assert (kind, recipient) == ("finish_sign_up", EMAIL)
    token = facts["link"].removeprefix(f"{SHOP}/account/finish/")
    assert len(token) == 43
    assert await pending_email(pool, token=token, network=HOME, now=NOW) == EMAIL
    signed_in = await finish(pool, token)
    assert signed_in.customer.name == "Ada"
    assert await is_signed_in(pool, signed_in.token)
    assert (await enter(pool, "ada@EXAMPLE.com")).customer == signed_in.customer


async def test_no_table_holds_a_secret_that_opens_anything(pool: Pool) -> None:
    """Of tokens only hashes are kept, of passwords only argon2id."""
    signed_in = await known(pool)
    row = await pool.fetchrow("SELECT token_hash, expires_at FROM customer_sign_in")
    assert row is not None
    assert row["token_hash"] == hashlib.sha256(signed_in.token.encode()).digest()
    assert row["expires_at"] == NOW + timedelta(days=30)
    assert (await pool.fetchval("SELECT password_hash FROM customer")).startswith("$argon2id$")


async def test_whoever_asks_for_a_known_email_learns_nothing_but_its_owner_does(pool: Pool) -> None:
    """The answer is the same; the letter says that there is an account, and changes nothing."""
    await known(pool)
    async with pool.acquire() as connection:
        await ask(connection, "ADA@example.com")
    kind, recipient, facts = (await letters(pool))[-1]
    assert (kind, recipient) == ("already_customer", EMAIL)
    assert "finish" not in json.dumps(facts)
    assert await count(pool, "pending_sign_up") == 0


@pytest.mark.parametrize("token", ["", "x", "é\ud800", "\x00", "a" * 100_000])
async def test_a_made_up_link_opens_nothing(pool: Pool, token: str) -> None:
    """Any text is a fair question."""
    with pytest.raises(NotFound):
        await finish(pool, token)
    with pytest.raises(NotFound):
        await reset(pool, token)


async def test_a_sign_up_link_works_once_and_for_a_day(pool: Pool) -> None:
    """Used or old, it says so."""
    async with pool.acquire() as connection:
        await ask(connection)
        await ask(connection, "bob@example.com")
    first, second = await links(pool, "finish_sign_up")
    await finish(pool, first)
    with pytest.raises(NotFound) as used:
        await finish(pool, first)
    assert used.value.code == "link_over"
    with pytest.raises(NotFound):
        await finish(pool, second, now=NOW + timedelta(hours=24))


async def test_what_cannot_be_is_told_field_by_field_and_uses_no_link(pool: Pool) -> None:
    """A refused form leaves the link good for the next try."""
    async with pool.acquire() as connection:
        await ask(connection)
    [token] = await links(pool, "finish_sign_up")
    with pytest.raises(Invalid) as refused:
        await finish_sign_up(
            pool, token=token, name=" \x00", password="short", browser_hash=BROWSER, network=HOME, now=NOW
        )
    assert [problem.field for problem in refused.value.fields] == ["name", "password"]
    await finish(pool, token)


async def test_twenty_sign_ups_at_once_make_one_account(pool: Pool) -> None:
    """Twenty links for one e-mail, all pressed at once: one account, nineteen plain answers."""
    async with pool.acquire() as connection:
        for number in range(20):
            later = NOW + timedelta(hours=1, minutes=16 * number)
            await ask(connection, EMAIL.swapcase() if number % 2 else EMAIL, now=later)
    tokens = await links(pool, "finish_sign_up")
    assert len(set(tokens)) == 20
    answers = await asyncio.gather(
        *(finish(pool, token, now=NOW + timedelta(hours=7)) for token in tokens), return_exceptions=True
    )
    kinds = Counter(type(answer) for answer in answers)
    assert kinds == {SignIn: 1, Conflict: 19}
    assert await count(pool, "customer") == 1
    assert await count(pool, "customer_sign_in") == 1


async def test_one_link_pressed_ten_times_at_once_makes_one_account(pool: Pool) -> None:
    """The link is used once."""
    async with pool.acquire() as connection:
        await ask(connection)
    [token] = await links(pool, "finish_sign_up")
    answers = await asyncio.gather(*(finish(pool, token) for _ in range(10)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {SignIn: 1, NotFound: 9}


async def test_asking_twenty_times_at_once_sends_five_letters(pool: Pool) -> None:
    """Nobody's mailbox is flooded by us, however many ask at once; the limit is the same for everybody."""

    async def once() -> None:
        async with pool.acquire() as connection:
            await ask(connection)

    answers = await asyncio.gather(*(once() for _ in range(20)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {type(None): LETTER.per_email, TooMany: 15}
    assert len(await letters(pool)) == LETTER.per_email


# ---------------------------------------------------------------- signing in and out


async def test_a_wrong_password_and_an_unknown_email_get_the_same_answer(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word, and after the same work: a password is verified either way."""
    await known(pool)
    asked: list[bool] = []
    plain = passwords_module._holds

    def watching(kept: str | None, password: str) -> bool:
        asked.append(kept is None)
        return plain(kept, password)

    monkeypatch.setattr(passwords_module, "_holds", watching)
    refusals = []
    for email in (EMAIL, "nobody@example.com", "no address", "x" * 10_000, "", "'; DROP TABLE customer; --"):
        with pytest.raises(Invalid) as refused:
            await enter(pool, email, "a wrong password")
        refusals.append((refused.value.code, refused.value.sentence, refused.value.fields))
    assert len(set(refusals)) == 1
    assert asked == [False, True, True, True, True, True]


async def test_every_sign_in_gets_a_token_of_its_own_and_ends_alone(pool: Pool) -> None:
    """Signing out ends this browser's sign-in, once and again; the other browser stays."""
    first, second = await known(pool), await enter(pool)
    assert first.token != second.token
    await sign_out(pool, token=first.token)
    await sign_out(pool, token=first.token)
    await sign_out(pool, token="\x00 never was one")
    assert not await is_signed_in(pool, first.token)
    assert await is_signed_in(pool, second.token)
    assert not await is_signed_in(pool, second.token, NOW + timedelta(days=30))


async def test_the_guests_cart_joins_at_sign_in_and_at_sign_up(pool: Pool) -> None:
    """What was put in before is there afterwards, in one cart, the customer's."""
    async with pool.acquire() as connection:
        await stock_up(connection, {"MUG": (1_250, 10), "TEA": (495, 10)})
        await cart.put(connection, browser_hash=BROWSER, customer_id=None, sku="MUG", quantity=2, now=NOW)
    customer = (await known(pool)).customer
    async with pool.acquire() as connection:
        await cart.put(connection, browser_hash=BROWSER, customer_id=None, sku="TEA", quantity=1, now=NOW)
    await enter(pool)
    kept = await cart.view(pool, browser_hash=b"x" * 32, customer_id=customer.id)
    assert {line.sku: line.quantity for line in kept.lines} == {"MUG": 2, "TEA": 1}
    assert await count(pool, "cart") == 1


async def test_a_password_hashed_with_older_parameters_is_hashed_anew_when_proven(pool: Pool) -> None:
    """Nobody has to choose another password for it."""
    await known(pool)
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    await pool.execute("UPDATE customer SET password_hash = $1", old)
    with pytest.raises(Invalid):
        await enter(pool, password="a wrong password")
    assert await pool.fetchval("SELECT password_hash FROM customer") == old
    await enter(pool)
    assert "m=19456,t=2" in await pool.fetchval("SELECT password_hash FROM customer")
    await enter(pool)


async def test_thirty_guesses_at_once_are_twenty_guesses(pool: Pool) -> None:
    """The limit for an e-mail holds against a crowd; the right password waits, too; another window, another start."""
    await known(pool)
    answers = await asyncio.gather(
        *(enter(pool, password=f"guess number {n}") for n in range(30)), return_exceptions=True
    )
    assert Counter(type(answer) for answer in answers) == {Invalid: SIGN_IN.per_email, TooMany: 10}
    with pytest.raises(TooMany) as refused:
        await enter(pool)
    assert refused.value.retry_after_seconds is not None
    assert 0 < refused.value.retry_after_seconds <= WINDOW.total_seconds()
    await enter(pool, now=NOW + WINDOW)


async def test_signing_in_rightly_is_never_held_against_anybody(pool: Pool) -> None:
    """Only wrong tries count, for the e-mail as for the network."""
    await known(pool)
    await pool.execute("DELETE FROM sign_in_try")
    for _ in range(SIGN_IN.per_email + 5):
        await enter(pool)
    assert await pool.fetchval("SELECT sum(tries) FROM sign_in_try") == 0


async def test_one_network_guesses_at_many_emails_only_so_often(pool: Pool) -> None:
    """Three hundred tries from one network at once over many e-mails: the rest is refused; elsewhere is open."""

    async def guess(number: int) -> None:
        await count_try(pool, limit=SIGN_IN, network=HOME, email=f"{number}@example.com", now=NOW)

    answers = await asyncio.gather(*(guess(number) for number in range(320)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {type(None): SIGN_IN.per_network, TooMany: 20}
    await count_try(pool, limit=SIGN_IN, network="192.0.2.8", email="1@example.com", now=NOW)
    await take_try_back(pool, limit=SIGN_IN, network=HOME, email="1@example.com", now=NOW)
    await guess(1)


async def test_what_was_not_judged_is_not_counted(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to come back because too many sign in: that was no wrong try."""

    monkeypatch.setattr(passwords_module, "_places", threading.Semaphore(0))
    with pytest.raises(Unavailable):
        await enter(pool)
    assert await pool.fetchval("SELECT sum(tries) FROM sign_in_try") == 0


# ---------------------------------------------------------------- new passwords


async def test_a_forgotten_password_is_replaced_by_a_link_and_every_browser_signed_out(pool: Pool) -> None:
    """The letter goes to the address on record; the old password and all sign-ins are over; the owner is told."""
    signed_in = await known(pool)
    async with pool.acquire() as connection:
        await forget(connection, "ADA@EXAMPLE.COM")
    kind, recipient, facts = (await letters(pool))[-1]
    assert (kind, recipient, facts["name"]) == ("password_reset", EMAIL, "Ada")
    token = facts["link"].removeprefix(f"{SHOP}/account/reset/")
    assert (await open_reset(pool, token=token, network=HOME, now=NOW)).email == EMAIL
    assert await reset(pool, token) == EMAIL
    assert not await is_signed_in(pool, signed_in.token)
    with pytest.raises(Invalid):
        await enter(pool)
    await enter(pool, password="another pony entirely")
    assert (await letters(pool))[-1][0] == "password_changed"


async def test_an_unknown_email_is_answered_alike_and_sent_nothing(pool: Pool) -> None:
    """No letter, no refusal, the same count towards the limit."""
    async with pool.acquire() as connection:
        for _ in range(LETTER.per_email):
            await forget(connection, "nobody@example.com")
        with pytest.raises(TooMany):
            await forget(connection, "nobody@example.com")
    assert await letters(pool) == []


async def test_a_reset_link_pressed_ten_times_at_once_works_once(pool: Pool) -> None:
    """One password wins, and it is the one that opens."""
    await known(pool)
    async with pool.acquire() as connection:
        await forget(connection)
    [token] = await links(pool, "password_reset")
    chosen = [f"pony number {number} of ten" for number in range(10)]
    answers = await asyncio.gather(*(reset(pool, token, password) for password in chosen), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {str: 1, NotFound: 9}
    winner = chosen[next(index for index, answer in enumerate(answers) if isinstance(answer, str))]
    await enter(pool, password=winner)


async def test_only_the_newest_link_counts_even_when_asked_for_at_once(pool: Pool) -> None:
    """Five letters at once: exactly one of their links works."""
    await known(pool)

    async def once() -> None:
        async with pool.acquire() as connection:
            await forget(connection)

    # One letter of the five was the sign-up's own.
    await asyncio.gather(*(once() for _ in range(LETTER.per_email - 1)))
    tokens = await links(pool, "password_reset")
    assert len(tokens) == LETTER.per_email - 1
    answers = [await _settled(reset(pool, token)) for token in tokens]
    assert Counter(type(answer) for answer in answers) == {str: 1, NotFound: 3}


async def test_a_reset_link_is_over_after_half_an_hour(pool: Pool) -> None:
    """Old, it says so, and changes nothing."""
    await known(pool)
    async with pool.acquire() as connection:
        await forget(connection)
    [token] = await links(pool, "password_reset")
    with pytest.raises(NotFound):
        await reset(pool, token, now=NOW + timedelta(minutes=30))
    await reset(pool, token, now=NOW + timedelta(minutes=29, seconds=59))


async def test_a_refused_new_password_leaves_the_link_good(pool: Pool) -> None:
    """One may try again."""
    await known(pool)
    async with pool.acquire() as connection:
        await forget(connection)
    [token] = await links(pool, "password_reset")
    for password in ("short", "password123", EMAIL, "x" * 129, ""):
        with pytest.raises(Invalid):
            await reset(pool, token, password)
    await reset(pool, token)


async def test_a_new_password_opens_although_the_old_one_was_tried_too_often(pool: Pool) -> None:
    """Who proves to own the mailbox need not wait for the window to end."""
    await known(pool)
    async with pool.acquire() as connection:
        await forget(connection)
    for _ in range(SIGN_IN.per_email):
        await count_try(pool, limit=SIGN_IN, network=HOME, email=EMAIL.lower(), now=NOW)
    with pytest.raises(TooMany):
        await enter(pool)
    await reset(pool, (await links(pool, "password_reset"))[-1])
    await enter(pool, password="another pony entirely")


async def test_guessing_at_links_is_limited(pool: Pool) -> None:
    """A hundred wrong links from one network, then a pause; right ones count for nothing."""
    for _ in range(100):
        with pytest.raises(NotFound):
            await open_reset(pool, token=new_token(), network=HOME, now=NOW)
    with pytest.raises(TooMany):
        await pending_email(pool, token=new_token(), network=HOME, now=NOW)


async def test_a_sign_in_with_the_old_password_never_outlives_a_reset(pool: Pool) -> None:
    """Both at once: whichever comes first, afterwards no sign-in by the old password is left."""
    await known(pool)
    for round_number in range(6):
        now = NOW + round_number * WINDOW
        old = f"pony of round {round_number}" if round_number else PASSWORD
        new = f"pony of round {round_number + 1}"
        async with pool.acquire() as connection:
            await forget(connection, now=now)
        token = (await links(pool, "password_reset"))[-1]
        answers = await asyncio.gather(
            reset(pool, token, new, now=now),
            *(enter(pool, password=old, now=now) for _ in range(4)),
            return_exceptions=True,
        )
        assert answers[0] == EMAIL
        for answer in answers[1:]:
            assert isinstance(answer, SignIn | Invalid)
            if isinstance(answer, SignIn):
                assert not await is_signed_in(pool, answer.token, now)


async def test_a_signed_in_customer_changes_the_password_and_stays(pool: Pool) -> None:
    """This browser is signed in anew, every other one and every open link is over."""
    first, second = await known(pool), await enter(pool)
    async with pool.acquire() as connection:
        await forget(connection)

    async def change(present: str, new: str) -> SignIn:
        return await change_password(
            pool, customer_id=first.customer.id, present=present, new=new,
            browser_hash=BROWSER, network=HOME, now=NOW,
        )  # fmt: skip

    with pytest.raises(Invalid) as refused:
        await change("a wrong password", "another pony entirely")
    assert [problem.field for problem in refused.value.fields] == ["present"]
    with pytest.raises(Invalid) as refused:
        await change(PASSWORD, "short")
    assert [problem.field for problem in refused.value.fields] == ["new"]
    changed = await change(PASSWORD, "another pony entirely")
    assert await is_signed_in(pool, changed.token)
    assert not await is_signed_in(pool, first.token)
    assert not await is_signed_in(pool, second.token)
    with pytest.raises(NotFound):
        await reset(pool, (await links(pool, "password_reset"))[-1])
    await pool.execute("DELETE FROM customer")
    with pytest.raises(SignInNeeded):
        await change("another pony entirely", "a third pony, then")


async def test_what_is_over_is_thrown_away_and_what_lives_stays(pool: Pool) -> None:
    """Sign-ins, links and counts, once they are over."""
    await known(pool)
    async with pool.acquire() as connection:
        await forget(connection)
        await ask(connection, "bob@example.com")
    assert await purge_expired(pool, now=NOW) == 0
    assert await purge_expired(pool, now=NOW + timedelta(hours=1)) > 0
    assert await count(pool, "password_reset") == await count(pool, "sign_in_try") == 0
    assert await count(pool, "customer_sign_in") == await count(pool, "pending_sign_up") == 1
    await purge_expired(pool, now=NOW + timedelta(days=30))
    assert await count(pool, "customer_sign_in") == await count(pool, "pending_sign_up") == 0


async def _settled(answer: "asyncio.Future[str] | object") -> object:
    try:
        return await answer  # type: ignore[misc]
    except Refusal as refusal:
        return refusal
