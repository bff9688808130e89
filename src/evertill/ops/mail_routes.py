"""Letters in the console: those kept instead of sent, those that wait, those that were given up."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.response.redirect import Redirect

from evertill import notices
from evertill.ops.showing import SAID_ON_THE_PAGE, console_page, number
from evertill.refusals import NotFound, Refusal
from evertill.staff import Role, StaffMember, record_action
from evertill.staff.access import require
from evertill.web.browser import ShopRequest, read_form, shop_of
from evertill.web.rendering import see_other

_PAGE_SIZE = 50
_PAGES_MAX = 200


@get("/ops/mail")
async def mail_page(request: ShopRequest) -> Response[str]:
    """How the outbox stands, and the letters that were kept."""
    return await _mail(request, await require(request, Role.VIEWER))


@get("/ops/mail/{name:str}")
async def letter_page(request: ShopRequest, name: FromPath[str]) -> Response[str]:
    """
    One kept letter.

    For operators: a letter may hold a link that opens an order, or sets somebody's password.
    """
    staff = await require(request, Role.OPERATOR)
    letter = await notices.kept_letter(shop_of(request).console, message_id=f"<{name.replace(chr(0), '')}>")
    if letter is None:
        raise NotFound("not_found", "There is no such letter.")
    return await console_page(request, "letter", staff, letter=letter)


@post("/ops/mail/{letter_id:uuid}/tries", status_code=303)
async def make_try(request: ShopRequest, letter_id: FromPath[UUID]) -> Response[str] | Redirect:
    """A letter given up, or put off, is due at once."""
    staff = await require(request, Role.OPERATOR)
    await read_form(request)
    shop = shop_of(request)
    now = shop.clock()
    try:
        async with shop.console.acquire() as connection, connection.transaction():
            await notices.try_again(connection, letter_id=letter_id, now=now)
            await record_action(
                connection,
                staff_id=staff.id,
                verb="retry_letter",
                subject=f"letter:{letter_id}",
                reason="",
                facts={},
                now=now,
            )
    except SAID_ON_THE_PAGE as refusal:
        return await _mail(request, staff, refusal=refusal)
    return await see_other(request, "/ops/mail?done=letter")


async def _mail(request: ShopRequest, staff: StaffMember, *, refusal: Refusal | None = None) -> Response[str]:
    pool, place = shop_of(request).console, number(request, "page", most=_PAGES_MAX)
    letters = await notices.kept_letters(pool, page=place, size=_PAGE_SIZE)
    return await console_page(
        request,
        "mail",
        staff,
        refusal=refusal,
        queue=await notices.queue_state(pool),
        unsent=await notices.unsent(pool),
        letters=[(letter, letter.message_id.strip("<>")) for letter in letters],
        newer=f"/ops/mail?page={place - 1}" if place > 1 else None,
        older=f"/ops/mail?page={place + 1}" if len(letters) == _PAGE_SIZE else None,
        may_change=staff.may(Role.OPERATOR),
    )


routes = [mail_page, letter_page, make_try]
