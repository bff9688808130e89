"""
Give rain checks for a deal, look at what that would come to, and withdraw those that are open.

    choose who (no lock) ──► lock stock ─► lock deal ─► read the clock ─► who has something already? ─► share_out
                                                                                                          │
                                  commit ◄── letters ◄── move stock ◄── write grant and rain checks ◄─────┘

The one way in for staff and for whatever notices an outage by itself: that one has no staff_id. Of a claim that
somebody makes meanwhile none is missed: claims of a deal are made under its lock, and who has one is asked after it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from evertill import stock
from evertill.catalog.model import OfferOfProduct
from evertill.catalog.shelves import offers_by_sku
from evertill.clock import Clock
from evertill.deals.claiming import lock_deals, lock_shelves
from evertill.deals.granting import Offer, written
from evertill.deals.planning import check_reason, pressed
from evertill.deals.pricing import deal_price, reduction_begins
from evertill.deals.reading import deal_by_id
from evertill.idempotency import Key, remember
from evertill.ids import floor_id, id_at
from evertill.rainchecks.model import (
    DAYS,
    EACH,
    PEOPLE_MAX,
    UNITS_MAX,
    Asked,
    Chosen,
    Given,
    Who,
    of_customer,
    share_out,
)
from evertill.refusals import Conflict, FieldProblem, Invalid, NotFound
from evertill.staff import record_action
from evertill.storage import Connection, Pool, Statements

sql = Statements.of(__package__)

_GUESTS_LOOKED_BACK = timedelta(days=2)  # for the e-mail that a browser gave at a checkout
_SKUS_MAX = 1_000
_UNKNOWN_SHOWN = 20


class Meant(msgspec.Struct, frozen=True):
    """Who is meant, before anything is locked."""

    asked: tuple[Asked, ...]
    more: bool
    unknown: tuple[str, ...]


async def foresee(pool: Pool, chosen: Chosen) -> Given:
    """
    What a grant would come to at this moment. Nothing is given, and nobody has to wait.

    Raises:
        Invalid, NotFound, Conflict: As grant.
    """
    skus = await _skus_of(pool, chosen)
    meant = await _meant(pool, chosen, skus)
    free = {sku: offer.free_units for sku, offer in (await offers_by_sku(pool, skus)).items() if offer.on_sale}
    async with pool.acquire("rainchecks.foresee") as connection:
        asked = await _without_any(connection, chosen, meant.asked)
    return _given(meant, asked, share_out(asked, units=chosen.units, free=free))


async def grant(
    pool: Pool,
    chosen: Chosen,
    *,
    reason: str,
    key: Key,
    staff_id: UUID | None,
    now: datetime,
    clock: Clock | None = None,
) -> Given:
    """
    Give the deal's price to those whom an outage cost it, for some days: first come, first served, within the units set
    aside and what is free. Whoever has an open rain check for the same thing gets no second one. Whose e-mail is known
    is written to. Pressing twice gives once.

    Args:
        staff_id: None: the system itself noticed the outage.

        clock: Instead of the database's, for tests.

    Raises:
        Invalid: Naming each field.
        NotFound: There is no such deal.
        Conflict: It has not begun; there is nobody to give to, or no units; the key was used for something else.
    """
    check_reason(reason)
    skus = await _skus_of(pool, chosen)
    meant = await _meant(pool, chosen, skus)
    offers = await offers_by_sku(pool, skus)
    async with pool.acquire("rainchecks.grant") as connection, connection.transaction():
        known = await pressed(connection, key, Given)
        if known is not None:
            return known
        shelves = await lock_shelves(connection, skus)
        locked, moment = await lock_deals(connection, [chosen.deal_id], clock)
        offer = locked[chosen.deal_id]
        asked = await _without_any(connection, chosen, meant.asked)
        getting = share_out(
            asked, units=chosen.units, free={sku: shelf.free for sku, shelf in shelves.items() if shelf.on_sale}
        )
        if not getting:
            raise _nobody(asked)
        prices = {
            sku: deal_price(shelf.list_minor, kind=offer.deal.kind, value=offer.deal.value)
            for sku, shelf in shelves.items()
        }
        grant_id, ends_at = id_at(moment), moment + timedelta(days=chosen.days)
        given = msgspec.structs.replace(_given(meant, asked, getting), grant_id=grant_id)
        await connection.execute(
            sql["make_grant"], grant_id, chosen.deal_id, chosen.units, given.units, moment, ends_at, staff_id,
            reason.strip(),
        )  # fmt: skip
        await connection.execute(
            sql["make_rain_checks"], grant_id, chosen.deal_id, moment, ends_at,
            [id_at(moment) for _ in getting], [each.sku for each in getting], [each.quantity for each in getting],
            [prices[each.sku] for each in getting], [each.holder for each in getting],
            [each.customer_id for each in getting],
        )  # fmt: skip
        moves = stock.Moves()
        moves.claim([(each.sku, each.quantity) for each in getting])
        await stock.move_stock(connection, moves)
        await _write_letters(connection, getting, offers, prices, offer, ends_at, now=now)
        await remember(connection, key=key, answer=msgspec.json.encode(given).decode(), now=now)
        facts = {
            "grant": str(grant_id), "who": chosen.who, "set aside": chosen.units, "rain checks": given.given,
            "units": given.units, "until": ends_at,
        }  # fmt: skip
        await record_action(
            connection, staff_id=staff_id, verb="grant_rain_checks", subject=f"deal:{chosen.deal_id}",
            reason=reason.strip(), facts=facts, now=now,
        )  # fmt: skip
    return given


async def withdraw(
    pool: Pool, *, grant_id: UUID, reason: str, staff_id: UUID | None, now: datetime, clock: Clock | None = None
) -> int:
    """
    Take back the open rain checks of a grant; what was ordered or redeemed stays. Twice changes nothing.

    Returns:
        How many units are free again.

    Raises:
        Invalid: No reason was given.
        NotFound: There is no such grant.
    """
    check_reason(reason)
    async with pool.acquire("rainchecks.withdraw") as connection, connection.transaction():
        found = await connection.fetchrow(sql["grant_skus"], grant_id)
        if found is None:
            raise NotFound("no_such_grant", "There are no such rain checks.")
        await lock_shelves(connection, found["skus"])
        _, moment = await lock_deals(connection, [found["deal_id"]], clock)
        released = await connection.fetch(sql["withdraw"], grant_id, moment)
        units: int = sum(row["units"] for row in released)
        if units:
            moves = stock.Moves()
            moves.release([(row["sku"], row["units"]) for row in released])
            await stock.move_stock(connection, moves)
            await record_action(
                connection, staff_id=staff_id, verb="withdraw_rain_checks", subject=f"deal:{found['deal_id']}",
                reason=reason.strip(), facts={"grant": str(grant_id), "units": units}, now=now,
            )  # fmt: skip
    return units


# ---- who


async def _skus_of(pool: Pool, chosen: Chosen) -> list[str]:
    """Of what rain checks are to be, in order; and whether what was chosen can be at all."""
    seen = await deal_by_id(pool, chosen.deal_id)
    if seen is None:
        raise NotFound("not_found", "There is no such deal.")
    planned = seen.deals[0]
    problems = _problems(chosen, planned.skus)
    if problems:
        raise Invalid("invalid", " ".join(each.problem for each in problems), fields=problems)
    if seen.moment < reduction_begins(planned.deal):
        raise Conflict("deal_not_begun", "This deal has not begun: nobody can have missed it.")
    return [chosen.sku] if chosen.sku else list(planned.skus[:_SKUS_MAX])


def _problems(chosen: Chosen, skus: Sequence[str]) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if not 1 <= chosen.units <= UNITS_MAX:
        problems.append(FieldProblem("units", f"Units set aside: a whole number from 1 to {UNITS_MAX:,}."))
    if chosen.days not in DAYS:
        problems.append(FieldProblem("days", f"A whole number of days from {DAYS[0]} to {DAYS[-1]}."))
    if chosen.sku and chosen.sku not in skus:
        problems.append(FieldProblem("sku", "One of the deal's SKUs."))
    match chosen.who:
        case Who.LOST if chosen.since is None or chosen.until is None or chosen.until <= chosen.since:
            problems.append(FieldProblem("until", "A period: from when to when, the second later than the first."))
        case Who.NAMED:
            if not 1 <= len(chosen.emails) <= PEOPLE_MAX:
                problems.append(FieldProblem("emails", f"E-mails of customers, one a line, 1 to {PEOPLE_MAX:,}."))
            if chosen.each not in EACH:
                problems.append(FieldProblem("each", f"A whole number from {EACH[0]} to {EACH[-1]}."))
            if not chosen.sku and len(skus) != 1:
                problems.append(FieldProblem("sku", "Please choose the SKU they may have."))
    return problems


async def _meant(pool: Pool, chosen: Chosen, skus: Sequence[str]) -> Meant:
    """Everybody the choice means, in the order in which they come, and where to write to them."""
    many = PEOPLE_MAX + 1  # so that one more is seen
    unknown: list[str] = []
    match chosen.who:
        case Who.LOST:
            rows = await pool.fetch(sql["lost"], chosen.deal_id, skus, chosen.since, chosen.until, many)
            asked = [_asked(row["sku"], row["quantity"], row["holder"], row["customer_id"]) for row in rows]
        case Who.CARTS:
            rows = await pool.fetch(sql["carts"], skus, many)
            asked = [_asked(row["sku"], row["quantity"], row["holder"], row["customer_id"]) for row in rows]
        case Who.NAMED:
            folded = list(dict.fromkeys(email.strip().lower() for email in chosen.emails))
            rows = await pool.fetch(sql["named"], folded)
            unknown = [row["email"] for row in rows if row["id"] is None]
            asked = [_asked(skus[0], chosen.each, "", row["id"]) for row in rows if row["id"] is not None]
    meant = asked[:PEOPLE_MAX]
    emails = await _emails(pool, meant)
    return Meant(
        tuple(msgspec.structs.replace(each, email=emails.get(each.holder, "")) for each in meant),
        more=len(asked) > PEOPLE_MAX,
        unknown=tuple(unknown[:_UNKNOWN_SHOWN]),
    )


def _asked(sku: str, quantity: int, holder: str, customer_id: UUID | None) -> Asked:
    return Asked(sku, quantity, of_customer(customer_id) if customer_id is not None else holder, customer_id)


async def _emails(pool: Pool, meant: Sequence[Asked]) -> dict[str, str]:
    """By whose they are; of guests what they gave at a checkout of late."""
    customers = list({each.customer_id for each in meant if each.customer_id is not None})
    guests = list({each.holder for each in meant if each.customer_id is None})
    found: dict[str, str] = {}
    if customers:
        rows = await pool.fetch(sql["emails"], customers)
        found |= {of_customer(UUID(row["whose"])): row["email"] for row in rows}
    if guests:
        moment = await pool.fetchval("SELECT clock_timestamp()")
        rows = await pool.fetch(sql["emails_of_guests"], guests, floor_id(moment - _GUESTS_LOOKED_BACK))
        found |= {row["whose"]: row["email"] for row in rows}
    return found


async def _without_any(connection: Connection, chosen: Chosen, asked: Sequence[Asked]) -> list[Asked]:
    """
    Those who have nothing of the deal: no open rain check, and no claim, unless they were named. A claim is what
    somebody could have after all.
    """
    rows = await connection.fetch(
        sql["have"], chosen.deal_id, [each.sku for each in asked], [each.holder for each in asked],
        [each.customer_id for each in asked],
    )  # fmt: skip
    have = {
        (row["sku"], row["holder"])
        for row in rows
        if row["rain_check"] or (row["claim"] and chosen.who is not Who.NAMED)
    }
    return [each for each in asked if (each.sku, each.holder) not in have]


def _given(meant: Meant, asked: Sequence[Asked], getting: Sequence[Asked]) -> Given:
    return Given(
        people=len(asked),
        wanted=sum(each.quantity for each in asked),
        given=len(getting),
        units=sum(each.quantity for each in getting),
        told=sum(1 for each in getting if each.email),
        more=meant.more,
        unknown=meant.unknown,
    )


def _nobody(asked: Sequence[Asked]) -> Conflict:
    if asked:
        return Conflict("no_units", "Nothing was given: no rain check fits into the units set aside and what is free.")
    return Conflict("nobody_meant", "There is nobody to give one to: all of them have a claim or a rain check.")


# ---- letters


async def _write_letters(
    connection: Connection,
    getting: Sequence[Asked],
    offers: Mapping[str, OfferOfProduct],
    prices: Mapping[str, int],
    offer: Offer,
    ends_at: datetime,
    *,
    now: datetime,
) -> None:
    told = [each for each in getting if each.email]
    if not told:
        return
    until = written(ends_at, offer.time_zone)
    facts = [
        {
            "title": offers[each.sku].name, "quantity": each.quantity, "price_minor": prices[each.sku],
            "currency": offer.deal.currency, "until": until, "where": "cart" if each.customer_id is None else "account",
        }
        for each in told
    ]  # fmt: skip
    await connection.execute(
        sql["write_letters"], now, [id_at(now) for _ in told], [each.email for each in told],
        [msgspec.json.encode(each).decode() for each in facts],
    )  # fmt: skip
