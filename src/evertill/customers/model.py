"""
Customers and what may be said of them: pure rules.

A person becomes a customer in two steps, so that nobody learns from us who has an account, and nobody
can make one for an e-mail that is not theirs:

    e-mail typed ──► letter ──► link ──► name and password chosen ──► customer, signed in
                       └─ (has an account already) ──► the letter says so
"""

import re
import unicodedata
from datetime import timedelta
from functools import lru_cache
from importlib.resources import files
from uuid import UUID

import msgspec

from evertill.refusals import FieldProblem

SIGN_IN_LIFE = timedelta(days=30)
SIGN_UP_LIFE = timedelta(hours=24)
RESET_LIFE = timedelta(minutes=30)

PASSWORD_CHARACTERS_MIN = 10
PASSWORD_CHARACTERS_MAX = 128
EMAIL_CHARACTERS_MAX = 254  # RFC 5321, 4.5.3.1.3, without the brackets
NAME_CHARACTERS_MAX = 100

# HTML's own idea of an e-mail address, with at least one dot in the domain: what letters can be sent to by any
# mail server. It knows no quoting and no letters outside ASCII, so nothing can hide in it.
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "01234567890" * 2)


class Customer(msgspec.Struct, frozen=True):
    """Somebody with an account."""

    id: UUID
    email: str
    name: str


class SignIn(msgspec.Struct, frozen=True):
    """A sign-in just made. The token goes into the browser's cookie and is kept nowhere else."""

    token: str
    customer: Customer


def fold_email(email: str) -> str:
    """What is compared: two spellings that fold to the same are one account."""
    return email.lower()


def email_problem(email: str, field: str = "email") -> FieldProblem | None:
    """What is wrong with an e-mail address (already trimmed), None where nothing is."""
    if not email:
        return FieldProblem(field, "Please enter your e-mail address.")
    if len(email) > EMAIL_CHARACTERS_MAX:
        return FieldProblem(field, f"An e-mail address has at most {EMAIL_CHARACTERS_MAX} characters.")
    if email.count("@") != 1:
        return FieldProblem(field, "An e-mail address has exactly one @: name@example.com.")
    if not _EMAIL.fullmatch(email):
        return FieldProblem(field, "This does not look like an e-mail address. It should read like name@example.com.")
    return None


def name_problem(name: str, field: str = "name") -> FieldProblem | None:
    """What is wrong with a person's name (already trimmed), None where nothing is. Any alphabet is welcome."""
    if not name:
        return FieldProblem(field, "Please enter your name.")
    if len(name) > NAME_CHARACTERS_MAX:
        return FieldProblem(field, f"Please keep the name to {NAME_CHARACTERS_MAX} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return FieldProblem(field, "The name holds characters that cannot be shown.")
    return None


def password_problem(password: str, *, email: str, field: str = "password") -> FieldProblem | None:
    """
    What is wrong with a new password, None where nothing is. Length counts, mixtures are not asked for.

    Args:
        email: Whose password it is going to be: it must not be the password.

    Source: OWASP ASVS 5.0, V6.2, and NIST SP 800-63B, 3.1.1.2.
    """
    if len(password) < PASSWORD_CHARACTERS_MIN:
        return FieldProblem(field, f"Please choose at least {PASSWORD_CHARACTERS_MIN} characters.")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return FieldProblem(field, f"Please choose at most {PASSWORD_CHARACTERS_MAX} characters.")
    if not password.isprintable():
        return FieldProblem(field, "The password holds characters that cannot be typed again with certainty.")
    lowered = password.lower()
    if lowered in (fold_email(email), fold_email(email).partition("@")[0]):
        return FieldProblem(field, "Your e-mail address is the first thing anybody would try. Please choose another.")
    if _is_common(lowered):
        return FieldProblem(
            field, "This is one of the passwords that are tried first. Please choose another: four words do well."
        )
    return None


def _is_common(lowered: str) -> bool:
    """Whether guessing programs try it early: on the list, a listed word dressed up, or a run of the keyboard."""
    if lowered in _common() or len(set(lowered)) < 5:
        return True
    if any(lowered in run or lowered[::-1] in run for run in _RUNS):
        return True
    core = _DRESSING.sub("", lowered)
    # A short word in very long dressing is no longer what a list of words finds.
    return 3 * len(core) >= len(lowered) and (core in _common() or core.translate(_SPOKEN) in _common())


_DRESSING = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_SPOKEN = str.maketrans("@$0!13457", "asoiieast")


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    text = files("evertill.customers").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))


def local_path(wanted: str, *, fallback: str, within: str = "/") -> str:
    """
    Where to go after signing in: the path that was asked for if it is one of ours, else the fallback.

    Browsers read "//host", "/\\host" and control characters as ways out of the shop: none of these passes.

    Args:
        within: Paths must begin with this.
    """
    sane = len(wanted) <= 500 and wanted.isascii() and wanted.isprintable() and " " not in wanted
    if sane and wanted.startswith(within) and not wanted.startswith("//") and "\\" not in wanted:
        return wanted
    return fallback
