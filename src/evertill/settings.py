"""Settings: read once, checked at the start; a bad one stops the start with its name and value."""

import difflib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec
from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency

from evertill.address import is_country

log = logging.getLogger(__name__)

Network: TypeAlias = IPv4Network | IPv6Network

PREFIX = "EVERTILL_"
# Read elsewhere, and no settings: the shop's secret, what a worker is started with, the tests' database.
_NO_SETTINGS = {"SECRET", "WORKER_SETTINGS", "TEST_DATABASE_URL"}

_NAME_CHARACTERS_MAX = 100
_TRIAL_DAYS = range(1, 367)
# As much of RFC 5321 as a shop's own address needs.
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")


class BadSetting(ValueError):
    """A setting that cannot be. Says its name, its value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"setting {name} is {value!r}: {allowed}")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    Everything an operator may set, by flag or as EVERTILL_<NAME> in the environment; a flag wins.

    The shop's secret (EVERTILL_SECRET) comes from the environment or the data folder only.
    """

    data: Path = Path(".evertill")
    database_url: str | None = None  # None: the embedded server in data/postgres
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    public_url: str = ""  # how the world reaches the shop; "": http://host:port
    trusted_proxies: str = ""  # networks whose X-Forwarded-For and -Proto are believed, commas between them
    shop_name: str = "Evertill"
    shop_email: str = "shop@evertill.example"
    currency: str = "GBP"
    locale: str = "en_GB"
    country: str = "GB"  # where the shop stands: first in lists, home of its taxes
    prices_include_tax: bool = True
    smtp_url: str | None = None  # None: letters are kept and shown at /ops/mail
    waiting_room_by_itself: bool = True  # a room is opened when checkout saturates
    # A home, an office, a mobile carrier: one address. A script is one as well.
    waiting_room_per_address: int = 300  # places of one address in a line that are not called yet
    waiting_room_per_address_minute: int = 60  # new ones in a minute
    session_minutes: int = 360  # a checkout session's life, UCP's default
    hold_minutes: int = 1_440  # how long units are held for an order whose payment nobody confirms
    trial_days: int = 30  # how long a customer is a member on trial
    key_hours: int = 48  # how long an attempt's answer is kept for repeats
    ucp_platforms: str = ""  # platform profiles trusted without being fetched: addresses, blanks between them
    ucp_test_mode: bool = False  # for conformance tests only: test hooks, platforms on this machine, lenient buyers

    def __post_init__(self) -> None:
        _check(self.port in range(1, 65536), "port", self.port, "a whole number from 1 to 65535")
        _check(1 <= self.workers <= 128, "workers", self.workers, "a whole number from 1 to 128")
        _check(is_currency(self.currency), "currency", self.currency, "an ISO 4217 code such as GBP")
        _check(_is_locale(self.locale), "locale", self.locale, "a locale such as en_GB or de_DE")
        _check(is_country(self.country), "country", self.country, "a two-letter code such as GB")
        _check(
            self.shop_name.isprintable() and 1 <= len(self.shop_name.strip()) <= _NAME_CHARACTERS_MAX,
            "shop_name",
            self.shop_name,
            f"a name of 1 to {_NAME_CHARACTERS_MAX} characters, without line breaks",
        )
        _check(
            _EMAIL.fullmatch(self.shop_email) is not None,
            "shop_email",
            self.shop_email,
            "an e-mail address such as shop@example.com",
        )
        _check(24 <= self.key_hours <= 24 * 90, "key_hours", self.key_hours, "a whole number from 24 to 2160")
        _check(5 <= self.hold_minutes <= 10_080, "hold_minutes", self.hold_minutes, "a whole number from 5 to 10080")
        _check(
            self.trial_days in _TRIAL_DAYS,
            "trial_days",
            self.trial_days,
            f"a whole number from {_TRIAL_DAYS[0]} to {_TRIAL_DAYS[-1]}",
        )
        for name in ("waiting_room_per_address", "waiting_room_per_address_minute"):
            places = getattr(self, name)
            _check(1 <= places <= 1_000_000, name, places, "a whole number from 1 to 1000000")
        _check(1 <= self.session_minutes <= 1440, "session_minutes", self.session_minutes, "from 1 to 1440")
        _check(
            _are_networks(self.trusted_proxies),
            "trusted_proxies",
            self.trusted_proxies,
            "networks with commas between them, such as 10.0.0.0/8,fd00::/8",
        )
        _check(
            all(_is_url(url, "https", "http") for url in self.ucp_platforms.split()),
            "ucp_platforms",
            self.ucp_platforms,
            "addresses that begin with https://, blanks between them",
        )
        if self.public_url:
            _check(
                _is_url(self.public_url, "https", "http", path=False),
                "public_url",
                self.public_url,
                "an http(s) address without a path, such as https://shop.example",
            )
        if self.database_url is not None:
            _check(
                _is_database_url(self.database_url),
                "database_url",
                without_password(self.database_url),
                "a URL such as postgresql://user:password@host:5432/database",
            )
        if self.smtp_url is not None:
            _check(
                _is_url(self.smtp_url, "smtp", "smtps", path=False),
                "smtp_url",
                without_password(self.smtp_url),
                "a URL such as smtp://user:password@mail.example:587 or smtps://…",
            )

    @property
    def address(self) -> str:
        """How the world reaches the shop, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks our proxies are in."""
        return _networks(self.trusted_proxies)

    @property
    def trial_life(self) -> timedelta:
        return timedelta(days=self.trial_days)

    @property
    def session_life(self) -> timedelta:
        return timedelta(minutes=self.session_minutes)


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Settings from flags (None: not given) over EVERTILL_* variables over defaults.

    Raises:
        BadSetting: By name and value.
    """
    for name, meant in unknown_variables(environment):
        log.warning("unknown_setting name=%s%s: it is ignored", name, f" did_you_mean={meant}" if meant else "")
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        value = flags.get(field.name)
        if value is None:
            value = environment.get(PREFIX + field.name.upper())
        if value is not None and value != "":
            try:
                values[field.name] = msgspec.convert(value, field.type, strict=False, dec_hook=_to_path)
            except msgspec.ValidationError as error:
                raise BadSetting(field.name, value, f"must be {_KINDS.get(field.type, error)}") from error
    if "locale" in values:
        values["locale"] = values["locale"].replace("-", "_")  # en-GB, as browsers write it
    return Settings(**values)


_KINDS = {int: "a whole number", bool: "true or false"}


def unknown_variables(environment: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Variables that are named like settings and are none, each with the setting that may have been meant."""
    known = [field.name.upper() for field in msgspec.structs.fields(Settings)]
    named = (name.removeprefix(PREFIX) for name in environment if name.startswith(PREFIX))
    unknown = sorted(name for name in named if name not in known and name not in _NO_SETTINGS)
    return [(PREFIX + name, PREFIX + close[0] if (close := _close(name, known)) else None) for name in unknown]


def _close(name: str, known: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(name, known, 1)


def without_password(url: str) -> str:
    """A URL fit for a log: its password replaced by stars, however little of a URL it is."""
    return re.sub(r"(//[^:/@]*):.*@", r"\1:***@", re.sub(r"([?&]password=)[^&]*", r"\1***", url))


def _check(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise BadSetting(name, value, f"must be {allowed}")


def _is_locale(name: str) -> bool:
    try:
        Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _is_url(text: str, *schemes: str, path: bool = True) -> bool:
    """Whether that is an address with one of these schemes, a host, and a port that can be if it names one."""
    try:
        parts = urlsplit(text)
        named = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number from 0 to 65535
        return False
    return named and (path or parts.path in ("", "/"))


def _is_database_url(text: str) -> bool:
    """As libpq reads it: several hosts with commas between them, or none and a socket's folder as a parameter."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return parts.scheme in ("postgresql", "postgres") and all(_HOST.fullmatch(host) for host in hosts)


_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:[0-9]{1,5})?")


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _are_networks(text: str) -> bool:
    try:
        _networks(text)
    except ValueError:
        return False
    return True


def _to_path(type_: type, value: object) -> object:
    if type_ is Path:
        return Path(str(value))
    raise NotImplementedError(type_)
