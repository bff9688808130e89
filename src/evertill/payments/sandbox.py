"""
The sandbox provider: behaves as its tokens say, and keeps its own ledger as a real one would.

    tok_approve                       reserves the money
    tok_decline_insufficient_funds    and others in DECLINES: a definite no
    tok_slow                          reserves, after three seconds
    tok_timeout_before                does not answer; the money is not reserved until asked again
    tok_timeout_after                 does not answer; the money is reserved

Its ledger lives in a schema of its own, is written on connections of its own and never joined with ours.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import msgspec

from evertill.money import Money
from evertill.payments.model import HOLD_EXPIRED, AttemptState, Authorisation, Done, Ending, Failed, Seen, Unknown
from evertill.storage import Groups, Pool, Statements

sql = Statements.of(__package__)

DECLINES = {
    "tok_decline_insufficient_funds": ("insufficient_funds", "The bank says there is not enough money on this card."),
    "tok_decline_expired_card": ("expired_card", "This card has expired."),
    "tok_decline_stolen_card": ("card_blocked", "The bank has blocked this card."),
    "tok_decline_generic": ("do_not_honour", "The bank declined the payment without a reason."),
}
TOKENS = ("tok_approve", *DECLINES, "tok_slow", "tok_timeout_before", "tok_timeout_after")
SLOW_SECONDS = 3.0
_SILENCE_SECONDS = 120.0
_LEFT_WAITING_MAX = 10_000


class _Asked(msgspec.Struct, frozen=True):
    ask: Authorisation
    state: AttemptState
    reason: str | None


class Sandbox:
    """A provider for demonstrations, tests and benchmarks. No money moves."""

    name = "sandbox"

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._left_waiting: set[UUID] = set()  # keys that were met with silence once; the second time is answered
        self._ledger: Groups[_Asked, Ending] = Groups("sandbox", self._write)

    async def authorise(self, ask: Authorisation) -> Ending:
        """As the token says; the first answer to a key is kept."""
        if ask.method == "tok_slow":
            await asyncio.sleep(SLOW_SECONDS)
        if ask.method == "tok_timeout_before" and ask.attempt_id not in self._left_waiting:
            if len(self._left_waiting) >= _LEFT_WAITING_MAX:
                self._left_waiting.clear()  # whoever is forgotten is met with silence once more
            self._left_waiting.add(ask.attempt_id)
            await asyncio.sleep(_SILENCE_SECONDS)
        if ask.method in DECLINES:
            asked = _Asked(ask, AttemptState.DECLINED, DECLINES[ask.method][0])
        elif ask.method in TOKENS:
            asked = _Asked(ask, AttemptState.AUTHORISED, None)
        else:
            return Failed("unknown_token", "This way to pay is not known to the payment provider.")
        ending = await self._ledger.submit(asked)
        if ask.method == "tok_timeout_after":
            await asyncio.sleep(_SILENCE_SECONDS)
        return ending

    async def look_up(self, attempt_id: UUID) -> Seen | Unknown | None:
        """What the ledger has under that key."""
        row = await self._pool.fetchrow(sql["sandbox_look_up"], attempt_id)
        return Seen(AttemptState(row["state"]), row["reason"], f"sandbox_{attempt_id.hex}") if row else None

    async def capture(self, attempt_id: UUID) -> Ending:
        """Take a reservation; taking it again is the same."""
        state = await self._pool.fetchval(sql["sandbox_capture"], attempt_id)
        return Done(f"sandbox_{attempt_id.hex}") if state else Failed("not_authorised", "There is nothing to take.")

    async def void(self, attempt_id: UUID) -> Ending:
        """Let a reservation go; again is the same."""
        state = await self._pool.fetchval(sql["sandbox_void"], attempt_id)
        return Done(f"sandbox_{attempt_id.hex}") if state else Failed("not_authorised", "There is nothing to let go.")

    async def refund(self, attempt_id: UUID, refund_id: UUID, amount: Money) -> Ending:
        """Give back once per refund key."""
        now = datetime.now(UTC)
        made = await self._pool.fetchval(sql["sandbox_refund"], refund_id, attempt_id, amount.minor, now)
        if made is None:
            made = await self._pool.fetchval(sql["sandbox_refund_made"], refund_id)
        return Done(f"sandbox_{refund_id.hex}") if made else Failed("not_refundable", "That much cannot be given back.")

    async def _write(self, asks: Sequence[_Asked]) -> Sequence[Ending | Exception]:
        rows = await self._pool.fetch(
            sql["sandbox_authorise"],
            [asked.ask.attempt_id for asked in asks],
            [asked.ask.amount.minor for asked in asks],
            [asked.ask.amount.currency for asked in asks],
            [asked.state for asked in asks],
            [asked.reason for asked in asks],
            [datetime.now(UTC)] * len(asks),
        )
        # A row inserted by this very statement is not in its snapshot: what is not returned was made just now.
        known = {row["idempotency_key"]: row for row in rows}
        return [_ending(asked, known.get(asked.ask.attempt_id)) for asked in asks]


def _ending(asked: _Asked, row: "asyncpg.Record | None") -> Ending:
    if row is None:
        return _answer(asked, asked.state, asked.reason)
    if (row["amount_minor"], row["currency"]) != (asked.ask.amount.minor, asked.ask.amount.currency):
        return Failed("key_reused", "This key was used for another amount.")
    return _answer(asked, AttemptState(row["state"]), row["reason"])


def _answer(asked: _Asked, state: AttemptState, reason: str | None) -> Ending:
    if state is AttemptState.DECLINED:
        return Failed(reason or "declined", _SENTENCES.get(reason or "", "The bank declined the payment."))
    return Done(f"sandbox_{asked.ask.attempt_id.hex}")


_SENTENCES = {
    **dict(DECLINES.values()),
    HOLD_EXPIRED: "The payment could not be confirmed in time, so we had to let the order go.",
}


def sentence_of(reason: str | None) -> str:
    """What a buyer is told about a decline of that reason."""
    return _SENTENCES.get(reason or "", "The bank declined the payment.")
