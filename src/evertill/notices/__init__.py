"""What must be told later: the outbox, written with what made it true, and the sender that empties it."""

from evertill.notices.letters import KeptLetter, kept_letter, kept_letters
from evertill.notices.outbox import QueueState, Unsent, enqueue, queue_state, try_again, unsent
from evertill.notices.sender import Sender

__all__ = [
    "KeptLetter",
    "QueueState",
    "Sender",
    "Unsent",
    "enqueue",
    "kept_letter",
    "kept_letters",
    "queue_state",
    "try_again",
    "unsent",
]
