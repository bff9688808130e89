"""The demo: a deal day on the real catalogue that runs whenever the demo does, and a crowd that shops in it."""

from evertill.demo.crowd import Tally, let_in
from evertill.demo.opening import DayOpened, open_the_day
from evertill.demo.presence import NoDemo, find_demo, present

__all__ = ["DayOpened", "NoDemo", "Tally", "find_demo", "let_in", "open_the_day", "present"]
