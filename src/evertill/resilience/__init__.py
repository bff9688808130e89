"""What may break, and what happens then: one declared policy per dependency."""

from evertill.resilience.policies import EMAIL, PAYMENT, Policy

__all__ = ["EMAIL", "PAYMENT", "Policy"]
