"""Tokens: made for a client that proves its secret (RFC 6749, section 4.4), and looked at with every request."""

import hmac
import logging
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.clients.admitting import USE_NOTED_EVERY, client_from
from evertill.clients.model import TOKEN_LIFE, ApiClient, Claimed, Scope, in_order, read_token, token_for
from evertill.customers.tries import Limit, count_try, take_try_back
from evertill.refusals import Malformed, SignInNeeded
from evertill.signing import Signer, token_hash
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

API_SECRET = Limit("api-secret", per_email=20, per_network=100)  # an "e-mail" is a client's id here
_NOBODYS = token_hash(secrets.token_urlsafe(32))  # what a secret is compared with where there is no such client


class Granted(msgspec.Struct, frozen=True):
    """A token just made."""

    token: str
    scopes: tuple[Scope, ...]


class Acting(msgspec.Struct, frozen=True):
    """The client of a request, and what its token is for."""

    client: ApiClient
    scopes: tuple[Scope, ...]


async def grant_token(
    pool: Pool, signer: Signer, *, client_id: str, secret: str, scope: str, network: str, now: datetime
) -> Granted:
    """
    A token for a client, for fifteen minutes.

    Args:
        scope: What it is to be for, with blanks between; "": all that the client may.

        network: Where it is asked from, as network_of() has it.

    Raises:
        SignInNeeded: There is no such client, it was revoked, or this is not its secret: nobody learns which.
        TooMany: Too many wrong tries for this client or from this network.
        Malformed: The scope is none, or not this client's.
    """
    id_ = _id_of(client_id)
    counted = id_.hex if id_ else client_id  # an id can be written in several ways
    await count_try(pool, limit=API_SECRET, network=network, email=counted, now=now)
    row = await pool.fetchrow(sql["living_client"], id_)
    kept = row["secret_hash"] if row else _NOBODYS
    if not hmac.compare_digest(kept, token_hash(secret)) or row is None:
        log.warning("api_token_refused network=%s", network)
        raise SignInNeeded(
            "invalid_client",
            "Client and secret do not belong together, or the client was revoked.",
            challenge='Basic realm="staff"',
        )
    await take_try_back(pool, limit=API_SECRET, network=network, email=counted, now=now)
    client = client_from(row)
    asked = scope.split()
    scopes = in_order(asked) if asked else client.scopes
    if len(scopes) != len(set(asked or scopes)) or not set(scopes) <= set(client.scopes):
        raise Malformed("invalid_scope", f"This client may have: {' '.join(client.scopes)}.")
    await pool.execute(sql["note_use"], client.id, now)
    log.info("api_token_granted client=%s network=%s", client.id, network)
    return Granted(token_for(signer, Claimed(client.id, scopes), expires_at=now + TOKEN_LIFE), scopes)


async def acting(pool: Pool, signer: Signer, *, token: str, now: datetime) -> Acting | None:
    """Whose a token is; None: nobody's, over, or its client was revoked."""
    claimed = read_token(signer, token, now=now)
    row = await pool.fetchrow(sql["living_client"], claimed.client_id) if claimed else None
    if claimed is None or row is None:
        return None
    client = client_from(row)
    if client.last_used_at is None or client.last_used_at < now - USE_NOTED_EVERY:
        await pool.execute(sql["note_use"], client.id, now)
    return Acting(client, in_order(set(claimed.scopes) & set(client.scopes)))


def _id_of(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None
