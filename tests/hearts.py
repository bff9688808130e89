"""Workers, as tests of the pulse need them: a heart over figures of its own, on a shop's database."""

from evertill.audit import Auditor
from evertill.checkout.takings import Takings
from evertill.clock import Clock
from evertill.pulse import Heart
from evertill.resilience import Gate
from evertill.shop import Shop


def heart_of(
    shop: Shop,
    *,
    gate: Gate | None = None,
    takings: Takings | None = None,
    auditor: Auditor | None = None,
    clock: Clock | None = None,
) -> Heart:
    """Another worker's heart, beside the shop's own."""
    return Heart(
        shop.heart.pool,
        gate=gate or Gate(),
        groups=(),
        takings=takings or Takings(),
        pools=(),
        auditor=auditor or shop.auditor,
        clock=clock or shop.clock,
    )
