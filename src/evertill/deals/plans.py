"""
What staff write when they plan, and what it comes to: every field read, every problem named.

    EventPlan, DealPlan ──► read_event, read_deal ──► EventTerms, DealTerms   or Invalid, field by field

Pure: what must be known of the catalogue is handed in.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from evertill.deals.local import moment_of, written, zone_named
from evertill.deals.model import Deal, Kind, SaleEvent
from evertill.deals.pricing import WHOLE
from evertill.refusals import FieldProblem, Invalid

NAME_MAX = 120
DEAL_SKUS_MAX = 1_000
UNITS_MAX = 1_000_000
PER_CUSTOMER_MAX = 999
CLAIM_MINUTES_USUAL = 15
CLAIM_MINUTES = range(1, 1_441)
AMOUNT_MINOR_MAX = 100_000_000
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,78}[a-z0-9])?")
_THEME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_WITHIN_EVENT = "Not after its sale event closes."
_NAMED_MAX = 5  # of what is wrong, so many are named


class EventPlan(msgspec.Struct, frozen=True):
    """A sale event as somebody writes it. Times are local to its zone: "2026-11-27T08:00" (local.py: moment_of)."""

    slug: str
    name: str
    time_zone: str
    opens_at: str
    closes_at: str
    members_from: str = ""  # "": with everybody
    theme: str = "plain"


class EventTerms(msgspec.Struct, frozen=True):
    """What it comes to."""

    slug: str
    name: str
    theme: str
    time_zone: str
    opens_at: datetime
    closes_at: datetime
    members_from: datetime | None


class DealPlan(msgspec.Struct, frozen=True):
    """A deal as somebody writes it. Times are local to its event's zone."""

    title: str
    kind: str  # model.py: Kind
    value: int
    begins_at: str
    ends_at: str
    skus: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()  # of whole products: their SKUs as they are now
    members_from: str = ""  # "": with everybody
    members_only: bool = False
    stackable: bool = False
    units: int | None = None  # None: as many as there are
    per_customer: int | None = None  # None: no limit
    claim_minutes: int = CLAIM_MINUTES_USUAL


class DealTerms(msgspec.Struct, frozen=True):
    """What it comes to."""

    title: str
    kind: Kind
    value: int
    currency: str
    begins_at: datetime
    ends_at: datetime
    members_from: datetime | None
    members_only: bool
    stackable: bool
    units: int | None
    per_customer: int | None
    claim_minutes: int
    skus: tuple[str, ...]  # at least one, in order


class Known(msgspec.Struct, frozen=True):
    """What the catalogue says of that which plans name."""

    currencies: Mapping[str, str]  # by SKU
    prices: Mapping[str, int]  # by SKU, in minor units
    products: Mapping[str, tuple[str, ...]]  # the SKUs of a product, by its handle


def read_event(plan: EventPlan) -> EventTerms:
    """
    Raises:
        Invalid: Naming each field.
    """
    problems: list[FieldProblem] = []
    if not _SLUG.fullmatch(plan.slug):
        problems.append(FieldProblem("slug", "1 to 80 small letters, digits and hyphens, such as deal-days-2026."))
    _check_words(plan.name, "name", problems)
    if not _THEME.fullmatch(plan.theme):
        problems.append(FieldProblem("theme", "The name of a theme, such as plain."))
    zone = _zone(plan.time_zone, problems)
    opens, closes, members = (
        _moment(plan.opens_at, "opens_at", zone, problems),
        _moment(plan.closes_at, "closes_at", zone, problems),
        _moment_or_none(plan.members_from, "members_from", zone, problems),
    )
    if opens and closes and closes <= opens:
        problems.append(FieldProblem("closes_at", "It closes after it opens."))
    if opens and members and members > opens:
        problems.append(FieldProblem("members_from", "Members come before everybody or with them, not after."))
    if problems or opens is None or closes is None:
        raise invalid(problems)
    return EventTerms(plan.slug, plan.name.strip(), plan.theme, plan.time_zone, opens, closes, members)


def read_deal(plan: DealPlan, *, event: SaleEvent, known: Known) -> DealTerms:
    """
    Args:
        known: At least of every SKU and handle of the plan that exist.

    Raises:
        Invalid: Naming each field.
    """
    problems: list[FieldProblem] = []
    _check_words(plan.title, "title", problems)
    kind = _kind(plan.kind, problems)
    skus = _skus(plan, known, problems)
    _check_value(kind, plan.value, problems)
    if kind is Kind.AMOUNT and not problems:
        _check_amount(plan.value, skus, known, problems)
    window = _window(plan, event, problems)
    if plan.units is not None and not 1 <= plan.units <= UNITS_MAX:
        problems.append(
            FieldProblem("units", f"A whole number from 1 to {UNITS_MAX:,}; leave it out for as many as there are.")
        )
    if plan.per_customer is not None and not 1 <= plan.per_customer <= PER_CUSTOMER_MAX:
        problem = f"A whole number from 1 to {PER_CUSTOMER_MAX}; leave it out for no limit."
        problems.append(FieldProblem("per_customer", problem))
    if plan.claim_minutes not in CLAIM_MINUTES:
        problem = f"A whole number from {CLAIM_MINUTES[0]} to {CLAIM_MINUTES[-1]:,} minutes."
        problems.append(FieldProblem("claim_minutes", problem))
    if problems or kind is None or window is None:
        raise invalid(problems)
    begins, ends, members = window
    return DealTerms(
        title=plan.title.strip(), kind=kind, value=plan.value, currency=known.currencies[skus[0]], begins_at=begins,
        ends_at=ends, members_from=members, members_only=plan.members_only, stackable=plan.stackable, units=plan.units,
        per_customer=plan.per_customer, claim_minutes=plan.claim_minutes, skus=skus,
    )  # fmt: skip


def read_end(text: str, *, event: SaleEvent) -> datetime:
    """
    A later end of a deal of that event.

    Raises:
        Invalid: It is no time, or after the event closes.
    """
    problems: list[FieldProblem] = []
    ends = _moment(text, "ends_at", zone_named(event.time_zone), problems)
    if ends and ends > event.closes_at:
        problems.append(FieldProblem("ends_at", _WITHIN_EVENT))
    if ends is None or problems:
        raise invalid(problems)
    return ends


def plan_of_event(event: SaleEvent) -> EventPlan:
    """What somebody would write to plan this very event."""
    zone = zone_named(event.time_zone)
    return EventPlan(
        slug=event.slug, name=event.name, time_zone=event.time_zone, opens_at=written(event.opens_at, zone),
        closes_at=written(event.closes_at, zone),
        members_from=written(event.members_from, zone) if event.members_from else "", theme=event.theme,
    )  # fmt: skip


def plan_of_deal(deal: Deal, skus: tuple[str, ...], *, event: SaleEvent) -> DealPlan:
    """What somebody would write to plan this very deal."""
    zone = zone_named(event.time_zone)
    return DealPlan(
        title=deal.title, kind=deal.kind, value=deal.value, begins_at=written(deal.begins_at, zone),
        ends_at=written(deal.ends_at, zone), skus=skus,
        members_from=written(deal.members_from, zone) if deal.members_from else "", members_only=deal.members_only,
        stackable=deal.stackable, units=deal.units, per_customer=deal.per_customer, claim_minutes=deal.claim_minutes,
    )  # fmt: skip


def invalid(problems: list[FieldProblem]) -> Invalid:
    """The refusal that names them all."""
    return Invalid("invalid", " ".join(problem.problem for problem in problems), fields=problems)


# ---- fields


def _check_words(text: str, field: str, problems: list[FieldProblem]) -> None:
    if not 1 <= len(text.strip()) <= NAME_MAX or _CONTROL.search(text):
        problems.append(FieldProblem(field, f"What people read: 1 to {NAME_MAX} characters on one line."))


def _zone(name: str, problems: list[FieldProblem]) -> ZoneInfo | None:
    try:
        return zone_named(name)
    except ValueError as error:
        problems.append(FieldProblem("time_zone", str(error)))
        return None


def _moment(text: str, field: str, zone: ZoneInfo | None, problems: list[FieldProblem]) -> datetime | None:
    if zone is None:
        return None  # nothing can be said of a time in no zone: the zone is what is told
    try:
        return moment_of(text, zone)
    except ValueError as error:
        problems.append(FieldProblem(field, str(error)))
        return None


def _moment_or_none(text: str, field: str, zone: ZoneInfo | None, problems: list[FieldProblem]) -> datetime | None:
    return _moment(text, field, zone, problems) if text.strip() else None


def _kind(text: str, problems: list[FieldProblem]) -> Kind | None:
    try:
        return Kind(text)
    except ValueError:
        problems.append(FieldProblem("kind", f"One of {', '.join(Kind)}."))
        return None


def _check_value(kind: Kind | None, value: int, problems: list[FieldProblem]) -> None:
    if kind is Kind.PERCENT and not 0 < value < WHOLE:
        problems.append(FieldProblem("value", "More than 0 % and less than 100 %."))
    if kind in (Kind.AMOUNT, Kind.PRICE) and not 0 < value <= AMOUNT_MINOR_MAX:
        problems.append(FieldProblem("value", "An amount of more than nothing, and within reason."))


def _check_amount(value: int, skus: tuple[str, ...], known: Known, problems: list[FieldProblem]) -> None:
    """An amount is off the price of each SKU: nothing is given away by a slip."""
    gone = [sku for sku in skus if known.prices[sku] <= value]
    if gone:
        problems.append(FieldProblem("value", f"That is all it costs, or more: {_few(gone)}."))


def _skus(plan: DealPlan, known: Known, problems: list[FieldProblem]) -> tuple[str, ...]:
    before = len(problems)
    if unknown := [sku for sku in plan.skus if sku not in known.currencies]:
        problems.append(FieldProblem("skus", f"Not known: {_few(unknown)}."))
    if unknown := [handle for handle in plan.handles if handle not in known.products]:
        problems.append(FieldProblem("handles", f"No product of that name: {_few(unknown)}."))
    named = set(plan.skus).union(*(known.products.get(handle, ()) for handle in plan.handles))
    if not plan.skus and not plan.handles:
        problems.append(FieldProblem("skus", "At least one SKU, or a product by its handle."))
    elif len(named) > DEAL_SKUS_MAX:
        problems.append(FieldProblem("skus", f"At most {DEAL_SKUS_MAX:,} SKUs in one deal, its products' included."))
    skus = tuple(sorted(named))
    currencies = {known.currencies[sku] for sku in skus if sku in known.currencies}
    if len(currencies) > 1:
        problems.append(FieldProblem("skus", f"In one currency; these are in {' and '.join(sorted(currencies))}."))
    return skus if len(problems) == before else ()


def _window(
    plan: DealPlan, event: SaleEvent, problems: list[FieldProblem]
) -> tuple[datetime, datetime, datetime | None] | None:
    """Begin, end, and since when for members: within the event, and in that order."""
    before = len(problems)
    zone = zone_named(event.time_zone)
    begins = _moment(plan.begins_at, "begins_at", zone, problems)
    ends = _moment(plan.ends_at, "ends_at", zone, problems)
    members = _moment_or_none(plan.members_from, "members_from", zone, problems)
    first = event.members_from or event.opens_at
    if begins and ends and ends <= begins:
        problems.append(FieldProblem("ends_at", "It ends after it begins."))
    if begins and begins < (first if plan.members_only else event.opens_at):
        problems.append(FieldProblem("begins_at", "Not before its sale event opens."))
    if ends and ends > event.closes_at:
        problems.append(FieldProblem("ends_at", _WITHIN_EVENT))
    if begins and members and members > begins:
        problems.append(FieldProblem("members_from", "Members come before everybody or with them, not after."))
    if members and members < first:
        problems.append(FieldProblem("members_from", "Not before its sale event opens to members."))
    if begins is None or ends is None or len(problems) > before:
        return None
    return begins, ends, members


def _few(names: list[str]) -> str:
    more = len(names) - _NAMED_MAX
    shown = ", ".join(name[:120] for name in names[:_NAMED_MAX])
    return f"{shown} and {more:,} more" if more > 0 else shown
