"""Staff on a real PostgreSQL: roles, sign-ins, and an admin who is always left."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from evertill import staff
from evertill.customers import passwords as passwords_module
from evertill.customers.tries import WINDOW
from evertill.ids import new_id
from evertill.refusals import Conflict, Invalid, NotAllowed, NotFound, TooMany
from evertill.staff import Role, StaffMember, StaffSignIn
from evertill.staff.sign_in import STAFF_SIGN_IN
from evertill.storage import Connection, Pool

NOW = datetime(2026, 7, 8, 9, 1, tzinfo=UTC)
HOME = "192.0.2.7"
PASSWORD = "seven brass door handles"


async def hire(pool: Pool, name: str, role: Role = Role.ADMIN, by: UUID | None = None) -> StaffMember:
    return await staff.create_staff(
        pool, email=f"{name}@shop.example", name=name.title(), role=role, password=PASSWORD, by=by, now=NOW
    )


async def enter(
    pool: Pool, name: str = "grace", password: str = PASSWORD, *, network: str = HOME, now: datetime = NOW
) -> StaffSignIn:
    return await staff.sign_in(pool, email=f"{name}@shop.example", password=password, network=network, now=now)


async def who(pool: Pool, token: str, now: datetime = NOW) -> StaffMember | None:
    return await staff.member_of(pool, token=token, now=now)


async def verbs(connection: Connection | Pool) -> list[str]:
    return [row["verb"] for row in await connection.fetch("SELECT verb FROM staff_action ORDER BY ctid")]


@pytest.mark.parametrize(
    ("role", "needed", "reaches"),
    [
        (role, needed, rank >= needed_rank)
        for rank, role in enumerate((Role.VIEWER, Role.OPERATOR, Role.ADMIN))
        for needed_rank, needed in enumerate((Role.VIEWER, Role.OPERATOR, Role.ADMIN))
    ],
)
def test_each_role_may_do_what_the_one_before_may(role: Role, needed: Role, reaches: bool) -> None:
    """Viewer, operator, admin; who is disabled may do nothing."""
    member = StaffMember(new_id(), "grace@shop.example", "Grace", role, NOW)
    assert member.may(needed) is reaches
    assert not StaffMember(member.id, member.email, member.name, role, NOW, disabled_at=NOW).may(needed)


async def test_the_first_admin_is_made_by_a_command_and_signs_in_for_a_working_day(pool: Pool) -> None:
    """Recorded as nobody's doing; twelve hours; only a hash of the token is kept."""
    member = await hire(pool, "grace")
    signed_in = await enter(pool)
    assert signed_in.member == member
    assert await who(pool, signed_in.token) == member
    assert await who(pool, signed_in.token, NOW + timedelta(hours=12)) is None
    assert await who(pool, "x") is None
    assert await who(pool, "\x00\ud800") is None
    [action] = [action for action in await staff.actions_of(pool, subject=f"staff:{member.id}") if action.name is None]
    assert (action.verb, dict(action.facts)) == ("add_staff", {"email": "grace@shop.example", "role": "admin"})
    assert signed_in.token not in json.dumps([str(row) for row in await pool.fetch("SELECT * FROM staff_sign_in")])


async def test_what_cannot_be_is_told_field_by_field(pool: Pool) -> None:
    """E-mail, name and password are checked; an e-mail is staff once, in any spelling."""
    with pytest.raises(Invalid) as refused:
        await staff.create_staff(pool, email="no", name="", role=Role.VIEWER, password="short", by=None, now=NOW)
    assert [problem.field for problem in refused.value.fields] == ["email", "name", "password"]
    await hire(pool, "grace")
    with pytest.raises(Conflict) as twice:
        await hire(pool, "GRACE")
    assert twice.value.fields[0].field == "email"


async def test_a_first_password_is_one_that_would_be_taken(pool: Pool) -> None:
    """Generated ones differ, and open."""
    passwords = {staff.new_password() for _ in range(50)}
    assert len(passwords) == 50
    password = passwords.pop()
    await staff.create_staff(
        pool, email="a@shop.example", name="A", role=Role.VIEWER, password=password, by=None, now=NOW
    )
    await enter(pool, "a", password)


async def test_wrong_unknown_and_disabled_get_the_same_answer_after_the_same_work(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody learns who is staff."""
    admin = await hire(pool, "grace")
    other = await hire(pool, "linus", Role.VIEWER)
    async with pool.acquire() as connection:
        await staff.disable(connection, staff_id=other.id, by=admin.id, now=NOW)
    verified: list[str | None] = []
    plain = passwords_module._holds

    def watching(kept: str | None, password: str) -> bool:
        verified.append(kept)
        return plain(kept, password)

    monkeypatch.setattr(passwords_module, "_holds", watching)
    answers = set()
    for name, password in (("grace", "a wrong password"), ("nobody", PASSWORD), ("linus", PASSWORD), ("\x01", "")):
        with pytest.raises(Invalid) as refused:
            await enter(pool, name, password)
        answers.add((refused.value.code, refused.value.sentence))
    assert len(answers) == 1
    assert len(verified) == 4
    assert verified[1:] == [None, None, None]


async def test_guessing_at_staff_is_limited_more_strictly(pool: Pool) -> None:
    """Thirty at once are eight; the customers' count is another one."""
    await hire(pool, "grace")
    answers = await asyncio.gather(
        *(enter(pool, password=f"guess {n} of mine") for n in range(20)), return_exceptions=True
    )
    assert Counter(type(answer) for answer in answers) == {Invalid: STAFF_SIGN_IN.per_email, TooMany: 12}
    with pytest.raises(TooMany):
        await enter(pool)
    await enter(pool, now=NOW + WINDOW)


async def test_a_role_counts_from_the_next_request_on(pool: Pool) -> None:
    """Not from the next sign-in on; the change is recorded with who did it."""
    admin, other = await hire(pool, "grace"), await hire(pool, "linus", Role.VIEWER)
    signed_in = await enter(pool, "linus")
    async with pool.acquire() as connection:
        await staff.change_role(connection, staff_id=other.id, role=Role.OPERATOR, by=admin.id, now=NOW)
    now_is = await who(pool, signed_in.token)
    assert now_is is not None
    assert now_is.role is Role.OPERATOR
    newest = await staff.actions_of(pool, subject=f"staff:{other.id}")
    assert ("change_role", "Grace", {"from": "viewer", "to": "operator"}) in [
        (action.verb, action.name, dict(action.facts)) for action in newest
    ]


async def test_a_disabled_member_is_out_at_once_and_may_be_let_in_again(pool: Pool) -> None:
    """Every browser is signed out; repeating changes and records nothing."""
    admin, other = await hire(pool, "grace"), await hire(pool, "linus", Role.OPERATOR)
    signed_in = await enter(pool, "linus")
    async with pool.acquire() as connection:
        for _ in range(2):
            await staff.disable(connection, staff_id=other.id, by=admin.id, now=NOW)
        assert await who(pool, signed_in.token) is None
        with pytest.raises(Conflict):
            await staff.change_role(connection, staff_id=other.id, role=Role.ADMIN, by=admin.id, now=NOW)
        for _ in range(2):
            await staff.enable(connection, staff_id=other.id, by=admin.id, now=NOW)
    assert await who(pool, signed_in.token) is None
    assert (await enter(pool, "linus")).member.role is Role.OPERATOR
    assert Counter(await verbs(pool)) == {"add_staff": 2, "sign_in": 2, "disable_staff": 1, "enable_staff": 1}


async def test_the_last_admin_stays_admin(pool: Pool) -> None:
    """Neither demoted nor disabled, by whomever; with a second one it is fine."""
    admin = await hire(pool, "grace")
    async with pool.acquire() as connection:
        with pytest.raises(Conflict) as refused:
            await staff.change_role(connection, staff_id=admin.id, role=Role.VIEWER, by=admin.id, now=NOW)
        assert refused.value.code == "last_admin"
        with pytest.raises(Conflict):
            await staff.disable(connection, staff_id=admin.id, by=admin.id, now=NOW)
        other = await hire(pool, "linus", Role.ADMIN, by=admin.id)
        await staff.disable(connection, staff_id=admin.id, by=other.id, now=NOW)
    assert [member.name for member in await staff.everybody(pool) if member.disabled_at is None] == ["Linus"]


async def test_nobody_shuts_themselves_out(pool: Pool) -> None:
    """Not even where another admin is left; the other one may do it."""
    first, second = await hire(pool, "grace"), await hire(pool, "linus")
    signed_in = await enter(pool)
    async with pool.acquire() as connection:
        with pytest.raises(Conflict) as refused:
            await staff.disable(connection, staff_id=first.id, by=first.id, now=NOW)
        assert (refused.value.code, "Another admin" in refused.value.sentence) == ("yourself", True)
        assert await who(pool, signed_in.token) == first
        await staff.disable(connection, staff_id=first.id, by=second.id, now=NOW)
    assert await who(pool, signed_in.token) is None


async def test_six_admins_who_disable_one_another_leave_one(pool: Pool) -> None:
    """All at once, each the next one: an admin is always left, and whoever was disabled first does no more."""
    admins = [await hire(pool, f"admin{number}") for number in range(6)]

    async def oust(number: int) -> str:
        async with pool.acquire() as connection:
            victim = admins[(number + 1) % 6]
            if number % 2:
                await staff.disable(connection, staff_id=victim.id, by=admins[number].id, now=NOW)
            else:
                await staff.change_role(connection, staff_id=victim.id, role=Role.VIEWER, by=admins[number].id, now=NOW)
        return "done"

    answers = await asyncio.gather(*(oust(number) for number in range(6)), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {str, NotAllowed, Conflict}
    left = [member for member in await staff.everybody(pool) if member.may(Role.ADMIN)]
    assert len(left) == 6 - answers.count("done")
    assert len(left) >= 1


async def test_two_admins_who_disable_each_other_leave_one(pool: Pool) -> None:
    """Again and again, both at once: one is out, the other is told and stays."""
    first, second = await hire(pool, "grace"), await hire(pool, "linus")

    async def oust(by: StaffMember, whom: StaffMember) -> None:
        async with pool.acquire() as connection:
            await staff.disable(connection, staff_id=whom.id, by=by.id, now=NOW)

    for _ in range(10):
        await pool.execute("UPDATE staff SET disabled_at = NULL")
        answers = await asyncio.gather(oust(first, second), oust(second, first), return_exceptions=True)
        assert Counter(type(answer) for answer in answers) == {type(None): 1, NotAllowed: 1}
        assert len([member for member in await staff.everybody(pool) if member.may(Role.ADMIN)]) == 1


async def test_two_admins_who_demote_each_other_leave_one(pool: Pool) -> None:
    """Again and again, both at once: never nobody."""
    for number in range(5):
        first, second = await hire(pool, f"a{number}"), await hire(pool, f"b{number}")
        await pool.execute("UPDATE staff SET role = 'viewer' WHERE id <> ALL ($1)", [first.id, second.id])

        async def demote(by: StaffMember, whom: StaffMember) -> None:
            async with pool.acquire() as connection:
                await staff.change_role(connection, staff_id=whom.id, role=Role.VIEWER, by=by.id, now=NOW)

        answers = await asyncio.gather(demote(first, second), demote(second, first), return_exceptions=True)
        assert Counter(type(answer) for answer in answers) == {type(None): 1, NotAllowed: 1}


async def test_only_an_admin_changes_who_is_staff(pool: Pool) -> None:
    """The verbs themselves refuse, not only the pages."""
    admin, operator = await hire(pool, "grace"), await hire(pool, "linus", Role.OPERATOR)
    with pytest.raises(NotAllowed):
        await hire(pool, "eve", Role.ADMIN, by=operator.id)
    async with pool.acquire() as connection:
        with pytest.raises(NotAllowed):
            await staff.change_role(connection, staff_id=operator.id, role=Role.ADMIN, by=operator.id, now=NOW)
        with pytest.raises(NotAllowed):
            await staff.disable(connection, staff_id=admin.id, by=operator.id, now=NOW)
        with pytest.raises(NotFound):
            await staff.disable(connection, staff_id=new_id(), by=admin.id, now=NOW)
    with pytest.raises(NotAllowed):
        await staff.set_password(pool, email=admin.email, password="a door handle of tin", by=operator.id, now=NOW)


async def test_a_password_is_changed_by_its_owner_or_set_by_a_command(pool: Pool) -> None:
    """Either way every other browser is signed out."""
    member = await hire(pool, "grace")
    first, second = await enter(pool), await enter(pool)
    with pytest.raises(Invalid) as refused:
        await staff.change_password(
            pool, staff_id=member.id, present="a wrong one", new="a door handle of tin", network=HOME, now=NOW
        )
    assert refused.value.fields[0].field == "present"
    changed = await staff.change_password(
        pool, staff_id=member.id, present=PASSWORD, new="a door handle of tin", network=HOME, now=NOW
    )
    assert await who(pool, changed.token) == member
    assert await who(pool, first.token) is await who(pool, second.token) is None
    await staff.set_password(pool, email="GRACE@shop.example", password="a hinge of iron, twice", by=None, now=NOW)
    assert await who(pool, changed.token) is None
    await enter(pool, password="a hinge of iron, twice")
    with pytest.raises(NotFound):
        await staff.set_password(pool, email="nobody@shop.example", password=PASSWORD, by=None, now=NOW)


async def test_signing_out_ends_this_browser_only(pool: Pool) -> None:
    """And sign-ins that are over are thrown away."""
    await hire(pool, "grace")
    first, second = await enter(pool), await enter(pool)
    await staff.sign_out(pool, token=first.token)
    assert await who(pool, first.token) is None
    assert await who(pool, second.token) is not None
    assert await staff.purge_expired(pool, now=NOW) == 0
    assert await staff.purge_expired(pool, now=NOW + timedelta(hours=12)) == 1
