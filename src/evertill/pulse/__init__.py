"""A worker's pulse: what it tells of itself every second, so that any worker can answer for all."""

from evertill.pulse.heart import Heart
from evertill.pulse.model import Seen
from evertill.pulse.watchers import Watchers

__all__ = ["Heart", "Seen", "Watchers"]
