"""Does the next job of one resource in a command, once nobody else works on one: it is a job as those of servers are.

Servers list it, with its progress, and cancel it. Where the command is killed, whoever comes next goes on with the job:
a server that does jobs, or another command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from gateway.errors import StorageFailed
from gateway.jobs.doing import Doer
from gateway.jobs.holding import Holding
from gateway.jobs.job import Attempt, End, Job, JobState, Record
from gateway.jobs.store import JobStore

COMMAND = "command"
"""The trigger of jobs that a command has made."""
_LOOK = 0.5
"""Seconds between two looks at what others do."""
_IDLE_LOOKS = 20
"""Looks in a row that find the lock taken and nobody at work: then it cannot be taken."""


class AtOnce:
    """Does a job of *kind* now. *waiting* is told of the record that is waited for; *sleep* waits so many seconds."""

    def __init__(
        self,
        kind: str,
        store: JobStore,
        doer: Doer,
        holding: Holding,
        *,
        waiting: Callable[[Record], None],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kind, self._store, self._doer, self._holding = kind, store, doer, holding
        self._waiting, self._sleep, self._clock = waiting, sleep, clock

    def do(self, resource: str) -> Record:
        """Do the job of *resource* that was asked for first and has not ended, else a new one; return its record.

        Raises ``StorageFailed`` where the records cannot be read or written.
        """
        lock, idle = self._holding.of_command(resource), 0
        try:
            while idle < _IDLE_LOOKS:
                commands = lock.take()
                there = [each for each in self._store.unended(self._kind) if each.job.resource == resource]
                busy = [each for each in there if self._holding.held(each, commands=commands)]
                idle = 0 if busy or commands else idle + 1
                taken = self._claimed(resource, there) if commands and not busy else None
                found = None if taken is None else self._done(*taken)
                if found is not None:
                    return found
                if busy:
                    self._waiting(busy[0])
                self._sleep(_LOOK)
        finally:
            lock.release()
        raise StorageFailed(f"The lock of {resource} in the state folder cannot be taken: does another user own it?")

    def _claimed(self, resource: str, there: Sequence[Record]) -> tuple[Job, Attempt] | None:
        """Claim the first of the jobs that are *there*, or make one; None where another worker was first."""
        worker, machine = f"{self._holding.machine}:{os.getpid()}", self._holding.command
        if not there:
            return self._store.begin(self._kind, resource, {}, trigger=COMMAND, worker=worker, machine=machine)
        first = there[0]
        if first.cancelling:
            self._store.finish(first.job, End(state=JobState.CANCELLED, at=self._clock()))
            return None
        attempt = self._store.claim(first, worker=worker, machine=machine)
        return None if attempt is None else (first.job, attempt)

    def _done(self, job: Job, attempt: Attempt) -> Record | None:
        """Do a job; None where another worker took it meanwhile. A command that is interrupted has it cancelled."""
        try:
            self._doer.do(job, attempt)
        except KeyboardInterrupt:
            with suppress(StorageFailed):
                self._store.finish(job, End(state=JobState.CANCELLED, at=self._clock()))
            raise
        found = self._store.find(job.kind, job.resource, job.id)
        return found if found is not None and found.end is not None else None
