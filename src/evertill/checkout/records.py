"""Rows of checkout_session as values, and back."""

from typing import Any

import asyncpg
import msgspec

from evertill.checkout.model import Session, SessionStatus, Terms

_terms = msgspec.json.Decoder(Terms)
_encode = msgspec.json.Encoder().encode


def session_of(row: "asyncpg.Record") -> Session:
    """A row of checkout_session."""
    return Session(
        id=row["id"],
        status=SessionStatus(row["status"]),
        channel=row["channel"],
        owner=row["owner"],
        customer_id=row["customer_id"],
        order_id=row["order_id"],
        version=row["version"],
        terms=_terms.decode(row["doc"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
    )


def encode(value: Any) -> str:
    """A value as the JSON text a json column takes."""
    return _encode(value).decode()
