"""A payment provider for tests: keeps a ledger, and breaks as it is told."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

from evertill.money import Money
from evertill.payments.model import AttemptState, Authorisation, Done, Ending, Failed, Seen, Unknown

AUTHORISED, CAPTURED, VOIDED = AttemptState.AUTHORISED, AttemptState.CAPTURED, AttemptState.VOIDED


class Ledger:
    """
    Does what a provider does, by key, and remembers how often it really did it.

    before   verbs whose calls are lost on the way there: nothing happens, nobody answers
    after    verbs whose answers are lost on the way back: it happened, nobody says so
    refuses  verbs that are refused for good
    pause    runs inside every call before anything happens: a test opens a race there
    """

    name = "ledger"

    def __init__(self) -> None:
        self.charges: dict[UUID, AttemptState] = {}
        self.amounts: dict[UUID, int] = {}
        self.refunds: dict[UUID, tuple[UUID, int]] = {}
        self.asked: Counter[str] = Counter()
        self.did: Counter[str] = Counter()
        self.before: set[str] = set()
        self.after: set[str] = set()
        self.refuses: set[str] = set()
        self.pause: Callable[[str], Awaitable[None]] | None = None

    async def authorise(self, ask: Authorisation) -> Ending:
        return await self._call("authorise", lambda: self._authorise(ask))

    async def look_up(self, attempt_id: UUID) -> Seen | Unknown | None:
        self.asked["look_up"] += 1
        if "look_up" in self.before:
            return Unknown("timeout")
        state = self.charges.get(attempt_id)
        return Seen(state, None, "ledger") if state is not None else None

    async def capture(self, attempt_id: UUID) -> Ending:
        return await self._call("capture", lambda: self._move(attempt_id, "capture", AUTHORISED, CAPTURED))

    async def void(self, attempt_id: UUID) -> Ending:
        return await self._call("void", lambda: self._move(attempt_id, "void", AUTHORISED, VOIDED))

    async def refund(self, attempt_id: UUID, refund_id: UUID, amount: Money) -> Ending:
        return await self._call("refund", lambda: self._refund(attempt_id, refund_id, amount.minor))

    def given_back(self, attempt_id: UUID) -> int:
        """How much of a charge was given back."""
        return sum(amount for charge, amount in self.refunds.values() if charge == attempt_id)

    async def _call(self, verb: str, act: Callable[[], Ending]) -> Ending:
        self.asked[verb] += 1
        if self.pause is not None:
            await self.pause(verb)
        if verb in self.before:
            raise ConnectionResetError("lost on the way there")
        if verb in self.refuses:
            return Failed("refused", "The bank says no.")
        ending = act()
        await asyncio.sleep(0)
        if verb in self.after:
            return Unknown("timeout")
        return ending

    def _authorise(self, ask: Authorisation) -> Ending:
        if ask.attempt_id not in self.charges:
            self.charges[ask.attempt_id] = AUTHORISED
            self.amounts[ask.attempt_id] = ask.amount.minor
            self.did["authorise"] += 1
        return Done("ledger")

    def _move(self, attempt_id: UUID, verb: str, start: AttemptState, goal: AttemptState) -> Ending:
        state = self.charges.get(attempt_id)
        if state is start:
            self.charges[attempt_id] = goal
            self.did[verb] += 1
        elif state is not goal:
            return Failed("wrong_state", f"This is {state}.")
        return Done("ledger")

    def _refund(self, attempt_id: UUID, refund_id: UUID, amount_minor: int) -> Ending:
        if refund_id not in self.refunds:
            left = self.amounts.get(attempt_id, 0) - self.given_back(attempt_id)
            if self.charges.get(attempt_id) is not CAPTURED or amount_minor > left:
                return Failed("not_refundable", "That much cannot be given back.")
            self.refunds[refund_id] = (attempt_id, amount_minor)
            self.did["refund"] += 1
        return Done("ledger")
