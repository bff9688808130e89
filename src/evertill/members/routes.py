"""The account's button that makes its customer a member on trial. Its page is the account's."""

from litestar import post
from litestar.response.redirect import Redirect

from evertill.members.giving import begin_trial
from evertill.refusals import Conflict, SignInNeeded
from evertill.web.browser import ShopRequest, read_form, shop_of, visitor_of
from evertill.web.rendering import see_other


@post("/account/trial", status_code=303)
async def begin(request: ShopRequest) -> Redirect:
    """A trial begins, once ever. Who cannot begin one is told by the account's page why: there is one, or was."""
    await read_form(request)
    shop, customer = shop_of(request), (await visitor_of(request)).customer
    if customer is None:
        raise SignInNeeded("sign_in_needed", "Please sign in first.")
    try:
        await begin_trial(shop.desk, customer_id=customer.id, length=shop.settings.trial_life)
    except Conflict:
        return await see_other(request, "/account#membership")
    return await see_other(request, "/account?done=trial")


routes = [begin]
