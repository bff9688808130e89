"""Customers: accounts that prove their e-mail first, sign-ins, passwords, and limits on guessing."""

from evertill.customers.model import (
    Customer,
    SignIn,
    email_problem,
    fold_email,
    local_path,
    name_problem,
    password_problem,
)
from evertill.customers.passwords import hash_password, is_outdated, password_holds
from evertill.customers.purge import purge_expired
from evertill.customers.reset import change_password, open_reset, request_reset, reset_password
from evertill.customers.sign_in import sign_in, sign_out
from evertill.customers.sign_up import finish_sign_up, pending_email, refuse, sign_up
from evertill.customers.tries import Limit, count_try, network_of, take_try_back

__all__ = [
    "Customer",
    "Limit",
    "SignIn",
    "change_password",
    "count_try",
    "email_problem",
    "finish_sign_up",
    "fold_email",
    "hash_password",
    "is_outdated",
    "local_path",
    "name_problem",
    "network_of",
    "open_reset",
    "password_holds",
    "password_problem",
    "pending_email",
    "purge_expired",
    "refuse",
    "request_reset",
    "reset_password",
    "sign_in",
    "sign_out",
    "sign_up",
    "take_try_back",
]
