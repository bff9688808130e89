"""What a running worker holds. Made once in app.py, read by routes; verbs are handed only what they need."""

from dataclasses import dataclass

from evertill.audit import Auditor
from evertill.checkout.complete import Checkout
from evertill.checkout.model import House
from evertill.checkout.sessions import Sessions
from evertill.clock import Clock
from evertill.deals import Claims
from evertill.deals.board import Board
from evertill.payments.model import Provider
from evertill.pulse import Heart
from evertill.resilience import Gate
from evertill.settings import Settings
from evertill.signing import Signer
from evertill.storage import Pool
from evertill.waitingroom import Rooms, Tickets
from evertill.web.watchers import Watchers


@dataclass(frozen=True, slots=True)
class Shop:
    """One worker's shop."""

    settings: Settings
    house: House
    clock: Clock
    signer: Signer
    browse: Pool  # reading: pages and searches
    desk: Pool  # writing outside the till: carts, accounts
    till_pool: Pool  # checkout sessions, orders and claims, nothing else
    console: Pool  # the operator console
    outside: Pool  # the sandbox provider's own
    sessions: Sessions
    checkout: Checkout
    provider: Provider
    gate: Gate  # who is let in when too many come
    rooms: Rooms  # where people stand in line
    tickets: Tickets
    claims: Claims  # units of limited deals
    board: Board  # how deals stand, read once for all who look
    auditor: Auditor
    heart: Heart  # what this worker tells of itself, and sees of all
    watchers: Watchers  # of the live page
