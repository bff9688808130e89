"""Evertill sells limited deals at the peak of a sale day and stays open while things around it break."""

__version__ = "0.1.0"
