"""The sender: empties the outbox, letter by letter, outside every transaction."""

import asyncio
import json
import logging
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import asyncpg

from evertill.clock import Clock
from evertill.notices.letters import Letter, write_letter
from evertill.notices.outbox import LEASE
from evertill.resilience import EMAIL
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Pool, Statements

sql = Statements.of(__package__)
log = logging.getLogger(__name__)

# Letters taken at a time: what is taken must be over before its lease is, the last of them included.
_BITE = 8
_AT_ONCE = 4


class Sender:
    """
    Sends what is due, or keeps it where no SMTP server is configured. One per worker; any number may run.

    A letter is taken (and due again after its lease), sent, then marked. A sender that dies between
    the last two sends it again, with the same Message-ID.
    """

    def __init__(self, pool: Pool, *, settings: Settings, signer: Signer, clock: Clock) -> None:
        self._pool = pool
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run_once(self) -> int:
        """Take a bite of what is due and send it; returns how many were taken."""
        rows = await self._pool.fetch(sql["take_due"], self._clock(), _BITE, LEASE)
        await asyncio.gather(*(self._send(row) for row in rows))
        return len(rows)

    async def _send(self, row: "asyncpg.Record") -> None:
        async with self._at_once:
            try:
                letter = await write_letter(
                    self._pool,
                    id_=row["id"],
                    kind=row["kind"],
                    recipient=row["recipient"],
                    facts=json.loads(row["facts"]),
                    settings=self._settings,
                    signer=self._signer,
                )
                if self._settings.smtp_url is None:
                    await self._keep(row, letter)
                    return
                async with asyncio.timeout(EMAIL.deadline.total_seconds()):
                    await self._deliver(letter, self._settings.smtp_url)
            except Exception as error:
                await self._failed(row, error)
            else:
                await self._pool.execute(sql["sent"], row["id"], self._clock())

    async def _keep(self, row: "asyncpg.Record", letter: Letter) -> None:
        await self._pool.execute(
            sql["keep"], letter.message_id, letter.recipient, letter.subject, letter.body, self._clock(), row["id"]
        )

    async def _deliver(self, letter: Letter, smtp_url: str) -> None:
        address = urlsplit(smtp_url)
        await aiosmtplib.send(
            _message(letter, self._settings),
            hostname=address.hostname,
            port=address.port or (465 if address.scheme == "smtps" else 587),
            username=unquote(address.username) if address.username else None,
            password=unquote(address.password) if address.password else None,
            use_tls=address.scheme == "smtps",
            timeout=EMAIL.deadline.total_seconds(),  # of each step; the whole is under the same deadline
        )

    async def _failed(self, row: "asyncpg.Record", error: Exception) -> None:
        wait = None if isinstance(error, LookupError) else EMAIL.next_try(row["tries"])
        now = self._clock()
        log.warning(
            "letter_failed id=%s kind=%s tries=%d error=%s", row["id"], row["kind"], row["tries"], type(error).__name__
        )
        due = now + wait if wait is not None else None
        await self._pool.execute(sql["failed"], row["id"], f"{type(error).__name__}: {error}", due, now)


def _message(letter: Letter, settings: Settings) -> EmailMessage:
    message = EmailMessage()
    message["From"] = Address(settings.shop_name, addr_spec=settings.shop_email)  # a name may hold commas and brackets
    message["To"] = letter.recipient
    message["Subject"] = letter.subject
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    return message
