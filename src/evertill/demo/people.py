"""People with names, e-mails and addresses that a country-aware check takes: invented, and never the same twice."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

_FIRST = (
    "Ada",
    "Amir",
    "Anya",
    "Ben",
    "Carys",
    "Chloe",
    "Dev",
    "Ewan",
    "Fatima",
    "Grace",
    "Isla",
    "Jia",
    "Kofi",
    "Omar",
)
_LAST = (
    "Ahmed",
    "Bell",
    "Byron",
    "Davies",
    "Evans",
    "Fraser",
    "Hughes",
    "Iqbal",
    "Jones",
    "Khan",
    "Okafor",
    "Patel",
    "Reid",
)
_STREETS = ("High Street", "Station Road", "Church Lane", "Mill Road", "Victoria Street", "Park Avenue", "Abbey Close")
_TOWNS = (
    ("London", ("SW1A", "E1", "N7", "SE15", "W1T")), ("Leeds", ("LS1", "LS12")), ("Cardiff", ("CF10", "CF24")),
    ("Glasgow", ("G1", "G42")), ("Bristol", ("BS1", "BS7")), ("York", ("YO1", "YO24")), ("Norwich", ("NR1", "NR5")),
    ("Exeter", ("EX1", "EX4")),
)  # fmt: skip
_INWARD = "ABDEFGHJLNPQRSTUWXYZ"  # letters that end a British postcode


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who buys."""

    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    city: str
    postcode: str


def people(count: int, chance: random.Random) -> Iterator[Person]:
    """So many people, drawn by chance."""
    for number in range(count):
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        city, districts = chance.choice(_TOWNS)
        yield Person(
            first_name=first,
            last_name=last,
            email=f"{first}.{last}.{number}@example.com".lower(),
            phone=f"+4420794{chance.randrange(100_000):05d}",
            street=f"{chance.randrange(1, 400)} {chance.choice(_STREETS)}",
            city=city,
            postcode=f"{chance.choice(districts)} {chance.randrange(10)}{''.join(chance.choices(_INWARD, k=2))}",
        )
