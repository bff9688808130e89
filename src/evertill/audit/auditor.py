"""The auditor: audits every minute while the shop serves, in one worker of however many there are."""

import logging
from datetime import datetime, timedelta
from types import TracebackType

import msgspec

from evertill.audit.model import Anomaly, Kind, Report
from evertill.audit.proving import audit, connect, sql
from evertill.clock import Clock
from evertill.storage import Connection

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
# However many orders there are, an audit takes a quarter of one core and no more: it comes less often instead.
_PAUSE_PER_SECOND = 3
_AUDITOR_LOCK = 0x45564552_41554449  # any 64-bit number of our own


class Auditor:
    """
    One per worker; of all that serve one database, the one whose connection holds the lock audits.

    When it dies its connection does, and another worker is the auditor a minute later. What it found last is in
    `report`, None in workers that are not the auditor. An anomaly is logged when it appears, once.
    """

    def __init__(self, url: str, *, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._connection: Connection | None = None
        self._due = clock() + EVERY  # not at once: what was left overnight is seen to first
        self._known: frozenset[tuple[Kind, str]] = frozenset()
        self.report: Report | None = None

    async def __aenter__(self) -> "Auditor":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    async def run_once(self) -> int:
        """Audit if it is time and ours to do; returns 0, for there is never more to do at once."""
        now = self._clock()
        if now < self._due:
            return 0
        self._due = now + EVERY
        try:
            if not await self._is_auditor():
                return 0
            assert self._connection is not None
            self.report = await audit(self._connection, now=now)
        except BaseException:
            self._let_go()
            raise
        self._due = max(self._due, self._clock() + timedelta(seconds=self.report.seconds * _PAUSE_PER_SECOND))
        self._tell(self.report)
        return 0

    @property
    def finished_at(self) -> datetime | None:
        """When the last audit ended."""
        report = self.report
        return report.began_at + timedelta(seconds=report.seconds) if report is not None else None

    async def _is_auditor(self) -> bool:
        if self._connection is not None and not self._connection.is_closed():
            return True
        self.report = None
        self._connection = await connect(self._url)
        if await self._connection.fetchval(sql["become_auditor"], _AUDITOR_LOCK):
            log.info("auditor_here every_seconds=%d", EVERY.total_seconds())
            return True
        self._let_go()
        return False

    def _let_go(self) -> None:
        """Also of a connection in the midst of something: the server ends what nobody waits for."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
        self.report = None

    def _tell(self, report: Report) -> None:
        shown = {(anomaly.kind, anomaly.subject): anomaly for anomaly in report.shown()}
        for name, anomaly in shown.items():
            if name not in self._known:
                log.error("audit_anomaly kind=%s subject=%s proof=%s", *name, _proof_of(anomaly))
        if self._known and not shown:
            log.info("audit_clean seconds=%.1f", report.seconds)
        self._known = frozenset(shown)


def _proof_of(anomaly: Anomaly) -> str:
    return msgspec.json.encode(anomaly.proof).decode()
