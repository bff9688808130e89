"""Sale events, deals, and the claims that hold their units."""

from evertill.deals.model import Because, Claim, ClaimState, Deal, Kind, Phase, SaleEvent

__all__ = ["Because", "Claim", "ClaimState", "Deal", "Kind", "Phase", "SaleEvent"]
