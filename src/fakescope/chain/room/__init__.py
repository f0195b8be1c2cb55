"""The review room without its pages: who may do what, what is next for whom, and saving what people decide."""

from fakescope.chain.room.desk import Assignment, Room
from fakescope.chain.room.people import Person, Role, add_person, list_people, remove_person
from fakescope.chain.room.settings import RoomSettings
from fakescope.chain.room.tasks import Task

__all__ = [
    "Assignment",
    "Person",
    "Role",
    "Room",
    "RoomSettings",
    "Task",
    "add_person",
    "list_people",
    "remove_person",
]
