"""A browser as the crowd needs one: cookies, forms, redirects within the shop, and no address but the shop's."""

import re

import httpx
import msgspec

_SECONDS_MAX = 15.0  # for an answer: more than a slow bank takes
_REDIRECTS_MAX = 5
_RETRY_SECONDS = 5.0  # where a "not now" does not say it


class Page(msgspec.Struct, frozen=True):
    """What came back in the end."""

    status: int
    path: str
    text: str

    def hidden(self, name: str) -> str:
        """The value of a hidden field; "" where there is none."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        return found[1] if found else ""


class NotNow(Exception):
    """The shop is full for a moment, or people stand in line."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not now, again in {seconds:g} s")
        self.seconds = seconds


class Fault(Exception):
    """The shop failed, or sent us away from itself: neither must ever be."""


def connect(address: str) -> httpx.AsyncClient:
    """Connections to that shop alone: no proxy of the environment stands in between."""
    return httpx.AsyncClient(
        base_url=address, timeout=_SECONDS_MAX, trust_env=False, follow_redirects=False,
        headers={"user-agent": "Evertill demo crowd", "accept": "text/html"},
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=20),
    )  # fmt: skip


class Browser:
    """One person's: nobody else has its cookies."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._cookies: dict[str, str] = {}

    async def get(self, path: str) -> Page:
        """
        Look at a page.

        Raises:
            NotNow, Fault: See there.
            httpx.TransportError: There is no answer.
        """
        return await self._follow("GET", path, None)

    async def post(self, path: str, **fields: str) -> Page:
        """
        Send a form, and look at where it leads.

        Raises:
            NotNow, Fault, httpx.TransportError: As get.
        """
        return await self._follow("POST", path, fields)

    async def _follow(self, method: str, path: str, fields: dict[str, str] | None) -> Page:
        for _ in range(_REDIRECTS_MAX):
            # The shop's cookies are Secure, which browsers allow on the machine itself; a jar of httpx's does not.
            response = await self._http.request(method, _own(path), data=fields, headers={"cookie": self._cookie()})
            self._http.cookies.clear()
            self._keep(response)
            if response.status_code in (429, 503):
                said = response.headers.get("retry-after", "")
                raise NotNow(float(said) if said.isdigit() else _RETRY_SECONDS)
            if response.status_code >= 500:
                raise Fault(f"{response.status_code} for {method} {path}")
            if response.status_code not in (302, 303):
                return Page(response.status_code, path, response.text)
            method, path, fields = "GET", response.headers.get("location", ""), None
        raise Fault(f"sent on and on, to {path}")

    def _keep(self, response: httpx.Response) -> None:
        for cookie in response.headers.get_list("set-cookie"):
            name, _, rest = cookie.partition("=")
            self._cookies[name] = rest.partition(";")[0]

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())


def _own(path: str) -> str:
    """
    Raises:
        Fault: It is an address elsewhere.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise Fault(f"sent away, to {path}")
    return path
