"""The schema: what a fresh database gets, and what it refuses."""

import asyncio
import os
import re
import sys
from datetime import timedelta

import asyncpg
import pytest

from evertill.audit import Kind, audit
from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.stock import Reason
from evertill.storage import Connection, migrate
from evertill.storage.migrate import SCHEMA_VERSION, Migration, UnfitDatabase
from tests.conftest import drop, named

migrations = sys.modules[Migration.__module__]  # the package offers a function of the same name


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    """The second time finds its version and stops."""
    assert await migrate(database_url) == SCHEMA_VERSION
    assert await migrate(database_url) == SCHEMA_VERSION


async def test_an_older_database_is_brought_to_this_release(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks is applied in order, once, and a step that fails leaves everything as it was."""
    one, other = SCHEMA_VERSION + 1, SCHEMA_VERSION + 2
    steps = (Migration(one, "CREATE TABLE two ()"), Migration(other, "ALTER TABLE two ADD COLUMN three integer"))
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", other)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*steps[:1], Migration(other, "ALTER TABLE nowhere ADD x integer")))
    with pytest.raises(asyncpg.UndefinedTableError):
        await migrate(database_url)
    assert await connection.fetchval("SELECT to_regclass('two')") is None
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    assert [await migrate(database_url) for _ in range(2)] == [other, other]
    seen = await connection.fetchval("SELECT array_agg(version ORDER BY version) FROM schema_version")
    assert seen == [SCHEMA_VERSION, one, other]
    await connection.fetch("SELECT three FROM two")


_DESCRIBED = """
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('%s %s %s', relname, relpersistence, reloptions) FROM pg_class
               WHERE relnamespace = 'public'::regnamespace
) AS lines
"""


# An order of those lines that was shipped so many minutes ago.
_SHIPPED = """
WITH made AS (
    INSERT INTO orders (id, number, session_id, channel, email, state, currency, subtotal_minor, delivery_minor,
                        tax_minor, tax_included, total_minor, delivery, details, placed_at, settled_at, shipped_at)
    SELECT gen_random_uuid(), 'OLD-' || $1::integer, gen_random_uuid(), 'web', '', 'shipped', 'GBP', 5, 0, 0, true, 5,
           'std', '{}', now(), now(), now() - $1::integer * interval '1 minute'
    RETURNING id
)
INSERT INTO order_line (order_id, line, sku, title, quantity, unit_price_minor, total_minor)
SELECT id, line, sku, sku, quantity, 1, quantity
  FROM made CROSS JOIN unnest($2::text[], $3::integer[]) WITH ORDINALITY AS lines (sku, quantity, line)
"""
# What later steps put into tables of steps before them.
_PUT_INTO_OLDER_TABLES = (
    r"    network      bigint,.*\n", r"--.*\nCREATE INDEX ticket_neighbours .*\n",
    r"--.*\nCREATE INDEX ticket_inside .*\n", r"    claim_id (?: {4}| {9})uuid,.*\n",
    r"    list_price_minor .*\n", r"    deal_id           uuid,\n",
    r"    CONSTRAINT order_line_claim_is_of_a_deal .*\n", r", 'joined'",
    r"    grant_id       uuid,.*\n", r" AND grant_id IS NULL(?=;)",
    r"    discount_minor   bigint .*\n", r"    code             text .*\n",
    r"(?<=subtotal_minor) - discount_minor(?= \+)",
    r"    CONSTRAINT orders_discount_has_code\n.*\n", r"    code_minor        bigint .*\n",
    r"    CONSTRAINT order_line_code_within_total .*\n",
    r"    client_id  uuid .*\n", r",\n    CONSTRAINT staff_action_of_one .*",
)  # fmt: skip


async def test_a_database_of_the_first_version_arrives_at_the_schema_a_fresh_one_gets(
    connection: Connection, server_url: str
) -> None:
    """Column by column, constraint by constraint, index by index; what was in it is still there."""
    name = f"evertill_first_{os.getpid()}"
    admin = await asyncpg.connect(server_url)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    first = re.sub("|".join(_PUT_INTO_OLDER_TABLES), "", migrations.schema_sql())
    for step in migrations.MIGRATIONS:
        tables, *_ = step.sql.split("\n-- ---- What is there already")
        for section in tables.split("\n-- ------------------------")[1:]:
            text = "-- ------------------------" + section.strip()
            assert text in first, text[:200]
            first = first.replace(text, "")
    old = await asyncpg.connect(named(server_url, name))
    await old.execute(first)
    await old.execute("INSERT INTO schema_version (version) VALUES (1)")
    await old.execute("INSERT INTO category (slug, name) VALUES ('mugs', 'Mugs')")
    assert await old.fetchval("SELECT to_regclass('ticket')") is None
    await old.execute("INSERT INTO stock (sku, on_hand) VALUES ('MUG', 5), ('TEA', 3), ('GONE', 0), ('ALL', 0)")
    for minute, lines in enumerate(([("MUG", 2), ("TEA", 1), ("MUG", 1)], [("MUG", 4), ("ALL", 6)]), start=1):
        await old.execute(_SHIPPED, minute, [sku for sku, _ in lines], [quantity for _, quantity in lines])
    await old.execute(
        """WITH made AS (INSERT INTO product (id, handle, title, created_at, updated_at)
                         VALUES (gen_random_uuid(), 'mug', 'Mug', now() - interval '1 year', now()) RETURNING id)
           INSERT INTO variant (sku, product_id, price_minor, currency) SELECT 'MUG', id, 1250, 'GBP' FROM made"""
    )
    assert await migrate(named(server_url, name)) == SCHEMA_VERSION
    assert await old.fetchval(_DESCRIBED) == await connection.fetchval(_DESCRIBED)
    assert await old.fetchval("SELECT name FROM category") == "Mugs"
    moved = await old.fetch("SELECT id, sku, units, reason, moved_at FROM stock_movement ORDER BY sku, id")
    assert [(row["sku"], row["units"], row["reason"]) for row in moved] == [
        ("ALL", 6, "opening_balance"), ("ALL", -6, "shipped"),
        ("MUG", 12, "opening_balance"), ("MUG", -4, "shipped"), ("MUG", -3, "shipped"),
        ("TEA", 4, "opening_balance"), ("TEA", -1, "shipped"),
    ]  # fmt: skip
    for row in moved:
        assert (row["id"].version, row["id"].int >> 80) == (7, int(row["moved_at"].timestamp() * 1000))
    [price] = await old.fetch("SELECT sku, price_minor, deal_id, now() - since AS age FROM price_history")
    assert (price["sku"], price["price_minor"], price["deal_id"]) == ("MUG", 1_250, None)
    assert price["age"] < timedelta(minutes=1)  # of the time before nobody knows
    found = await audit(old, now=utc_now())
    assert found.counts()[Kind.UNITS_ON_HAND] == found.counts()[Kind.UNITS_SHIPPED] == 0
    await old.close()
    await drop(server_url, name)


async def test_processes_that_start_at_once_migrate_one_after_the_other(server_url: str) -> None:
    """Eight at an empty database: it is made once, and all find it made."""
    name = f"evertill_race_{os.getpid()}"
    admin = await asyncpg.connect(server_url)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        url = named(server_url, name)
        assert await asyncio.gather(*(migrate(url) for _ in range(8))) == [SCHEMA_VERSION] * 8
    finally:
        await admin.close()
    await drop(server_url, name)


async def test_a_database_of_a_newer_release_is_left_alone(connection: Connection, database_url: str) -> None:
    """The start is refused with both versions."""
    await connection.execute("INSERT INTO schema_version (version) VALUES ($1)", SCHEMA_VERSION + 1)
    with pytest.raises(UnfitDatabase, match=f"version {SCHEMA_VERSION + 1}"):
        await migrate(database_url)


async def test_a_server_that_is_too_old_is_named(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of the first statement that it does not understand."""
    monkeypatch.setattr(sys.modules[migrate.__module__], "SERVER_VERSION_MIN", 99)
    with pytest.raises(UnfitDatabase, match="99 or newer"):
        await migrate(database_url)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("UPDATE stock SET claimed = 6", "stock_never_oversold"),
        ("UPDATE stock SET sold = 3, claimed = 3", "stock_never_oversold"),
        ("UPDATE stock SET claimed = -1", "stock_claimed_not_negative"),
        ("UPDATE stock SET sold = -1", "stock_sold_not_negative"),
        ("UPDATE stock SET on_hand = -1", "stock_never_oversold"),
    ],
)
async def test_the_table_is_the_last_judge_of_overselling(connection: Connection, change: str, constraint: str) -> None:
    """Whatever code asks for it, five units are five units."""
    await connection.execute("INSERT INTO stock (sku, on_hand) VALUES ('A', 5)")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(change)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize(
    ("units", "reason", "staff", "order", "constraint"),
    [
        (0, "import", False, False, "stock_movement_moves_something"),
        (1, "found", False, False, "stock_movement_reason_known"),
        (-1, "received", True, False, "stock_movement_reason_fits_units"),
        (-1, "opening_balance", False, False, "stock_movement_reason_fits_units"),
        (1, "written_off", True, False, "stock_movement_reason_fits_units"),
        (1, "shipped", False, True, "stock_movement_reason_fits_units"),
        (1, "count", False, False, "stock_movement_names_its_staff"),
        (1, "import", True, False, "stock_movement_names_its_staff"),
        (-1, "shipped", False, False, "stock_movement_names_its_order"),
        (1, "import", False, True, "stock_movement_names_its_order"),
    ],
)
async def test_the_ledger_of_stock_takes_only_what_can_be(
    connection: Connection, units: int, reason: str, staff: bool, order: bool, constraint: str
) -> None:
    """Something moved, for a reason there is, and with whoever must be named for it."""
    staff_id = new_id() if staff else None
    if staff:
        await connection.execute(
            """INSERT INTO staff (id, email, email_folded, name, role, password_hash, created_at)
               VALUES ($1, 'sam@example.com', 'sam@example.com', 'Sam', 'operator', '', now())""",
            staff_id,
        )
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(
            """INSERT INTO stock_movement (id, sku, units, reason, staff_id, order_id, moved_at)
               VALUES ($1, 'A', $2, $3, $4, $5, now())""",
            new_id(), units, reason, staff_id, new_id() if order else None,
        )  # fmt: skip
    assert refused.value.constraint_name == constraint


async def test_a_reason_is_the_same_in_the_table_and_in_the_code(connection: Connection) -> None:
    """Neither knows one that the other does not."""
    check = await connection.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'stock_movement_reason_known'"
    )
    assert sorted(re.findall(r"'(\w+)'", check)) == sorted(Reason)


async def test_a_session_has_one_living_order_and_an_order_one_living_attempt(connection: Connection) -> None:
    """Buying twice is refused by the tables themselves; after a decline the way is free again."""
    session = new_id()

    async def order(state: str) -> None:
        id_ = new_id()
        await connection.execute(
            """INSERT INTO orders (id, number, session_id, channel, email, state, currency, subtotal_minor,
                                   delivery_minor, tax_minor, tax_included, total_minor, delivery, details, placed_at,
                                   settled_at)
               VALUES ($1, $2, $3, 'web', '', $4, 'GBP', 5, 0, 0, true, 5, 'std', '{}', now(),
                       CASE WHEN $4 IN ('pending', 'held') THEN NULL ELSE now() END)""",
            id_, str(id_), session, state,
        )  # fmt: skip

    await order("declined")
    await order("confirmed")
    with pytest.raises(asyncpg.UniqueViolationError, match="orders_one_living_per_session"):
        await order("pending")


async def test_a_card_number_is_refused_by_the_table(connection: Connection) -> None:
    """Even if every other guard failed."""
    with pytest.raises(asyncpg.CheckViolationError, match="payment_attempt_no_card_number"):
        await connection.execute(
            """INSERT INTO payment_attempt (id, order_id, provider, method, amount_minor, currency, state, recorded_at,
                                            next_look_at)
               VALUES ($1, $1, 'x', '4242 4242 4242 4242', 1, 'GBP', 'recorded', now(), now())""",
            new_id(),
        )
