"""What every page of the console has in common: who looks, what was just done, what was wrong with a form."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from litestar.response import Response

from evertill.refusals import Conflict, FieldProblem, Invalid, Refusal, Unavailable
from evertill.staff import StaffMember
from evertill.web.browser import ShopRequest, shop_of
from evertill.web.rendering import page

# What a form's page says itself, beside its fields. Everything else has the page of its own that refusals get.
SAID_ON_THE_PAGE = (Invalid, Conflict, Unavailable)

_TEXT_MAX = 200

# What was just done, by the word that the address of the page after it carries.
DONE = {
    "ship": ("good", "Shipped. The money is taken, and the buyer is told."),
    "ship-wait": (
        "warning",
        "The payment provider has not answered yet. Keep the parcel: the order is marked as shipped as soon as the "
        "money is taken. The provider is asked again by itself.",
    ),
    "cancel": ("good", "Cancelled. The units are free again, the reserved money is let go, and the buyer is told."),
    "refund": ("good", "The money is given back, and the buyer is told."),
    "refund-wait": (
        "warning",
        "The refund is recorded, and the payment provider has not answered yet. It is asked again by itself: "
        "do not give the money back a second time.",
    ),
    "ask": ("note", "The payment provider is being asked. Reload in a moment."),
    "status": ("good", "The status is changed."),
    "price": ("good", "The price is changed."),
    "stock": ("good", "The units are changed."),
    "room": ("good", "The room is made. Within a second or two all workers know of it."),
    "room-open": ("good", "The room is open: people are called."),
    "room-pause": ("warning", "The room is paused: nobody more is called, and everybody keeps their place."),
    "room-drain": ("good", "The room closes by itself as soon as nobody waits."),
    "room-close": ("warning", "The room is closed: whoever waited may go on."),
    "membership": ("good", "The customer is a member from now on."),
    "membership-end": ("good", "The membership is over. What is claimed stays claimed."),
    "event": ("good", "The sale event is planned. Now put deals into it."),
    "event-change": ("good", "The sale event is changed."),
    "event-stop": (
        "warning",
        "The sale event is stopped: nothing in it can be claimed, and every price is the list price. "
        "Claims that are held are honoured.",
    ),
    "import": ("good", "The deals of the file are planned."),
    "deal": ("good", "The deal is planned."),
    "deal-change": ("good", "The deal is changed. What is claimed stays claimed, at the price it was claimed for."),
    "deal-pause": ("warning", "The deal is paused: nothing of it can be claimed until it is resumed."),
    "deal-resume": ("good", "The deal goes on."),
    "deal-extend": ("good", "The deal lasts longer."),
    "deal-units": ("good", "The units are changed."),
    "deal-end": ("warning", "The deal is over. Claims that are held are honoured."),
    "rain-checks": ("good", "The rain checks are given: their units are set aside, and their owners are told."),
    "rain-checks-withdrawn": ("warning", "What was open of them is withdrawn, and its units are free."),
    "code": ("good", "The code is made."),
    "codes": ("good", "The codes are made. Fetch them as a file: they are worth money, so keep it well."),
    "code-end": ("warning", "The code is over. Orders that are being paid with it keep it."),
    "client-revoked": ("good", "The API client is revoked. Its tokens are worth nothing from now on."),
    "letter": ("note", "The letter is due at once. Reload in a moment."),
}


async def console_page(
    request: ShopRequest,
    template: str,
    staff: StaffMember,
    *,
    refusal: Refusal | None = None,
    sent: Mapping[str, str] | None = None,
    **context: Any,
) -> Response[str]:
    """
    A page of the console. Every template is told: staff, now, done, refusal, problems, sent.

    Args:
        refusal: Why the form that was sent came back; its status is the page's.

        sent: What the form said, so that nothing has to be typed again.
    """
    done = DONE.get(text(request, "done")) if refusal is None else None
    told = {
        "staff": staff,
        "now": shop_of(request).clock(),
        "done": done,
        "refusal": refusal,
        "problems": refusal.fields if refusal else (),
        "sent": sent or {},
    }
    response = await page(
        request, f"ops/{template}.html", {**told, **context}, status=refusal.status if refusal else 200
    )
    if refusal and refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def text(request: ShopRequest, name: str) -> str:
    """A word of the address's query; any text is a fair question."""
    return str(request.query_params.get(name, ""))[:_TEXT_MAX].replace("\0", "").strip()


def number(request: ShopRequest, name: str, *, most: int) -> int:
    """A whole number of the address's query, brought into 1 … most."""
    typed = text(request, name)
    return min(max(int(typed), 1), most) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 1


def moment_utc(form: Mapping[str, str], field: str) -> datetime | None:
    """A time as the browser's own field writes it, in UTC; None where it was left out."""
    typed = form.get(field, "")
    if not typed:
        return None
    try:
        moment = datetime.fromisoformat(typed)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(field, "A day and a time, such as 2026-11-27T08:00 (UTC).") from None


def wrong(field: str, problem: str) -> Invalid:
    """What cannot be said in that field."""
    return Invalid("invalid", problem, fields=[FieldProblem(field, problem)])
