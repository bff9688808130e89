"""Sale events, deals, and the claims that hold their units."""

from evertill.deals.calling import Caller
from evertill.deals.claiming import Claims
from evertill.deals.expiring import Sweeper
from evertill.deals.granting import Bounds, Claiming, Joining, Releasing
from evertill.deals.model import Because, Claim, ClaimState, Deal, Kind, Phase, SaleEvent
from evertill.deals.pricing import deal_price
from evertill.deals.waiting import Leaving, Place, PlaceState, Serving, Waiting

__all__ = [
    "Because",
    "Bounds",
    "Caller",
    "Claim",
    "ClaimState",
    "Claiming",
    "Claims",
    "Deal",
    "Joining",
    "Kind",
    "Leaving",
    "Phase",
    "Place",
    "PlaceState",
    "Releasing",
    "SaleEvent",
    "Serving",
    "Sweeper",
    "Waiting",
    "deal_price",
]
