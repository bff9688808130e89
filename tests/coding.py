"""Codes, as tests need them."""

from datetime import datetime
from uuid import UUID

from evertill.checkout.model import Session, Want, Wish
from evertill.checkout.sessions import Opening
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.orders import Buyer
from evertill.shop import Shop
from evertill.storage import Connection, Pool
from tests.buying import LONDON, key
from tests.dealing import HOUR


async def make_code(
    database: Pool | Connection,
    code: str = "SUMMER",
    *,
    kind: str = "percent",
    value: int = 1_000,
    uses_max: int | None = None,
    per_customer: int | None = None,
    subtotal_min_minor: int = 0,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> None:
    """A tenth off, for everybody and ever since an hour ago, where nothing else is said."""
    await database.execute(
        """INSERT INTO discount_code (code, kind, value, currency, begins_at, ends_at, uses_max, per_customer,
                                      subtotal_min_minor, created_at, created_by, why)
           VALUES ($1, $2, $3, 'GBP', $4, $5, $6, $7, $8, now(), $9, 'a test')""",
        code, kind, value, begins_at or utc_now() - HOUR, ends_at, uses_max, per_customer, subtotal_min_minor, new_id(),
    )  # fmt: skip


async def open_with_code(
    shop: Shop,
    code: str = "SUMMER",
    *wants: tuple[str, int, UUID | None],
    owner: str = "browser:ada",
    customer_id: UUID | None = None,
    email: str | None = None,
) -> Session:
    """A session with a code; of two mugs and to Ada, where nothing else is said."""
    wish = Wish(
        tuple(Want(sku, quantity, claim_id=claim) for sku, quantity, claim in wants or (("MUG", 2, None),)),
        buyer=Buyer(email or f"{owner.partition(':')[2]}@example.com", "Ada", "Byron"), address=LONDON, delivery="std",
        codes=(code,),
    )  # fmt: skip
    return await shop.sessions.open(Opening(key("open", owner), wish, "web", owner, customer_id, shop.clock()))


async def uses(database: Pool | Connection, code: str = "SUMMER") -> tuple[int, int]:
    """How many are held and used, as the code counts them."""
    row = await database.fetchrow("SELECT held, used FROM discount_code WHERE code = $1", code)
    assert row is not None
    return row[0], row[1]
