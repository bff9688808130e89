"""A buyer, as tests need one."""

from uuid import UUID

from evertill.checkout.model import Completion, Session, Want, Wish
from evertill.checkout.placing import NotPlaced, Placing
from evertill.checkout.sessions import Opening
from evertill.idempotency import Key, fingerprint_of
from evertill.ids import new_id
from evertill.orders import Address, Buyer
from evertill.shop import Shop

ADA = Buyer(email="ada@example.com", first_name="Ada", last_name="Byron")
LONDON = Address(country="GB", name="Ada Byron", street="12 St James's Square", city="London", postcode="SW1Y 4JH")


def wish(*wants: tuple[str, int], delivery: str | None = "std") -> Wish:
    """Those units, to Ada in London."""
    return Wish(tuple(Want(sku, quantity) for sku, quantity in wants), buyer=ADA, address=LONDON, delivery=delivery)


def key(verb: str, owner: str = "browser:ada", name: str | None = None) -> Key:
    """A fresh attempt's name, or the one given."""
    return Key(owner, name or str(new_id()), fingerprint_of(verb, "", b""))


async def open_session(shop: Shop, *wants: tuple[str, int], owner: str = "browser:ada") -> Session:
    """A session ready to be paid."""
    return await shop.sessions.open(Opening(key("open", owner), wish(*wants), "web", owner, None, shop.clock()))


def placing(session: Session, method: str = "tok_approve", *, name: str | None = None) -> Placing:
    """Pressing "pay" on a session."""
    total = session.terms.quote.total_minor
    return Placing(key("complete", session.owner, name), session.id, session.owner, method, total, session.created_at)


async def buy(
    shop: Shop, *wants: tuple[str, int], method: str = "tok_approve", owner: str = "browser:ada"
) -> Completion | NotPlaced:
    """A whole purchase."""
    session = await open_session(shop, *wants, owner=owner)
    return await shop.checkout.complete(placing(session, method))


async def books(shop: Shop, sku: str) -> tuple[int, int, int]:
    """on hand, claimed, sold of a SKU."""
    row = await shop.desk.fetchrow("SELECT on_hand, claimed, sold FROM stock WHERE sku = $1", sku)
    assert row is not None
    return row["on_hand"], row["claimed"], row["sold"]


async def attempt_of(shop: Shop, order_id: UUID) -> str:
    """The state of an order's newest payment attempt."""
    state = await shop.desk.fetchval(
        "SELECT state FROM payment_attempt WHERE order_id = $1 ORDER BY recorded_at DESC LIMIT 1", order_id
    )
    return str(state)
