"""Bring a database to this release's schema: a fresh one by schema.sql, an older one by what it lacks."""

import logging
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

log = logging.getLogger(__name__)

# Any 64-bit number of our own: two processes that start at once migrate one after the other.
_MIGRATION_LOCK = 0x45564552_54494C4C


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. Its file says whether it may run before the release that needs it is started."""

    version: int
    sql: str


def _step(version: int, name: str) -> Migration:
    return Migration(version, files("evertill.storage").joinpath("migrations", name).read_text("utf-8"))


# One number per change of the schema. From version 2 on a Migration each; schema.sql is where they arrive.
SCHEMA_VERSION = 12
MIGRATIONS: tuple[Migration, ...] = (
    _step(2, "0002_lines_and_pulses.sql"),
    _step(3, "0003_stock_movements.sql"),
    _step(4, "0004_neighbours_in_line.sql"),
    _step(5, "0005_deals.sql"),
    _step(6, "0006_members.sql"),
    _step(7, "0007_deals_at_the_till.sql"),
    _step(8, "0008_inside.sql"),
    _step(9, "0009_waiting.sql"),
    _step(10, "0010_rain_checks.sql"),
    _step(11, "0011_codes.sql"),
    _step(12, "0012_api_clients.sql"),
)


# The oldest PostgreSQL the suite is run against.
SERVER_VERSION_MIN = 15


class UnfitDatabase(RuntimeError):
    """The database was migrated by a newer release than this one, or its server is too old."""


def schema_sql() -> str:
    """The whole schema as a fresh database gets it."""
    return files("evertill.storage").joinpath("schema.sql").read_text("utf-8")


async def migrate(url: str) -> int:
    """
    Migrate the database at that URL and return the schema version it then has.

    Raises:
        UnfitDatabase: It was migrated by a newer release than this one, or its server is too old.
    """
    connection = await asyncpg.connect(url, timeout=30)
    try:
        server = connection.get_server_version().major
        if server < SERVER_VERSION_MIN:
            raise UnfitDatabase(f"the database is PostgreSQL {server}, but must be {SERVER_VERSION_MIN} or newer")
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
            if await connection.fetchval("SELECT to_regclass('schema_version') IS NULL"):
                await connection.execute(schema_sql())
                await connection.execute("INSERT INTO schema_version (version) VALUES ($1)", SCHEMA_VERSION)
                log.info("schema_made version=%d", SCHEMA_VERSION)
                return SCHEMA_VERSION
            version = int(await connection.fetchval("SELECT max(version) FROM schema_version"))
            if version > SCHEMA_VERSION:
                raise UnfitDatabase(
                    f"the database has schema version {version}, this release knows {SCHEMA_VERSION}: "
                    "run the newer release, or restore a backup from before it"
                )
            for migration in MIGRATIONS:
                if migration.version > version:
                    await connection.execute(migration.sql)
                    await connection.execute("INSERT INTO schema_version (version) VALUES ($1)", migration.version)
                    log.info("schema_migrated version=%d", migration.version)
            return SCHEMA_VERSION
    finally:
        await connection.close()
