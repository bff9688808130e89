"""Become a customer: an e-mail proves itself, then name and password are chosen."""

from collections.abc import Sequence
from datetime import datetime

from evertill.customers.model import (
    SIGN_UP_LIFE,
    Customer,
    SignIn,
    email_problem,
    fold_email,
    name_problem,
    password_problem,
)
from evertill.customers.passwords import hash_password
from evertill.customers.sign_in import keep_sign_in
from evertill.customers.tries import LETTER, LINK, count_try
from evertill.ids import new_id
from evertill.notices.outbox import enqueue
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.signing import new_token, token_hash
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


async def sign_up(connection: Connection, *, email: str, address: str, network: str, now: datetime) -> None:
    """
    Ask for an account. Whoever asks learns nothing; a letter to the e-mail says how it goes on.

    A new e-mail is sent a link that makes the account, one that has an account is told so. Either way it is one
    commit with a letter in it, so that the answer's time tells nothing either.

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
        await count_try(connection, limit=LETTER, network=network, email=fold_email(email), now=now)
        known = await connection.fetchrow(sql["customer_by_email"], fold_email(email))
        if known is not None:
            facts = {
                "name": known["name"],
                "link": f"{address}/account/sign-in",
                "reset": f"{address}/account/forgotten",
            }
            await enqueue(connection, kind="already_customer", recipient=known["email"], facts=facts, now=now)
            return
        token = new_token()
        await connection.execute(sql["keep_pending"], token_hash(token), email, now, now + SIGN_UP_LIFE)
        facts = {"link": f"{address}/account/finish/{token}"}
        await enqueue(connection, kind="finish_sign_up", recipient=email, facts=facts, now=now)


async def pending_email(connection: Connection | Pool, *, token: str, network: str, now: datetime) -> str:
    """
    The e-mail a sign-up link was sent to. Looking does not use it up: mail scanners press links, too.

    Raises:
        NotFound: The link was used, is too old, or was never ours.
        TooMany: Too many links were tried from this network.
    """
    email: str | None = await connection.fetchval(sql["pending"], token_hash(token), now)
    if email is None:
        await count_try(connection, limit=LINK, network=network, now=now)
        raise _over()
    return email


async def finish_sign_up(
    pool: Pool, *, token: str, name: str, password: str, browser_hash: bytes, network: str, now: datetime
) -> SignIn:
    """
    Make the account a sign-up link stands for, and sign its browser in; the guest's cart joins it.

    Args:
        browser_hash: Of the browser the link was opened in.

    Raises:
        NotFound: The link was used, is too old, or was never ours.
        Invalid: Name or password cannot be.
        Conflict: The e-mail got an account meanwhile, by another link.
        TooMany, Unavailable: Not now.
    """
    email = await pending_email(pool, token=token, network=network, now=now)
    refuse([name_problem(name), password_problem(password, email=email)])
    kept = await hash_password(password)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(sql["use_pending"], token_hash(token), now) is None:
            raise _over()
        customer = Customer(id=new_id(), email=email, name=name)
        made = await connection.fetchval(sql["make_customer"], customer.id, email, fold_email(email), name, kept, now)
        if made is None:
            raise Conflict("already_customer", "This e-mail address has an account already. Please sign in.")
        return await keep_sign_in(connection, customer=customer, kept=kept, browser_hash=browser_hash, now=now)


def refuse(problems: Sequence[FieldProblem | None]) -> None:
    """Raise Invalid with what is wrong, if anything is."""
    found = [problem for problem in problems if problem is not None]
    if found:
        raise Invalid("invalid", found[0].problem, fields=found)


def _over() -> NotFound:
    return NotFound(
        "link_over", "This link no longer works: it was used already, or is older than a day. Please sign up again."
    )
