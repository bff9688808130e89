"""Units: who gets what when many want the same, the statements that move them, and the ledger of what is on hand."""

from evertill.stock.model import Moves, Shortage, allot
from evertill.stock.movements import Reason, write_movements
from evertill.stock.moving import move_stock

__all__ = ["Moves", "Reason", "Shortage", "allot", "move_stock", "write_movements"]
