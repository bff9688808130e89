"""What may break, and what happens then: one declared policy per dependency."""

from evertill.resilience.policies import EMAIL, PAYMENT, WEBHOOK, Policy

__all__ = ["EMAIL", "PAYMENT", "WEBHOOK", "Policy"]
