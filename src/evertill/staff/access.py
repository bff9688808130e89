"""Who of staff sends a request, and whether they may. For routes of the operator console."""

from urllib.parse import quote

from evertill.refusals import NotAllowed, SignInNeeded
from evertill.staff.model import Role, StaffMember
from evertill.staff.sign_in import member_of
from evertill.web.browser import STAFF_COOKIE, ShopRequest, path_of, shop_of

SIGN_IN_PATH = "/ops/sign-in"


async def require(request: ShopRequest, needed: Role) -> StaffMember:
    """
    The member of staff who sends this request, if the role reaches: the first line of every console route.

    Raises:
        SignInNeeded: Nobody is signed in. Browsers are sent to the console's sign-in page.
        NotAllowed: The role is too low.
    """
    member = await staff_of(request)
    if not member.may(needed):
        raise NotAllowed("role_too_low", f"This needs the role {needed}. Yours is {member.role}: please ask an admin.")
    return member


async def staff_of(request: ShopRequest) -> StaffMember:
    """
    The member of staff who sends this request, looked up once per request.

    Raises:
        SignInNeeded: Nobody is signed in, too long ago, or disabled since.
    """
    known = request.state.get("staff")
    if isinstance(known, StaffMember):
        return known
    shop = shop_of(request)
    token = request.cookies.get(STAFF_COOKIE, "")
    member = await member_of(shop.console, token=token, now=shop.clock()) if token else None
    if member is None:
        raise SignInNeeded(
            "sign_in_needed", "Please sign in to the console first.", facts={"sign_in_at": _sign_in_at(request)}
        )
    request.state.staff = member
    return member


def _sign_in_at(request: ShopRequest) -> str:
    """The sign-in page, and from there back to what was asked for; a form that was sent cannot be sent again."""
    if request.method != "GET":
        return SIGN_IN_PATH
    query = request.scope["query_string"].decode("latin-1")
    asked = path_of(request) + (f"?{query}" if query else "")
    return f"{SIGN_IN_PATH}?next={quote(asked, safe='')}"
