"""
`python -m bench.opening [--people 20000] [--units 1000] [--workers 1]`: the second in which a deal opens.

    people    each with a browser of its own, all of whom press "Put in cart" within the second after the opening: over
              HTTP, with cookie and form, as a page sends it (bench/openers.py)

What is asked: exactly the units there are become somebody's, everybody is told one definite thing, and the books
balance.
"""

import argparse
import sys
import time

import uvloop
from rich.console import Console

from bench.loads import play
from bench.machine import this_machine
from bench.measuring import next_seed
from bench.openers import Came, Door
from bench.shop import HOT, Database, data_folder, database, serving
from evertill.audit import audit_at
from evertill.clock import utc_now

_CONNECTIONS = 2_000
_READY_SECONDS = 12.0  # for forms and connections, before it opens

_DEAL = """
WITH event AS (
    INSERT INTO sale_event (id, slug, name, time_zone, opens_at, closes_at, created_at)
    VALUES (gen_random_uuid(), 'bench', 'The bench', 'UTC', now(), now() + interval '1 day', now()) RETURNING id
), made AS (
    INSERT INTO deal (id, event_id, title, kind, value, currency, begins_at, ends_at, units, per_customer, created_at)
    SELECT gen_random_uuid(), id, 'A fifth off', 'percent', 2000, 'GBP', to_timestamp($2::float8),
           now() + interval '1 day', $3, 2, now()
      FROM event RETURNING id
)
INSERT INTO deal_sku (deal_id, sku) SELECT id, $1 FROM made RETURNING deal_id"""

_CLAIMED = """
SELECT deal.claimed, (SELECT coalesce(sum(quantity), 0) FROM claim WHERE state = 'held')::integer AS held,
       (SELECT count(DISTINCT holder) FROM claim WHERE state = 'held') AS holders,
       (SELECT count(*) FROM cart_line WHERE claim_id IS NOT NULL) AS lines
  FROM deal"""


async def _measure(people: int, units: int, workers: int, console: Console) -> None:
    with data_folder() as data:
        async with database(data) as opened:
            with serving(data, workers=workers) as shop:
                handle = await opened.connection.fetchval(
                    "SELECT handle FROM product JOIN variant ON variant.product_id = product.id WHERE sku = $1", HOT
                )
                opens_at = time.time() + _READY_SECONDS
                await opened.connection.execute(_DEAL, HOT, opens_at, units)
                door = Door(
                    shop.host, shop.port, str(data), people, _CONNECTIONS, HOT, handle, opens_at, 1.0, next_seed()
                )
                app, postgres = shop.cpu_seconds(), opened.cpu_seconds()
                came = await play("bench.openers", door, Came)
                app, postgres = shop.cpu_seconds() - app, opened.cpu_seconds() - postgres
            _tell(console, came, app, postgres)
            wrongs = await _wrongs(opened, came, units)
            console.print(f"books: {'; '.join(wrongs) or 'balance'}")
            if wrongs:
                raise SystemExit(1)


async def _wrongs(opened: Database, came: Came, units: int) -> list[str]:
    """What does not agree: people's answers, the deal, claims, carts, and the shop's own audit."""
    row = await opened.connection.fetchrow(_CLAIMED)
    assert row is not None
    expected = min(units, came.people)
    figures = {"told it is theirs": came.claimed, **dict(row.items())}
    wrongs = [f"{name}: {figure:,}, expected {expected:,}" for name, figure in figures.items() if figure != expected]
    if came.errors or came.claimed + came.refused != came.people:
        wrongs.append(f"{came.errors:,} without a definite answer {came.samples}")
    report = await audit_at(opened.url, now=utc_now())
    return wrongs + [f"{count} of {kind}" for kind, count in report.counts().items() if count]


def _tell(console: Console, came: Came, app: float, postgres: float) -> None:
    console.print(
        f"{came.people:,} pressed within a second: {came.claimed:,} have one, {came.refused:,} were told that all are "
        f"claimed, {came.errors:,} got no definite answer {came.samples or ''}\n"
        f"all claimed after {came.all_claimed_after:.2f} s, everybody answered after {came.all_answered_after:.1f} s\n"
        f"answer p50 / p99 {came.answer.p50_ms:,.0f} / {came.answer.p99_ms:,.0f} ms; of who has one "
        f"{came.answer_claimed.p50_ms:,.0f} / {came.answer_claimed.p99_ms:,.0f} ms\n"
        f"told 503 at least once: {came.told_not_now:,}, {came.not_nows:,} times in all\n"
        f"CPU seconds: shop {app:.1f}, PostgreSQL {postgres:.1f}, load {came.cpu_s:.1f}; load late p99 "
        f"{came.late.p99_ms:.1f} ms"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.opening")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--units", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    machine = this_machine("18")
    console.print(f"{machine.cpu}, commit {machine.commit}{' and changes' if machine.changed else ''}")
    uvloop.run(_measure(asked.people, asked.units, asked.workers, console))


if __name__ == "__main__":
    main()
