"""The people before a deal that opens, against a scripted shop: nobody is lost, and nobody is told two things."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from bench import openers
from bench.openers import Door

from evertill.signing import Signer, load_secret

_CLAIMED = "HTTP/1.1 303 See Other\r\nlocation: /cart\r\n", ""
_ALL_CLAIMED = "HTTP/1.1 409 Conflict\r\n", "All of them are claimed at this moment."
_NOT_NOW = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\n", ""
_BROKEN = "HTTP/1.1 500 Internal Server Error\r\n", ""

Reply = Callable[[int, int], tuple[str, str]]  # how many asked before, how often this one did


class Script:
    """A shop that answers as it is told to, and remembers who sent which form."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.forms: list[tuple[str, bytes]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length, cookie = re.search(rb"Content-Length: (\d+)", head), re.search(rb"evertill_browser=(\S+)", head)
                assert length is not None
                assert cookie is not None
                form = cookie[1].decode(), await reader.readexactly(int(length[1]))
                first, body = self._reply(len(self.forms), self.forms.count(form))
                self.forms.append(form)
                writer.write(f"{first}content-length: {len(body)}\r\n\r\n{body}".encode())
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def _shop(reply: Reply, data: Path, people: int = 40) -> AsyncIterator[tuple[Script, Door]]:
    script = Script(reply)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        yield script, Door(host, port, str(data), people, 5, "HOT", "hot", time.time() + 0.5, 0.05, 1)


async def test_everybody_presses_once_with_a_form_of_their_own(tmp_path: Path) -> None:
    """A browser each, proof in its form that holds, and no second press where there was an answer."""
    async with _shop(lambda asked, again: _CLAIMED if asked < 7 else _ALL_CLAIMED, tmp_path) as (script, door):
        came = await openers.run(door)
    assert (came.claimed, came.refused, came.errors, came.not_nows) == (7, 33, 0, 0)
    assert len({cookie for cookie, _ in script.forms}) == len(script.forms) == 40
    signer = Signer(load_secret(tmp_path))
    for cookie, body in script.forms:
        fields = parse_qs(body.decode())
        assert signer.holds("csrf", cookie, fields["csrf"][0])
        assert fields["sku"] == ["HOT"]


async def test_who_is_told_to_come_again_sends_the_same_form(tmp_path: Path) -> None:
    """And has one answer in the end."""
    async with _shop(lambda asked, again: _NOT_NOW if again < 2 else _CLAIMED, tmp_path) as (script, door):
        came = await openers.run(door)
    assert (came.claimed, came.errors, came.told_not_now, came.not_nows) == (40, 0, 40, 80)
    assert set(Counter(script.forms).values()) == {3}


async def test_no_answer_to_go_by_is_an_error(tmp_path: Path) -> None:
    """It is neither yes nor no, and told with a sample."""
    async with _shop(lambda asked, again: _BROKEN if asked == 3 else _ALL_CLAIMED, tmp_path) as (_, door):
        came = await openers.run(door)
    assert (came.claimed, came.refused, came.errors) == (0, 39, 1)
    assert came.samples[0].startswith("500")


async def test_who_comes_after_the_opening_measures_nothing(tmp_path: Path) -> None:
    """People who were not there in time are no crowd at an opening."""
    async with _shop(lambda asked, again: _CLAIMED, tmp_path) as (_, door):
        late = Door(door.host, door.port, door.data, 5, 2, "HOT", "hot", time.time() - 1, 0.05, 1)
        with pytest.raises(RuntimeError, match="opened before"):
            await openers.run(late)
