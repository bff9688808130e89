"""Sign in and out."""

import logging
from datetime import datetime

from evertill.cart.joining import join_carts
from evertill.customers.model import SIGN_IN_LIFE, Customer, SignIn, fold_email
from evertill.customers.passwords import hash_password, is_outdated, password_holds
from evertill.customers.tries import SIGN_IN, count_try, take_try_back
from evertill.refusals import Invalid, Unavailable
from evertill.signing import new_token, token_hash
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)


async def sign_in(pool: Pool, *, email: str, password: str, browser_hash: bytes, network: str, now: datetime) -> SignIn:
    """
    Sign a browser in; what its guest's cart holds joins the customer's.

    A wrong password and an unknown e-mail get the same answer after the same time. No connection is held while
    the password is checked: a flood of tries waits in its own short line, not in that of the carts.

    Args:
        email: As typed, trimmed; any text is a fair question.

        network: Where it is tried from, as network_of() has it.

    Raises:
        Invalid: They do not belong together.
        TooMany: Too many wrong tries for this e-mail or from this network.
        Unavailable: Too many sign in at this moment.
    """
    folded = fold_email(email)
    await count_try(pool, limit=SIGN_IN, network=network, email=folded, now=now)
    row = await pool.fetchrow(sql["customer_by_email"], folded)
    try:
        holds = await password_holds(row["password_hash"] if row else None, password)
    except Unavailable:  # not judged, so not held against anybody
        await take_try_back(pool, limit=SIGN_IN, network=network, email=folded, now=now)
        raise
    if row is None or not holds:
        log.info("sign_in_refused network=%s", network)
        raise _wrong()
    await take_try_back(pool, limit=SIGN_IN, network=network, email=folded, now=now)
    customer = Customer(id=row["id"], email=row["email"], name=row["name"])
    kept = await _renewed(pool, customer, row["password_hash"], password)
    async with pool.acquire() as connection, connection.transaction():
        return await keep_sign_in(connection, customer=customer, kept=kept, browser_hash=browser_hash, now=now)


async def keep_sign_in(
    connection: Connection, *, customer: Customer, kept: str, browser_hash: bytes, now: datetime
) -> SignIn:
    """
    Sign in a browser whose customer was just proven, in the caller's transaction; its guest's cart joins.

    Args:
        kept: The password's hash as it was proven.

    Raises:
        Invalid: The password was changed at this very moment.
    """
    token = new_token()
    signed_in = await connection.fetchval(
        sql["keep_sign_in"], customer.id, token_hash(token), kept, now, now + SIGN_IN_LIFE
    )
    if signed_in is None:
        raise _wrong()
    await join_carts(connection, browser_hash=browser_hash, customer_id=customer.id, now=now)
    log.info("signed_in customer=%s", customer.id)
    return SignIn(token=token, customer=customer)


async def sign_out(connection: Connection | Pool, *, token: str) -> None:
    """Sign a browser out. A token that opens nothing is fine."""
    await connection.execute(sql["drop_sign_in"], token_hash(token))


async def _renewed(pool: Pool, customer: Customer, kept: str, password: str) -> str:
    """The password's hash, made anew where it was made with older parameters: this is when the password is known."""
    if not is_outdated(kept):
        return kept
    try:
        renewed = await hash_password(password)
    except Unavailable:  # it can wait for the next sign-in
        return kept
    done = await pool.execute(sql["renew_hash"], customer.id, kept, renewed)
    return renewed if done == "UPDATE 1" else kept


def _wrong() -> Invalid:
    return Invalid("wrong_credentials", "E-mail and password do not belong together. Please check both.")
