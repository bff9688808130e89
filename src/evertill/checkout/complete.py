"""
Press "pay": the one verb by which a session becomes an order, for pages and API alike.

    1. the till takes the order: units claimed, order and attempt written      (durable)
    2. the provider is asked, under a deadline, outside everything
    3. the till writes what came of it: confirmed, declined, or held            (durable)

Whatever dies between two steps, the record says what to ask and whom: payments/reconcile.py goes on there.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from evertill.checkout.model import Completion, Session, SessionStatus
from evertill.checkout.placing import Followed, NotPlaced, Placed, Placing
from evertill.checkout.records import session_of
from evertill.checkout.settling import Settling
from evertill.checkout.till import Till
from evertill.clock import Clock
from evertill.orders.model import OrderState
from evertill.payments.calls import authorise_within
from evertill.payments.model import Provider
from evertill.refusals import FieldProblem, Invalid, Unavailable
from evertill.resilience import PAYMENT, outside
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

# How long a repeat waits for its first run, looking this often.
_TWIN_SECONDS_MAX = PAYMENT.deadline.total_seconds() + 2
_TWIN_LOOK_SECONDS = 0.05
_ONLY_DIGITS = re.compile(r"[\d\W_]{12,}")  # however they are set apart, in whatever script
_DIGITS = re.compile(r"\d+")
_CARD_DIGITS = range(14, 20)
_CARD_NUMBER = re.compile(r"(?<!\w)\d(?:[ .-]?\d){13,18}(?!\w)|(?<=_)\d{14,19}(?!\w)")


@dataclass(frozen=True, slots=True)
class Checkout:
    """What completing a session needs, and the completions under way in this worker."""

    till: Till
    provider: Provider
    pool: Pool
    clock: Clock
    under_way: set["asyncio.Task[Completion | NotPlaced]"] = field(default_factory=set)

    async def complete(self, ask: Placing) -> Completion | NotPlaced:
        """
        Turn a session into an order and ask for its payment.

        It is carried out to its end even if whoever asked goes away.

        Returns:
            How the order stands (confirmed, declined, held), or why none was taken.

        Raises:
            NotFound, Conflict, Invalid, Unavailable: See Till.place.
        """
        check_method(ask.method)
        task = asyncio.create_task(self._complete(ask))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for every completion under way."""
        while self.under_way:
            await asyncio.wait(set(self.under_way))

    async def _complete(self, ask: Placing) -> Completion | NotPlaced:
        answer = await self.till.place(ask)
        match answer:
            case NotPlaced():
                return answer
            case Followed(order_id=order_id):
                return await self._follow(order_id)
            case Placed():
                return await self._pay(answer)

    async def _pay(self, placed: Placed) -> Completion:
        with outside():
            seconds = PAYMENT.deadline.total_seconds()
            ending = await authorise_within(self.provider, placed.authorisation, seconds=seconds)
        now = self.clock()
        settled = await self.till.settle(
            Settling(placed.authorisation.attempt_id, ending, now, look_again_at=now + PAYMENT.first_retry)
        )
        return Completion(
            session=_session_after(placed.session, settled.state, now),
            order_id=placed.order_id,
            order_number=placed.authorisation.order_number,
            state=settled.state,
            reason=settled.reason,
            total_minor=placed.authorisation.amount.minor,
            currency=placed.authorisation.amount.currency,
        )

    async def _follow(self, order_id: UUID) -> Completion:
        """How an order taken before stands; waits for the run that took it, within bounds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _TWIN_SECONDS_MAX
        while True:
            row = await self.pool.fetchrow(sql["follow_order"], order_id)
            if row is None:
                raise Unavailable("order_unreadable", "The order cannot be read at this moment. Please try again.")
            if row["order_state"] != OrderState.PENDING or loop.time() >= deadline:
                return Completion(
                    session=session_of(row),
                    order_id=order_id,
                    order_number=row["number"],
                    state=row["order_state"],
                    reason=row["state_reason"],
                    total_minor=row["total_minor"],
                    currency=row["currency"],
                )
            await asyncio.sleep(_TWIN_LOOK_SECONDS)


def check_method(method: str) -> None:
    """
    A payment method is a provider's token, never a card number.

    Raises:
        Invalid: It is empty, too long, or looks like a card number (which is then neither kept nor logged).
    """
    problem = None
    if not 1 <= len(method) <= 255 or not method.isprintable():
        problem = "A payment token of 1 to 255 characters."
    elif _looks_like_card_number(method):
        problem = "This looks like a card number. Send the payment provider's token instead; it was not kept."
    if problem:
        raise Invalid("payment_invalid", problem, fields=[FieldProblem("payment", problem)])


def _looks_like_card_number(method: str) -> bool:
    """Digits and nothing else to speak of, or with a card number among other text: its last digit checks the others."""
    if _ONLY_DIGITS.fullmatch(method):
        return True
    for found in _CARD_NUMBER.finditer(method):
        groups = _DIGITS.findall(found[0])  # 4242 4242 4242 4242 12/29: the date behind it is not part of it
        if any(_luhn([int(digit) for digit in "".join(groups[:many])]) for many in range(1, len(groups) + 1)):
            return True
    return False


def _luhn(digits: Sequence[int]) -> bool:
    """Source: ISO/IEC 7812-1, annex B."""
    doubled = [2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[-2::-2]]
    return len(digits) in _CARD_DIGITS and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _session_after(session: Session, state: OrderState, now: datetime) -> Session:
    """The session as the till has just written it for an order that came to that."""
    match state:
        case OrderState.CONFIRMED:
            status, order_id = SessionStatus.COMPLETED, session.order_id
        case OrderState.DECLINED:
            status, order_id = SessionStatus.READY, None
        case _:
            return session
    return msgspec.structs.replace(
        session, status=status, order_id=order_id, version=session.version + 1, updated_at=now
    )
