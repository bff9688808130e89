"""Members: customers who may have what is for members, for a time; tried by themselves once, or given by staff."""

from evertill.members.giving import begin_trial, end, give
from evertill.members.model import DAYS_MAX, DAYS_MIN, Kind, Membership, Memberships
from evertill.members.reading import members_among, memberships_of

__all__ = [
    "DAYS_MAX",
    "DAYS_MIN",
    "Kind",
    "Membership",
    "Memberships",
    "begin_trial",
    "end",
    "give",
    "members_among",
    "memberships_of",
]
