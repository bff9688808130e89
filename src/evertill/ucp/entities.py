"""Sessions and orders by their public names, and an order as it is told, on request and by webhook."""

from uuid import UUID

from evertill import payments
from evertill.checkout.model import Session
from evertill.checkout.records import session_of
from evertill.orders import Order, order_link, view
from evertill.refusals import NotFound
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Pool, Statements
from evertill.ucp.answering import Refund, order_answer
from evertill.ucp.wire import Envelope, OrderAnswer, OrderMade

checkout_sql = Statements.of("evertill.checkout")
payment_sql = Statements.of(payments.__name__)

_SESSION = "ucp-session"
_ORDER = "ucp-order"


def checkout_name(signer: Signer, session_id: UUID) -> str:
    """A session's public name: whoever has it was given it."""
    return signer.seal(_SESSION, session_id)


def session_behind(signer: Signer, name: str) -> UUID | None:
    """The session of that name."""
    return signer.unseal(_SESSION, name)


def order_behind(signer: Signer, name: str) -> UUID | None:
    """The order of that name."""
    return signer.unseal(_ORDER, name)


def order_made(settings: Settings, signer: Signer, order_id: UUID, number: str) -> OrderMade:
    """The order that a checkout became."""
    return OrderMade(signer.seal(_ORDER, order_id), number, settings.address + order_link(signer, order_id))


async def read_order(pool: Pool, order_id: UUID) -> tuple[Order, Session]:
    """
    An order and the session it came from.

    Raises:
        NotFound: There is none.
    """
    order = await view(pool, order_id=order_id)
    row = await pool.fetchrow(checkout_sql["read_session"], order.session_id)
    if row is None:
        raise NotFound("not_found", "There is no such order.")
    return order, session_of(row)


async def tell_order(
    pool: Pool, order: Order, session: Session, *, settings: Settings, signer: Signer, envelope: Envelope
) -> OrderAnswer:
    """An order as a platform is told of it."""
    rows = await pool.fetch(payment_sql["refunds_of_order"], order.id)
    refunds = [Refund(row["id"], row["amount_minor"], row["state"], row["reason"], row["recorded_at"]) for row in rows]
    return order_answer(
        order,
        session,
        refunds,
        made=order_made(settings, signer, order.id, order.number),
        checkout_name=checkout_name(signer, session.id),
        envelope=envelope,
    )
