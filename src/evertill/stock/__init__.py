"""Units: who gets what when many want the same, and the statements that move them."""

from evertill.stock.model import Moves, Shortage, allot

__all__ = ["Moves", "Shortage", "allot"]
