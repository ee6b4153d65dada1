"""The processes in which engines run: what each is for, and how the others connect to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.processes.frames import Channel, Door


class Role(StrEnum):
    """What an engine's process is for.

    ``TRIAL`` runs, one at a time, what may have ended another process; ``APART`` runs, one at a time, what is known to
    pass its limits. Both are started when they are needed.
    """

    MAIN = "main"
    TRIAL = "trial"
    APART = "apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """A door to the process of each role."""

    doors: Mapping[Role, Door]

    @classmethod
    def make(cls) -> Doors:
        """Make them all."""
        return cls(doors={role: Door.make() for role in Role})

    def connect(self, role: Role) -> Channel:
        """Connect to the process of *role*. Raises ``Lost`` where nothing starts such processes any more."""
        return self.doors[role].connect()

    def stay_outside(self) -> None:
        """Close their inner ends in this process, which only connects."""
        for door in self.doors.values():
            door.stay_outside()

    def close(self) -> None:
        """Close them in this process; idempotent."""
        for door in self.doors.values():
            door.close()
