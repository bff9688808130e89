"""What may break, and what happens then: one declared policy per dependency; and who is let in when too many come."""

from evertill.resilience.gate import LANES, Gate, Lane, Permit, Priority, outside, says_nothing
from evertill.resilience.policies import EMAIL, PAYMENT, WEBHOOK, Policy

__all__ = [
    "EMAIL",
    "LANES",
    "PAYMENT",
    "WEBHOOK",
    "Gate",
    "Lane",
    "Permit",
    "Policy",
    "Priority",
    "outside",
    "says_nothing",
]
