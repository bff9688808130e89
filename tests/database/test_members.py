"""Memberships: a trial once ever, given and ended by staff with a reason, and who is a member at a moment."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from evertill.clock import utc_now
from evertill.ids import new_id
from evertill.members import DAYS_MAX, Kind, Membership, members_among, memberships_of
from evertill.members.giving import begin_trial, end, give
from evertill.refusals import Conflict, Invalid, NotFound
from evertill.staff import Role, actions_of, create_staff
from evertill.storage import Connection, Pool
from tests.dealing import HOUR, make_customer

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def sam(pool: Pool) -> UUID:
    """Somebody of staff."""
    made = await create_staff(
        pool, email="sam@example.com", name="Sam", role=Role.OPERATOR, password="correct pony battery", by=None,
        now=utc_now(),
    )  # fmt: skip
    return made.id


async def test_a_crowd_of_presses_is_one_trial(pool: Pool) -> None:
    """Forty at once: all are told of the same one, which lasts as long as it was said to."""
    ada = await make_customer(pool)
    told = await asyncio.gather(*(begin_trial(pool, customer_id=ada, length=30 * DAY) for _ in range(40)))
    assert len({each.id for each in told}) == 1
    assert (told[0].kind, told[0].ends_at - told[0].starts_at) == (Kind.TRIAL, 30 * DAY)
    assert (await memberships_of(pool, ada)).present == told[0]


async def test_a_trial_is_had_once_ever(pool: Pool) -> None:
    """Not again when it is over, whoever asks; another customer has one too."""
    ada, now = await make_customer(pool), utc_now()
    first = await begin_trial(pool, customer_id=ada, length=DAY, moment=now)
    assert await begin_trial(pool, customer_id=ada, length=DAY, moment=now + DAY - INSTANT) == first
    with pytest.raises(Conflict, match="everybody has one") as refused:
        await begin_trial(pool, customer_id=ada, length=DAY, moment=now + DAY)
    assert refused.value.code == "trial_used"
    await begin_trial(pool, customer_id=await make_customer(pool), length=DAY)


async def test_a_trial_and_a_gift_at_once_are_one_membership(pool: Pool, sam: UUID) -> None:
    """Ten presses of the customer, ten of staff: nobody has two that overlap, and staff are told."""
    ada = await make_customer(pool)
    answers = await asyncio.gather(
        *(begin_trial(pool, customer_id=ada, length=DAY) for _ in range(10)),
        *(give(pool, customer_id=ada, days=365, reason="A loyal friend", staff_id=sam) for _ in range(10)),
        return_exceptions=True,
    )
    made = {answer.id for answer in answers if isinstance(answer, Membership)}
    assert len(made) == 1
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"member_already"}
    assert await pool.fetchval("SELECT count(*) FROM membership") == 1


async def test_staff_give_and_end_with_a_reason(pool: Pool, sam: UUID) -> None:
    """From now on for so many days; ended early it counts no more; both are in the book; ending twice is once."""
    ada = await make_customer(pool)
    given = await give(pool, customer_id=ada, days=365, reason=" A loyal friend ", staff_id=sam)
    assert (given.kind, given.given_by, given.why) == (Kind.FULL, sam, "A loyal friend")
    assert given.ends_at - given.starts_at == 365 * DAY
    with pytest.raises(Conflict, match="There is a membership already, until"):
        await give(pool, customer_id=ada, days=1, reason="Once more", staff_id=sam)
    ended = await asyncio.gather(
        *(end(pool, membership_id=given.id, reason="Asked us to", staff_id=sam) for _ in range(5))
    )
    assert len(set(ended)) == 1
    assert (await memberships_of(pool, ada)).present is None
    book = await actions_of(pool, subject=f"customer:{ada}")
    assert [(each.name, each.verb, each.reason) for each in book] == [
        ("Sam", "end_membership", "Asked us to"),
        ("Sam", "give_membership", "A loyal friend"),
    ]
    assert book[1].facts == {"membership": str(given.id), "until": given.ends_at.isoformat()}
    # The trial is theirs still, and so is another gift after it.
    trial = await begin_trial(pool, customer_id=ada, length=DAY)
    await end(pool, membership_id=trial.id, reason="A mistake", staff_id=sam)
    await give(pool, customer_id=ada, days=1, reason="A year was meant", staff_id=sam)
    assert len((await memberships_of(pool, ada)).all) == 3


async def test_what_is_over_is_not_ended(pool: Pool, sam: UUID) -> None:
    """Its time is past: that is said."""
    ada, now = await make_customer(pool), utc_now()
    trial = await begin_trial(pool, customer_id=ada, length=DAY, moment=now - DAY)
    with pytest.raises(Conflict, match="over already"):
        await end(pool, membership_id=trial.id, reason="Too late", staff_id=sam, moment=now)


@pytest.mark.parametrize(
    ("days", "reason", "fields"),
    [
        (0, "A friend", ["days"]),
        (-1, "A friend", ["days"]),
        (DAYS_MAX + 1, "A friend", ["days"]),
        (1, "", ["reason"]),
        (1, "  x ", ["reason"]),
        (1, "line\nbreak", ["reason"]),
        (1, "x" * 301, ["reason"]),
        (0, "", ["days", "reason"]),
    ],
)
async def test_what_cannot_be_given_is_named(pool: Pool, sam: UUID, days: int, reason: str, fields: list[str]) -> None:
    """Each field that is wrong, with what is allowed; nothing is written."""
    ada = await make_customer(pool)
    with pytest.raises(Invalid) as refused:
        await give(pool, customer_id=ada, days=days, reason=reason, staff_id=sam)
    assert [each.field for each in refused.value.fields] == fields
    assert (await memberships_of(pool, ada)).all == ()
    await give(pool, customer_id=ada, days=DAYS_MAX, reason="xxx", staff_id=sam)


async def test_nobody_and_nothing_are_said_to_be_that(pool: Pool, sam: UUID) -> None:
    """No such customer, no such membership; an end needs a reason too."""
    with pytest.raises(NotFound, match="no such customer"):
        await give(pool, customer_id=new_id(), days=1, reason="A friend", staff_id=sam)
    with pytest.raises(NotFound, match="no such customer"):
        await begin_trial(pool, customer_id=new_id(), length=DAY)
    with pytest.raises(NotFound, match="no such membership"):
        await end(pool, membership_id=new_id(), reason="A friend", staff_id=sam)
    with pytest.raises(Invalid, match="Say why"):
        await end(pool, membership_id=new_id(), reason="", staff_id=sam)


async def test_who_is_a_member_is_told_for_a_moment(pool: Pool) -> None:
    """Its first moment is in, its last is not; without a moment it is the database's clock."""
    ada, ben, now = await make_customer(pool), await make_customer(pool), utc_now()
    await begin_trial(pool, customer_id=ada, length=2 * HOUR, moment=now - HOUR)
    asked = [ada, ben, ada, new_id()]
    assert await members_among(pool, asked) == {ada}
    assert await members_among(pool, asked, now - HOUR) == {ada}
    assert await members_among(pool, asked, now - HOUR - INSTANT) == set()
    assert await members_among(pool, asked, now + HOUR - INSTANT) == {ada}
    assert await members_among(pool, asked, now + HOUR) == set()
    assert await members_among(pool, []) == set()


async def test_a_membership_goes_with_its_account(pool: Pool) -> None:
    """Who is no customer any more is no member."""
    ada = await make_customer(pool)
    await begin_trial(pool, customer_id=ada, length=DAY)
    await pool.execute("DELETE FROM customer WHERE id = $1", ada)
    assert await members_among(pool, [ada]) == set()
    assert await pool.fetchval("SELECT count(*) FROM membership") == 0


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("ends_at = starts_at", "membership_ends_after"),
        ("ended_at = ends_at + interval '1 second'", "membership_ended_within"),
        ("ended_at = starts_at - interval '1 second'", "membership_ended_within"),
        ("kind = 'gold'", "membership_kind_known"),
        ("kind = 'full'", "membership_names_its_giver"),
    ],
)
async def test_the_table_takes_only_what_can_be(
    connection: Connection, pool: Pool, change: str, constraint: str
) -> None:
    """Whoever writes it."""
    await begin_trial(pool, customer_id=await make_customer(pool), length=DAY)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute(f"UPDATE membership SET {change}")
    assert refused.value.constraint_name == constraint


async def test_the_table_knows_one_trial_of_a_customer(connection: Connection, pool: Pool) -> None:
    """Even if every other guard failed."""
    ada = await make_customer(pool)
    await begin_trial(pool, customer_id=ada, length=DAY, moment=utc_now() - 2 * DAY)
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await connection.execute(
            """INSERT INTO membership (id, customer_id, kind, starts_at, ends_at, created_at)
               VALUES ($1, $2, 'trial', now(), now() + interval '1 day', now())""",
            new_id(), ada,
        )  # fmt: skip
    assert refused.value.constraint_name == "membership_one_trial"
