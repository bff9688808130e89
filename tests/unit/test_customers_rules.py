"""What may be said of customers: e-mails, names, passwords, and where one may be sent after signing in."""

import asyncio
import os
import signal
import threading
import time

import pytest

from evertill.customers import email_problem, fold_email, local_path, name_problem, network_of, password_problem
from evertill.customers import passwords as passwords_module
from evertill.customers.passwords import hash_password, is_outdated, password_holds
from evertill.refusals import Unavailable


@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com",
        "ada+shop@mail.example.co.uk",
        "O'Brien_1.x@ex-ample.org",
        "a@xn--bcher-kva.example",
        "a" * 64 + "@example.com",
    ],
)
def test_addresses_that_letters_reach_are_taken(email: str) -> None:
    """Nothing that a mail server could deliver to is turned away without need."""
    assert email_problem(email) is None


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@@example.com",
        "ada@home@example.com",
        "ada byron@example.com",
        "ada@example.com\r\nBcc: all@example.com",
        "ada@example.com\x00",
        "ada@-example.com",
        "ada@example..com",
        "<ada@example.com>",
        "a" * 65 + "@example.com",
        "a@" + "b." * 130 + "com",
        "ad\u0131@example.com",
        "\ud800@example.com",
        "a" * 100_000,
    ],
)
def test_what_is_no_address_is_told_so_beside_its_field(email: str) -> None:
    """Any text is a fair question; the answer names the field."""
    problem = email_problem(email)
    assert problem is not None
    assert problem.field == "email"
    assert len(problem.problem) < 150


def test_two_spellings_of_one_address_are_one_account() -> None:
    """Case makes no difference."""
    assert fold_email("Ada@Example.COM") == fold_email("ada@example.com")


@pytest.mark.parametrize("name", ["Ada", "José Ñúñez", "李小龍", "O'Brien-Smith", "x", "n" * 100])
def test_names_of_all_alphabets_are_names(name: str) -> None:
    """A name is what somebody says it is."""
    assert name_problem(name) is None


@pytest.mark.parametrize("name", ["", "n" * 101, "Ada\nByron", "Ada\x00", "\x1b[31m", "a\u2028b", "\ud800"])
def test_names_that_cannot_be_shown_are_refused(name: str) -> None:
    """Nothing in a name may break a letter or a page."""
    assert name_problem(name) is not None


@pytest.mark.parametrize(
    "password",
    [
        "correct pony battery nail",
        "tuesday-lamp-9",
        "Žluťoučký kůň",
        "7fk2!pqzLw",
        "8273519406",
        "p" + "assword" + "x" * 3 + "nine-doors-and-a-lake",
        "long " * 25,
    ],
)
def test_long_passwords_are_taken_without_asking_for_mixtures(password: str) -> None:
    """Length counts; nobody is asked for a capital, a digit and a sign."""
    assert password_problem(password.strip(), email="ada@example.com") is None


@pytest.mark.parametrize(
    "password",
    [
        "",
        "ninechars",
        "x1" * 65,
        "ada.byron@example.com",
        "ADA.Byron@Example.com",
        "password12",
        "Password123!",
        "P@ssw0rd2024!",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "poiuytrewq",
        "abcdefghijk",
        "aaaaaaaaaaaa",
        "abababababab",
        "iloveyou1234",
        "Liverpool2011",
        "!!welcome1!!",
        "newline\nin the middle",
        "null\x00in the middle",
    ],
)
def test_passwords_that_are_tried_first_are_refused(password: str) -> None:
    """Short, endless, well known, dressed up, run along the keyboard, or the e-mail itself."""
    problem = password_problem(password, email="ada.byron@example.com")
    assert problem is not None
    assert problem.field == "password"
    assert not password or password not in problem.problem


@pytest.mark.parametrize("path", ["/", "/checkout", "/account?page=2", "/search?q=a%20b", "/ops/orders#x"])
def test_after_signing_in_one_goes_on_to_what_was_wanted(path: str) -> None:
    """A path of ours is followed."""
    assert local_path(path, fallback="/account") == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkout",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/ /evil.example",
        "/caf\u00e9",
        "/" + "a" * 500,
        "/x\x00",
    ],
)
def test_signing_in_never_leads_out_of_the_shop(path: str) -> None:
    """What a browser might read as another host goes nowhere."""
    assert local_path(path, fallback="/account") == "/account"


def test_the_console_sends_nobody_to_the_shop() -> None:
    """Staff go on to pages of the console only."""
    assert local_path("/cart", fallback="/ops", within="/ops") == "/ops"
    assert local_path("/ops/orders", fallback="/ops", within="/ops") == "/ops/orders"


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        ("1" * 10_000, "unknown"),
    ],
)
def test_a_customer_is_one_place_on_the_network(host: str | None, network: str) -> None:
    """IPv6 customers are given 2^64 addresses: they count as one."""
    assert network_of(host) == network


async def test_a_password_is_kept_as_argon2id_and_proven_by_it() -> None:
    """The same password twice is kept in two ways, and only it opens either."""
    first, second = await hash_password("correct pony battery"), await hash_password("correct pony battery")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await password_holds(first, "correct pony battery")
    assert not await password_holds(first, "correct pony batterx")
    assert not is_outdated(first)
    assert is_outdated("$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43)


async def test_one_spelling_of_an_accent_is_as_good_as_another() -> None:
    """Keyboards compose é in two ways."""
    assert await password_holds(await hash_password("caf\u00e9 at nine o'clock"), "cafe\u0301 at nine o'clock")


@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$v=19$m=1", "x" * 10_000])
async def test_a_broken_hash_opens_nothing(kept: str) -> None:
    """What is kept may be damaged: it is no way in, and no fault."""
    assert not await password_holds(kept, "correct pony battery")


async def test_an_unknown_account_is_checked_as_long_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoy of today's parameters is really verified, and never opens."""
    verified: list[str] = []
    decoy = passwords_module._decoy()
    assert not is_outdated(decoy)

    class Watching:
        def verify(self, kept: str, password: str) -> bool:
            verified.append(kept)
            return True  # even if somebody guessed the decoy's own password

    monkeypatch.setattr(passwords_module, "_HASHER", Watching())
    assert not await password_holds(None, "correct pony battery")
    assert verified == [decoy]


async def test_a_flood_of_passwords_waits_in_a_short_line_and_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are hashed at once, thirty wait, whoever comes then is told at once; afterwards there is room again."""
    lock, now_running, most_running = threading.Lock(), 0, 0

    class Slow:
        def hash(self, password: str) -> str:
            nonlocal now_running, most_running
            with lock:
                now_running += 1
                most_running = max(most_running, now_running)
            time.sleep(0.005)
            with lock:
                now_running -= 1
            return password

    monkeypatch.setattr(passwords_module, "_HASHER", Slow())
    answers = await asyncio.gather(*(hash_password("x") for _ in range(100)), return_exceptions=True)
    assert answers.count("x") == 32
    assert all(isinstance(answer, Unavailable) for answer in answers if answer != "x")
    assert most_running == 2
    assert await hash_password("y") == "y"
    # Those who go away give their places back.
    tasks = [asyncio.create_task(hash_password("z")) for _ in range(32)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert (await asyncio.gather(*(hash_password("x") for _ in range(32)))).count("x") == 32


def test_a_forked_worker_hashes_with_threads_of_its_own() -> None:
    """A command that hashed a password before it forked its workers leaves them able to hash."""
    asyncio.run(hash_password("a password before the fork"))
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends the child where it would wait for a thread that is not there
        asyncio.run(hash_password("a password after the fork"))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
