"""
Staff: who may do what in the operator console. Pure rules.

    viewer ──► sees everything
    operator ──► and ships, cancels, refunds, counts stock
    admin ──► and decides who is staff
"""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

SIGN_IN_LIFE = timedelta(hours=12)  # a working day; then the password again


class Role(enum.StrEnum):
    """What a member of staff may do; each may do what the one before may."""

    VIEWER = "viewer"  # look
    OPERATOR = "operator"  # and change orders and stock
    ADMIN = "admin"  # and change staff

    def reaches(self, needed: "Role") -> bool:
        """Whether this role may do what the needed one may."""
        return _ORDER[self] >= _ORDER[needed]


_ORDER = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}


class StaffMember(msgspec.Struct, frozen=True):
    """Somebody who works here."""

    id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None

    def may(self, needed: Role) -> bool:
        """Whether this member may do what that role may."""
        return self.disabled_at is None and self.role.reaches(needed)


class StaffSignIn(msgspec.Struct, frozen=True):
    """A sign-in just made. The token goes into the browser's cookie and is kept nowhere else."""

    token: str
    member: StaffMember
