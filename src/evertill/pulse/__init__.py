"""A worker's pulse: what it tells of itself every second, so that any worker can answer for all."""

from evertill.pulse.heart import Heart
from evertill.pulse.model import Seen

__all__ = ["Heart", "Seen"]
