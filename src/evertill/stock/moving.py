"""Moving a group's units, as its rules have decided."""

from evertill.stock.model import Moves
from evertill.storage import Connection, Statements

sql = Statements.of(__package__)


async def move_stock(connection: Connection, moves: Moves) -> dict[str, int]:
    """Move them; how many leave the free ones, per SKU (what is claimed leaves them, what is sold has)."""
    skus, claimed, sold = moves.columns()
    if skus:
        await connection.execute(sql["move_stock"], skus, claimed, sold)
    return {sku: left for sku, at, gone in zip(skus, claimed, sold, strict=True) if (left := at + gone)}
