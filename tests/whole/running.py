"""Real processes: `evertill serve` started, spoken to, signalled."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

EVERTILL = Path(sys.executable).parent / "evertill"


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Serving:
    """A started `evertill serve`, or `demo`."""

    def __init__(
        self, data: Path, *arguments: str, command: str = "serve", environment: dict[str, str] | None = None
    ) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [EVERTILL, command, "--data", data, "--port", str(self.port), *arguments],
                stdout=log, stderr=log, env=os.environ | (environment or {}),
            )  # fmt: skip

    def wait_ready(self, seconds: float = 30) -> "Serving":
        """Until it answers; fails with its log if it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError(f"not serving (exit {self.process.poll()}):\n{self.log.read_text()[-4_000:]}")

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return psutil.Process(self.process.pid).children()

    def postgres(self) -> psutil.Process:
        """The embedded server's first process."""
        pid = (self.data / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        return psutil.Process(int(pid))

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def database_url(self) -> str:
        """Where its embedded PostgreSQL listens."""
        lines = (self.data / "postgres" / "postmaster.pid").read_text().splitlines()
        return f"postgresql://postgres@/postgres?host={lines[4]}"


@contextmanager
def serving(data: Path, *arguments: str) -> Iterator[Serving]:
    """A shop that serves until the end of the block, whatever happens in it."""
    started = Serving(data, *arguments)
    try:
        yield started.wait_ready()
    finally:
        if started.process.poll() is None:
            started.process.terminate()
            try:
                started.process.wait(60)
            except subprocess.TimeoutExpired:
                started.process.kill()


def kill_postgres(first: psutil.Process) -> None:
    """SIGKILL for the whole server at once, as a power cut would."""
    for victim in (first, *first.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            victim.kill()


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and waits to be buried does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Browser:
    """A shopper without JavaScript: follows forms by hand."""

    def __init__(self, url: str) -> None:
        # The shop's cookies are Secure, which browsers allow on the machine itself; this jar is told to as well.
        self.http = httpx.Client(base_url=url, timeout=60)
        self.cookies: dict[str, str] = {}

    def _keep(self, response: httpx.Response) -> httpx.Response:
        for cookie in response.headers.get_list("set-cookie"):
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        self.http.cookies.clear()
        return response

    def get(self, path: str) -> httpx.Response:
        """A page."""
        return self._keep(self.http.get(path, headers={"cookie": self._header()}))

    def post(self, path: str, **fields: str) -> httpx.Response:
        """A form sent."""
        return self._keep(self.http.post(path, data=fields, headers={"cookie": self._header()}))

    def _header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def to_the_button(self, sku: str, quantity: int = 1) -> tuple[str, dict[str, str]]:
        """Everything up to the button that buys: its address and fields."""
        csrf = hidden(self.get(f"/products/{sku.lower()}").text, "csrf")
        self.post("/cart/lines", csrf=csrf, sku=sku, quantity=str(quantity))
        fields = {"email": "ada@example.com", "name": "Ada Byron", "street": "12 St James's Square", "city": "London",
                  "postcode": "SW1Y 4JH", "country": "GB"}  # fmt: skip
        start = self.get("/checkout").text
        to = self.post("/checkout", csrf=csrf, attempt=hidden(start, "attempt"), **fields).headers["location"]
        page = self.get(to).text
        to = self.post(to, csrf=csrf, attempt=hidden(page, "attempt"), delivery="std").headers["location"]
        page = self.get(to).text
        return to, {"csrf": csrf, "attempt": hidden(page, "attempt"), "total_minor": hidden(page, "total_minor")}


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    return found[1] if found else ""
