"""People queue, not requests: rooms, tickets, and who is called."""

from evertill.waitingroom.model import Guards, Pressure, Reach, Room, RoomState, Ticket, TicketState, holder_of_agent
from evertill.waitingroom.neighbours import PerAddress
from evertill.waitingroom.planning import MOVES, Plan, change_room, latest_rooms, plan_room
from evertill.waitingroom.rooms import Known, Rooms, Standing, per_minute
from evertill.waitingroom.tickets import Taking, Tickets, leave, seal
from evertill.waitingroom.usher import Usher

__all__ = [
    "MOVES",
    "Guards",
    "Known",
    "PerAddress",
    "Plan",
    "Pressure",
    "Reach",
    "Room",
    "RoomState",
    "Rooms",
    "Standing",
    "Taking",
    "Ticket",
    "TicketState",
    "Tickets",
    "Usher",
    "change_room",
    "holder_of_agent",
    "latest_rooms",
    "leave",
    "per_minute",
    "plan_room",
    "seal",
]
