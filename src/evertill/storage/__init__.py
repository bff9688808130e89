"""PostgreSQL: the embedded server, the schema, pools, named statements and group commit."""

from evertill.storage.embedded import EmbeddedServer
from evertill.storage.groups import Groups
from evertill.storage.migrate import migrate
from evertill.storage.pools import Connection, Pool, open_connection, open_pool
from evertill.storage.statements import Statements

__all__ = ["Connection", "EmbeddedServer", "Groups", "Pool", "Statements", "migrate", "open_connection", "open_pool"]
