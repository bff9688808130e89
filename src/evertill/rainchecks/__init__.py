"""
Rain checks: the promise to sell at a deal's price later, given to those whom an outage cost it.

Who gives asks rainchecks/giving.py itself: it knows staff, whose accounts know carts, which ask here.
"""

from evertill.rainchecks.model import Chosen, Given, RainCheck, Who
from evertill.rainchecks.reading import join_rain_checks, open_rain_checks

__all__ = ["Chosen", "Given", "RainCheck", "Who", "join_rain_checks", "open_rain_checks"]
