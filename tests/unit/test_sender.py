"""The sender's bounds."""

from evertill.notices import sender
from evertill.notices.outbox import LEASE
from evertill.resilience import EMAIL


def test_letters_taken_are_over_before_their_lease_is() -> None:
    """However silent the mail server: the last of a bite is given up before another sender may take it."""
    rounds = -(-sender._BITE // sender._AT_ONCE)
    assert rounds * EMAIL.deadline < LEASE
