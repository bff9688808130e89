"""Repeating is safe: same key and content, same answer; other content is refused; a twin waits."""

import asyncio

import msgspec
import pytest

from evertill.checkout.model import Completion, SessionStatus
from evertill.checkout.placing import NotPlaced
from evertill.checkout.sessions import Opening, Revision, get_session
from evertill.idempotency import Key, fingerprint_of
from evertill.orders import view
from evertill.refusals import Conflict, Invalid, NotFound
from evertill.shop import Shop
from tests.buying import books, key, open_session, placing, wish
from tests.conftest import put_on_hand

OWNER = "browser:ada"


def _opening(shop: Shop, name: str, content: bytes = b"") -> Opening:
    named = Key(OWNER, name, fingerprint_of("open", "", content))
    return Opening(named, wish(("MUG", 1)), "web", OWNER, None, shop.clock())


async def test_opening_twice_under_one_key_opens_one_session(shop: Shop) -> None:
    """Thirty times at once, then once more: one session, one answer."""
    answers = await asyncio.gather(*(shop.sessions.open(_opening(shop, "k")) for _ in range(30)))
    assert len({answer.id for answer in answers}) == 1
    assert await shop.sessions.open(_opening(shop, "k")) == answers[0]
    assert await shop.desk.fetchval("SELECT count(*) FROM checkout_session") == 1


async def test_one_key_for_two_things_is_refused(shop: Shop) -> None:
    """Nothing is done the second time."""
    await shop.sessions.open(_opening(shop, "k"))
    with pytest.raises(Conflict) as refused:
        await shop.sessions.open(_opening(shop, "k", b"something else"))
    assert refused.value.code == "idempotency_conflict"


async def test_a_key_used_to_open_cannot_be_used_to_pay(shop: Shop) -> None:
    """Verbs do not share names."""
    session = await shop.sessions.open(_opening(shop, "k"))
    with pytest.raises(Conflict):
        await shop.checkout.complete(placing(session, name="k"))
    assert await books(shop, "MUG") == (1_000, 0, 0)


async def test_a_repeated_change_brings_its_first_answer(shop: Shop) -> None:
    """Even after the session was changed again."""
    session = await open_session(shop, ("MUG", 1))
    first = Revision(key("revise", name="r1"), session.id, OWNER, wish(("MUG", 2)), None, shop.clock())
    then = Revision(key("revise", name="r2"), session.id, OWNER, wish(("MUG", 3)), None, shop.clock())
    answer = await shop.sessions.revise(first)
    await shop.sessions.revise(then)
    assert await shop.sessions.revise(first) == answer
    now = await get_session(shop.till_pool, session_id=session.id, owner=OWNER)
    assert [line.quantity for line in now.terms.lines] == [3]


async def test_many_changes_at_once_are_each_applied_in_some_order(shop: Shop) -> None:
    """No change is lost in between: the version counts every one of them."""
    session = await open_session(shop, ("MUG", 1))
    changes = [
        Revision(key("revise"), session.id, OWNER, wish(("MUG", number)), None, shop.clock()) for number in range(2, 6)
    ]
    answers = await asyncio.gather(*(shop.sessions.revise(change) for change in changes))
    assert sorted(answer.version for answer in answers) == [2, 3, 4, 5]


async def test_a_refused_payment_repeated_is_refused_the_same_way(shop: Shop) -> None:
    """Sold out under a key stays sold out under that key, even if units came in meanwhile; a fresh key buys."""
    session = await open_session(shop, ("LAST", 3))
    await put_on_hand(shop.desk, "LAST", 2)
    first = await shop.checkout.complete(placing(session, name="k"))
    assert isinstance(first, NotPlaced)
    assert first.code == "out_of_stock"
    await put_on_hand(shop.desk, "LAST", 3)
    second = await shop.checkout.complete(placing(session, name="k"))
    assert isinstance(second, NotPlaced)
    assert (second.code, second.sentence) == (first.code, first.sentence)


async def test_a_decline_repeated_under_its_key_is_the_same_decline(shop: Shop) -> None:
    """The key names the attempt; another try needs another key."""
    session = await open_session(shop, ("MUG", 1))
    first = await shop.checkout.complete(placing(session, "tok_decline_generic", name="k"))
    second = await shop.checkout.complete(placing(session, "tok_decline_generic", name="k"))
    assert isinstance(first, Completion)
    assert isinstance(second, Completion)
    assert (first.state, first.order_id) == ("declined", second.order_id)
    third = await shop.checkout.complete(placing(session, name="another"))
    assert isinstance(third, Completion)
    assert third.state == "confirmed"


async def test_a_completed_session_can_be_neither_changed_nor_canceled(shop: Shop) -> None:
    """It is an order now."""
    session = await open_session(shop, ("MUG", 1))
    await shop.checkout.complete(placing(session))
    for asked in (wish(("MUG", 2)), None):
        with pytest.raises(Conflict) as refused:
            await shop.sessions.revise(Revision(key("revise"), session.id, OWNER, asked, None, shop.clock()))
        assert refused.value.code == "session_completed"


async def test_a_canceled_session_cannot_be_paid(shop: Shop) -> None:
    """Nothing is taken."""
    session = await open_session(shop, ("MUG", 1))
    canceled = await shop.sessions.revise(Revision(key("cancel"), session.id, OWNER, None, None, shop.clock()))
    assert canceled.status is SessionStatus.CANCELED
    with pytest.raises(Conflict):
        await shop.checkout.complete(placing(session))


async def test_somebody_elses_session_is_not_there(shop: Shop) -> None:
    """Reading, changing and paying say the same: there is none."""
    session = await open_session(shop, ("MUG", 1))
    stolen = msgspec.structs.replace(session, owner="browser:eve")
    with pytest.raises(NotFound):
        await get_session(shop.till_pool, session_id=session.id, owner="browser:eve")
    with pytest.raises(NotFound):
        await shop.sessions.revise(
            Revision(key("revise"), session.id, "browser:eve", wish(("MUG", 9)), None, shop.clock())
        )
    with pytest.raises(NotFound):
        await shop.checkout.complete(placing(stolen))


async def test_a_price_that_changed_is_said_and_asked_again(shop: Shop) -> None:
    """Nothing is charged; the session holds the new price; paying that works."""
    session = await open_session(shop, ("MUG", 1))
    await shop.desk.execute("UPDATE variant SET price_minor = 1300 WHERE sku = 'MUG'")
    answer = await shop.checkout.complete(placing(session))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "price_changed"
    assert "Mug was £12.50 and is now £13.00" in answer.sentence
    assert answer.session.terms.quote.subtotal_minor == 1_300
    now = await get_session(shop.till_pool, session_id=session.id, owner=OWNER)
    assert now == answer.session
    paid = await shop.checkout.complete(placing(now))
    assert isinstance(paid, Completion)
    assert (paid.state, paid.total_minor) == ("confirmed", 1_695)


async def test_another_total_than_the_one_shown_is_not_charged(shop: Shop) -> None:
    """What the buyer saw is what is paid, or nothing."""
    session = await open_session(shop, ("MUG", 1))
    answer = await shop.checkout.complete(msgspec.structs.replace(placing(session), total_minor=1))
    assert isinstance(answer, NotPlaced)
    assert answer.code == "total_changed"
    assert await books(shop, "MUG") == (1_000, 0, 0)


async def test_a_product_taken_off_sale_is_not_sold(shop: Shop) -> None:
    """Archived between look and pay."""
    session = await open_session(shop, ("MUG", 1), ("TEA", 1))
    await shop.desk.execute("UPDATE product SET status = 'archived' WHERE handle = 'mug'")
    answer = await shop.checkout.complete(placing(session))
    assert isinstance(answer, NotPlaced)
    assert "Mug" in answer.sentence
    assert [line.sku for line in answer.session.terms.lines] == ["TEA"]


async def test_a_price_is_said_also_where_something_else_is_no_longer_sold(shop: Shop) -> None:
    """Of two changes neither hides the other: nobody pays more without having been told."""
    session = await open_session(shop, ("MUG", 1), ("TEA", 1))
    await shop.desk.execute("UPDATE variant SET price_minor = 1300 WHERE sku = 'MUG'")
    await shop.desk.execute("UPDATE product SET status = 'archived' WHERE handle = 'tea'")
    answer = await shop.checkout.complete(placing(session))
    assert isinstance(answer, NotPlaced)
    assert "No longer sold: Tea." in answer.sentence
    assert "Mug was £12.50 and is now £13.00" in answer.sentence


async def test_what_was_sold_out_is_offered_again_when_units_come_back(shop: Shop) -> None:
    """Terms are worked out from what was wanted, not from what was left of it the time before."""
    session = await open_session(shop, ("MUG", 1), ("TEA", 1))
    await put_on_hand(shop.desk, "TEA", 0)
    answer = await shop.checkout.complete(placing(session))
    assert isinstance(answer, NotPlaced)
    assert [line.sku for line in answer.session.terms.lines] == ["MUG"]
    await put_on_hand(shop.desk, "MUG", 0)
    answer = await shop.checkout.complete(placing(answer.session))
    assert isinstance(answer, NotPlaced)
    assert {remark.sentence for remark in answer.session.terms.remarks if remark.code == "out_of_stock"} >= {
        "Mug is sold out.",
        "Tea is sold out.",
    }
    session = await open_session(shop, ("LAST", 1), ("GONE", 1))
    await put_on_hand(shop.desk, "GONE", 5)
    await shop.desk.execute("UPDATE variant SET price_minor = 9999 WHERE sku = 'LAST'")
    answer = await shop.checkout.complete(placing(session))
    assert isinstance(answer, NotPlaced)
    assert [line.sku for line in answer.session.terms.lines] == ["LAST", "GONE"]


async def test_what_is_collected_is_sent_nowhere(shop: Shop) -> None:
    """An order that is collected keeps no address, also where one was given before."""
    opening = Opening(key("open"), wish(("MUG", 1), delivery="pickup"), "web", OWNER, None, shop.clock())
    paid = await shop.checkout.complete(placing(await shop.sessions.open(opening)))
    assert isinstance(paid, Completion)
    assert (await view(shop.desk, order_id=paid.order_id)).details.address is None


@pytest.mark.parametrize("method", ["", "4242424242424242", "4242 4242 4242 4242", "x" * 256, "tok\x00"])
async def test_a_method_that_cannot_be_is_refused_and_a_card_number_is_not_kept(shop: Shop, method: str) -> None:
    """Neither in a table nor in the refusal."""
    session = await open_session(shop, ("MUG", 1))
    with pytest.raises(Invalid) as refused:
        await shop.checkout.complete(placing(session, method))
    assert "4242" not in str(refused.value)
    assert await shop.desk.fetchval("SELECT count(*) FROM payment_attempt") == 0


async def test_an_expired_session_cannot_be_paid(shop: Shop) -> None:
    """Its time is over; the cart is another matter."""
    session = await open_session(shop, ("MUG", 1))
    late = msgspec.structs.replace(placing(session), now=session.expires_at)
    with pytest.raises(Conflict) as refused:
        await shop.checkout.complete(late)
    assert refused.value.code == "session_expired"
