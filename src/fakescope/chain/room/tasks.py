"""The kinds of work in the review room, and who may do them."""

from __future__ import annotations

from enum import StrEnum

from fakescope.chain.room.errors import NotAllowedError
from fakescope.chain.room.people import Person, Role


class Task(StrEnum):
    """One kind of work."""

    STEER = "steer"
    REVIEW = "review"
    ADJUDICATE = "adjudicate"
    COMPARE = "compare"
    EXEMPLARS = "exemplars"

    @property
    def blind(self) -> bool:
        """Whether the label is hidden; in all other tasks it is shown."""
        return self is Task.STEER


_JUDGES = frozenset({Role.ADJUDICATOR, Role.OWNER})
_MAY = {Task.ADJUDICATE: _JUDGES, Task.EXEMPLARS: _JUDGES}


def tasks_of(person: Person) -> tuple[Task, ...]:
    """The tasks that a person may do."""
    return tuple(task for task in Task if person.role in _MAY.get(task, frozenset(Role)))


def require(person: Person, task: Task) -> None:
    """Refuse a task that is not for this person.

    Raises:
        NotAllowedError: It is not.
    """
    if task not in tasks_of(person):
        raise NotAllowedError(
            f"{person.name} is {person.role.value} and may not {task.value}",
            "ask the owner of the chain for another role",
        )
