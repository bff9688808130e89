"""Every address of API clients: the console's page about them, their tokens, and what they do."""

from collections.abc import Sequence
from typing import Any

from evertill.clients import console_routes, deal_routes, event_routes, token_routes

routes: Sequence[Any] = [
    *console_routes.routes,
    *token_routes.routes,
    *event_routes.routes,
    *deal_routes.routes,
]
