"""Another password: by a link in a letter when it was forgotten, or by proving the present one."""

import logging
from datetime import datetime
from uuid import UUID

from evertill.customers.model import RESET_LIFE, Customer, SignIn, email_problem, fold_email, password_problem
from evertill.customers.passwords import hash_password, password_holds
from evertill.customers.sign_in import keep_sign_in
from evertill.customers.sign_up import refuse
from evertill.customers.tries import LETTER, LINK, SIGN_IN, count_try, forget_tries, take_try_back
from evertill.notices.outbox import enqueue
from evertill.refusals import FieldProblem, NotFound, SignInNeeded, Unavailable
from evertill.signing import new_token, token_hash
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)


async def request_reset(connection: Connection, *, email: str, address: str, network: str, now: datetime) -> None:
    """
    Ask for a letter with a link that sets a new password. Whoever asks learns nothing of who has an account.

    Args:
        email: As typed, trimmed.

        address: How the world reaches the shop, for the letter's link.

        network: Where it is asked from, as network_of() has it.

    Raises:
        Invalid: That is no e-mail address.
        TooMany: Letters enough were asked for, for this e-mail or from this network.
    """
    refuse([email_problem(email)])
    async with connection.transaction():
        # Counted in the same transaction: with or without a letter, it is one commit of about the same time.
        await count_try(connection, limit=LETTER, network=network, email=fold_email(email), now=now)
        known = await connection.fetchrow(sql["customer_by_email"], fold_email(email))
        if known is None:
            return
        token = new_token()
        await connection.execute(sql["keep_reset"], token_hash(token), known["id"], now, now + RESET_LIFE)
        # To the address on record, never the one typed: two that fold alike must not be taken for one another.
        facts = {"name": known["name"], "link": f"{address}/account/reset/{token}"}
        await enqueue(connection, kind="password_reset", recipient=known["email"], facts=facts, now=now)


async def open_reset(connection: Connection | Pool, *, token: str, network: str, now: datetime) -> Customer:
    """
    Whose password a link may set. Looking does not use it up: mail scanners press links, too.

    Raises:
        NotFound: The link was used, is too old, was followed by a newer one, or was never ours.
        TooMany: Too many links were tried from this network.
    """
    row = await connection.fetchrow(sql["reset"], token_hash(token), now)
    if row is None:
        await count_try(connection, limit=LINK, network=network, now=now)
        raise _over()
    return Customer(id=row["id"], email=row["email"], name=row["name"])


async def reset_password(pool: Pool, *, token: str, password: str, network: str, now: datetime) -> Customer:
    """
    Set a new password by a letter's link. Every browser of the customer is signed out.

    Raises:
        NotFound: The link was used, is too old, was followed by a newer one, or was never ours.
        Invalid: The new password cannot be.
        TooMany, Unavailable: Not now.
    """
    customer = await open_reset(pool, token=token, network=network, now=now)
    refuse([password_problem(password, email=customer.email)])
    kept = await hash_password(password)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(sql["use_reset"], token_hash(token), now) is None:
            raise _over()
        await connection.execute(sql["set_password"], customer.id, kept)
        # Wrong tries with the forgotten password must not stand in the way of the new one.
        await forget_tries(connection, limit=SIGN_IN, email=fold_email(customer.email), now=now)
        await _tell_of_change(connection, customer, now)
    log.info("password_reset customer=%s", customer.id)
    return customer


async def change_password(
    pool: Pool, *, customer_id: UUID, present: str, new: str, browser_hash: bytes, network: str, now: datetime
) -> SignIn:
    """
    Set a new password by proving the present one. This browser is signed in anew, every other one is signed out.

    Raises:
        Invalid: The present password is wrong, or the new one cannot be.
        SignInNeeded: There is no such customer any more.
        TooMany: Too many wrong tries.
        Unavailable: Not now.
    """
    row = await pool.fetchrow(sql["customer_by_id"], customer_id)
    if row is None:
        raise SignInNeeded("sign_in_needed", "Please sign in first.")
    customer = Customer(id=row["id"], email=row["email"], name=row["name"])
    refuse([password_problem(new, email=customer.email, field="new")])
    await _prove(pool, customer, row["password_hash"], present, network, now)
    kept = await hash_password(new)
    async with pool.acquire() as connection, connection.transaction():
        # The link first, then the customer: the order in which a link's use locks them.
        await connection.execute(sql["drop_reset"], customer.id)
        if await connection.fetchrow(sql["change_password"], customer.id, row["password_hash"], kept) is None:
            refuse([_wrong()])
        await _tell_of_change(connection, customer, now)
        signed_in = await keep_sign_in(connection, customer=customer, kept=kept, browser_hash=browser_hash, now=now)
    log.info("password_changed customer=%s", customer.id)
    return signed_in


async def _prove(pool: Pool, customer: Customer, kept: str, present: str, network: str, now: datetime) -> None:
    """The present password, under the limits of signing in: an open browser must not be a place to guess."""
    email = fold_email(customer.email)
    await count_try(pool, limit=SIGN_IN, network=network, email=email, now=now)
    try:
        holds = await password_holds(kept, present)
    except Unavailable:
        await take_try_back(pool, limit=SIGN_IN, network=network, email=email, now=now)
        raise
    if not holds:
        refuse([_wrong()])
    await take_try_back(pool, limit=SIGN_IN, network=network, email=email, now=now)


async def _tell_of_change(connection: Connection, customer: Customer, now: datetime) -> None:
    """Whoever may have got in with the old password is put out, and the customer hears of the change."""
    await connection.execute(sql["drop_sign_ins"], customer.id)
    facts = {"name": customer.name}
    await enqueue(connection, kind="password_changed", recipient=customer.email, facts=facts, now=now)


def _wrong() -> FieldProblem:
    return FieldProblem("present", "This is not your present password.")


def _over() -> NotFound:
    return NotFound(
        "link_over",
        "This link no longer works: it was used already, is older than half an hour, or you asked for a newer one. "
        "Please ask for a new one.",
    )
