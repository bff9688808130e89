"""The line's rules: fair shuffles, lines that move by what can be taken, honest waits."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertill.ids import new_id
from evertill.signing import Signer
from evertill.waitingroom import Guards, PerAddress, Pressure, Reach, Room, RoomState, Ticket, TicketState, seal
from evertill.waitingroom.checking import in_words
from evertill.waitingroom.model import (
    INSIDE_MIN,
    INSIDE_START,
    Called,
    Estimate,
    Moved,
    estimate,
    first_inside_max,
    next_inside_max,
    next_now_serving,
    place_of,
    reach,
    still_expected,
)
from evertill.waitingroom.neighbours import Neighbours, mark_of, one_too_many
from evertill.waitingroom.tickets import unseal

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SEED = b"s" * 32
SIGNER = Signer(b"test" * 8)
ROOM = Room(
    id=new_id(), title="Teapots", guards=Guards.CHECKOUT, skus=(), state=RoomState.OPEN, opened_by="staff",
    gathers_at=None, opens_at=None, opened_at=NOON, seed=SEED, gathered=0, issued=1_000, now_serving=100, inside_max=50,
)  # fmt: skip


@given(st.integers(1, 700), st.binary(min_size=32, max_size=32))
def test_a_shuffle_gives_everybody_one_place_of_their_own(gathered: int, seed: bytes) -> None:
    """No two share a place, none is left out, nobody stands behind the end."""
    places = [place_of(number, gathered=gathered, seed=seed) for number in range(1, gathered + 1)]
    assert sorted(places) == list(range(1, gathered + 1))


def test_a_shuffle_is_fair() -> None:
    """Over many seeds, who came first stands in the front half as often as in the back half; so does who came last."""
    for number in (1, 2, 50, 99, 100):
        front = sum(
            place_of(number, gathered=100, seed=bytes([turn // 256, turn % 256] * 16)) <= 50 for turn in range(2_000)
        )
        assert 850 < front < 1_150, number  # 2,000 tosses of a coin: further out once in 10 billion


def test_who_comes_after_the_opening_keeps_the_order_of_coming() -> None:
    """Behind all who gathered, first come, first served."""
    assert [place_of(number, gathered=10, seed=SEED) for number in (11, 12, 1_000_000)] == [11, 12, 1_000_000]


def test_a_million_places_cost_no_more_than_one() -> None:
    """The shuffle works out one place at a time: nothing is made or kept for the others."""
    gathered = 1_000_000
    places = {place_of(number, gathered=gathered, seed=SEED) for number in (1, 2, 3, 500_000, 999_999, 1_000_000)}
    assert len(places) == 6
    assert all(1 <= place <= gathered for place in places)


@pytest.mark.parametrize(
    ("now", "inside", "load", "refused", "after"),
    [
        (100, 90, 0.3, 0, 111),  # at ease and nearly full: more
        (100, 90, 0.2, 0, 121),  # idle: much more
        (100, 30, 0.3, 0, 100),  # at ease and half empty: nothing is learnt about more
        (100, 90, 0.7, 0, 100),  # as full as it does well to be
        (100, 90, 0.9, 0, 94),  # too full
        (100, 10, 0.1, 3, 94),  # somebody was refused
        (21, 90, 2.0, 99, INSIDE_MIN),  # a line must move
    ],
)
def test_how_many_may_be_inside_follows_what_checkout_takes(
    now: int, inside: int, load: float, refused: int, after: int
) -> None:
    """Up while it is at ease and the bound is felt, down when it is not."""
    assert next_inside_max(now, inside=inside, pressure=Pressure(load, refused)) == after


def test_a_room_that_opens_in_a_rush_begins_with_what_checkout_was_taking() -> None:
    """Not with a handful, while thousands a second were served a moment ago."""
    assert first_inside_max(Pressure(1.0, 900, taken=1_500)) == 7_500
    assert first_inside_max(Pressure(1.0, 900)) == INSIDE_START


@pytest.mark.parametrize(
    ("state", "inside", "expected", "serving"),
    [
        (RoomState.OPEN, 30, 5, 115),  # fifteen places are free
        (RoomState.OPEN, 50, 0, 100),  # full
        (RoomState.OPEN, 70, 9, 100),  # over full: nobody is called, nobody is sent back
        (RoomState.DRAINING, 0, 0, 150),
        (RoomState.PAUSED, 0, 0, 100),
        (RoomState.GATHERING, 0, 0, 100),
    ],
)
def test_people_are_called_as_others_make_room(state: RoomState, inside: int, expected: int, serving: int) -> None:
    """Those who are on their way count as inside."""
    room = msgspec.structs.replace(ROOM, state=state)
    assert next_now_serving(room, inside=inside, expected=expected, inside_max=50) == serving


@pytest.mark.parametrize(
    ("before", "lately", "expected"),
    [
        (Called(0, 0), Called(50, 10), 40),  # nothing is known yet: all of them
        (Called(100, 100), Called(50, 10), 40),  # everybody comes
        (Called(99, 49), Called(50, 10), 33),  # half of them: 20 of the last, and some of those before are late
        (Called(999, 0), Called(500, 0), 1),  # a flood that never comes back stops nobody
    ],
)
def test_who_does_not_come_is_not_waited_for(before: Called, lately: Called, expected: int) -> None:
    """As many are reckoned with as came of those who were called before them."""
    assert still_expected(before, lately) == expected


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(1, 5_000))
def test_a_line_never_goes_backwards_nor_beyond_its_end(inside: int, expected: int, inside_max: int) -> None:
    """Whoever was called stays called."""
    serving = next_now_serving(ROOM, inside=inside, expected=expected, inside_max=inside_max)
    assert ROOM.now_serving <= serving <= ROOM.issued


def _line(*served: int) -> list[Moved]:
    return [Moved(NOON + timedelta(seconds=30 * step), count) for step, count in enumerate(served)]


def test_a_wait_is_told_as_a_range() -> None:
    """From the fastest and the slowest of the last half minutes."""
    assert estimate(100, _line(0, 30, 90, 120)) == Estimate(soonest_s=50.0, latest_s=100.0)


@pytest.mark.parametrize("served", [(), (5,), (5, 5, 5)])
def test_a_line_that_did_not_move_promises_nothing(served: tuple[int, ...]) -> None:
    """Not known is what is said."""
    assert estimate(10, _line(*served)) is None


@pytest.mark.parametrize(
    ("soonest", "latest", "words"),
    [
        (5, 40, "about a minute"),
        (60, 600, "between 1 and 10 minutes"),
        (290, 350, "about 6 minutes"),
        (9_000, 99_000, "hours"),
    ],
)
def test_a_wait_is_said_as_people_say_it(soonest: float, latest: float, words: str) -> None:
    """Never more exact than it is known."""
    assert in_words(Estimate(soonest, latest)) == words


@pytest.mark.parametrize(
    ("ahead", "left", "told"),
    [
        (5, None, Reach.YES),
        (5, 6, Reach.YES),
        (5, 5, Reach.UNLIKELY),
        (0, 1, Reach.YES),
        (0, 0, Reach.NO),
        (9, -1, Reach.NO),
    ],
)
def test_who_cannot_get_anything_any_more_is_told(ahead: int, left: int | None, told: Reach) -> None:
    """At once, not after half an hour."""
    assert reach(ahead, left=left) is told


@given(st.integers(1, 10**9), st.binary(min_size=32, max_size=32), st.text(max_size=60))
def test_a_ticket_is_worth_nothing_in_other_hands_or_changed(number: int, other: bytes, junk: str) -> None:
    """Forged, copied, altered: no ticket at all."""
    signer, holder = Signer(b"k" * 32), b"h" * 32
    ticket = Ticket(ROOM.id, number, TicketState.WAITING)
    sealed = seal(signer, ticket, holder)
    assert unseal(signer, sealed, holder) == (ROOM.id, number)
    assert unseal(signer, sealed, other) is None or other == holder
    assert unseal(signer, junk, holder) is None
    assert unseal(Signer(b"x" * 32), sealed, holder) is None
    for at in range(0, len(sealed), 7):
        changed = sealed[:at] + ("0" if sealed[at] != "0" else "1") + sealed[at + 1 :]
        assert unseal(signer, changed, holder) is None


@pytest.mark.parametrize(
    ("one", "other", "are_neighbours"),
    [
        ("8.8.4.4", "8.8.4.4", True),
        ("8.8.4.4", "8.8.4.5", False),
        ("8.8.4.4", "::ffff:8.8.4.4", True),
        ("2a00:1450:1:2::5", "2a00:1450:1:2:ffff:ffff:ffff:ffff", True),
        ("2a00:1450:1:2::5", "2a00:1450:1:3::5", False),
    ],
)
def test_neighbours_are_those_of_one_address(one: str, other: str, *, are_neighbours: bool) -> None:
    """An IPv4 address, or the /64 an IPv6 customer is given; the same one is another mark in another room."""
    marks = [mark_of(SIGNER, ROOM.id, host) for host in (one, other)]
    assert None not in marks
    assert (marks[0] == marks[1]) is are_neighbours
    assert mark_of(SIGNER, new_id(), one) != marks[0] != mark_of(Signer(b"other" * 8), ROOM.id, one)
    assert all(-(2**63) <= mark < 2**63 for mark in marks if mark is not None)


@pytest.mark.parametrize(
    "host",
    [None, "", "a socket", "127.0.0.1", "10.0.0.1", "192.168.1.9", "100.64.0.1", "::1", "fe80::1%eth0", "fd00::1"],
)
def test_what_is_no_address_of_the_internet_is_not_counted(host: str | None) -> None:
    """A proxy that nobody named to us would else stand for all its people, and close the line to them."""
    assert mark_of(SIGNER, ROOM.id, host) is None


@pytest.mark.parametrize(
    ("standing", "lately", "retry_seconds"),
    [(0, 0, None), (299, 59, None), (300, 0, 60), (300, 60, 60), (299, 60, 20), (1_000, 1_000, 60)],
)
def test_one_too_many_is_told_when_to_come_again(standing: int, lately: int, retry_seconds: int | None) -> None:
    """Later where places must come free first."""
    refusal = one_too_many(Neighbours(standing, lately), PerAddress(300, 60), room_id=ROOM.id)
    assert (refusal and refusal.retry_after_seconds) == retry_seconds
