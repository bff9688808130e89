"""Who opens a checkout while people stand in line for it: a browser by its cookie, an agent by its ticket."""

from collections.abc import Collection
from uuid import UUID

from evertill.refusals import Unavailable
from evertill.resilience import says_nothing
from evertill.shop import Shop
from evertill.waitingroom.entrance import cookie_name, line_path
from evertill.waitingroom.model import Estimate, Guards, Reach, Ticket, TicketState, holder_of_agent
from evertill.waitingroom.neighbours import mark_of
from evertill.waitingroom.rooms import Known, Rooms, Standing, stand
from evertill.waitingroom.tickets import Taking, said_by, seal
from evertill.web.browser import ShopRequest, Visitor, shop_of

_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX, _UNKNOWN_SECONDS = 5, 30, 15


def check_line(request: ShopRequest, visitor: Visitor, skus: Collection[str], *, onwards: str) -> None:
    """
    Let a browser open a checkout for these, if nobody stands in line for them or it was called.

    Raises:
        Unavailable: People stand in line: `line_at` in its facts says where.
    """
    shop = shop_of(request)
    known = _in_front(shop, skus)
    if known is None:
        return
    sealed = request.cookies.get(cookie_name(known), "")
    standing = shop.rooms.standing(known, sealed, visitor.browser_hash)
    if standing is not None and standing.may_enter:
        shop.rooms.note_seen(standing)
        return
    raise Unavailable(
        "waiting_room",
        f"People stand in line for this: {known.room.title}. Your cart is safe. Please take a place in the line.",
        facts={"line_at": line_path(known, onwards=onwards)},
        retry_after_seconds=_RETRY_SECONDS_MIN,
    )


def note_bought(request: ShopRequest, visitor: Visitor) -> None:
    """This browser has bought: whoever stands in line behind it may be called."""
    shop = shop_of(request)
    for known in shop.rooms.all:
        standing = shop.rooms.standing(known, request.cookies.get(cookie_name(known), ""), visitor.browser_hash)
        if standing is not None:
            shop.rooms.note_done(standing)


async def check_agent(
    shop: Shop, *, owner: str, attempt: str, presented: str, skus: Collection[str], host: str | None
) -> None:
    """
    Let an agent open a checkout for these, if nobody stands in line for them or its ticket was called.

    Args:
        attempt: The attempt's own name: one attempt has one place, however often it is repeated.

        presented: The ticket it sends along, "" where it has none yet.

        host: Where it calls from.

    Raises:
        TooMany: From there have come as many as may.
        Unavailable: Not its turn. When to come again, and the ticket to present then (`ticket` in its facts).
    """
    known = _in_front(shop, skus)
    if known is None:
        return
    holder = holder_of_agent(owner, attempt)
    standing = shop.rooms.standing(known, presented, holder)
    if standing is None:
        standing = await _take(shop, known, holder, None, host)
    if standing.may_enter:
        shop.rooms.note_seen(standing)
        shop.rooms.note_done(standing)  # what it does inside is one request: it makes room at once
        return
    if standing.reach is Reach.NO:
        return  # sold out: the checkout says so
    says_nothing()
    raise _not_yet(standing, seal(shop.signer, _ticket(standing), holder))


def word_to_the_waiting(rooms: Rooms, presented: str) -> Unavailable | None:
    """
    What a program is told that comes again before its turn, by its ticket alone; None: it goes the whole way.

    Nothing is looked up and nothing verified: a ticket that somebody made up, or stole, is told to wait like any other
    until its number is called, and is looked at then. The line before some SKUs only is asked once it is known which
    are wanted.
    """
    found = said_by(presented)
    known = rooms.known(found[0]) if found is not None else None
    if found is None or known is None or known.room.skus or not known.room.waits or known.sold_out:
        return None
    standing = stand(known, found[1])
    if standing.may_enter or standing.reach is Reach.NO:
        return None
    return _not_yet(standing, presented)


async def take_ticket(
    shop: Shop, known: Known, *, holder: bytes, customer_id: UUID | None, host: str | None
) -> tuple[Standing, str]:
    """
    A place in a room's line, and the ticket as it is carried.

    Args:
        host: Where it is asked for. A customer is not counted by it: they have one place, wherever they are.

    Raises:
        NotFound, TooMany, Unavailable: See Tickets.take.
    """
    standing = await _take(shop, known, holder, customer_id, host)
    return standing, seal(shop.signer, _ticket(standing), holder)


async def _take(shop: Shop, known: Known, holder: bytes, customer_id: UUID | None, host: str | None) -> Standing:
    room_id = known.room.id
    network = mark_of(shop.signer, room_id, host) if customer_id is None else None
    ticket = await shop.tickets.take(Taking(room_id, holder, customer_id, shop.clock(), network))
    return stand(known, ticket.number)


def _ticket(standing: Standing) -> Ticket:
    return Ticket(standing.known.room.id, standing.number, TicketState.WAITING)


def _in_front(shop: Shop, skus: Collection[str]) -> Known | None:
    return shop.rooms.behind(Guards.SHOP) or shop.rooms.behind(Guards.CHECKOUT, skus)


def _not_yet(standing: Standing, sealed: str) -> Unavailable:
    return Unavailable(
        "waiting_room", told(standing), facts={"ticket": sealed}, retry_after_seconds=_retry_seconds(standing)
    )


def told(standing: Standing) -> str:
    """Where somebody stands, in a sentence."""
    title = standing.known.room.title
    if standing.place is None or standing.ahead is None:
        return f"{title}: it has not opened yet. Your place is kept; places are drawn at the opening."
    wait = in_words(standing.wait)
    return f"{title}: place {standing.place:,} in line, {standing.ahead:,} before you{', ' + wait if wait else ''}."


def in_words(wait: Estimate | None) -> str:
    """How long it takes, as people say it, never more exact than it is known."""
    if wait is None:
        return ""
    soonest, latest = round(wait.soonest_s / 60), -(-int(wait.latest_s) // 60)
    if latest <= 1:
        return "about a minute"
    if latest > 240:
        return f"more than {max(soonest, 1)} minutes" if soonest < 120 else "hours"
    return f"between {max(soonest, 1)} and {latest} minutes" if soonest + 1 < latest else f"about {latest} minutes"


def _retry_seconds(standing: Standing) -> int:
    """Half of the soonest: a line that quickens is noticed in time, and the nearer one's turn the closer one looks."""
    if standing.wait is not None:
        seconds = int(standing.wait.soonest_s / 2)
    else:  # the line has not moved yet, or is paused; the first may be called any moment
        at_once = standing.ahead is not None and standing.ahead < standing.known.room.inside_max
        seconds = 0 if at_once else _UNKNOWN_SECONDS
    return min(max(seconds, _RETRY_SECONDS_MIN), _RETRY_SECONDS_MAX)
