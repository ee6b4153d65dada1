"""Does the jobs of one kind, one after the other: one process of a machine at a time, and of each resource one machine.

A file lock decides which process it is. When that process ends, another one goes on at once with what it was at, and so
it does with what a command of the machine was at (see ``gateway.jobs.at_once``). What a worker of another machine is at
is taken up once its lease is over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.concurrency.ticker import Ticker, Wait
from gateway.errors import JobAbandoned, StorageFailed
from gateway.jobs.doing import Doer, Handler
from gateway.jobs.faults import Faults
from gateway.jobs.holding import Holding
from gateway.jobs.job import Attempt, Record
from gateway.jobs.store import JobStore
from gateway.telemetry.events import JobsUnreachable, Observer

_LOOK, _POLL, _SWEEP = 0.5, 10.0, 3600.0
"""Seconds between two looks at the signal of this machine, at the records, and at those that ended long ago."""
_MOST_FUTILE = 10
"""Attempts in a row that end without getting anywhere, before a job is given up."""
_ENDING = 10.0
"""Seconds in which a job stops when its process ends; then another worker waits for the lease."""


class JobRunner:
    """Does the jobs of a *kind* by its *handler*. ``tick`` does what there is; ``start`` does so in a thread.

    *folder* is that of the jobs in the state folder, and *machine* a name of that folder. While none is *expected*, it
    looks at the records only where its machine was told of a job.
    """

    def __init__(
        self,
        kind: str,
        store: JobStore,
        handler: Handler,
        *,
        folder: Path,
        machine: str,
        faults: Faults,
        observe: Observer,
        expected: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kind, self._store, self._observe, self._expected = kind, store, observe, expected
        self._faults, self._monotonic = faults, monotonic
        self._doer = Doer(kind, store, handler, faults=faults, observe=observe, monotonic=monotonic, clock=clock)
        self._signal = signal_of(folder, kind)
        self._holding = Holding(folder, kind, machine)
        self._leadership = self._holding.leadership()
        self._seen: int | None = None
        self._poll_at = self._sweep_at = 0.0
        self._ticker = Ticker(f"{kind}-jobs", self._safe_tick, lambda: _LOOK, at_once=True)

    def start(self, wait: Wait | None = None) -> None:
        """Do jobs until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def close(self) -> None:
        """Stop: a job that is being done is left to another worker. Idempotent."""
        self._doer.stop()
        self._ticker.close(_ENDING)
        self._leadership.release()

    def tick(self) -> None:
        """Do the jobs that wait, where this process is the one that does and it is time to look."""
        signalled = _changed(self._signal)
        if not self._leadership.take() or (signalled == self._seen and not self._due()):
            return
        self._seen, self._poll_at = signalled, self._monotonic() + _POLL
        try:
            while not self._ticker.stopping and self._do_next():
                pass
            if self._monotonic() >= self._sweep_at:
                self._sweep_at = self._monotonic() + _SWEEP
                self._store.sweep(self._kind)
        except StorageFailed as error:
            self._observe(JobsUnreachable(kind=self._kind, error=error.detail))
            self._faults.unreachable(error.detail)
        else:
            self._faults.unreachable(None)

    def _due(self) -> bool:
        return self._monotonic() >= self._poll_at and self._expected()

    def _safe_tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001  # a bug met in one job must not end the doing of all others
            self._doer.tell_bug(error)

    def _do_next(self) -> bool:
        """Do the first job that is free; return whether there was one."""
        for record in _first_of_each(self._store.unended(self._kind)):
            attempt = self._claim(record)
            if attempt is not None:
                self._doer.do(record.job, attempt)
                return True
        return False

    def _claim(self, record: Record) -> Attempt | None:
        if self._holding.held(record, leads=True):
            return None
        machine = self._holding.machine
        attempt = self._store.claim(record, worker=f"{machine}:{os.getpid()}", machine=machine)
        if attempt is not None and attempt.futile >= _MOST_FUTILE:
            said = f"{attempt.futile} workers that took the job up ended before it got anywhere: see their logs."
            self._doer.fail(record.job, JobAbandoned(said))
            return None
        return attempt


def signal_of(folder: Path, kind: str) -> Path:
    """Return the file that has the process of this machine that does the jobs of a kind look for them at once."""
    return folder / f"{kind}.signal"


def _first_of_each(records: list[Record]) -> Iterator[Record]:
    """Pick, of the jobs of each resource, the one that was asked for first: they run one after the other."""
    seen = set[str]()
    for record in records:
        if record.job.resource not in seen:
            seen.add(record.job.resource)
            yield record


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
