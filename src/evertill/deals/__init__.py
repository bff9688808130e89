"""Sale events, deals, and the claims that hold their units."""

from evertill.deals.claiming import Claims
from evertill.deals.expiring import Sweeper
from evertill.deals.granting import Bounds, Claiming, Joining, Releasing
from evertill.deals.model import Because, Claim, ClaimState, Deal, Kind, Phase, SaleEvent
from evertill.deals.pricing import deal_price

__all__ = [
    "Because",
    "Bounds",
    "Claim",
    "ClaimState",
    "Claiming",
    "Claims",
    "Deal",
    "Joining",
    "Kind",
    "Phase",
    "Releasing",
    "SaleEvent",
    "Sweeper",
    "deal_price",
]
