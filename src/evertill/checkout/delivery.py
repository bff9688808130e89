"""The ways to get the goods, by where they go, and what they cost."""

from evertill.checkout.model import Choice

_EUROPE = frozenset(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)

# Standard delivery at home costs nothing from here on.
FREE_FROM_MINOR = 5_000

PICKUP = Choice(
    code="pickup", title="Collect from the shop", promise="Ready within two hours", price_minor=0, pickup=True
)
_HOME = (
    Choice(code="std", title="Standard delivery", promise="2 to 3 working days", price_minor=395),
    Choice(
        code="express", title="Next working day", promise="Ordered by 4 pm, there the next working day", price_minor=795
    ),
)
_NEAR = (
    Choice(code="std", title="Standard delivery to Europe", promise="4 to 7 working days", price_minor=995),
    Choice(code="express", title="Express delivery to Europe", promise="2 to 3 working days", price_minor=1_895),
)
_FAR = (
    Choice(code="std", title="Standard delivery worldwide", promise="7 to 14 working days", price_minor=1_495),
    Choice(code="express", title="Express delivery worldwide", promise="3 to 5 working days", price_minor=3_495),
)


def choices_for(country: str | None, *, home: str) -> tuple[Choice, ...]:
    """What may be chosen for goods that go to that country (None: not said yet); collecting is always possible."""
    if country is None or country == home:
        return (*_HOME, PICKUP)
    return (*(_NEAR if country in _EUROPE else _FAR), PICKUP)


def delivery_price(choice: Choice, subtotal_minor: int) -> int:
    """What a choice costs for goods of that worth."""
    if choice in _HOME and choice.code == "std" and subtotal_minor >= FREE_FROM_MINOR:
        return 0
    return choice.price_minor
