"""The audit: a sound shop is clean whatever it is doing, and every wound is named with the rows that prove it."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from evertill.app import settle_with
from evertill.audit import Auditor, Kind, NotAuditable, Report, audit
from evertill.audit.auditor import EVERY
from evertill.audit.model import CHECKS, SHOWN_MAX, Row
from evertill.checkout.complete import Checkout
from evertill.checkout.model import Completion
from evertill.checkout.placing import Placed
from evertill.clock import utc_now
from evertill.deals import Claiming
from evertill.figures import SeenFigures
from evertill.ids import new_id
from evertill.notices import Sender
from evertill.orders.changing import cancel, refund, ship
from evertill.orders.following import event_sent, follow, take_due_events
from evertill.payments.model import AttemptState
from evertill.payments.reconcile import Reconciler
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.storage import Connection
from tests.buying import open_session, placing
from tests.coding import make_code, open_with_code
from tests.conftest import put_on_hand
from tests.dealing import make_deal
from tests.hearts import heart_of
from tests.providers import Ledger

SAM = UUID("01990000-0000-7000-8000-000000000001")
DEAL = UUID("01990000-0000-7000-8000-0000000000d1")

HOLD = timedelta(days=365)


class History:
    """Orders in every state there is, sold by the shop itself."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.ledger = Ledger()
        self.checkout = Checkout(shop.checkout.till, self.ledger, shop.till_pool, shop.clock)
        self.orders: dict[str, UUID] = {}

    async def make(self) -> None:
        shop, ledger, clock = self.shop, self.ledger, self.shop.clock
        await shop.desk.execute(
            """INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at)
               VALUES ($1, 'sam@example.com', 'sam@example.com', 'Sam', 'operator', '', now())""",
            SAM,
        )
        for name in ("confirmed", "shipped", "refunded", "cancelled", "given back"):
            self.orders[name] = await self.bought()
        await ship(shop.desk, provider=ledger, order_id=self.orders["shipped"], staff_id=SAM, clock=clock)
        await ship(shop.desk, provider=ledger, order_id=self.orders["refunded"], staff_id=SAM, clock=clock)
        await refund(
            shop.desk, provider=ledger, order_id=self.orders["refunded"], refund_id=new_id(), amount_minor=100,
            reason="a gesture", staff_id=SAM, clock=clock,
        )  # fmt: skip
        await cancel(
            shop.desk,
            provider=ledger,
            order_id=self.orders["cancelled"],
            reason="changed mind",
            staff_id=SAM,
            clock=clock,
        )
        # Cancelled, but the money had been taken after all.
        attempt_id = await shop.desk.fetchval(
            "SELECT id FROM payment_attempt WHERE order_id = $1", self.orders["given back"]
        )
        ledger.charges[attempt_id] = AttemptState.CAPTURED
        await cancel(
            shop.desk,
            provider=ledger,
            order_id=self.orders["given back"],
            reason="changed mind",
            staff_id=SAM,
            clock=clock,
        )
        # Declined, and then bought with another card: one session, two orders.
        session = await open_session(shop, ("MUG", 1))
        declined = await shop.checkout.complete(placing(session, "tok_decline_generic"))
        again = await self.checkout.complete(placing(session))
        assert isinstance(declined, Completion)
        assert isinstance(again, Completion)
        self.orders |= {"first try": declined.order_id, "second try": again.order_id}
        declined = await shop.checkout.complete(placing(await open_session(shop, ("TEA", 1)), "tok_decline_generic"))
        assert isinstance(declined, Completion)
        self.orders["declined"] = declined.order_id
        await Sender(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock).run_once()
        await Sender(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock).run_once()
        for event in await take_due_events(shop.desk, now=utc_now(), at_most=100):
            await event_sent(shop.desk, event_id=event.id, now=utc_now())
        await self.with_codes()
        # And what is under way at this very moment.
        ledger.before.add("authorise")
        self.orders["held"] = await self.bought()
        under_way = await shop.checkout.till.place(placing(await open_session(shop, ("TEA", 2))))
        assert isinstance(under_way, Placed)
        self.orders["pending"] = under_way.order_id
        await open_session(shop, ("MUG", 5), owner="browser:looking")
        await self.claimed()
        await self.rained()

    async def with_codes(self) -> None:
        """One code that was used, one that an order is being paid with."""
        await make_code(self.shop.desk, uses_max=2, per_customer=1)
        answer = await self.checkout.complete(placing(await open_with_code(self.shop, "SUMMER", ("LAST", 1, None))))
        assert isinstance(answer, Completion)
        self.orders["with a code"] = answer.order_id
        session = await open_with_code(self.shop, "SUMMER", ("LAST", 1, None), owner="browser:ben")
        placed = await self.shop.checkout.till.place(placing(session))
        assert isinstance(placed, Placed)
        self.orders["being paid with a code"] = placed.order_id

    async def claimed(self) -> None:
        """One claim that is held; one that a held order took over; one that was bought."""
        await make_deal(self.shop.desk, DEAL, "LAST", "MUG", units=9, per_customer=2, claim_minutes=1_440)
        claims = [
            await self.shop.claims.claim(Claiming(DEAL, sku, 1, f"browser:{number}"))
            for number, sku in enumerate(("LAST", "MUG", "MUG"))
        ]
        await self.shop.desk.execute(
            """WITH taken AS (
                   UPDATE claim SET state = row.state, order_id = row.order_id, quantity = 2
                     FROM (VALUES ($1::uuid, 'ordered', $2::uuid), ($3, 'bought', $4)) AS row (id, state, order_id)
                    WHERE claim.id = row.id
                RETURNING claim.id, claim.deal_id, claim.order_id
               ), lined AS (
                   UPDATE order_line SET claim_id = taken.id, deal_id = taken.deal_id, list_price_minor = 1250
                     FROM taken
                    WHERE order_line.order_id = taken.order_id AND order_line.sku = 'MUG'
               ), bought AS (
                   UPDATE deal SET claimed = claimed, sold = sold + 2
               )
               UPDATE stock SET claimed = claimed - 2 WHERE sku = 'MUG'""",
            claims[1].id, self.orders["held"], claims[2].id, self.orders["confirmed"],
        )  # fmt: skip

    async def rained(self) -> None:
        """One rain check that is open, out of three units set aside."""
        await put_on_hand(self.shop.desk, "LAST", 6)  # codes and claims have taken three
        await self.shop.desk.execute(
            """WITH given AS (
                   INSERT INTO rain_check_grant (id, deal_id, units, given, granted_at, ends_at, why)
                   VALUES (gen_random_uuid(), $1, 3, 1, now(), now() + interval '3 days', 'the outage') RETURNING *
               ), made AS (
                   INSERT INTO claim (id, deal_id, sku, quantity, price_minor, holder, state, claimed_at, expires_at,
                                      grant_id)
                   SELECT gen_random_uuid(), deal_id, 'LAST', 1, 7920, 'browser:0', 'held', granted_at, ends_at, id
                     FROM given
               )
               UPDATE stock SET claimed = claimed + 1 WHERE sku = 'LAST'""",
            DEAL,
        )

    async def bought(self) -> UUID:
        session = await open_session(self.shop, ("MUG", 2), ("TEA", 1))
        await follow(self.shop.desk, session_id=session.id, address="https://platform.example/orders", now=utc_now())
        answer = await self.checkout.complete(placing(session))
        assert isinstance(answer, Completion)
        return answer.order_id


@pytest.fixture
async def history(shop: Shop) -> History:
    """A shop that has sold."""
    history = History(shop)
    await history.make()
    return history


async def audited(connection: Connection, minutes: int = 0) -> Report:
    """The audit, as if so many minutes from now."""
    return await audit(connection, now=utc_now() + timedelta(minutes=minutes))


async def test_a_shop_in_full_swing_is_clean(history: History, connection: Connection) -> None:
    """Confirmed, shipped, cancelled, declined, refunded; pending, held and letters in the queue: nothing is wrong."""
    report = await audited(connection)
    assert report.shown() == ()
    assert report.anomalies == 0
    looked_at = {check.name: check.rows for check in report.checks}
    orders, lines = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in ("orders", "order_line")]
    assert looked_at["lines"] == orders + lines + 4  # claims, one of them a rain check
    assert (orders, set(looked_at)) == (len(history.orders), {check.name for check in CHECKS})


async def test_a_shop_that_has_sold_nothing_is_clean(connection: Connection) -> None:
    """An empty database is a shop, too."""
    assert (await audited(connection)).anomalies == 0


class Wound(msgspec.Struct, frozen=True):
    """What is done to sound books, and what the audit is to say of it."""

    kind: Kind
    target: str  # the order whose id is $1 of every statement that takes one
    subject: str  # with {order} and {session} of the target
    statements: tuple[str, ...]
    proof: tuple[tuple[str, Mapping[str, object] | None], ...]  # table and some of its facts, or no such row


NOBODY = "01990000-0000-7000-8000-00000000dead"  # an order that is not there
PAST = "now() - interval '1 hour'"
_SESSION = "(SELECT session_id FROM orders WHERE id = $1)"
_MOVED = "INSERT INTO stock_movement (id, sku, units, reason, moved_at)"
_WAITS = (
    "INSERT INTO waiting (id, deal_id, sku, quantity, holder, state, joined_at, claim_id, offered_at, offered_until,"
    " ended_at)"
)
_COPY = "INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, recorded_at)"

WOUNDS = (
    Wound(
        Kind.UNITS_CLAIMED, "", "sku:MUG", ("UPDATE stock SET claimed = claimed + 1 WHERE sku = 'MUG'",),
        (("stock", {"claimed": 3}), ("order_line, summed", {"claimed": 2}), ("claim, summed", {"claimed": 0})),
    ),
    Wound(
        Kind.UNITS_SOLD, "", "sku:TEA", ("UPDATE stock SET sold = sold - 1 WHERE sku = 'TEA'",),
        (("stock", {"sold": 0}), ("order_line, summed", {"sold": 1}), ("claim, summed", {"held": 0})),
    ),
    Wound(
        Kind.OVERSOLD, "", "sku:MUG",
        ("ALTER TABLE stock DROP CONSTRAINT stock_never_oversold", "UPDATE stock SET on_hand = 4 WHERE sku = 'MUG'",
         f"{_MOVED} SELECT gen_random_uuid(), sku, 4 - sum(units), 'import', now() FROM stock_movement"
         " WHERE sku = 'MUG' GROUP BY sku"),
        (("stock", {"on_hand": 4, "claimed": 2, "sold": 3, "free": -1}),
         ("order_line, summed", {"claimed": 2, "sold": 3}), ("claim, summed", {"claimed": 0})),
    ),
    Wound(
        Kind.UNITS_ON_HAND, "", "sku:TEA", ("UPDATE stock SET on_hand = on_hand + 7 WHERE sku = 'TEA'",),
        (("stock", {"sku": "TEA", "on_hand": 1_005}), ("stock_movement, summed", {"units": 998, "movements": 3}),
         ("order_line, summed", {"of_shipped_orders": 2, "units": 2}),
         ("stock_movement", {"units": 1_000, "reason": "import"}),
         ("stock_movement", {"units": -1, "reason": "shipped"}),
         ("stock_movement", {"units": -1, "reason": "shipped"})),
    ),
    Wound(
        Kind.UNITS_SHIPPED, "shipped", "sku:TEA",
        ("DELETE FROM stock_movement WHERE sku = 'TEA' AND order_id = $1",
         f"{_MOVED} VALUES (gen_random_uuid(), 'TEA', -1, 'import', now())"),
        (("stock", {"on_hand": 998}), ("stock_movement, summed", {"units": 998, "shipped": 1}),
         ("order_line, summed", {"of_shipped_orders": 2, "units": 2}),
         ("stock_movement", {"units": 1_000}), ("stock_movement", {"units": -1, "reason": "import"}),
         ("stock_movement", {"units": -1, "reason": "shipped"})),
    ),
    Wound(
        Kind.DEAL_CLAIMED, "", f"deal:{DEAL}", ("UPDATE deal SET claimed = claimed + 1",),
        (("deal", {"claimed": 4, "sold": 2}), ("claim, summed", {"claims": 3, "claimed": 3, "sold": 2})),
    ),
    Wound(
        Kind.DEAL_SOLD, "", f"deal:{DEAL}", ("UPDATE deal SET sold = sold - 1",),
        (("deal", {"claimed": 3, "sold": 1}), ("claim, summed", {"claims": 3, "claimed": 3, "sold": 2})),
    ),
    Wound(
        Kind.LIMIT_PASSED, "", f"deal:{DEAL}",
        ("UPDATE claim SET holder = 'browser:0' WHERE state = 'bought'",),
        (("deal", {"per_customer": 2}), ("claim, summed", {"claims": 3}),
         ("claim, summed of one customer", {"units": 3, "claims": 2, "customer_id": None})),
    ),
    Wound(
        Kind.CLAIM_NOT_IN_ORDER, "cancelled", "claim:",
        ("UPDATE order_line SET claim_id = NULL WHERE claim_id = (SELECT id FROM claim WHERE state = 'bought')",
         "UPDATE claim SET order_id = $1 WHERE state = 'bought'"),
        (("claim", {"state": "bought", "order_id": "{order}"}), ("orders", {"state": "cancelled", "units": 2})),
    ),
    Wound(
        Kind.CLAIM_PAST_END, "", "claim:",
        (f"UPDATE claim SET expires_at = {PAST} WHERE state = 'held' AND grant_id IS NULL",),
        (("claim", {"state": "held", "order_id": None}),),
    ),
    Wound(
        Kind.OFFER_WITHOUT_CLAIM, "", "waiting:",
        (f"{_WAITS} SELECT gen_random_uuid(), deal_id, sku, 1, 'browser:a', 'offered', now(), '{NOBODY}', now(), now(),"
         " NULL FROM deal_sku WHERE sku = 'MUG'",),
        (("waiting", {"state": "offered", "sku": "MUG", "claim_id": NOBODY}), ("claim", None)),
    ),
    Wound(
        Kind.WAITS_TWICE, "", "waiting:",
        ("DROP INDEX waiting_one_each",
         f"{_WAITS} SELECT gen_random_uuid(), deal_id, sku, 1, 'browser:a', 'waiting', now() - n * interval '1 hour',"
         " NULL, NULL, NULL, NULL FROM deal_sku, generate_series(1, 2) AS n WHERE sku = 'MUG'"),
        (("waiting", {"state": "waiting"}), ("waiting, the same one's", {"state": "waiting"})),
    ),
    Wound(
        Kind.PASSED_OVER, "", "waiting:",
        (f"{_WAITS} SELECT gen_random_uuid(), deal_id, sku, 1, 'browser:' || state, state, now() - ago, claim_id, at,"
         " at, at FROM deal_sku, (VALUES ('missed', interval '1 minute', gen_random_uuid(), now()),"
         " ('waiting', interval '2 minutes', NULL, NULL)) AS row (state, ago, claim_id, at) WHERE sku = 'LAST'",),
        (("waiting", {"state": "waiting", "sku": "LAST"}), ("waiting, later", {"state": "missed"})),
    ),
    Wound(
        Kind.RAIN_CHECKS_DIFFER, "", "grant:",
        ("UPDATE claim SET quantity = 2 WHERE grant_id IS NOT NULL",
         "UPDATE stock SET claimed = claimed + 1 WHERE sku = 'LAST'"),
        (("rain_check_grant", {"units": 3, "given": 1}), ("claim, summed", {"rain_checks": 1, "units": 2})),
    ),
    Wound(
        Kind.RAIN_CHECK_NOT_IN_ORDER, "cancelled", "claim:",
        ("UPDATE claim SET state = 'bought', order_id = $1 WHERE grant_id IS NOT NULL",
         "UPDATE stock SET claimed = claimed - 1 WHERE sku = 'LAST'"),
        (("claim", {"state": "bought", "order_id": "{order}"}), ("orders", {"state": "cancelled", "units": 0})),
    ),
    Wound(
        Kind.RAIN_CHECK_PAST_END, "", "claim:",
        (f"UPDATE claim SET expires_at = {PAST} WHERE grant_id IS NOT NULL",),
        (("claim", {"state": "held", "order_id": None}),),
    ),
    Wound(
        Kind.CODE_COUNTED, "", "code:SUMMER", ("UPDATE discount_code SET used = 0",),
        (("discount_code", {"held": 1, "used": 0, "uses_max": 2}), ("code_use, summed", {"held": 1, "used": 1})),
    ),
    Wound(
        Kind.CODE_OVERUSED, "", "code:SUMMER",
        ("UPDATE code_use SET email = (SELECT email FROM code_use WHERE state = 'used')",),
        (("discount_code", {"per_customer": 1}), ("code_use, summed", {"held": 1, "used": 1}),
         ("code_use, summed of one customer", {"uses": 2, "customer_id": None})),
    ),
    Wound(
        Kind.CODE_USE_NOT_IN_ORDER, "being paid with a code", "order:{order}",
        ("UPDATE code_use SET amount_minor = amount_minor + 1 WHERE order_id = $1",),
        (("orders", {"state": "pending", "code": "SUMMER", "discount_minor": 990}),
         ("code_use", {"state": "held", "amount_minor": 991})),
    ),
    Wound(
        Kind.ORDER_WITHOUT_CODE_USE, "with a code", "order:{order}",
        ("UPDATE discount_code SET used = used - 1", "DELETE FROM code_use WHERE order_id = $1"),
        (("orders", {"state": "confirmed", "code": "SUMMER"}), ("code_use", None)),
    ),
    Wound(
        Kind.ORDER_WITHOUT_LINES, "cancelled", "order:{order}", ("DELETE FROM order_line WHERE order_id = $1",),
        (("orders", {"state": "cancelled"}), ("order_line", None)),
    ),
    Wound(
        Kind.LINE_WITHOUT_ORDER, "", f"order:{NOBODY}",
        (f"INSERT INTO order_line VALUES ('{NOBODY}', 1, 'MUG', 'Mug', 1, 1250, 1250)",),
        (("orders", None), ("order_line", {"order_id": NOBODY, "sku": "MUG", "quantity": 1})),
    ),
    Wound(
        Kind.LINE_WITHOUT_CLAIM, "confirmed", "order:{order}",
        (f"UPDATE order_line SET deal_id = '{DEAL}', claim_id = '{NOBODY}' WHERE order_id = $1 AND sku = 'TEA'",),
        (("orders", {"state": "confirmed"}), ("order_line", {"sku": "MUG"}),
         ("order_line", {"sku": "TEA", "claim_id": NOBODY}), ("claim", {"state": "bought"}), ("claim", None)),
    ),
    Wound(
        Kind.SUMS_DIFFER, "shipped", "order:{order}",
        ("UPDATE orders SET subtotal_minor = subtotal_minor + 1, delivery_minor = delivery_minor - 1 WHERE id = $1",),
        (("orders", {"subtotal_minor": 2_996}), ("order_line", {"line": 1, "total_minor": 2_500}),
         ("order_line", {"line": 2, "total_minor": 495})),
    ),
    Wound(
        Kind.ORDER_WITHOUT_ATTEMPT, "confirmed", "order:{order}", ("DELETE FROM payment_attempt WHERE order_id = $1",),
        (("orders", {"state": "confirmed"}), ("payment_attempt", None)),
    ),
    Wound(
        Kind.ATTEMPT_WITHOUT_ORDER, "", f"order:{NOBODY}",
        (f"{_COPY} VALUES (gen_random_uuid(), '{NOBODY}', 'x', 'tok', 5, 'GBP', 'authorised', now())",),
        (("orders", None), ("payment_attempt", {"state": "authorised", "amount_minor": 5})),
    ),
    Wound(
        Kind.SECOND_ATTEMPT, "confirmed", "order:{order}",
        (f"{_COPY} VALUES (gen_random_uuid(), $1, 'x', 'tok', 5, 'GBP', 'voided', now())",),
        (("orders", {"state": "confirmed"}), ("payment_attempt", {"state": "authorised"}),
         ("payment_attempt", {"state": "voided", "amount_minor": 5})),
    ),
    Wound(
        Kind.AMOUNT_DIFFERS, "confirmed", "order:{order}",
        ("UPDATE payment_attempt SET amount_minor = amount_minor + 1 WHERE order_id = $1",),
        (("orders", {"total_minor": 3_390}), ("payment_attempt", {"amount_minor": 3_391})),
    ),
    Wound(
        Kind.NOT_PAID, "confirmed", "order:{order}",
        ("UPDATE payment_attempt SET state = 'declined' WHERE order_id = $1",),
        (("orders", {"state": "confirmed"}), ("payment_attempt", {"state": "declined"})),
    ),
    Wound(
        Kind.NOT_SETTLED, "pending", "order:{order}",
        ("UPDATE payment_attempt SET state = 'authorised', next_look_at = NULL WHERE order_id = $1",),
        (("orders", {"state": "pending"}), ("payment_attempt", {"state": "authorised"})),
    ),
    Wound(
        Kind.CHARGED_FOR_NOTHING, "cancelled", "order:{order}",
        ("UPDATE payment_attempt SET state = 'captured' WHERE order_id = $1",),
        (("orders", {"state": "cancelled", "refunded_minor": 0}), ("payment_attempt", {"state": "captured"})),
    ),
    Wound(
        Kind.ORDER_WITHOUT_SESSION, "declined", "session:{session}",
        (f"DELETE FROM checkout_session WHERE id = {_SESSION}",),
        (("checkout_session", None), ("orders", {"id": "{order}", "session_id": "{session}"})),
    ),
    Wound(
        Kind.SESSION_WITHOUT_ORDER, "declined", "session:{session}",
        (f"UPDATE checkout_session SET status = 'completed', order_id = '{NOBODY}' WHERE id = {_SESSION}",),
        (("checkout_session", {"status": "completed", "order_id": NOBODY}), ("orders", None)),
    ),
    Wound(
        Kind.SESSION_DISAGREES, "held", "session:{session}",
        (f"UPDATE checkout_session SET status = 'completed' WHERE id = {_SESSION}",),
        (("checkout_session", {"status": "completed", "order_id": "{order}"}), ("orders", {"state": "held"})),
    ),
    Wound(
        Kind.BOUGHT_TWICE, "first try", "session:{session}",
        ("DROP INDEX orders_one_living_per_session",
         "UPDATE orders SET state = 'cancelled', cancelled_at = now() WHERE id = $1",
         "UPDATE payment_attempt SET state = 'voided' WHERE order_id = $1",
         """INSERT INTO outbox (id, kind, recipient, facts, created_at, sent_at) VALUES (gen_random_uuid(),
            'order_confirmed', 'ada@example.com', json_build_object('order_id', $1::uuid), now(), now())"""),
        (("checkout_session", {"status": "completed"}), ("orders", {"id": "{order}", "state": "cancelled"}),
         ("orders", {"state": "confirmed"})),
    ),
    Wound(
        Kind.KEY_WITHOUT_ORDER, "", f"order:{NOBODY}",
        (f"INSERT INTO attempt_key VALUES ('browser:x', 'k', '', NULL, '{NOBODY}', now())",),
        (("orders", None), ("attempt_key", {"key": "k", "order_id": NOBODY})),
    ),
    Wound(
        Kind.EVENT_WITHOUT_ORDER, "", f"order:{NOBODY}",
        (f"""INSERT INTO order_event (id, order_id, address, made_at, sent_at)
             VALUES (gen_random_uuid(), '{NOBODY}', 'https://x.example', now(), now())""",),
        (("orders", None), ("order_event", {"order_id": NOBODY})),
    ),
    Wound(
        Kind.NOT_TOLD, "shipped", "order:{order}",
        ("DELETE FROM outbox WHERE kind = 'order_confirmed' AND facts ->> 'order_id' = $1::uuid::text",),
        (("orders", {"state": "shipped", "has_email": True}), ("outbox", None)),
    ),
    Wound(
        Kind.TOLD_WRONGLY, "declined", "order:{order}",
        ("""INSERT INTO outbox (id, kind, recipient, facts, created_at, sent_at) VALUES (gen_random_uuid(),
            'order_confirmed', 'ada@example.com', json_build_object('order_id', $1::uuid), now(), now())""",),
        (("orders", {"state": "declined"}), ("outbox", {"kind": "order_confirmed"})),
    ),
    Wound(
        Kind.REFUNDS_DIFFER, "refunded", "order:{order}",
        ("UPDATE orders SET refunded_minor = refunded_minor + 1 WHERE id = $1",),
        (("orders", {"refunded_minor": 101}), ("refund", {"amount_minor": 100, "state": "done"}),
         ("payment_attempt", {"state": "captured"})),
    ),
    Wound(
        Kind.REFUND_NOT_COVERED, "refunded", "order:{order}",
        ("""UPDATE refund SET attempt_id = (SELECT attempt.id FROM payment_attempt AS attempt
                JOIN orders ON orders.id = attempt.order_id WHERE orders.state = 'shipped' AND orders.id <> $1)
             WHERE order_id = $1""",),
        (("orders", {"refunded_minor": 100}), ("refund", {"order_id": "{order}", "amount_minor": 100}),
         ("payment_attempt", {"state": "captured"})),
    ),
    Wound(
        Kind.HOLD_PAST_END, "held", "order:{order}",
        (f"UPDATE payment_attempt SET next_look_at = {PAST} WHERE order_id = $1",),
        (("orders", {"state": "held"}), ("payment_attempt", {"state": "unknown", "looks": 0})),
    ),
    Wound(
        Kind.CAPTURE_PAST_DUE, "confirmed", "order:{order}",
        (f"UPDATE payment_attempt SET capture_due_at = {PAST} WHERE order_id = $1",),
        (("orders", {"state": "confirmed"}), ("payment_attempt", {"state": "authorised", "void_due_at": None})),
    ),
    Wound(
        Kind.VOID_PAST_DUE, "cancelled", "order:{order}",
        (f"UPDATE payment_attempt SET state = 'authorised', void_due_at = {PAST} WHERE order_id = $1",),
        (("orders", {"state": "cancelled"}), ("payment_attempt", {"state": "authorised", "capture_due_at": None})),
    ),
    Wound(
        Kind.REFUND_PAST_DUE, "refunded", "order:{order}",
        (f"UPDATE refund SET state = 'recorded', next_look_at = {PAST} WHERE order_id = $1",),
        (("orders", {"state": "shipped"}), ("refund", {"state": "recorded"})),
    ),
    Wound(
        Kind.LETTER_STUCK, "", "letter:",
        (f"""UPDATE outbox SET sent_at = NULL, due_at = {PAST}
              WHERE id = (SELECT id FROM outbox WHERE kind = 'order_cancelled' LIMIT 1)""",),
        (("outbox", {"kind": "order_cancelled", "tries": 1}),),
    ),
    Wound(
        Kind.EVENT_STUCK, "shipped", "event:",
        (f"""UPDATE order_event SET sent_at = NULL, due_at = {PAST}
              WHERE id = (SELECT id FROM order_event WHERE order_id = $1 LIMIT 1)""",),
        (("order_event", {"order_id": "{order}", "tries": 1}),),
    ),
)  # fmt: skip


@pytest.mark.parametrize("wound", WOUNDS, ids=lambda wound: str(wound.kind))
async def test_a_wound_is_named_with_the_rows_that_prove_it(
    history: History, connection: Connection, wound: Wound
) -> None:
    """That one kind, once, of that subject; nothing else is called wrong."""
    order_id = history.orders.get(wound.target)
    for statement in wound.statements:
        await connection.execute(statement, *([order_id] if "$1" in statement else []))
    session_id = await connection.fetchval("SELECT session_id FROM orders WHERE id = $1", order_id)
    report = await audited(connection)
    assert {kind: count for kind, count in report.counts().items() if count} == {wound.kind: 1}
    (anomaly,) = report.shown()
    names = {"order": str(order_id), "session": str(session_id)}
    assert anomaly.subject.startswith(wound.subject.format(**names))
    assert len(anomaly.proof) == len(wound.proof), anomaly.proof
    left = list(anomaly.proof)
    for table, facts in wound.proof:
        found = next((row for row in left if _is(row, table, facts, names)), None)
        assert found is not None, (table, facts, left)
        left.remove(found)


def _is(row: Row, table: str, facts: Mapping[str, object] | None, names: Mapping[str, str]) -> bool:
    if row.table != table or row.facts is None or facts is None:
        return row.table == table and row.facts is facts
    wanted = {name: value.format(**names) if isinstance(value, str) else value for name, value in facts.items()}
    return {name: row.facts.get(name, "missing") for name in wanted} == wanted


async def test_units_that_no_order_explains_at_all(history: History, connection: Connection) -> None:
    """That there is none is part of the proof."""
    await put_on_hand(connection, "GONE", 1)
    await connection.execute("UPDATE stock SET claimed = 1 WHERE sku = 'GONE'")
    (anomaly,) = (await audited(connection)).shown()
    assert (anomaly.kind, anomaly.subject) == (Kind.UNITS_CLAIMED, "sku:GONE")
    assert anomaly.proof == (
        Row("stock", {"sku": "GONE", "on_hand": 1, "claimed": 1, "sold": 0, "free": 0}),
        Row("order_line, summed", {"of_orders": 0, "claimed": 0, "sold": 0}),
        Row("claim, summed", {"held": 0, "claimed": 0, "rain_checks": 0}),
    )


async def test_units_of_a_sku_that_has_no_stock(history: History, connection: Connection) -> None:
    """Two claims and one sale of teas that nobody has ever counted."""
    await connection.execute("DELETE FROM stock WHERE sku = 'TEA'")
    claimed, sold, on_hand = (await audited(connection)).shown()
    assert (claimed.kind, sold.kind, on_hand.kind) == (Kind.UNITS_CLAIMED, Kind.UNITS_SOLD, Kind.UNITS_ON_HAND)
    assert on_hand.proof[0] == Row("stock", None)
    assert claimed.proof == sold.proof
    assert claimed.proof[0] == Row("stock", None)


def test_every_kind_has_a_wound_a_check_and_a_sentence() -> None:
    """Nobody adds a kind that nothing finds, or that nobody saw found."""
    assert [wound.kind for wound in WOUNDS] == list(Kind)
    assert [kind for check in CHECKS for kind in check.kinds] == list(Kind)
    assert all(kind.sentence.endswith((".", "?")) for kind in Kind)


async def test_many_anomalies_are_all_counted_and_the_first_are_shown(connection: Connection) -> None:
    """However broken the books are, what is shown is bounded."""
    await connection.execute(
        "INSERT INTO order_line SELECT gen_random_uuid(), 1, 'MUG', 'Mug', 1, 5, 5 FROM generate_series(1, 50)"
    )
    report = await audited(connection)
    assert report.counts()[Kind.LINE_WITHOUT_ORDER] == report.anomalies == 50
    assert len(report.shown()) == SHOWN_MAX
    assert all([row.facts is None for row in anomaly.proof] == [True, False] for anomaly in report.shown())


# ---------------------------------------------------------------- what is late, and what is stuck


async def test_what_the_provider_does_not_answer_is_held_and_no_anomaly(
    history: History, connection: Connection
) -> None:
    """Asked again and again without an answer, a hold stays a hold: somebody is at it."""
    ahead = timedelta(minutes=40)
    reconciler = Reconciler(
        history.shop.desk,
        provider=history.ledger,
        settle=settle_with(history.shop.checkout.till),
        clock=lambda: utc_now() + ahead,
        hold=HOLD,
    )
    history.ledger.before.add("look_up")
    late = await audited(connection, minutes=40)
    assert {kind: count for kind, count in late.counts().items() if count} == {
        Kind.HOLD_PAST_END: 3,
        Kind.REFUND_PAST_DUE: 1,  # no finisher runs here
        Kind.LETTER_STUCK: await connection.fetchval("SELECT count(*) FROM outbox WHERE due_at IS NOT NULL"),
    }
    assert await reconciler.run_once() == 3
    again = await audited(connection, minutes=40)
    assert again.counts()[Kind.HOLD_PAST_END] == 0


async def test_a_queue_that_is_late_but_moves_is_not_stuck(history: History, connection: Connection) -> None:
    """After a peak letters are hours late; as long as they are sent in order, none is stuck."""
    await connection.execute(
        """UPDATE outbox SET created_at = created_at - interval '3 hours', sent_at = NULL,
                             due_at = created_at - interval '3 hours'"""
    )
    assert (await audited(connection)).counts()[Kind.LETTER_STUCK] > 1
    await connection.execute(
        "UPDATE outbox SET sent_at = now(), due_at = NULL WHERE id = (SELECT id FROM outbox ORDER BY due_at LIMIT 1)"
    )
    assert (await audited(connection)).anomalies == 0


async def test_a_letter_that_ends_whoever_sends_it_is_stuck(history: History, connection: Connection) -> None:
    """Taken more often than any letter is tried, and never marked: it is due in a minute, again and again."""
    await connection.execute(
        """UPDATE outbox SET sent_at = NULL, due_at = now() + interval '1 minute', tries = 31
            WHERE kind = 'order_refunded' AND id = (SELECT id FROM outbox WHERE kind = 'order_refunded' LIMIT 1)"""
    )
    (anomaly,) = (await audited(connection)).shown()
    assert anomaly.kind is Kind.LETTER_STUCK


# ---------------------------------------------------------------- whose tables


async def test_other_tables_than_this_releases_are_not_judged(connection: Connection) -> None:
    """A sentence instead of a verdict that means nothing."""
    await connection.execute("INSERT INTO schema_version (version) VALUES (999)")
    with pytest.raises(NotAuditable, match="schema version 999"):
        await audited(connection)
    await connection.execute("DROP TABLE schema_version")
    with pytest.raises(NotAuditable, match="no shop"):
        await audited(connection)


async def test_it_waits_for_nobody_and_nobody_waits_for_it(history: History, connection: Connection) -> None:
    """While every row of the till is locked by others it judges what was committed."""
    async with history.shop.desk.acquire() as other, other.transaction():
        await other.execute("UPDATE stock SET claimed = claimed + 1 WHERE sku = 'MUG'")
        await other.execute("SELECT FROM orders FOR UPDATE")
        await other.execute("SELECT FROM payment_attempt FOR UPDATE")
        assert (await audited(connection)).anomalies == 0


# ---------------------------------------------------------------- while the shop serves


async def test_of_many_workers_one_audits_every_minute(
    history: History, settings: Settings, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """The first minute nobody; then one of them, and another when that one ends. An anomaly is logged once."""
    caplog.set_level(logging.INFO, "evertill.audit")
    ahead = timedelta()
    assert settings.database_url is not None

    def clock() -> datetime:
        return utc_now() + ahead

    async with Auditor(settings.database_url, clock=clock) as second:
        async with Auditor(settings.database_url, clock=clock) as first:
            for auditor in (first, second):
                assert await auditor.run_once() == 0
            assert (first.report, second.report) == (None, None)
            ahead += EVERY
            for auditor in (first, second):
                await auditor.run_once()
            assert first.report is not None
            assert (first.report.anomalies, second.report) == (0, None)
            await connection.execute("UPDATE stock SET claimed = claimed + 1 WHERE sku = 'MUG'")
            await first.run_once()
            assert first.report.anomalies == 0  # not yet a minute
            for _ in range(2):
                ahead += EVERY
                await first.run_once()
            assert first.report.anomalies == 1
            text = caplog.text
            assert text.count("audit_anomaly kind=units_claimed subject=sku:MUG") == 1
            registry = CollectorRegistry()
            registry.register(SeenFigures(heart_of(history.shop, auditor=first).alone()))
            assert registry.get_sample_value("evertill_audit_anomalies", {"kind": "units_claimed"}) == 1
            assert registry.get_sample_value("evertill_audit_anomalies", {"kind": "oversold"}) == 0
            assert registry.get_sample_value("evertill_audit_seconds") == first.report.seconds
            assert registry.get_sample_value("evertill_audit_finished_timestamp_seconds") is not None
            assert heart_of(history.shop, auditor=second).alone().audited is None
            await connection.execute("UPDATE stock SET claimed = claimed - 1 WHERE sku = 'MUG'")
            ahead += EVERY
            await first.run_once()
            assert "audit_clean" in caplog.text
        ahead += EVERY
        await second.run_once()
        assert second.report is not None
