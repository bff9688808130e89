"""
Codes: what a buyer types to pay less, how often they may be used, and by whom.

Who makes and ends them asks codes/planning.py itself: it knows staff.
"""

from evertill.codes.model import CODE_CHARACTERS, CODES_MAX, Code, Kind, Rules, Taken, Why, folded
from evertill.codes.pricing import Good, take_off

__all__ = [
    "CODES_MAX",
    "CODE_CHARACTERS",
    "Code",
    "Good",
    "Kind",
    "Rules",
    "Taken",
    "Why",
    "folded",
    "take_off",
]
