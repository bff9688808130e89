"""PostgreSQL: the embedded server, the schema, pools, named statements and group commit."""

from evertill.storage.embedded import EmbeddedServer
from evertill.storage.groups import Groups, again_where_told
from evertill.storage.migrate import migrate
from evertill.storage.pools import Connection, Pool, open_connection, open_pool
from evertill.storage.statements import Statements

__all__ = [
    "Connection",
    "EmbeddedServer",
    "Groups",
    "Pool",
    "Statements",
    "again_where_told",
    "migrate",
    "open_connection",
    "open_pool",
]
