"""What the forms of sale events and deals say, as plans; and plans as those forms show them."""

from collections.abc import Mapping

from evertill.deals.importing import parse_value
from evertill.deals.model import Kind
from evertill.deals.plans import CLAIM_MINUTES, CLAIM_MINUTES_USUAL, DealPlan, EventPlan
from evertill.money import to_major
from evertill.refusals import FieldProblem, Invalid

_NUMBER_DIGITS = 9


def event_plan(form: Mapping[str, str]) -> EventPlan:
    """A sale event as the form says it. What is wrong with it says plans.py: read_event."""
    return EventPlan(
        slug=form.get("slug", ""),
        name=form.get("name", ""),
        time_zone=form.get("time_zone", ""),
        opens_at=form.get("opens_at", ""),
        closes_at=form.get("closes_at", ""),
        members_from=form.get("members_from", ""),
        theme=form.get("theme", ""),
    )


def deal_plan(form: Mapping[str, str], *, currency: str) -> DealPlan:
    """
    A deal as the form says it.

    Raises:
        Invalid: Naming each field that cannot be read; the rest says plans.py: read_deal.
    """
    problems: list[FieldProblem] = []
    kind = form.get("kind", "")
    if kind not in set(Kind):
        problems.append(FieldProblem("kind", "Please choose one."))
    value = 0
    try:
        value = parse_value(form.get("value", ""), Kind(kind) if kind in set(Kind) else Kind.PERCENT, currency)
    except ValueError as error:
        problems.append(FieldProblem("value", str(error)))
    units = _whole(form, "units", problems)
    per_customer = _whole(form, "per_customer", problems)
    claim_minutes = _whole(form, "claim_minutes", problems)
    if problems:
        raise Invalid("invalid", " ".join(each.problem for each in problems), fields=problems)
    return DealPlan(
        title=form.get("title", ""),
        kind=kind,
        value=value,
        begins_at=form.get("begins_at", ""),
        ends_at=form.get("ends_at", ""),
        skus=_names(form.get("skus", "")),
        handles=_names(form.get("handles", "")),
        members_from=form.get("members_from", ""),
        members_only="members_only" in form,
        stackable="stackable" in form,
        units=units,
        per_customer=per_customer,
        claim_minutes=CLAIM_MINUTES_USUAL if claim_minutes is None else claim_minutes,
    )


def event_fields(plan: EventPlan) -> dict[str, str]:
    """The form that says this plan."""
    return {
        "slug": plan.slug, "name": plan.name, "time_zone": plan.time_zone, "opens_at": plan.opens_at,
        "closes_at": plan.closes_at, "members_from": plan.members_from, "theme": plan.theme,
    }  # fmt: skip


def deal_fields(plan: DealPlan, *, currency: str) -> dict[str, str]:
    """The form that says this plan. A box that is not ticked is not in it."""
    return {
        "title": plan.title, "kind": plan.kind, "value": value_text(Kind(plan.kind), plan.value, currency),
        "begins_at": plan.begins_at, "ends_at": plan.ends_at, "skus": "\n".join(plan.skus),
        "handles": "\n".join(plan.handles), "members_from": plan.members_from,
        **({"members_only": "1"} if plan.members_only else {}), **({"stackable": "1"} if plan.stackable else {}),
        "units": _or_blank(plan.units), "per_customer": _or_blank(plan.per_customer),
        "claim_minutes": str(plan.claim_minutes),
    }  # fmt: skip


def value_text(kind: Kind, value: int, currency: str) -> str:
    """A deal's value as people write it: 12.5 for hundredths of a percent, 4.99 for an amount."""
    if kind is not Kind.PERCENT:
        return str(to_major(value, currency))
    return f"{value / 100:.2f}".rstrip("0").rstrip(".")


def whole_number(typed: str) -> int | None:
    """A number as people write it, with or without a sign and separators; None: it is none."""
    plain = typed.replace("−", "-").replace(" ", "").replace(",", "")
    digits = plain[1:] if plain[:1] in ("+", "-") else plain
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _NUMBER_DIGITS):
        return None
    return int(plain)


def _whole(form: Mapping[str, str], field: str, problems: list[FieldProblem]) -> int | None:
    typed = form.get(field, "")
    if not typed:
        return None
    number = whole_number(typed)
    if number is None:
        told = {
            "claim_minutes": f"A whole number from {CLAIM_MINUTES[0]} to {CLAIM_MINUTES[-1]:,} minutes.",
            "units": "A whole number; leave it empty for as many as there are.",
        }
        problems.append(FieldProblem(field, told.get(field, "A whole number; leave it empty for no limit.")))
    return number


def _names(typed: str) -> tuple[str, ...]:
    """One a line, or with commas or semicolons between them; each once."""
    lines = typed.replace(",", "\n").replace(";", "\n").splitlines()
    return tuple(dict.fromkeys(name for line in lines if (name := line.strip())))


def _or_blank(number: int | None) -> str:
    return "" if number is None else str(number)
