"""What a provider's answer means for an attempt, its order, its session and its units."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from evertill import stock
from evertill.checkout.model import SessionStatus
from evertill.checkout.records import encode
from evertill.codes.using import Uses
from evertill.deals.carrying import Carried
from evertill.ids import id_at
from evertill.money import Money
from evertill.orders.model import OrderState
from evertill.payments.model import HOLD_EXPIRED, AttemptState, Done, Ending, Failed
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

_FOR_GOOD = (HOLD_EXPIRED, "voided")  # nobody stands there with another card


class Settling(msgspec.Struct, frozen=True):
    """The provider has answered for this attempt."""

    attempt_id: UUID
    ending: Ending
    now: datetime
    look_again_at: datetime  # where the ending is unknown


class Settled(msgspec.Struct, frozen=True):
    """How an order stands after its attempt ended; `now` tells whether this very call ended it."""

    order_id: UUID
    state: OrderState
    reason: str | None
    ended_now: bool


class AttemptLocked(msgspec.Struct, frozen=True):
    """A payment attempt that is locked, with what its order holds."""

    id: UUID
    order_id: UUID
    state: AttemptState
    order_state: OrderState
    order_reason: str | None
    session_id: UUID
    number: str
    email: str
    total: Money
    units: tuple[tuple[str, int], ...]
    claims: tuple[UUID, ...]  # that it took over
    code: str | None  # that took something off


class Settlement(msgspec.Struct, frozen=True):
    """What will be written for one attempt that ended, or is now known to be unknown."""

    attempt: AttemptLocked
    ask: Settling
    attempt_state: AttemptState
    order_state: OrderState
    reason: str | None
    reference: str | None


class LateYes(msgspec.Struct, frozen=True):
    """The provider reserved the money for an order that had been given up: it is to be let go."""

    attempt_id: UUID
    reference: str
    now: datetime


def settle_all(
    settlings: Sequence[tuple[int, Settling]],
    attempts: Mapping[UUID, AttemptLocked],
    moves: stock.Moves,
    carried: Carried | None,
    codes: Uses | None,
) -> tuple[list[Settlement], list[LateYes], dict[int, Settled]]:
    """
    Decide what each ending means: units sold or released, the order confirmed, declined or held. Its claims are bought,
    or held again for a while; where the order was given up, they are released. Its code is used, or to be had again.

    An attempt that has ended before keeps its first ending; a yes that comes after a no is only to be let go.
    """
    endings: dict[UUID, Settlement] = {}
    late: dict[UUID, LateYes] = {}
    answers: dict[int, Settled] = {}
    for position, ask in settlings:
        attempt = attempts[ask.attempt_id]
        ended = endings[attempt.id].attempt_state if attempt.id in endings else attempt.state
        if ended is AttemptState.DECLINED and isinstance(ask.ending, Done):
            late[attempt.id] = LateYes(attempt.id, ask.ending.reference, ask.now)
        if attempt.id in endings:
            first = endings[attempt.id]
            answers[position] = Settled(attempt.order_id, first.order_state, first.reason, ended_now=False)
        elif attempt.state not in (AttemptState.RECORDED, AttemptState.UNKNOWN):
            answers[position] = Settled(attempt.order_id, attempt.order_state, attempt.order_reason, ended_now=False)
        else:
            settlement = _settlement(attempt, ask)
            endings[attempt.id] = settlement
            if settlement.order_state is OrderState.CONFIRMED:
                moves.sell(attempt.units)
                if carried is not None:
                    carried.buy(attempt.claims)
            elif settlement.order_state is OrderState.DECLINED:
                moves.release(attempt.units)
                if carried is not None:
                    moves.claim(carried.decline(attempt.claims, for_good=settlement.reason in _FOR_GOOD))
            if attempt.code is not None and settlement.order_state is not OrderState.HELD:
                assert codes is not None  # it is locked with the attempt
                codes.end(attempt.order_id, used=settlement.order_state is OrderState.CONFIRMED)
            answers[position] = Settled(attempt.order_id, settlement.order_state, settlement.reason, ended_now=True)
    return list(endings.values()), list(late.values()), answers


def _settlement(attempt: AttemptLocked, ask: Settling) -> Settlement:
    match ask.ending:
        case Done(reference=reference):
            return Settlement(attempt, ask, AttemptState.AUTHORISED, OrderState.CONFIRMED, None, reference)
        case Failed(reason=reason):
            return Settlement(attempt, ask, AttemptState.DECLINED, OrderState.DECLINED, reason, None)
        case unknown:
            return Settlement(attempt, ask, AttemptState.UNKNOWN, OrderState.HELD, unknown.reason, None)


async def lock_attempts(connection: Connection, settlings: Sequence[tuple[int, Settling]]) -> dict[UUID, AttemptLocked]:
    if not settlings:
        return {}
    rows = await connection.fetch(sql["lock_attempts"], [ask.attempt_id for _, ask in settlings])
    return {
        row["id"]: AttemptLocked(
            id=row["id"],
            order_id=row["order_id"],
            state=AttemptState(row["state"]),
            order_state=OrderState(row["order_state"]),
            order_reason=row["state_reason"],
            session_id=row["session_id"],
            number=row["number"],
            email=row["email"],
            total=Money(row["currency"], row["total_minor"]),
            units=tuple(zip(row["skus"], row["quantities"], strict=True)),
            claims=tuple(row["claims"]),
            code=row["code"],
        )
        for row in rows
    }


_SESSION_AFTER = {OrderState.CONFIRMED: SessionStatus.COMPLETED, OrderState.DECLINED: SessionStatus.READY}
_TOLD = {OrderState.CONFIRMED: "order_confirmed", OrderState.HELD: "order_held"}


async def write_endings(connection: Connection, endings: Sequence[Settlement]) -> None:
    if not endings:
        return
    told = [
        ending
        for ending in endings
        if ending.attempt.email
        and (kind := _told(ending)) is not None
        and (kind != "order_held" or ending.attempt.state is AttemptState.RECORDED)  # held is told once
    ]
    over = [ending for ending in endings if ending.order_state in _SESSION_AFTER]
    await connection.execute(
        sql["settle_orders"],
        [ending.attempt.id for ending in endings],
        [ending.attempt_state for ending in endings],
        [ending.reason for ending in endings],
        [ending.reference for ending in endings],
        [ending.ask.now for ending in endings],
        [ending.ask.look_again_at if ending.order_state is OrderState.HELD else None for ending in endings],
        [ending.attempt.order_id for ending in endings],
        [ending.order_state for ending in endings],
        [None if ending.order_state is OrderState.HELD else ending.ask.now for ending in endings],
        [id_at(ending.ask.now) for ending in told],
        [_told(ending) for ending in told],
        [ending.attempt.email for ending in told],
        [encode({"order_id": str(ending.attempt.order_id)}) for ending in told],
        [ending.ask.now for ending in told],
        [ending.attempt.session_id for ending in over],
        [_SESSION_AFTER[ending.order_state] for ending in over],
        [ending.attempt.order_id if ending.order_state is OrderState.CONFIRMED else None for ending in over],
        [ending.ask.now for ending in over],
    )


async def write_late(connection: Connection, late: Sequence[LateYes]) -> None:
    """After the endings: what was reserved in vain is the finisher's, who lets it go."""
    if not late:
        return
    log.warning("reserved_too_late attempts=%s", [str(yes.attempt_id) for yes in late])
    await connection.execute(
        sql["reserved_too_late"],
        [yes.attempt_id for yes in late],
        [yes.reference for yes in late],
        [yes.now for yes in late],
    )


def _told(ending: Settlement) -> str | None:
    """Which letter an ending calls for. A decline on the spot is told on the page; a late one by letter."""
    if ending.order_state is OrderState.DECLINED and ending.attempt.state is AttemptState.UNKNOWN:
        return "order_declined"
    return _TOLD.get(ending.order_state)
