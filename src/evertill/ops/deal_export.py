"""The deals of a sale event with their figures, as a CSV for a spreadsheet."""

import csv
import io
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from evertill.money import to_major
from evertill.ops.deal_forms import value_text
from evertill.ops.selling import Selling

COLUMNS = (
    "title", "state", "kind", "value", "currency", "skus", "begins at", "ends at", "members from", "members only",
    "stackable", "per customer", "claim minutes", "units", "sold", "claimed", "free", "claims", "claims bought",
    "claims given back", "revenue of claims", "paused at", "ended at", "id",
)  # fmt: skip
# A spreadsheet takes a cell that begins like this for a formula and carries it out.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def deals_csv(selling: Sequence[Selling], *, zone: ZoneInfo) -> str:
    """A row a deal. Times are local to the event's zone, with their offset."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for each in selling:
        deal = each.deal
        times = [
            at.astimezone(zone).isoformat(timespec="seconds") if at else ""
            for at in (deal.begins_at, deal.ends_at, deal.members_from, deal.paused_at, deal.ended_at)
        ]
        begins, ends, members, paused, ended = times
        writer.writerow(
            [
                harmless(deal.title), each.phase, deal.kind, value_text(deal.kind, deal.value, deal.currency),
                deal.currency, harmless(";".join(each.planned.skus)), begins, ends, members, _yes(deal.members_only),
                _yes(deal.stackable), _or_blank(deal.per_customer), deal.claim_minutes, _or_blank(deal.units),
                deal.sold, deal.claimed, _or_blank(deal.left), each.claims, each.bought, each.released,
                to_major(each.revenue_minor, deal.currency) if deal.limited else "", paused, ended, deal.id,
            ]
        )  # fmt: skip
    return text.getvalue()


def harmless(text: str) -> str:
    """Words that a spreadsheet shows as words: an apostrophe before what would be a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _or_blank(number: int | None) -> object:
    return "" if number is None else number


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
