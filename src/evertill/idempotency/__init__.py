"""Repeating is safe: an attempt has a name, and the same name brings the same answer."""

from evertill.idempotency.model import Key, Recorded, check_same, fingerprint_of
from evertill.idempotency.recall import forget_old, recall, remember

__all__ = ["Key", "Recorded", "check_same", "fingerprint_of", "forget_old", "recall", "remember"]
