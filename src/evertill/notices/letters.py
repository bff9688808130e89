"""Letters: what each kind of notice says. One text template a kind; its first line is the subject."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from babel.dates import format_date
from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateNotFound

from evertill.money import format_money
from evertill.orders.reading import order_link, view
from evertill.payments.sandbox import sentence_of
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)


class Letter(msgspec.Struct, frozen=True):
    """A letter ready to go."""

    message_id: str  # the same at every try: a mailbox that gets it twice can tell
    recipient: str
    subject: str
    body: str


class KeptLetter(msgspec.Struct, frozen=True):
    """A letter that was kept instead of sent."""

    message_id: str
    recipient: str
    subject: str
    body: str
    kept_at: datetime


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("evertill.notices", "texts"),
        undefined=StrictUndefined,
        auto_reload=False,  # the texts are the release's: not looked for on the disk for every letter
        autoescape=False,  # noqa: S701 - plain text, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )


async def write_letter(
    pool: Pool,
    *,
    id_: UUID,
    kind: str,
    recipient: str,
    facts: Mapping[str, Any],
    settings: Settings,
    signer: Signer,
) -> Letter:
    """
    The letter a notice calls for, with the order as it stands now where it is about one.

    Raises:
        LookupError: No letter of that kind is known.
    """
    try:
        template = _environment().get_template(f"{kind}.txt")
    except TemplateNotFound as error:
        raise LookupError(f"no letter of kind {kind}") from error
    told: dict[str, Any] = {"settings": settings, **facts}
    if "currency" in facts:
        told["money"] = lambda minor: format_money(minor, str(facts["currency"]), settings.locale)
    if "order_id" in facts:
        order = await view(pool, order_id=UUID(str(facts["order_id"])))
        told["order"] = order
        told["because"] = sentence_of(order.state_reason)
        told["link"] = settings.address + order_link(signer, order.id)
        told["money"] = lambda minor: format_money(minor, order.currency, settings.locale)
        told["day"] = lambda moment: format_date(moment, "long", locale=settings.locale)
    subject, _, body = template.render(told).partition("\n")
    domain = settings.shop_email.rpartition("@")[2]
    return Letter(f"<{id_.hex}@{domain}>", recipient, subject.strip(), body.strip() + "\n")


async def kept_letters(connection: Connection | Pool, *, page: int = 1, size: int = 50) -> tuple[KeptLetter, ...]:
    """Letters that were kept instead of sent, newest first."""
    rows = await connection.fetch(sql["kept_letters"], size, size * (max(page, 1) - 1))
    return tuple(KeptLetter(**dict(row)) for row in rows)


async def kept_letter(connection: Connection | Pool, *, message_id: str) -> KeptLetter | None:
    """One kept letter."""
    row = await connection.fetchrow(sql["kept_letter"], message_id)
    return KeptLetter(**dict(row)) if row else None
