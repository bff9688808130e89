"""Who gets units of deals when many want them: first come, first served, whole or not at all. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from evertill.deals.model import Because, Claim, ClaimState, Deal
from evertill.deals.waiting import LINE_MAX, OFFER_LIFE, Leaving, Lines, Place, PlaceState, Waiting
from evertill.ids import id_at
from evertill.refusals import Conflict, NotAllowed, NotFound, Refusal, TooMany

# The price of one unit, by its list price: deals/pricing.py.
Price: TypeAlias = Callable[[int, Deal], int]

QUANTITY_MAX = 999
_RETRY_SECONDS_MAX = 3_600
_RETRY_SECONDS_FULL, _RETRY_SECONDS_FAST, _RETRY_SECONDS_PAUSED = 60, 20, 30


class Claiming(msgspec.Struct, frozen=True):
    """Somebody wants so many units of a SKU at a deal's price."""

    deal_id: UUID
    sku: str
    quantity: int
    holder: str  # the browser or agent, as checkout_session.owner
    customer_id: UUID | None = None
    network: int | None = None  # where from, hashed; None: not counted


class Releasing(msgspec.Struct, frozen=True):
    """A holder no longer wants a claim."""

    claim_id: UUID
    holder: str
    customer_id: UUID | None = None


class Joining(msgspec.Struct, frozen=True):
    """A browser has signed in: what it holds is its customer's from now on."""

    holder: str
    customer_id: UUID


class Joined(msgspec.Struct, frozen=True):
    """What a browser that signed in held, and what its customer had of the same, as they are now."""

    claims: tuple[Claim, ...]


class Served(msgspec.Struct, frozen=True):
    """A line was looked at."""

    places: int  # stand in it no more


class Bounds(msgspec.Struct, frozen=True):
    """What keeps scripts within bounds: generous, so that a home or an office never meets them."""

    standing: int = 300  # claims of one deal that live at one address
    minute: int = 30  # new claims of one holder in a minute, of whatever deals


class Offer(msgspec.Struct, frozen=True):
    """A deal under the group's lock."""

    deal: Deal
    skus: frozenset[str]
    time_zone: str
    waited_for: bool = False  # somebody stands in line for it, or has an offer


class Shelf(msgspec.Struct, frozen=True):
    """One SKU under the group's lock."""

    free: int
    list_minor: int
    on_sale: bool


class Book:
    """
    The claims of one group, decided in order of arrival; what it comes to is written afterwards, set by set.

    Args:
        moment: The database's, read once after the locks: it decides what has begun, is over, or has expired.

        claims: Those to be released, and all that count for who claims here.

        lately: New claims of a holder in the last minute.

        nearby: Living claims of a deal at an address.

        members: Customers who are members at this moment; read only where it decides.

        lines: Who waits for the deals.
    """

    def __init__(
        self,
        moment: datetime,
        *,
        offers: Mapping[UUID, Offer],
        shelves: Mapping[str, Shelf],
        claims: Iterable[Claim],
        lately: Mapping[str, int],
        nearby: Mapping[tuple[UUID, int], int],
        members: Collection[UUID],
        price: Price,
        bounds: Bounds,
        lines: Lines | None = None,
    ) -> None:
        self.moment = moment
        self.made: dict[UUID, Claim] = {}
        self.changed: dict[UUID, Claim] = {}
        self.moved: dict[tuple[UUID, str], int] = {}  # units claimed, less those given back
        self._offers = dict(offers)
        self._shelves = dict(shelves)
        self._claims: dict[UUID, Claim] = {}
        self._of: dict[tuple[UUID, str | UUID], set[UUID]] = {}  # by deal, and by holder and by customer
        self._lately = dict(lately)
        self._nearby = dict(nearby)
        self._members = frozenset(members)
        self._price = price
        self._bounds = bounds
        self.lines = lines or Lines()
        for claim in claims:
            self._keep(claim)

    def grant(self, ask: Claiming) -> Claim | Refusal:
        """
        A claim of so many units, or why there is none.

        Who has one already keeps it: the same again is the same claim, fewer are always given back, more are granted as
        to anybody. Its price and its end stay as they were: it is not made longer by pressing again.
        """
        offer = self._offers.get(ask.deal_id)
        if offer is None or ask.sku not in offer.skus:
            return NotFound("no_such_deal", "There is no such deal here.")
        self._drop_missed(ask)
        self.serve(ask.deal_id)
        self._release_over(ask)
        place, own = self._to_take(ask)
        have = own.quantity if own is not None else 0
        if ask.quantity > have:
            # Looked up anew: what was over has just given its units back.
            refusal = self._refusal(ask, self._offers[ask.deal_id], own, more=ask.quantity - have)
            if refusal is not None:
                return refusal
        if own is not None and place is not None:
            own = self._take(place, own, ask, offer.deal)
        if own is not None:
            return self._resize(own, ask.quantity)
        return self._make(ask, offer.deal, timedelta(minutes=offer.deal.claim_minutes))

    def give_back(self, ask: Releasing) -> Claim | Refusal:
        """A claim released by its holder. Doing so twice, or after its end, changes nothing."""
        claim = self._claims.get(ask.claim_id)
        if claim is None or not claim.belongs_to(ask.holder, ask.customer_id):
            return NotFound("no_such_claim", "There is no such claim here.")
        if claim.grant_id is not None:
            return claim  # a rain check that leaves the cart is good for as long as it was
        match claim.state:
            case ClaimState.HELD:
                return self._release(claim, Because.REMOVED)
            case ClaimState.RELEASED:
                return claim
            case ClaimState.ORDERED | ClaimState.BOUGHT:
                return Conflict("claim_ordered", "It is part of an order, and can no longer be taken out.")

    def join(self, ask: Joining) -> Joined:
        """
        What a browser held becomes its customer's, as far as one customer may have it; the rest is given back.

        Of a SKU that is held twice by then the larger claim stays, as the larger quantity does in their carts. Earlier
        claims come first. Doing so twice changes nothing.
        """
        guest = [
            claim
            for claim in self._claims.values()
            if claim.holder == ask.holder and claim.customer_id is None and claim.lives(self.moment)
            and claim.state is ClaimState.HELD and claim.deal_id in self._offers and claim.sku in self._shelves
        ]  # fmt: skip
        touched: dict[UUID, Claim] = {}
        for claim in sorted(guest, key=lambda each: each.claimed_at):
            twin = self._held_by(claim.deal_id, claim.sku, ask.customer_id)
            if twin is not None and twin.quantity >= claim.quantity:
                touched |= {claim.id: self._release(claim, Because.JOINED), twin.id: twin}
                continue
            if twin is not None:
                touched[twin.id] = self._release(twin, Because.JOINED)
            touched[claim.id] = self._give_to(claim, ask.customer_id)
        return Joined(tuple(touched.values()))

    def _give_to(self, claim: Claim, customer_id: UUID) -> Claim:
        limit = self._offers[claim.deal_id].deal.per_customer
        had = self._had(claim.deal_id, "", customer_id)
        quantity = claim.quantity if limit is None else min(claim.quantity, limit - had)
        if quantity <= 0:
            return self._release(claim, Because.JOINED)
        return self._resize(self._change(msgspec.structs.replace(claim, customer_id=customer_id)), quantity)

    # ---- who waits

    def wait(self, ask: Waiting) -> Place | Refusal:
        """A place at the end of the line, where everything is claimed. Who has one already keeps it."""
        offer = self._offers.get(ask.deal_id)
        if offer is None or ask.sku not in offer.skus:
            return NotFound("no_such_deal", "There is no such deal here.")
        self._drop_missed(ask)
        self.serve(ask.deal_id)
        known = self.lines.living(ask.deal_id, ask.sku, ask.holder, ask.customer_id)
        if known is not None:
            return known
        refusal = self._why_not_wait(ask, self._offers[ask.deal_id])
        if refusal is not None:
            return refusal
        joined_at = self.lines.joins_at(ask.deal_id, self.moment)
        return self.lines.add(
            Place(
                id=id_at(joined_at),
                deal_id=ask.deal_id,
                sku=ask.sku,
                quantity=ask.quantity,
                holder=ask.holder,
                customer_id=ask.customer_id,
                email=ask.email,
                network=ask.network,
                state=PlaceState.WAITING,
                joined_at=joined_at,
            )
        )

    def leave(self, ask: Leaving) -> Place | Refusal:
        """A place given up, and its offer with it. Doing so twice, or when it came to nothing, changes nothing."""
        place = self.lines[ask.place_id]
        if place is None or not place.is_of(ask.holder, ask.customer_id):
            return NotFound("no_such_place", "There is no such place in line here.")
        if not place.lives:
            return place
        claim = self._claims.get(place.claim_id) if place.claim_id is not None else None
        if claim is not None and claim.state is ClaimState.HELD:
            self._release(claim, Because.REMOVED)
        return self._end_place(place, PlaceState.LEFT)

    def serve(self, deal_id: UUID) -> Served:
        """Offer what is free of a deal to who waits for it: the first first, as much as there is and they may have."""
        offer, before = self._offers.get(deal_id), self.lines.length(deal_id)
        if offer is None or not before:
            return Served(0)
        if offer.deal.over(self.moment) or not offer.deal.limited:
            self.lines.end(deal_id)
        elif offer.deal.paused_at is None:
            for place in self.lines.heads(deal_id):
                if self._offers[deal_id].deal.left == 0:
                    break
                self._offer_to(place)
        return Served(before - self.lines.length(deal_id))

    def serve_all(self) -> None:
        """Whatever a group gave back goes to who waits, before anybody else sees it."""
        for deal_id in self._offers:
            self.serve(deal_id)

    def units_of(self, place: Place) -> int:
        """How many are offered."""
        assert place.claim_id is not None
        return self._claims[place.claim_id].quantity

    def until_of(self, place: Place) -> str:
        """Until when it is offered, in the time of its deal's event."""
        assert place.offered_until is not None
        return written(place.offered_until, self._offers[place.deal_id].time_zone)

    def _offer_to(self, place: Place) -> None:
        offer = self._offers[place.deal_id]
        deal = offer.deal
        if place.sku not in offer.skus:
            self._end_place(place, PlaceState.OVER)
            return
        if not self._can_serve(place):
            return
        member = place.customer_id in self._members
        may_have = self._may_have(deal, place.holder, place.customer_id)
        if may_have < 1 or not_open(offer, self.moment, member=member) is not None:
            self._end_place(place, PlaceState.OVER)
            return
        free = self._shelves[place.sku].free
        quantity = min(place.quantity, free, may_have, free if deal.left is None else deal.left)
        wanted = Claiming(place.deal_id, place.sku, quantity, place.holder, place.customer_id, place.network)
        claim = self._make(wanted, deal, OFFER_LIFE)
        self.lines.change(
            msgspec.structs.replace(
                place,
                state=PlaceState.OFFERED,
                claim_id=claim.id,
                offered_at=self.moment,
                offered_until=claim.expires_at,
            )
        )

    def _can_serve(self, place: Place) -> bool:
        """Whether there is something for it; who holds some of it still is offered more when that has ended."""
        shelf = self._shelves.get(place.sku)
        held = self._held(place.deal_id, place.sku, place.holder, place.customer_id)
        return shelf is not None and shelf.on_sale and shelf.free > 0 and held is None

    def _others_first(self, deal_id: UUID) -> bool:
        """Whether what is free may be for somebody in line: nobody who comes now has it then."""
        heads = self.lines.heads(deal_id)
        return not self.lines.is_whole(deal_id) or any(
            place.sku not in self._shelves or self._can_serve(place) for place in heads
        )

    def _offered(self, ask: Claiming | Waiting) -> tuple[Place, Claim] | tuple[None, None]:
        """What is offered to somebody, over or not, in whichever browser they are the same customer."""
        place = self.lines.living(ask.deal_id, ask.sku, ask.holder, ask.customer_id)
        claim = self._claims.get(place.claim_id) if place is not None and place.claim_id is not None else None
        if place is None or claim is None or claim.state is not ClaimState.HELD:
            return None, None
        return place, claim

    def _drop_missed(self, ask: Claiming | Waiting) -> None:
        """An offer that is over is nobody's, whether a sweeper came by already or not."""
        place, claim = self._offered(ask)
        if place is not None and claim is not None and not claim.lives(self.moment):
            self._release(claim, Because.EXPIRED)
            self._end_place(place, PlaceState.MISSED)

    def _take(self, place: Place, claim: Claim, ask: Claiming, deal: Deal) -> Claim:
        """The offer is in their cart: from now on it is a claim like others, and lasts as long."""
        self._end_place(place, PlaceState.TAKEN)
        taken = msgspec.structs.replace(
            claim,
            holder=ask.holder,
            customer_id=ask.customer_id or claim.customer_id,
            expires_at=self.moment + timedelta(minutes=deal.claim_minutes),
        )
        return self._change(taken)

    def _end_place(self, place: Place, state: PlaceState) -> Place:
        return self.lines.change(msgspec.structs.replace(place, state=state, ended_at=self.moment))

    def _why_not_wait(self, ask: Waiting, offer: Offer) -> Refusal | None:
        shelf = self._shelves.get(ask.sku)
        if shelf is None or not shelf.on_sale:
            return Conflict("not_on_sale", "This is no longer sold.")
        closed = not_open(offer, self.moment, member=ask.customer_id in self._members)
        if closed is not None:
            return closed
        own = self._held(ask.deal_id, ask.sku, ask.holder, ask.customer_id)
        if own is not None and own.lives(self.moment):
            return Conflict("claimed_already", "You have claimed some of it already: they are held for you.")
        limit = self._past_limit(ask, offer.deal, ask.quantity)
        if limit is not None:
            return limit
        short = self._short(ask, offer, shelf, 1)
        if short is None:
            return Conflict("not_all_claimed", "There are some left: you need not wait.")
        if short.code != "all_claimed":
            return short
        if self.lines.length(ask.deal_id) >= LINE_MAX:
            return Conflict(
                "line_full",
                f"{LINE_MAX:,} people wait for it already: there is hardly a chance that more are served.",
                retry_after_seconds=_RETRY_SECONDS_FULL,
            )
        if self.lines.has_too_many(ask, network_max=self._bounds.standing):
            return TooMany(
                "too_many_places",
                "You, or people at your address, wait for as many deals as may. Give up a place to take another.",
                retry_after_seconds=_RETRY_SECONDS_FULL,
            )
        return None

    # ---- what decides

    def _release_over(self, ask: Claiming) -> None:
        """What the sweeper has not come to: it makes room for its successor."""
        for id_ in self._ids(ask.deal_id, ask.holder, ask.customer_id):
            claim = self._claims[id_]
            if claim.sku == ask.sku and claim.state is ClaimState.HELD and not claim.lives(self.moment):
                self._release(claim, Because.EXPIRED)

    def _held(self, deal_id: UUID, sku: str, holder: str, customer_id: UUID | None) -> Claim | None:
        """What is held already: in this browser, or by its customer in another one."""
        own = self._held_by(deal_id, sku, holder)
        if own is None and customer_id is not None:
            own = self._held_by(deal_id, sku, customer_id)
        return own

    def _to_take(self, ask: Claiming) -> tuple[Place | None, Claim | None]:
        """What is theirs already, an offer with its place. Who has claimed in this browser keeps the two apart."""
        place, offer = self._offered(ask)
        held = self._held(ask.deal_id, ask.sku, ask.holder, ask.customer_id)
        if offer is not None and (held is None or held.holder != ask.holder or held.id == offer.id):
            return place, offer
        return None, held

    def _held_by(self, deal_id: UUID, sku: str, whose: str | UUID) -> Claim | None:
        for id_ in self._of.get((deal_id, whose), ()):
            claim = self._claims[id_]
            if claim.sku == sku and claim.state is ClaimState.HELD:
                return claim
        return None

    def _refusal(self, ask: Claiming, offer: Offer, own: Claim | None, *, more: int) -> Refusal | None:
        shelf = self._shelves.get(ask.sku)
        if shelf is None or not shelf.on_sale:
            return Conflict("not_on_sale", "This is no longer sold.")
        return (
            not_open(offer, self.moment, member=ask.customer_id in self._members)
            or (self._too_many(ask) if own is None else None)
            or self._past_limit(ask, offer.deal, more)
            or self._short(ask, offer, shelf, more)
        )

    def _too_many(self, ask: Claiming) -> TooMany | None:
        if self._lately.get(ask.holder, 0) >= self._bounds.minute:
            return TooMany(
                "too_many_claims",
                "You have claimed very much in the last minute: please wait for a moment. What you have stays yours.",
                retry_after_seconds=_RETRY_SECONDS_FAST,
            )
        if ask.network is not None and self._nearby.get((ask.deal_id, ask.network), 0) >= self._bounds.standing:
            return TooMany(
                "too_many_from_address",
                "As many people from your network have claimed this deal as may. Signed in, you are not counted.",
                retry_after_seconds=_RETRY_SECONDS_FULL,
            )
        return None

    def _short(self, ask: Claiming | Waiting, offer: Offer, shelf: Shelf, more: int) -> Conflict | None:
        if self._others_first(ask.deal_id):
            return _all_claimed(self.lines.length(ask.deal_id), {"left": 0, "wanted": more})
        return _short(offer.deal, shelf.free, more, waiting=self.lines.length(ask.deal_id))

    def _may_have(self, deal: Deal, holder: str, customer_id: UUID | None) -> int:
        """How many units more somebody may have of a deal."""
        if deal.per_customer is None:
            return QUANTITY_MAX
        return deal.per_customer - self._had(deal.id, holder, customer_id)

    def _past_limit(self, ask: Claiming | Waiting, deal: Deal, more: int) -> Conflict | None:
        if deal.per_customer is None or more <= self._may_have(deal, ask.holder, ask.customer_id):
            return None
        have = self._had(deal.id, ask.holder, ask.customer_id)
        said = f"you have {have} already" if have else f"you asked for {more}"
        return Conflict(
            "limit_reached",
            f"There are at most {deal.per_customer} of this deal for each customer, and {said}.",
            facts={"per_customer": deal.per_customer, "yours": have},
        )

    def _had(self, deal_id: UUID, holder: str, customer_id: UUID | None) -> int:
        """Units of a deal somebody has or bought, in this browser and, as a customer, in any."""
        ids = self._ids(deal_id, holder, customer_id)
        return sum(claim.quantity for id_ in ids if (claim := self._claims[id_]).state is not ClaimState.RELEASED)

    def _ids(self, deal_id: UUID, holder: str, customer_id: UUID | None) -> set[UUID]:
        of_customer = self._of.get((deal_id, customer_id), set()) if customer_id is not None else set()
        return self._of.get((deal_id, holder), set()) | of_customer

    def _make(self, ask: Claiming, deal: Deal, life: timedelta) -> Claim:
        claim = Claim(
            id=id_at(self.moment),
            deal_id=deal.id,
            sku=ask.sku,
            quantity=ask.quantity,
            price_minor=self._price(self._shelves[ask.sku].list_minor, deal),
            holder=ask.holder,
            customer_id=ask.customer_id,
            state=ClaimState.HELD,
            claimed_at=self.moment,
            expires_at=self.moment + life,
            network=ask.network,
        )
        self._lately[claim.holder] = self._lately.get(claim.holder, 0) + 1
        self._count_nearby(claim, 1)
        self._move(claim, claim.quantity)
        self.made[claim.id] = claim
        self._keep(claim)
        return claim

    def _resize(self, claim: Claim, quantity: int) -> Claim:
        if quantity == claim.quantity:
            return claim
        self._move(claim, quantity - claim.quantity)
        return self._change(msgspec.structs.replace(claim, quantity=quantity))

    def _release(self, claim: Claim, because: Because) -> Claim:
        self._move(claim, -claim.quantity)
        self._count_nearby(claim, -1)
        return self._change(msgspec.structs.replace(claim, state=ClaimState.RELEASED, ended_because=because))

    def _change(self, claim: Claim) -> Claim:
        (self.made if claim.id in self.made else self.changed)[claim.id] = claim
        self._keep(claim)
        return claim

    def _keep(self, claim: Claim) -> None:
        known = self._claims.get(claim.id, claim)
        if known.holder != claim.holder:  # an offer that was taken in another browser
            self._of[claim.deal_id, known.holder].discard(claim.id)
        self._claims[claim.id] = claim
        self._of.setdefault((claim.deal_id, claim.holder), set()).add(claim.id)
        if claim.customer_id is not None:
            self._of.setdefault((claim.deal_id, claim.customer_id), set()).add(claim.id)

    def _count_nearby(self, claim: Claim, by: int) -> None:
        if claim.network is not None:
            key = claim.deal_id, claim.network
            self._nearby[key] = self._nearby.get(key, 0) + by

    def _move(self, claim: Claim, units: int) -> None:
        key = claim.deal_id, claim.sku
        self.moved[key] = self.moved.get(key, 0) + units
        offer, shelf = self._offers.get(claim.deal_id), self._shelves.get(claim.sku)
        if offer is not None:
            deal = msgspec.structs.replace(offer.deal, claimed=offer.deal.claimed + units)
            self._offers[claim.deal_id] = msgspec.structs.replace(offer, deal=deal)
        if shelf is not None:
            self._shelves[claim.sku] = msgspec.structs.replace(shelf, free=shelf.free - units)


def not_open(offer: Offer, moment: datetime, *, member: bool) -> Refusal | None:
    """Why somebody cannot claim of a deal at this moment, units apart; None: they can."""
    deal = offer.deal
    if not deal.limited:
        return Conflict("nothing_to_claim", "There are enough of these for everybody: just put it into your cart.")
    if deal.over(moment):
        return Conflict("deal_ended", "This deal has ended.", facts={"ended_at": _ended_at(deal).isoformat()})
    if deal.paused_at is not None:
        return Conflict(
            "deal_paused",
            "This deal is paused for a moment. What you have claimed stays yours.",
            retry_after_seconds=_RETRY_SECONDS_PAUSED,
        )
    if deal.members_only and not member:
        return NotAllowed("members_only", "This deal is for members. Your account says how to become one.")
    if not deal.open_to(moment, member=member):
        begins = deal.members_from if member and deal.members_from is not None else deal.begins_at
        early = deal.members_from is not None and moment >= deal.members_from
        said = "Members have it now; for everybody it begins" if early else "This deal has not begun: it begins"
        return Conflict(
            "deal_not_begun",
            f"{said} on {written(begins, offer.time_zone)}.",
            facts={"begins_at": begins.isoformat()},
            retry_after_seconds=min(max(1, -((moment - begins) // timedelta(seconds=1))), _RETRY_SECONDS_MAX),
        )
    return None


def _short(deal: Deal, free: int, more: int, *, waiting: int) -> Conflict | None:
    """Too few units: of the deal, some of which may come back, or of the SKU."""
    left = free if deal.left is None else deal.left
    facts = {"left": max(0, min(left, free)), "wanted": more}
    if 0 < facts["left"] < more:
        return Conflict("too_few_left", f"Only {facts['left']} can be claimed at this moment.", facts=facts)
    if left < more and deal.claimed:
        return _all_claimed(waiting, facts)
    if left < more or free < more:
        return Conflict("sold_out", "Sold out.", facts=facts)
    return None


def _all_claimed(waiting: int, facts: Mapping[str, int]) -> Conflict:
    said = "All of them are claimed at this moment."
    if waiting == 1:
        said += " What comes back is offered to somebody who waits for it."
    elif waiting:
        said += f" What comes back is offered to {waiting:,} people who wait for it, the first first."
    else:
        said += " What is not bought in time comes back."
    return Conflict("all_claimed", said, facts={**facts, "waiting": waiting}, retry_after_seconds=_RETRY_SECONDS_FAST)


def _ended_at(deal: Deal) -> datetime:
    return min(at for at in (deal.ends_at, deal.ended_at, deal.event_ended_at) if at is not None)


def written(moment: datetime, time_zone: str) -> str:
    """A moment as people of that time zone write it."""
    local = moment.astimezone(ZoneInfo(time_zone))
    return f"{local.day} {local:%B %Y at %H:%M} ({time_zone.replace('_', ' ')})"
