"""Staff: roles, sign-ins, and the record of what staff did. Routes ask evertill.staff.access who sends a request."""

from evertill.staff.actions import Action, Actor, Program, actions_of, record_action
from evertill.staff.members import (
    change_role,
    create_staff,
    disable,
    enable,
    everybody,
    lock_admins,
    new_password,
    set_password,
)
from evertill.staff.model import Role, StaffMember, StaffSignIn
from evertill.staff.sign_in import change_password, member_of, purge_expired, sign_in, sign_out

__all__ = [
    "Action",
    "Actor",
    "Program",
    "Role",
    "StaffMember",
    "StaffSignIn",
    "actions_of",
    "change_password",
    "change_role",
    "create_staff",
    "disable",
    "enable",
    "everybody",
    "lock_admins",
    "member_of",
    "new_password",
    "purge_expired",
    "record_action",
    "set_password",
    "sign_in",
    "sign_out",
]
