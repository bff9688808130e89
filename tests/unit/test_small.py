"""The small shared nouns: ids, signatures, settings, statements."""

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.ids import id_at, new_id, new_order_number
from evertill.serve import ip_address_of
from evertill.settings import BadSetting, Settings, read_settings, without_password
from evertill.signing import BadSecret, Signer, load_secret
from evertill.storage import Statements

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_forked_worker_makes_ids_of_its_own() -> None:
    """Randomness read before a fork is nobody's afterwards: no worker repeats another's ids."""
    new_id()
    there, here = os.pipe()
    if (child := os.fork()) == 0:
        os.write(here, b"".join(id_at(NOON).bytes for _ in range(30)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(there, 480)
    ours = {id_at(NOON).bytes for _ in range(30)}
    assert len(theirs) == 480
    assert ours.isdisjoint(theirs[at : at + 16] for at in range(0, 480, 16))


def test_ids_are_uuid_version_7_and_sort_by_time() -> None:
    """So that new rows go to the right edge of every index."""
    made = [id_at(NOON + timedelta(milliseconds=step)) for step in range(50)]
    assert made == sorted(made)
    assert {id_.version for id_ in made} == {7}
    assert {id_.variant for id_ in made} == {"specified in RFC 4122"}
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_order_numbers_of_one_process_do_not_repeat_within_a_second() -> None:
    """Sixty thousand orders in one second have sixty thousand numbers, none with a letter one could mistake."""
    numbers = {new_order_number(NOON) for _ in range(60_000)}
    assert len(numbers) == 60_000
    assert not set("".join(numbers)) & set("ILOU")


@given(st.text(), st.text())
def test_a_signature_holds_for_its_text_and_purpose_only(text: str, other: str) -> None:
    """Also for texts nobody would sign."""
    signer = Signer(b"s" * 32)
    signature = signer.sign("link", text)
    assert signer.holds("link", text, signature)
    assert not signer.holds("cookie", text, signature)
    assert signer.holds("link", other, signature) == (text == other)
    assert not Signer(b"t" * 32).holds("link", text, signature)


@given(st.text())
def test_any_text_can_be_asked_to_be_unsealed(text: str) -> None:
    """Nonsense is not ours, and nothing breaks."""
    assert Signer(b"s" * 32).unseal("order", text) is None


def test_a_sealed_id_comes_back_and_a_changed_one_does_not() -> None:
    """Every changed character is found out."""
    signer, id_ = Signer(b"s" * 32), new_id()
    sealed = signer.seal("order", id_)
    assert signer.unseal("order", sealed) == id_
    for place in range(len(sealed)):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        assert signer.unseal("order", changed) is None


def test_the_secret_is_made_once_and_kept_to_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0600, the same at every start; the environment wins, and must be long enough."""
    monkeypatch.delenv("EVERTILL_SECRET", raising=False)
    first = load_secret(tmp_path)
    assert load_secret(tmp_path) == first
    assert len(first) == 32
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("EVERTILL_SECRET", "ab" * 32)
    assert load_secret(tmp_path) == b"\xab" * 32
    for bad in ("too short", "ab" * 31, "xy" * 32):
        monkeypatch.setenv("EVERTILL_SECRET", bad)
        with pytest.raises(BadSecret, match="EVERTILL_SECRET") as refused:
            load_secret(tmp_path)
        assert bad not in str(refused.value)


def test_a_secret_that_is_none_is_said_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off or written over: links and cookies of a new one would not be ours. Nothing else is left in the folder."""
    monkeypatch.delenv("EVERTILL_SECRET", raising=False)
    load_secret(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    (tmp_path / "secret").write_text("")
    with pytest.raises(BadSecret, match="secret"):
        load_secret(tmp_path)
    assert (tmp_path / "secret").read_text() == ""


def test_a_port_that_is_taken_is_refused_and_not_shared() -> None:
    """The server would listen beside the other program, and each would get half of the buyers."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            with pytest.raises(BadSetting, match=f"port is {taken}"):
                ip_address_of(Settings(host=host, port=taken))
    assert ip_address_of(Settings(host="localhost", port=taken)) == "127.0.0.1"


@pytest.mark.parametrize("host", ["999.1.1.1", "192.0.2.1", "x" * 300])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    """In a sentence that names it."""
    with pytest.raises(BadSetting, match="host is"):
        ip_address_of(Settings(host=host, port=65_000))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "http"),
        ("port", "0"),
        ("workers", "-1"),
        ("workers", "1e9"),
        ("currency", "QQQ"),
        ("locale", "xx_nowhere"),
        ("key_hours", "1"),
        ("session_minutes", "0"),
        ("public_url", "shop.example"),
        ("public_url", "https://shop.example/path"),
        ("public_url", "https://shop.example:99999"),
        ("public_url", "https://[shop"),
        ("public_url", "https://"),
        ("database_url", "mysql://x"),
        ("database_url", "postgresql://host:port/shop"),
        ("database_url", "postgresql://[host/shop"),
        ("smtp_url", "http://mail"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://mail:99999"),
        ("country", "XX"),
        ("country", "gb"),
        ("shop_name", "A shop\nBcc: everybody@example.com"),
        ("shop_name", " "),
        ("shop_email", "shop"),
        ("shop_email", "A shop <shop@example.com>"),
        ("prices_include_tax", "perhaps"),
        ("trusted_proxies", "proxy"),
        ("waiting_room_per_address", "0"),
        ("waiting_room_per_address", "many"),
        ("waiting_room_per_address_minute", "1000001"),
        ("ucp_platforms", "agent.example"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name_and_value(name: str, value: str) -> None:
    """From the environment or a flag alike."""
    with pytest.raises(BadSetting, match=name):
        read_settings({}, {f"EVERTILL_{name.upper()}": value})
    with pytest.raises(BadSetting, match=name):
        read_settings({name: value}, {})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:password@host:5432/shop",
        "postgres://host/shop",
        "postgresql://host:1,[::1]:2/shop",
        "postgresql://postgres@/postgres?host=/run/postgresql",
        "postgresql:///shop",
    ],
)
def test_a_database_may_be_named_in_every_way_its_own_tools_know(url: str) -> None:
    """Several hosts, none, a socket's folder."""
    assert read_settings({"database_url": url}, {}).database_url == url


def test_a_locale_may_be_written_as_browsers_write_it() -> None:
    """en-GB is en_GB."""
    assert read_settings({}, {"EVERTILL_LOCALE": "de-DE"}).locale == "de_DE"


def test_a_flag_wins_over_the_environment() -> None:
    """And what is in neither has its default."""
    settings = read_settings({"port": 9000, "host": None}, {"EVERTILL_PORT": "9001", "EVERTILL_HOST": "0.0.0.0"})
    assert (settings.port, settings.host, settings.currency) == (9000, "0.0.0.0", "GBP")


def test_passwords_in_urls_do_not_reach_logs() -> None:
    """Neither in what is printed nor in what is refused."""
    assert without_password("smtp://user:secret@mail:25") == "smtp://user:***@mail:25"
    assert without_password("postgresql://user:a/b@c@host/db") == "postgresql://user:***@host/db"
    assert without_password("postgresql://host/db?password=secret&a=b") == "postgresql://host/db?password=***&a=b"
    assert without_password("postgresql://host:5432/db") == "postgresql://host:5432/db"
    with pytest.raises(BadSetting) as refused:
        Settings(database_url="mysql://user:secret@host/db")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("package", ["checkout", "payments", "orders", "notices", "idempotency", "stock"])
def test_every_statement_is_tagged_with_its_caller(package: str) -> None:
    """So that the database's own lists say who asks."""
    statements = Statements.of(f"evertill.{package}")
    assert statements
    assert all(text.startswith(f"/* {package}.{name} */ ") for name, text in statements.items())
