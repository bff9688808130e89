"""Connection pools, one per kind of work, so that reading never stands in the way of buying."""

from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:  # asyncpg's own classes are generic for the type checker only
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection


async def open_pool(
    url: str, *, purpose: str, size: int, statement_ms_max: int, lock_ms_max: int, acquire_s_max: float = 5.0
) -> Pool:
    """
    Open a pool whose connections name their purpose and never wait for ever.

    Args:
        purpose: Shown as application_name: "evertill browse".

        size: Connections at the most. They are opened as they are needed.

        statement_ms_max: The server cancels a statement that runs longer.

        lock_ms_max: The server cancels a statement that waits longer for a lock.
    """
    return await asyncpg.create_pool(
        url,
        reset=_as_it_is,
        min_size=1,
        max_size=size,
        timeout=acquire_s_max,
        command_timeout=statement_ms_max / 1000 + 5,
        max_inactive_connection_lifetime=300,
        server_settings={
            "application_name": f"evertill {purpose}",
            "statement_timeout": str(statement_ms_max),
            "lock_timeout": str(lock_ms_max),
            "idle_in_transaction_session_timeout": str(statement_ms_max + 10_000),
            "timezone": "UTC",
        },
    )


async def _as_it_is(connection: object) -> None:
    """
    What a connection gets on its way back, instead of asyncpg's RESET ALL: nothing, and one round trip less.

    An open transaction was rolled back before this; no statement of ours leaves anything else behind.
    """
