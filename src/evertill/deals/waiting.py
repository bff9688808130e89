"""
The line before a limited deal of which everything is claimed. Its nouns, and who stands where while a group decides.

    (joins) ──► waiting ──► offered ──► taken      the offer was put into a cart
                  │  │         ├──────► missed     nobody did in time: the next is offered it
                  │  │         └──────► left
                  │  └────────────────► left       the place was given up
                  └───────────────────► over       the deal ended, or its holder may have no more of it

An offer is a claim that is held for who waits, for a short time of its own. A deal has one line, in the order people
joined it, whatever SKU of the deal they wait for.
"""

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

# How long an offer is held. Long enough for a letter to be read, short enough that the next does not wait in vain.
OFFER_LIFE = timedelta(minutes=15)
LINE_MAX = 10_000  # of a deal
PLACES_MAX = 20  # of one holder, over all deals
_INSTANT = timedelta(microseconds=1)
HEADS = 100  # so many are looked at by one group; the rest by the next


class PlaceState(enum.StrEnum):
    """What became of a place."""

    WAITING = "waiting"
    OFFERED = "offered"
    TAKEN = "taken"
    MISSED = "missed"
    LEFT = "left"
    OVER = "over"


class Place(msgspec.Struct, frozen=True):
    """Somebody's place in the line of a deal."""

    id: UUID
    deal_id: UUID
    sku: str
    quantity: int  # as wanted; an offer may be of fewer
    holder: str  # the browser or agent, as claim.holder
    customer_id: UUID | None
    email: str | None  # where an offer is told; None: on the page only
    network: int | None  # where it was asked for, hashed; None: not counted
    state: PlaceState
    joined_at: datetime
    claim_id: UUID | None = None  # the offer
    offered_at: datetime | None = None
    offered_until: datetime | None = None
    ended_at: datetime | None = None

    @property
    def lives(self) -> bool:
        """Whether something may come of it still."""
        return self.state in (PlaceState.WAITING, PlaceState.OFFERED)

    def is_of(self, holder: str, customer_id: UUID | None) -> bool:
        """Whether it is theirs: this browser's, or this customer's in any."""
        return self.holder == holder or (customer_id is not None and self.customer_id == customer_id)


class Waiting(msgspec.Struct, frozen=True):
    """Somebody wants to wait for units of a deal."""

    deal_id: UUID
    sku: str
    quantity: int
    holder: str
    customer_id: UUID | None = None
    network: int | None = None
    email: str | None = None


class Leaving(msgspec.Struct, frozen=True):
    """Somebody gives a place up, with its offer if there is one."""

    place_id: UUID
    holder: str
    customer_id: UUID | None = None


class Serving(msgspec.Struct, frozen=True):
    """The line of a deal is to be looked at: units may have come back, the deal may be over."""

    deal_id: UUID


class Lines:
    """
    The lines of a group's deals, as far as the group needs them.

    Args:
        places: The heads of each line, and the living places of whoever asks; in the order of the line.

        lengths: How many wait for a deal.

        whole: Deals of whose lines everybody who waits is among the places.

        of_holder: Living places of a holder over all deals; only of those who want to join.

        of_network: Living places of a deal at an address; only where somebody wants to join.

        last_joined: When somebody last joined, whatever became of them; only where somebody wants to join.
    """

    def __init__(
        self,
        places: Iterable[Place] = (),
        *,
        lengths: Mapping[UUID, int] | None = None,
        whole: Collection[UUID] = (),
        of_holder: Mapping[str, int] | None = None,
        of_network: Mapping[tuple[UUID, int], int] | None = None,
        last_joined: Mapping[UUID, datetime] | None = None,
    ) -> None:
        self.made: dict[UUID, Place] = {}
        self.changed: dict[UUID, Place] = {}
        self.ended: set[UUID] = set()  # deals whose whole line is over
        self._places = {place.id: place for place in places}
        self._lengths = dict(lengths or {})
        self._whole = frozenset(whole)
        self._of_holder = dict(of_holder or {})
        self._of_network = dict(of_network or {})
        self._last_joined = dict(last_joined or {})

    def __getitem__(self, place_id: UUID) -> Place | None:
        return self._places.get(place_id)

    def length(self, deal_id: UUID) -> int:
        """How many wait."""
        return self._lengths.get(deal_id, 0)

    def heads(self, deal_id: UUID) -> Iterator[Place]:
        """Who waits, the first first."""
        return (
            place
            for place in list(self._places.values())
            if place.deal_id == deal_id and place.state is PlaceState.WAITING
        )

    def is_whole(self, deal_id: UUID) -> bool:
        """Whether heads() are all who wait."""
        return deal_id in self._whole or self.length(deal_id) == 0

    def living(self, deal_id: UUID, sku: str, holder: str, customer_id: UUID | None) -> Place | None:
        """The place that somebody has for something."""
        of = (place for place in self._places.values() if (place.deal_id, place.sku) == (deal_id, sku) and place.lives)
        return next((place for place in of if place.is_of(holder, customer_id)), None)

    def has_too_many(self, ask: Waiting, *, network_max: int) -> bool:
        """Whether they, or their address, have as many places as may be."""
        near = self._of_network.get((ask.deal_id, ask.network), 0) if ask.network is not None else 0
        return self._of_holder.get(ask.holder, 0) >= PLACES_MAX or near >= network_max

    def joins_at(self, deal_id: UUID, moment: datetime) -> datetime:
        """When who joins at that moment has joined: after everybody before, even if clocks are set back."""
        last = self._last_joined.get(deal_id)
        return moment if last is None else max(moment, last + _INSTANT)

    def add(self, place: Place) -> Place:
        """At the end of its line."""
        self._places[place.id] = self.made[place.id] = place
        self._lengths[place.deal_id] = self.length(place.deal_id) + 1
        self._last_joined[place.deal_id] = place.joined_at
        self._of_holder[place.holder] = self._of_holder.get(place.holder, 0) + 1
        if place.network is not None:
            key = place.deal_id, place.network
            self._of_network[key] = self._of_network.get(key, 0) + 1
        return place

    def change(self, place: Place) -> Place:
        """What became of it."""
        if self._places[place.id].state is PlaceState.WAITING and place.state is not PlaceState.WAITING:
            self._lengths[place.deal_id] = self.length(place.deal_id) - 1
        self._places[place.id] = place
        (self.made if place.id in self.made else self.changed)[place.id] = place
        return place

    def end(self, deal_id: UUID) -> None:
        """Nobody waits for it any more, whether loaded or not."""
        for place in self.heads(deal_id):
            self._places[place.id] = msgspec.structs.replace(place, state=PlaceState.OVER)
        self.ended.add(deal_id)
        self._lengths[deal_id] = 0
