"""
What staff do with sale events and deals: plan, change, pause, resume, end, add units, stop everything.

Each is recorded with who, when and why. Pressing twice does it once: by the form's key, or because the second press
finds it done. Every one of them holds its event's lock, so two people who plan in one event follow each other.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec

from evertill.deals.history import deal_of, lock_variants, note_prices
from evertill.deals.model import Deal, SaleEvent
from evertill.deals.plans import (
    DEAL_SKUS_MAX,
    PER_CUSTOMER_MAX,
    UNITS_MAX,
    DealPlan,
    DealTerms,
    EventPlan,
    EventTerms,
    Known,
    invalid,
    read_deal,
    read_end,
    read_event,
)
from evertill.idempotency import Key, recall, remember
from evertill.ids import id_at
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.staff import Actor, record_action
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__, "planning.sql")

EVENT_DEALS_MAX = 1_000
EVENT_SKUS_MAX = 10_000  # of all its deals together: what stopping it writes anew
_REASON_CHARACTERS = range(3, 301)

Answer = TypeVar("Answer")


class PlannedDeal(msgspec.Struct, frozen=True):
    """A deal and what it is on."""

    deal: Deal
    skus: tuple[str, ...]  # in order


# ---- events


async def plan_event(pool: Pool, plan: EventPlan, *, reason: str, key: Key, by: Actor, now: datetime) -> SaleEvent:
    """
    Make a sale event.

    Raises:
        Invalid: Naming each field; the slug is taken.
        Conflict: The key was used for something else.
    """
    terms = read_event(plan)
    check_reason(reason)
    try:
        async with pool.acquire() as connection, connection.transaction():
            known = await pressed(connection, key, SaleEvent)
            if known is not None:
                return known
            event = _event_of_terms(id_at(now), terms, version=1)
            await connection.execute(sql["make_event"], *_event_row(event), now)
            await remember(connection, key=key, answer=_encoded(event), now=now)
            await _record(connection, f"event:{event.id}", "plan_event", reason, {"slug": event.slug}, by, now)
            return event
    except asyncpg.UniqueViolationError as error:
        raise _slug_taken(terms.slug) from error


async def change_event(
    pool: Pool, plan: EventPlan, *, event_id: UUID, seen: int, reason: str, key: Key, by: Actor, now: datetime
) -> SaleEvent:
    """
    Write a sale event anew. Its deals keep their times, and must fit into it as it then is.

    Args:
        seen: The version the form showed: what somebody else changed meanwhile is not overwritten unseen.

    Raises:
        NotFound: There is no such event.
        Invalid: Naming each field; the slug is taken; a deal would stand out of it.
        Conflict: It is another version, or was stopped; the key was used for something else.
    """
    terms = read_event(plan)
    check_reason(reason)
    try:
        async with pool.acquire() as connection, connection.transaction():
            known = await pressed(connection, key, SaleEvent)
            if known is not None:
                return known
            before, _ = await lock_event(connection, event_id)
            _check_seen(before.version, seen, "sale event")
            check_running(before)
            await _check_span(connection, event_id, terms)
            after = _event_of_terms(event_id, terms, version=before.version + 1)
            await connection.execute(sql["change_event"], *_event_row(after))
            await remember(connection, key=key, answer=_encoded(after), now=now)
            await _record(connection, f"event:{event_id}", "change_event", reason, _changes(before, after), by, now)
            return after
    except asyncpg.UniqueViolationError as error:
        raise _slug_taken(terms.slug) from error


async def stop_event(pool: Pool, *, event_id: UUID, reason: str, by: Actor, now: datetime) -> SaleEvent:
    """
    The kill switch: from now on nothing of the event can be claimed, and every price is the list price. Claims that are
    held are honoured. The same again changes nothing.

    Raises:
        NotFound: There is no such event.
        Invalid: No reason was given.
    """
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        event, moment = await lock_event(connection, event_id)
        if event.ended_at is not None:
            return event
        skus = [row["sku"] for row in await connection.fetch(sql["skus_of_event"], event_id)]
        await lock_variants(connection, skus)
        await connection.execute(sql["stop_event"], event_id, moment)
        await note_prices(connection, skus)
        await _record(connection, f"event:{event_id}", "stop_event", reason, {"skus": len(skus)}, by, now)
        return msgspec.structs.replace(event, ended_at=moment, version=event.version + 1)


# ---- deals


async def plan_deal(
    pool: Pool, plan: DealPlan, *, event_id: UUID, reason: str, key: Key, by: Actor, now: datetime
) -> PlannedDeal:
    """
    Make a deal in a sale event.

    Raises:
        NotFound: There is no such event.
        Invalid: Naming each field.
        Conflict: The event was stopped or is full; the key was used for something else.
    """
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        known = await pressed(connection, key, PlannedDeal)
        if known is not None:
            return known
        planned = await write_deal(connection, plan, event_id=event_id, reason=reason, by=by, now=now)
        await remember(connection, key=key, answer=_encoded(planned), now=now)
        return planned


async def change_deal(
    pool: Pool, plan: DealPlan, *, deal_id: UUID, seen: int, reason: str, key: Key, by: Actor, now: datetime
) -> PlannedDeal:
    """
    Write a deal anew. What is claimed stays claimed, at the price it was claimed for.

    Args:
        seen: The version the form showed: what somebody else changed meanwhile is not overwritten unseen.

    Raises:
        NotFound: There is no such deal.
        Invalid: Naming each field.
        Conflict: It is another version, or is over; fewer units than are spoken for; the key was used for something
            else.
    """
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        known = await pressed(connection, key, PlannedDeal)
        if known is not None:
            return known
        after = await rewrite_deal(connection, plan, deal_id=deal_id, seen=seen, reason=reason, by=by, now=now)
        await remember(connection, key=key, answer=_encoded(after), now=now)
        return after


async def extend_deal(
    pool: Pool, *, deal_id: UUID, ends_at: str, seen: int, reason: str, by: Actor, now: datetime
) -> Deal:
    """
    Let a deal last longer; everything else of it stays. The same again changes nothing.

    Args:
        ends_at: Its new end, local to its event's zone.

        seen: The version the form showed.

    Raises:
        NotFound: There is no such deal.
        Invalid: It is no time, not later than its end now, or after its sale event closes.
        Conflict: It is another version, or is over.
    """
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        event, moment = await _lock_event_of(connection, deal_id)
        later = read_end(ends_at, event=event)
        deal, skus = await _lock_with_skus(connection, deal_id)
        if deal.ends_at == later:
            return deal
        _check_seen(deal.version, seen, "deal")
        _check_not_over(deal, moment)
        if later < deal.ends_at:
            raise wrong("ends_at", "Later than it ends now. To shorten a deal, change it; to end it now, end it.")
        await connection.execute(sql["set_end"], deal_id, later)
        await note_prices(connection, skus)
        facts = {"title": deal.title, "before": deal.ends_at, "after": later}
        await _record(connection, f"deal:{deal_id}", "extend_deal", reason, facts, by, now)
        return await _lock_deal(connection, deal_id)


async def pause_deal(pool: Pool, *, deal_id: UUID, reason: str, by: Actor, now: datetime) -> Deal:
    """
    Nothing of it can be claimed until it is resumed; what is claimed stays. The same again changes nothing.

    Raises:
        NotFound: There is no such deal.
        Invalid: No reason was given.
        Conflict: It is over.
    """
    return await _set_paused(pool, deal_id, paused=True, reason=reason, by=by, now=now)


async def resume_deal(
    pool: Pool, *, deal_id: UUID, reason: str, by: Actor, now: datetime, seen: int | None = None
) -> Deal:
    """
    Go on with a deal that was paused. Its end stays where it was. The same again changes nothing.

    Args:
        seen: The version the form showed, if it showed one: a deal that was changed while it was paused is not set
            going unseen. (The brakes ask for none: whoever pauses, ends or stops in a hurry is not sent back to look.)

    Raises:
        NotFound: There is no such deal.
        Invalid: No reason was given.
        Conflict: It is over, or another version.
    """
    return await _set_paused(pool, deal_id, paused=False, reason=reason, by=by, now=now, seen=seen)


async def _set_paused(
    pool: Pool, deal_id: UUID, *, paused: bool, reason: str, by: Actor, now: datetime, seen: int | None = None
) -> Deal:
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        deal, skus, moment = await _lock_all_of(connection, deal_id)
        if (deal.paused_at is not None) == paused:
            return deal
        if seen is not None:
            _check_seen(deal.version, seen, "deal")
        _check_not_over(deal, moment)
        await connection.execute(sql["set_paused"], deal_id, moment if paused else None)
        await note_prices(connection, skus)
        verb = "pause_deal" if paused else "resume_deal"
        await _record(connection, f"deal:{deal_id}", verb, reason, {"title": deal.title}, by, now)
        return await _lock_deal(connection, deal_id)


async def end_deal(pool: Pool, *, deal_id: UUID, reason: str, by: Actor, now: datetime) -> Deal:
    """
    End a deal for good, before its time. Claims that are held are honoured. The same again changes nothing.

    Raises:
        NotFound: There is no such deal.
        Invalid: No reason was given.
    """
    check_reason(reason)
    async with pool.acquire() as connection, connection.transaction():
        deal, skus, moment = await _lock_all_of(connection, deal_id)
        if deal.over(moment):
            return deal
        await connection.execute(sql["set_ended"], deal_id, moment)
        await note_prices(connection, skus)
        await _record(connection, f"deal:{deal_id}", "end_deal", reason, {"title": deal.title}, by, now)
        return await _lock_deal(connection, deal_id)


async def add_units(
    pool: Pool,
    *,
    deal_id: UUID,
    change: int,
    reason: str,
    key: Key,
    by: Actor,
    now: datetime,
    seen: int | None = None,
) -> Deal:
    """
    Put units into a limited deal, or take some out: never below what is claimed and sold.

    Args:
        change: More units above 0, fewer below it.

        seen: The version the form showed, if it showed one: two who add the same units add them once.

    Raises:
        NotFound: There is no such deal.
        Invalid: The change cannot be.
        Conflict: More is claimed and sold than would be left; it is not limited, or over, or another version; the key
            was used for something else.
    """
    check_reason(reason)
    if change == 0 or abs(change) > UNITS_MAX:
        raise wrong("change", f"A whole number from -{UNITS_MAX:,} to {UNITS_MAX:,}, not 0.")
    async with pool.acquire() as connection, connection.transaction():
        known = await pressed(connection, key, Deal)
        if known is not None:
            return known
        _, moment = await _lock_event_of(connection, deal_id)
        before = await _lock_deal(connection, deal_id)
        if seen is not None:
            _check_seen(before.version, seen, "deal")
        _check_not_over(before, moment)
        if before.units is None:
            raise Conflict("not_limited", "This deal has no units of its own: it is had as long as there is stock.")
        units = before.units + change
        if units > UNITS_MAX:
            raise wrong("change", f"A deal has at most {UNITS_MAX:,} units.")
        _check_units(before, units, field="change")
        await connection.execute(sql["set_units"], deal_id, units)
        after = await _lock_deal(connection, deal_id)
        await remember(connection, key=key, answer=_encoded(after), now=now)
        facts = {"change": change, "before": before.units, "after": units}
        await _record(connection, f"deal:{deal_id}", "add_units", reason, facts, by, now)
        return after


# ---- what is done within a transaction of somebody else: that of a verb, or one that only tries it (doubting.py)


async def write_deal(
    connection: Connection, plan: DealPlan, *, event_id: UUID, reason: str, by: Actor, now: datetime
) -> PlannedDeal:
    """plan_deal, but for key and reason."""
    event, _ = await lock_event(connection, event_id)
    check_running(event)
    terms = read_deal(plan, event=event, known=await known_of(connection, [plan]))
    [planned] = await write_deals(connection, event, [terms], reason=reason, by=by, now=now)
    return planned


async def rewrite_deal(
    connection: Connection, plan: DealPlan, *, deal_id: UUID, seen: int, reason: str, by: Actor, now: datetime
) -> PlannedDeal:
    """change_deal, but for key and reason."""
    event, moment = await _lock_event_of(connection, deal_id)
    check_running(event)
    terms = read_deal(plan, event=event, known=await known_of(connection, [plan]))
    had = await _skus_of(connection, deal_id)
    await _check_room(connection, event, deals=0, skus=len(terms.skus) - len(had))
    touched = {*had, *terms.skus}
    await lock_variants(connection, touched)
    before = await _lock_deal(connection, deal_id)
    _check_seen(before.version, seen, "deal")
    _check_not_over(before, moment)
    _check_change(before, terms, moment)
    await connection.execute(sql["change_deal"], deal_id, *_terms_row(terms))
    await connection.execute(sql["drop_skus"], deal_id, list(terms.skus))
    await connection.execute(sql["put_skus"], [deal_id] * len(terms.skus), list(terms.skus))
    await note_prices(connection, touched)
    after = PlannedDeal(await _lock_deal(connection, deal_id), terms.skus)
    facts = _changes(before, after.deal)
    if had != terms.skus:
        facts = {**facts, "skus": {"before": len(had), "after": len(terms.skus)}}
    await _record(connection, f"deal:{deal_id}", "change_deal", reason, facts, by, now)
    return after


async def pressed(connection: Connection, key: Key, kind: type[Answer]) -> Answer | None:
    """
    What was answered under this key before, None where it is the first press. A second press at the same moment waits.

    Raises:
        Conflict: The key was used for something else.
    """
    await connection.execute(sql["lock_key"], f"{key.scope} {key.name}")
    recorded = await recall(connection, key=key)
    return None if recorded is None else msgspec.json.decode(recorded.answer or "", type=kind)


async def lock_event(connection: Connection, event_id: UUID) -> tuple[SaleEvent, datetime]:
    """
    The event, locked, and the database's now.

    Raises:
        NotFound: There is no such event.
    """
    row = await connection.fetchrow(sql["lock_event"], event_id)
    if row is None:
        raise NotFound("not_found", "There is no such sale event.")
    return event_of(row), row["now"]


async def known_of(connection: Connection, plans: Iterable[DealPlan]) -> Known:
    """What the catalogue says of the SKUs and handles of those plans."""
    skus = {sku for plan in plans for sku in plan.skus[: DEAL_SKUS_MAX + 1]}
    handles = {handle for plan in plans for handle in plan.handles[: DEAL_SKUS_MAX + 1]}
    rows = await connection.fetch(
        sql["known_skus"], *([_storable(names) for names in (skus, handles)]), DEAL_SKUS_MAX + 1
    )
    products: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row["handle"] is not None:
            products[row["handle"]] = (*products.get(row["handle"], ()), row["sku"])
    return Known(
        currencies={row["sku"]: row["currency"] for row in rows},
        prices={row["sku"]: row["price_minor"] for row in rows},
        products=products,
    )


async def write_deals(
    connection: Connection,
    event: SaleEvent,
    deals: Sequence[DealTerms],
    *,
    reason: str,
    by: Actor,
    now: datetime,
) -> tuple[PlannedDeal, ...]:
    """
    Write deals into an event that is locked, with what they make of prices and who planned them.

    Raises:
        Conflict: The event is full.
    """
    await _check_room(connection, event, deals=len(deals), skus=sum(len(terms.skus) for terms in deals))
    skus = {sku for terms in deals for sku in terms.skus}
    await lock_variants(connection, skus)
    planned = tuple(_planned(id_at(now), event, terms) for terms in deals)
    columns = zip(
        *((each.deal.id, *_terms_row(terms)) for each, terms in zip(planned, deals, strict=True)), strict=True
    )
    await connection.execute(sql["make_deals"], now, event.id, *(list(column) for column in columns))
    pairs = [(each.deal.id, sku) for each in planned for sku in each.skus]
    await connection.execute(sql["put_skus"], [deal_id for deal_id, _ in pairs], [sku for _, sku in pairs])
    await note_prices(connection, skus)
    for each in planned:
        facts = {"event": event.slug, "title": each.deal.title, "skus": len(each.skus), "units": each.deal.units}
        await _record(connection, f"deal:{each.deal.id}", "plan_deal", reason, facts, by, now)
    return planned


def check_reason(reason: str) -> None:
    """
    Raises:
        Invalid: It says too little or too much.
    """
    if len(reason.strip()) not in _REASON_CHARACTERS or len(reason) > _REASON_CHARACTERS[-1] or "\0" in reason:
        raise wrong("reason", "Say why, in 3 to 300 characters.")


def check_running(event: SaleEvent) -> None:
    """
    Raises:
        Conflict: It was stopped.
    """
    if event.ended_at is not None:
        raise Conflict("event_stopped", "This sale event was stopped: nothing in it can be changed. Plan another.")


def wrong(field: str, problem: str) -> Invalid:
    """The refusal of one field."""
    return invalid([FieldProblem(field, problem)])


def event_of(row: asyncpg.Record) -> SaleEvent:
    """An event as the statements of this slice name its columns."""
    return SaleEvent(**{name: row[name] for name in SaleEvent.__struct_fields__})


# ---- locks


async def _lock_event_of(connection: Connection, deal_id: UUID) -> tuple[SaleEvent, datetime]:
    event_id = await connection.fetchval(sql["event_of_deal"], deal_id)
    if event_id is None:
        raise NotFound("not_found", "There is no such deal.")
    return await lock_event(connection, event_id)


async def _lock_all_of(connection: Connection, deal_id: UUID) -> tuple[Deal, tuple[str, ...], datetime]:
    """A deal with its SKUs, and the database's now; event, variants and deal are locked, in this order."""
    _, moment = await _lock_event_of(connection, deal_id)
    return *await _lock_with_skus(connection, deal_id), moment


async def _lock_with_skus(connection: Connection, deal_id: UUID) -> tuple[Deal, tuple[str, ...]]:
    """A deal whose event is locked, with its SKUs; their variants and the deal are locked."""
    skus = await _skus_of(connection, deal_id)
    await lock_variants(connection, skus)
    return await _lock_deal(connection, deal_id), skus


async def _lock_deal(connection: Connection, deal_id: UUID) -> Deal:
    row = await connection.fetchrow(sql["lock_deal"], deal_id)
    assert row is not None  # its event is locked, and nobody deletes deals
    return deal_of(row)


async def _skus_of(connection: Connection, deal_id: UUID) -> tuple[str, ...]:
    return tuple(row["sku"] for row in await connection.fetch(sql["skus_of_deal"], deal_id))


# ---- what cannot be


def _check_seen(version: int, seen: int, what: str) -> None:
    if version != seen:
        raise Conflict(
            "changed_meanwhile",
            f"Somebody has changed this {what} since you opened the page. Please look at it again.",
            facts={"version": version, "seen": seen},
        )


def _check_not_over(deal: Deal, moment: datetime) -> None:
    if deal.over(moment):
        raise Conflict("deal_over", "This deal is over: it cannot be changed. Plan another.")


def _check_change(before: Deal, terms: DealTerms, moment: datetime) -> None:
    if terms.ends_at <= moment:
        raise wrong("ends_at", "This time is past. To end the deal now, end it.")
    spoken_for = before.claimed + before.sold
    if spoken_for and (before.units is None) != (terms.units is None):
        raise wrong("units", f"{spoken_for:,} are claimed or sold: it stays limited or unlimited, as it is.")
    no_limit = PER_CUSTOMER_MAX + 1
    if spoken_for and (terms.per_customer or no_limit) < (before.per_customer or no_limit):
        # Some may have more already, and keep it: a limit that is not kept is none, and the audit would say so.
        raise wrong(
            "per_customer", f"{spoken_for:,} are claimed or sold: the limit can be raised or lifted, not lowered."
        )
    if terms.units is not None:
        _check_units(before, terms.units, field="units")


def _check_units(before: Deal, units: int, *, field: str) -> None:
    if units < max(1, before.claimed + before.sold):
        problem = (
            f"{before.claimed:,} are claimed and {before.sold:,} are sold: at least "
            f"{max(1, before.claimed + before.sold):,} must stay in it."
        )
        raise Conflict(
            "units_spoken_for",
            f"{problem} Nothing was changed.",
            fields=[FieldProblem(field, problem)],
            facts={"units": before.units, "claimed": before.claimed, "sold": before.sold},
        )


async def _check_span(connection: Connection, event_id: UUID, terms: EventTerms) -> None:
    """Its deals must fit into it."""
    row = await connection.fetchrow(sql["span_of_deals"], event_id)
    if row is None or not row["deals"]:
        return
    problems = []
    everybody_at = row["everybody_at"] or terms.opens_at
    if row["first_at"] < (terms.members_from or terms.opens_at) or everybody_at < terms.opens_at:
        problems.append(FieldProblem("opens_at", "A deal in it begins earlier: change that one first."))
    if row["last_at"] > terms.closes_at:
        problems.append(FieldProblem("closes_at", "A deal in it ends later: change that one first."))
    if problems:
        raise invalid(problems)


async def _check_room(connection: Connection, event: SaleEvent, *, deals: int, skus: int) -> None:
    row = await connection.fetchrow(sql["size_of_event"], event.id)
    assert row is not None
    if deals and row["deals"] + deals > EVENT_DEALS_MAX:
        raise Conflict("event_full", f"A sale event has at most {EVENT_DEALS_MAX:,} deals. Plan another event.")
    if skus > 0 and row["skus"] + skus > EVENT_SKUS_MAX:
        sentence = f"The deals of a sale event are on at most {EVENT_SKUS_MAX:,} SKUs together. Plan another event."
        raise Conflict("event_full", sentence)


def _slug_taken(slug: str) -> Invalid:
    return wrong("slug", f"There is a sale event at {slug} already: choose another.")


def _storable(names: Collection[str]) -> list[str]:
    """What may be a name at all: the others are not known, and PostgreSQL does not take them."""
    return [name for name in names if "\0" not in name and name.isprintable()]


# ---- rows and records


def _event_of_terms(event_id: UUID, terms: EventTerms, *, version: int) -> SaleEvent:
    return SaleEvent(
        id=event_id, slug=terms.slug, name=terms.name, theme=terms.theme, time_zone=terms.time_zone,
        opens_at=terms.opens_at, closes_at=terms.closes_at, members_from=terms.members_from, ended_at=None,
        version=version,
    )  # fmt: skip


def _event_row(event: SaleEvent) -> tuple[object, ...]:
    return (
        event.id, event.slug, event.name, event.theme, event.time_zone, event.opens_at, event.closes_at,
        event.members_from,
    )  # fmt: skip


def _planned(deal_id: UUID, event: SaleEvent, terms: DealTerms) -> PlannedDeal:
    deal = Deal(
        id=deal_id, event_id=event.id, title=terms.title, kind=terms.kind, value=terms.value, currency=terms.currency,
        begins_at=terms.begins_at, ends_at=terms.ends_at, members_from=terms.members_from,
        members_only=terms.members_only, stackable=terms.stackable, units=terms.units, claimed=0, sold=0,
        per_customer=terms.per_customer, claim_minutes=terms.claim_minutes, paused_at=None, ended_at=None, version=1,
    )  # fmt: skip
    return PlannedDeal(deal, terms.skus)


def _terms_row(terms: DealTerms) -> tuple[object, ...]:
    """In the order of the statements' columns."""
    return (
        terms.title, terms.kind, terms.value, terms.currency, terms.begins_at, terms.ends_at, terms.members_from,
        terms.members_only, terms.stackable, terms.units, terms.per_customer, terms.claim_minutes,
    )  # fmt: skip


def _encoded(answer: msgspec.Struct) -> str:
    return msgspec.json.encode(answer).decode()


def _changes(before: SaleEvent | Deal, after: SaleEvent | Deal) -> dict[str, object]:
    """What is another now, with what it was."""
    return {
        name: {"before": getattr(before, name), "after": getattr(after, name)}
        for name in before.__struct_fields__
        if name != "version" and getattr(before, name) != getattr(after, name)
    }


async def _record(
    connection: Connection,
    subject: str,
    verb: str,
    reason: str,
    facts: Mapping[str, object],
    by: Actor,
    now: datetime,
) -> None:
    staff_id, client_id = (by, None) if isinstance(by, UUID) else (None, by.client_id)
    await record_action(
        connection, staff_id=staff_id, client_id=client_id, verb=verb, subject=subject, reason=reason, facts=facts,
        now=now,
    )  # fmt: skip
