"""
Each dependency's one declared policy. The code that calls a dependency reads its deadline and retries here.

    what fails            what the customer sees                          how
    payment provider      "Order received, we confirm by e-mail"          deadline, then held; the reconciler asks again
    e-mail                nothing                                         outbox, retried with backoff
    a platform's webhook  nothing                                         order events, retried with backoff
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How long a dependency is waited for, and how often it is asked again.

    Retry n comes after first_retry × 2ⁿ, at most retry_max, and after tries_max tries no more.
    """

    name: str
    deadline: timedelta
    first_retry: timedelta
    retry_max: timedelta
    tries_max: int

    def next_try(self, tried: int) -> timedelta | None:
        """How long to wait after that many tries; None: give up."""
        if tried >= self.tries_max:
            return None
        return min(self.first_retry * (1 << min(tried, 20)), self.retry_max)


PAYMENT = Policy(
    name="payment provider",
    deadline=timedelta(seconds=8),  # p99.9 of card authorisations is near 5 s; a buyer waits 8 and no more
    first_retry=timedelta(seconds=5),
    retry_max=timedelta(minutes=10),
    tries_max=10_000,  # an unknown ending is never given up: money may be held
)

EMAIL = Policy(
    name="e-mail",
    deadline=timedelta(seconds=20),
    first_retry=timedelta(seconds=5),
    retry_max=timedelta(hours=1),
    tries_max=30,  # a little over a day
)

WEBHOOK = Policy(
    name="platforms' webhooks",
    deadline=timedelta(seconds=5),
    first_retry=timedelta(milliseconds=500),
    retry_max=timedelta(hours=1),
    tries_max=40,  # a little over a day
)
