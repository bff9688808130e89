"""Letters: sent once through a real SMTP server, retried when it is away, kept where there is none."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from evertill.checkout.model import Want, Wish
from evertill.checkout.sessions import Opening
from evertill.notices import Sender, kept_letters
from evertill.notices.outbox import enqueue
from evertill.orders import order_link
from evertill.shop import Shop
from tests.buying import ADA, buy, key, placing
from tests.whole.running import free_port


class Postman:
    """Takes letters, or refuses as many as it is told to."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refuse = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            self.refuse -= 1
            return "451 Come back later"
        content = cast(bytes, envelope.content)
        self.taken.append(message_from_bytes(content, policy=policy.default))
        return "250 Taken"


class Mailbox:
    """A running SMTP server and what it took."""

    def __init__(self) -> None:
        self.postman = Postman()
        self.port = free_port()
        self.controller = Controller(self.postman, hostname="127.0.0.1", port=self.port)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """A real SMTP server."""
    made = Mailbox()
    made.controller.start()
    yield made
    made.controller.stop()


def _sender(shop: Shop, smtp_url: str | None, after: timedelta = timedelta()) -> Sender:
    settings = msgspec.structs.replace(shop.settings, smtp_url=smtp_url)

    def clock() -> datetime:
        return shop.clock() + after

    return Sender(shop.desk, settings=settings, signer=shop.signer, clock=clock)


async def test_a_confirmed_order_is_told_by_letter_once(shop: Shop, mailbox: Mailbox) -> None:
    """Ten senders at once: one letter, with number, lines, total and the order's own link."""
    completion = await buy(shop, ("MUG", 2), ("TEA", 1))
    assert not hasattr(completion, "code")
    await asyncio.gather(*(_sender(shop, mailbox.url).run_once() for _ in range(10)))
    (letter,) = mailbox.postman.taken
    assert letter["To"] == "ada@example.com"
    assert completion.order_number in letter["Subject"]
    text = letter.get_content()
    for told in ("2 × Mug", "£33.90", order_link(shop.signer, completion.order_id)):
        assert told in text
    await _sender(shop, mailbox.url, timedelta(days=1)).run_once()
    assert len(mailbox.postman.taken) == 1


async def test_what_is_collected_is_not_said_to_travel(shop: Shop) -> None:
    """Letters about an order without an address speak of collecting it, not of a parcel."""
    wanted = Wish((Want("MUG", 1),), buyer=ADA, delivery="pickup")
    session = await shop.sessions.open(Opening(key("open"), wanted, "web", "browser:ada", None, shop.clock()))
    completion = await shop.checkout.complete(placing(session))
    assert completion.state == "confirmed"  # type: ignore[union-attr]
    await _sender(shop, None).run_once()
    async with shop.desk.acquire() as connection:
        facts = {"order_id": str(completion.order_id)}  # type: ignore[union-attr]
        await enqueue(connection, kind="order_shipped", recipient="ada@example.com", facts=facts, now=shop.clock())
    await _sender(shop, None).run_once()
    bodies = [f"{letter.subject}\n{letter.body}" for letter in await kept_letters(shop.desk)]
    assert len(bodies) == 2
    assert any("taken when you collect your order" in body for body in bodies)
    assert any("was handed over\nThank you for collecting" in body for body in bodies)
    assert not any("parcel" in body or "on its way" in body for body in bodies)


async def test_a_shop_may_be_called_what_it_likes(shop: Shop, mailbox: Mailbox) -> None:
    """Commas, brackets and accents in its name: the letter comes from one address, the shop's."""
    await buy(shop, ("MUG", 1))
    named = msgspec.structs.replace(shop.settings, shop_name="Fish, Chips & Thé <est. 1912>", smtp_url=mailbox.url)
    await Sender(shop.desk, settings=named, signer=shop.signer, clock=shop.clock).run_once()
    (letter,) = mailbox.postman.taken
    (sender,) = letter["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (named.shop_name, named.shop_email)


async def test_a_letter_is_tried_again_with_backoff_until_it_is_taken(shop: Shop, mailbox: Mailbox) -> None:
    """Refused twice, taken the third time; not tried before its time; the same Message-ID throughout."""
    await buy(shop, ("MUG", 1))
    mailbox.postman.refuse = 2
    assert await _sender(shop, mailbox.url).run_once() == 1
    assert await _sender(shop, mailbox.url).run_once() == 0
    assert await _sender(shop, mailbox.url, timedelta(minutes=1)).run_once() == 1
    assert await _sender(shop, mailbox.url, timedelta(minutes=5)).run_once() == 1
    (letter,) = mailbox.postman.taken
    row = await shop.desk.fetchrow("SELECT id, tries, sent_at, last_error FROM outbox")
    assert row is not None
    assert (row["tries"], row["last_error"]) == (3, None)
    assert row["sent_at"] is not None
    assert row["id"].hex in letter["Message-ID"]


async def test_no_mail_server_at_all_delays_letters_and_nothing_else(shop: Shop) -> None:
    """Orders are confirmed; the letter waits with the reason beside it."""
    completion = await buy(shop, ("MUG", 1))
    assert completion.state == "confirmed"  # type: ignore[union-attr]
    await _sender(shop, f"smtp://127.0.0.1:{free_port()}").run_once()
    row = await shop.desk.fetchrow("SELECT sent_at, due_at, last_error FROM outbox")
    assert row is not None
    assert row["sent_at"] is None
    assert row["due_at"] is not None
    assert "connect" in row["last_error"].lower()


async def test_a_letter_that_cannot_be_written_is_given_up_and_shown(shop: Shop) -> None:
    """An unknown kind is not retried for ever."""
    async with shop.desk.acquire() as connection:
        await enqueue(connection, kind="no_such", recipient="a@example.com", facts={}, now=shop.clock())
    await _sender(shop, None).run_once()
    row = await shop.desk.fetchrow("SELECT due_at, given_up_at, last_error FROM outbox")
    assert row is not None
    assert (row["due_at"], row["given_up_at"] is not None) == (None, True)
    assert "no_such" in row["last_error"]


async def test_after_the_last_try_it_is_given_up(shop: Shop) -> None:
    """Retries are bounded."""
    await buy(shop, ("MUG", 1))
    await shop.desk.execute("UPDATE outbox SET tries = 1000")
    await _sender(shop, f"smtp://127.0.0.1:{free_port()}").run_once()
    assert await shop.desk.fetchval("SELECT given_up_at IS NOT NULL FROM outbox")


async def test_without_a_mail_server_letters_are_kept(shop: Shop) -> None:
    """And can be read by staff; keeping twice keeps once."""
    await buy(shop, ("MUG", 1))
    await _sender(shop, None).run_once()
    await shop.desk.execute("UPDATE outbox SET sent_at = NULL, due_at = now()")
    await _sender(shop, None, timedelta(minutes=5)).run_once()
    (letter,) = await kept_letters(shop.desk)
    assert "is confirmed" in letter.subject


async def test_a_sender_that_dies_with_a_letter_in_hand_loses_nothing(shop: Shop, mailbox: Mailbox) -> None:
    """Taken, never marked: after its lease it is sent by somebody else."""
    await buy(shop, ("MUG", 1))
    await shop.desk.execute("UPDATE outbox SET tries = 1, due_at = now() + interval '60 seconds'")  # taken, then died
    assert await _sender(shop, mailbox.url).run_once() == 0
    assert await _sender(shop, mailbox.url, timedelta(seconds=61)).run_once() == 1
    assert len(mailbox.postman.taken) == 1
