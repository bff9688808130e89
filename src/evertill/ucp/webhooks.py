"""
Tell platforms of their orders: every event of an order with a follower is sent to the address it gave.

The order as it is at the first try is signed and sent; a try that fails is repeated with the very same body and
ids, later and later (resilience/policies.py). Source: UCP "Order", section "Webhooks".
"""

import asyncio
import logging
from urllib.parse import urlsplit

import httpx
import msgspec

from evertill.clock import Clock
from evertill.orders.following import OrderEvent, event_failed, event_sent, keep_body, take_due_events
from evertill.resilience import WEBHOOK
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Pool
from evertill.ucp.discovery import envelope
from evertill.ucp.entities import read_order, tell_order
from evertill.ucp.outside import NotCallable, TooLong, call
from evertill.ucp.signatures import SigningKey, content_digest
from evertill.ucp.wire import ORDER

log = logging.getLogger(__name__)

_BITE = 20
_ANSWER_BYTES_MAX = 64 * 1024  # read so that the connection ends well; nothing of it is used


class Webhooks:
    """Tells followers what is due. One per worker; any number may run."""

    def __init__(self, pool: Pool, *, settings: Settings, signer: Signer, clock: Clock) -> None:
        self._pool = pool
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._key = SigningKey(signer)
        self._envelope = envelope(settings, (ORDER,), paying=False)

    async def run_once(self) -> int:
        """Take a bite of the events that are due and tell them; returns how many were taken."""
        events = await take_due_events(self._pool, now=self._clock(), at_most=_BITE)
        await asyncio.gather(*(self._tell(event) for event in events))
        return len(events)

    async def _tell(self, event: OrderEvent) -> None:
        try:
            error = await self._send(event)
        except (TimeoutError, httpx.HTTPError, NotCallable, TooLong) as problem:
            error = f"{type(problem).__name__}: {problem}"
        now = self._clock()
        if error is None:
            await event_sent(self._pool, event_id=event.id, now=now)
            return
        wait = WEBHOOK.next_try(event.tries)
        log.warning("webhook_failed event=%s tries=%d error=%s", event.id, event.tries, error)
        await event_failed(self._pool, event_id=event.id, error=error, due=now + wait if wait else None, now=now)

    async def _send(self, event: OrderEvent) -> str | None:
        """Send it; None where it was taken, else what was wrong."""
        text = event.body if event.body is not None else await self._write(event)
        body = text.encode()
        answered = await call(
            "POST",
            event.address,
            headers=self._headers(event, body),
            body=body,
            loopback=self._settings.ucp_test_mode,
            seconds=WEBHOOK.deadline.total_seconds(),
            bytes_max=_ANSWER_BYTES_MAX,
        )
        return None if 200 <= answered.status < 300 else f"HTTP {answered.status}"

    async def _write(self, event: OrderEvent) -> str:
        order, session = await read_order(self._pool, event.order_id)
        told = await tell_order(
            self._pool, order, session, settings=self._settings, signer=self._signer, envelope=self._envelope
        )
        body = msgspec.json.encode(told).decode()
        await keep_body(self._pool, event_id=event.id, body=body)
        return body

    def _headers(self, event: OrderEvent, body: bytes) -> dict[str, str]:
        parts = urlsplit(event.address)
        named = {
            "ucp-agent": f'profile="{self._settings.address}/.well-known/ucp"',
            "idempotency-key": str(event.id),
            "content-digest": content_digest(body),
            "content-type": "application/json",
        }
        components = [("@method", "POST"), ("@authority", parts.netloc.lower()), ("@path", parts.path or "/")]
        if parts.query:
            components.append(("@query", f"?{parts.query}"))
        signed = self._key.on_request([*components, *named.items()])
        told = {"Webhook-Id": str(event.id), "Webhook-Timestamp": str(int(event.made_at.timestamp()))}
        return named | signed | told
