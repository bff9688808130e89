"""Joins everything: pools, till, provider, slices, background duties, refusals to responses. Read top to bottom."""

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from types import FrameType
from uuid import UUID

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from evertill import customers, staff
from evertill.audit import Auditor
from evertill.cart.purge import CartPurge
from evertill.checkout.complete import Checkout
from evertill.checkout.model import House
from evertill.checkout.purge import SessionPurge
from evertill.checkout.sessions import Sessions
from evertill.checkout.settling import Settling
from evertill.checkout.till import Till
from evertill.clock import Clock, utc_now
from evertill.deals import Caller, Claims, Deal, Sweeper, deal_price
from evertill.deals.board import Board
from evertill.deals.drawing import state_drawn_in
from evertill.duties import Duty
from evertill.idempotency import forget_old
from evertill.logs import begin_logging
from evertill.notices import Sender
from evertill.ops.live import tell_watchers
from evertill.orders.finishing import Finisher
from evertill.payments.model import Ending
from evertill.payments.reconcile import Reconciler, Settle
from evertill.payments.sandbox import Sandbox
from evertill.pulse import Heart
from evertill.refusals import Refusal, Unavailable
from evertill.resilience import PAYMENT, Gate
from evertill.settings import Settings
from evertill.shop import Shop
from evertill.signing import Signer, load_secret
from evertill.storage import Pool, open_pool
from evertill.ucp.door import Door
from evertill.ucp.webhooks import Webhooks
from evertill.waitingroom import PerAddress, Rooms, Tickets, Usher
from evertill.waitingroom.entrance import Entrance
from evertill.waitingroom.pressing import Pressing
from evertill.web.admission import Admission
from evertill.web.awaited import awaited
from evertill.web.errors import answer_fault, answer_http_exception, answer_refusal
from evertill.web.headers import security_headers, with_security_headers
from evertill.web.heads import with_heads
from evertill.web.proxies import behind_proxies
from evertill.web.routing import routes
from evertill.web.watchers import Watchers

log = logging.getLogger(__name__)

# How a worker process learns its settings: the command that starts it writes them here.
SETTINGS_VARIABLE = "EVERTILL_WORKER_SETTINGS"
# More than any route of ours reads; a body that does not state its length is cut off here.
_BODY_BYTES_MAX = 128 * 1024
# So many waiting for the next group mean a peak: letters and webhooks can wait then.
_WAITING_BUYERS = 16
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Application:
    """The application of a worker as its server takes it (ASGI), with the door that turns away by a request's head."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self.turned_away = admission.turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)


def create() -> Application:
    """The application of one worker process, settings taken from the environment."""
    _end_with_parent()
    begin_logging()
    settings = msgspec.json.decode(os.environ[SETTINGS_VARIABLE], type=Settings, dec_hook=_path)
    return build(settings, Signer(load_secret(settings.data)))


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the supervisor dies, however it dies: no worker is left behind, unseen."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def build(settings: Settings, signer: Signer, *, clock: Clock = utc_now) -> Application:
    """The application for these settings; the database must be there and migrated."""
    gate = Gate()
    app = Litestar(
        route_handlers=routes(),
        lifespan=[_open_shop(settings, signer, clock, gate)],
        exception_handlers={
            Refusal: awaited(answer_refusal, answer_fault),
            HTTPException: awaited(answer_http_exception, answer_fault),
            Exception: awaited(answer_fault, answer_fault),
        },
        openapi_config=None,  # the document is written beside what it describes: ucp/document.py
        logging_config=None,
        state=State(),
        pdb_on_exception=False,
        debug=False,
        request_max_body_size=_BODY_BYTES_MAX,
    )
    https = settings.address.startswith("https://")
    shop = Door(with_security_headers(app, https=https), app.state, https=https)
    gated = Admission(with_heads(shop), app.state, gate, security_headers(https=https))
    entrance = Entrance(gated, app.state, security_headers(https=https))
    return Application(behind_proxies(entrance, trusted=settings.proxies), gated)


def _open_shop(
    settings: Settings, signer: Signer, clock: Clock, gate: Gate
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            shop = await open_shop(settings, signer, clock, stack, gate)
            app.state.shop = shop
            stack.enter_context(_when_told_to_end(shop.watchers.close, shop.board.watchers.close))
            stopping = asyncio.Event()
            duties = [asyncio.create_task(duty.run(stopping), name=duty.name) for duty in _duties(shop)]
            _rarely_collect()
            yield
            # A drain: what was asked is finished, then duties end their round, then pools close.
            await shop.sessions.groups.drain()
            await shop.claims.groups.drain()
            await shop.checkout.drain()
            stopping.set()
            await asyncio.wait(duties, timeout=30)
            await _last_pulse(shop)

    return lifespan


@contextmanager
def _when_told_to_end(*ends: Callable[[], None]) -> Iterator[None]:
    """
    Let what would never end by itself end as soon as SIGTERM comes.

    The server waits for what is under way before it says that we shut down, and a stream would keep it waiting. Its own
    handler is called as before.
    """
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # not a worker
        return

    def told(number: int, frame: FrameType | None) -> None:
        for end in ends:
            loop.call_soon_threadsafe(end)
        before(number, frame)

    signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _last_pulse(shop: Shop) -> None:
    """What was counted is kept, if the database is there to keep it; a worker that cannot tell it ends all the same."""
    try:
        await shop.heart.stop()
    except Unavailable as error:
        log.warning("last_pulse_untold error=%r", error)


def _rarely_collect() -> None:
    """
    Let Python's garbage collector leave alone what was made at the start, and look at the rest less often.

    Its defaults cost an eighth of a busy worker's time (bench/README.md): requests make few cycles, and
    everything else is freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(25_000, 20, 20)


async def open_shop(
    settings: Settings, signer: Signer, clock: Clock, stack: AsyncExitStack, gate: Gate | None = None
) -> Shop:
    """Open everything a worker holds; it is closed with the stack."""

    url = settings.database_url
    assert url is not None  # the embedded server's, filled in by whoever starts us

    async def pool(purpose: str, size: int, statement_ms: int, lock_ms: int) -> Pool:
        opened = await open_pool(url, purpose=purpose, size=size, statement_ms_max=statement_ms, lock_ms_max=lock_ms)
        stack.push_async_callback(opened.close)
        return opened

    browse = await pool("browse", 6, 5_000, 1_000)
    desk = await pool("desk", 6, 5_000, 3_000)
    till_pool = await pool("till", 4, 15_000, 10_000)
    console = await pool("console", 3, 15_000, 3_000)
    outside = await pool("sandbox provider", 2, 15_000, 10_000)
    pulse = await pool("pulse", 2, 1_000, 500)
    auditor = await stack.enter_async_context(Auditor(url, clock=clock))
    gate = gate or Gate()
    house = House(settings.country, settings.currency, settings.prices_include_tax, settings.locale)
    provider = Sandbox(outside)
    till = Till(
        till_pool,
        house=house,
        provider_name=provider.name,
        answer_within=PAYMENT.deadline + timedelta(seconds=10),
    )
    sessions = Sessions(till_pool, house=house, life=settings.session_life)
    tickets = Tickets(
        desk,
        per_address=PerAddress(settings.waiting_room_per_address, settings.waiting_room_per_address_minute),
    )
    claims = Claims(till_pool, price=_price_of)
    heart = Heart(
        pulse,
        gate=gate,
        groups=(till.groups, sessions.groups, tickets.groups, claims.groups),
        takings=till.takings,
        pools=(browse, desk, till_pool, console, outside),
        auditor=auditor,
        clock=clock,
    )
    return Shop(
        settings=settings,
        house=house,
        clock=clock,
        signer=signer,
        browse=browse,
        desk=desk,
        till_pool=till_pool,
        console=console,
        outside=outside,
        sessions=sessions,
        checkout=Checkout(till=till, provider=provider, pool=till_pool, clock=clock),
        provider=provider,
        rooms=Rooms(desk, signer, clock=clock),
        tickets=tickets,
        claims=claims,
        board=Board(browse, draw=state_drawn_in(house.locale)),
        gate=gate,
        auditor=auditor,
        heart=heart,
        watchers=Watchers(),
    )


def _price_of(list_minor: int, deal: Deal) -> int:
    return deal_price(list_minor, kind=deal.kind, value=deal.value)


def _duties(shop: Shop) -> list[Duty]:
    async def forget() -> int:
        return await forget_old(shop.desk, before=shop.clock() - timedelta(hours=shop.settings.key_hours))

    async def forget_people() -> int:
        now = shop.clock()
        return await customers.purge_expired(shop.desk, now=now) + await staff.purge_expired(shop.desk, now=now)

    def buyers_wait() -> bool:
        return shop.checkout.till.groups.waiting + shop.sessions.groups.waiting > _WAITING_BUYERS

    async def show() -> int:
        return await tell_watchers(shop)

    reconciler = Reconciler(
        shop.desk,
        provider=shop.provider,
        settle=settle_with(shop.checkout.till),
        clock=shop.clock,
        hold=timedelta(minutes=shop.settings.hold_minutes),
    )
    finisher = Finisher(shop.desk, provider=shop.provider, clock=shop.clock)
    sender = Sender(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock)
    webhooks = Webhooks(shop.desk, settings=shop.settings, signer=shop.signer, clock=shop.clock)
    usher = Usher(
        shop.desk, pressure=Pressing(shop.heart), clock=shop.clock, opens_rooms=shop.settings.waiting_room_by_itself
    )
    return [
        Duty("waiting rooms", shop.rooms.refresh, pause_seconds=1.0),
        Duty("usher", usher.run_once, pause_seconds=1.0),
        Duty("reconciler", reconciler.run_once, pause_seconds=1.0),
        Duty("sweeper of claims", Sweeper(shop.till_pool).run_once, pause_seconds=1.0),
        Duty("caller of lines of deals", Caller(shop.till_pool, shop.claims).run_once, pause_seconds=1.0),
        Duty("finisher", finisher.run_once, pause_seconds=1.0),
        Duty("sender", sender.run_once, pause_seconds=0.5, steps_aside=buyers_wait),
        Duty("webhooks", webhooks.run_once, pause_seconds=0.5, steps_aside=buyers_wait),
        Duty("auditor", shop.auditor.run_once, pause_seconds=1.0),
        Duty("pulse", shop.heart.run_once, pause_seconds=1.0),
        Duty("live page", show, pause_seconds=1.0),
        Duty("board of deals", shop.board.run_once, pause_seconds=1.0),
        Duty("key forgetter", forget, pause_seconds=600.0),
        Duty("forgetter of sign-ins and links", forget_people, pause_seconds=600.0),
        Duty("session purge", SessionPurge(shop.desk, clock=shop.clock).run_once, pause_seconds=600.0),
        Duty("cart purge", CartPurge(shop.desk, clock=shop.clock).run_once, pause_seconds=600.0),
    ]


def settle_with(till: Till) -> Settle:
    """How the reconciler writes an ending: through the till, like everybody."""

    async def settle(attempt_id: UUID, ending: Ending, now: datetime, look_again_at: datetime) -> None:
        await till.settle(Settling(attempt_id, ending, now, look_again_at))

    return settle


def _path(type_: type, value: object) -> object:
    return type_(value)
