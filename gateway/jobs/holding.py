"""Who of a machine works on jobs: its one process that does them all, and commands that do one each, at once.

Each holds a file lock while it lives, so that the others of the machine know at once that it has ended. Of workers of
other machines only the lease tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.concurrency.leader import Leadership
from gateway.jobs.job import Record


@dataclass(frozen=True, slots=True)
class Holding:
    """The locks of one machine for the jobs of a kind. *folder* is shared by its processes, *machine* names it."""

    folder: Path
    kind: str
    machine: str

    @property
    def command(self) -> str:
        """What stands for the machine in an attempt of a command."""
        return f"{self.machine}/command"

    def leadership(self) -> Leadership:
        """Return the lock of the process that does all jobs."""
        return Leadership(self.folder / f"{self.kind}.lock")

    def of_command(self, resource: str) -> Leadership:
        """Return the lock of the command that does a job of a resource."""
        return Leadership(self.folder / f"{self.kind}.{resource}.lock")

    def held(self, record: Record, *, leads: bool = False, commands: bool = False) -> bool:
        """Tell whether somebody else works on a job.

        *leads*: the caller is the process that does all jobs, so that no other one is; *commands*: it holds the lock of
        the commands of this resource.
        """
        last = record.last
        if not record.live or last is None:
            return False
        if last.machine == self.machine:
            return not (leads or _free(self.leadership()))
        if last.machine == self.command:
            return not (commands or _free(self.of_command(record.job.resource)))
        return True


def _free(lock: Leadership) -> bool:
    """Tell whether nobody holds a lock."""
    free = lock.take()
    lock.release()
    return free
