"""
Members: customers who may have what is for members, for a time; tried by themselves once, or given by staff.

Who gives asks members/giving.py itself: it knows staff, whose accounts know carts, which know deals, which ask here.
"""

from evertill.members.model import DAYS_MAX, DAYS_MIN, Kind, Membership, Memberships
from evertill.members.reading import members_among, memberships_of

__all__ = [
    "DAYS_MAX",
    "DAYS_MIN",
    "Kind",
    "Membership",
    "Memberships",
    "members_among",
    "memberships_of",
]
