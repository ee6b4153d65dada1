"""Does the jobs of one kind, one after the other: one process of a machine at a time, and of each resource one machine.

Which process it is, a file lock decides; when that process ends, another one goes on at once with what it was at, since
nobody else of the machine can be. What a worker of another machine is at is taken up once its lease is over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.concurrency.leader import Leadership
from gateway.concurrency.ticker import Ticker, Wait
from gateway.errors import GatewayError, JobAbandoned, ShuttingDown, StorageFailed
from gateway.jobs.faults import Faults
from gateway.jobs.job import Attempt, End, Job, JobState, Record, problem_of, reason_of
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.telemetry.events import JobEnded, JobFailed, JobsUnreachable, JobTakenUp, Observer, Unexpected

Handler = Callable[[Work], Mapping[str, Any]]
"""Does the work of a job, and returns its result as JSON. Raises ``GatewayError``."""
_LOOK, _POLL, _SWEEP = 0.5, 10.0, 3600.0
"""Seconds between two looks at the signal of this machine, at the records, and at those that ended long ago."""
_MOST_FUTILE = 10
"""Attempts in a row that end without getting anywhere, before a job is given up."""
_TRIES, _PAUSE = 4, 2.0
"""How often a job is tried that fails in passing, and seconds before the second try; each pause is twice as long."""
_ENDING = 10.0
"""Seconds in which a job stops when its process ends; then another worker waits for the lease."""


class JobRunner:
    """Does the jobs of a *kind* by its *handler*. ``tick`` does what there is; ``start`` does so in a thread.

    *folder* is that of the jobs in the state folder, and *machine* a name of that folder.
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
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kind, self._store, self._handler, self._observe = kind, store, handler, observe
        self._machine, self._faults, self._monotonic, self._clock = machine, faults, monotonic, clock
        self._signal = signal_of(folder, kind)
        self._leadership = Leadership(folder / f"{kind}.lock")
        self._seen: int | None = None
        self._poll_at = self._sweep_at = 0.0
        self._work: Work | None = None
        self._ticker = Ticker(f"{kind}-jobs", self._safe_tick, lambda: _LOOK, at_once=True)

    def start(self, wait: Wait | None = None) -> None:
        """Do jobs until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def close(self) -> None:
        """Stop: a job that is being done is left to another worker. Idempotent."""
        work = self._work
        if work is not None:
            work.cancellation.cancel(ShuttingDown("The server that does the job is stopping."))
        self._ticker.close(_ENDING)
        self._leadership.release()

    def tick(self) -> None:
        """Do the jobs that wait, where this process is the one that does and it is time to look."""
        signalled = _changed(self._signal)
        if not self._leadership.take() or (signalled == self._seen and self._monotonic() < self._poll_at):
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

    def _safe_tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001  # a bug met in one job must not end the doing of all others
            self._tell_bug(error)

    def _do_next(self) -> bool:
        """Do the first job that is free; return whether there was one."""
        for record in _first_of_each(self._store.unended(self._kind)):
            attempt = self._claim(record)
            if attempt is not None:
                self._do(record.job, attempt)
                return True
        return False

    def _claim(self, record: Record) -> Attempt | None:
        if record.live and record.last is not None and record.last.machine != self._machine:
            return None
        attempt = self._store.claim(record, worker=f"{self._machine}:{os.getpid()}", machine=self._machine)
        if attempt is not None and attempt.futile >= _MOST_FUTILE:
            said = f"{attempt.futile} workers that took the job up ended before it got anywhere: see their logs."
            self._fail(record.job, JobAbandoned(said))
            return None
        return attempt

    def _do(self, job: Job, attempt: Attempt) -> None:
        self._observe(
            JobTakenUp(kind=job.kind, resource=job.resource, job=job.id, trigger=job.trigger, attempt=attempt.number)
        )
        with Work(self._store, job, attempt, observe=self._observe) as work:
            self._work = work
            try:
                result = self._patiently(work)
                work.tell()
                self._end(job, JobState.DONE, result)
            except GatewayError as error:
                if work.cancelled:
                    self._end(job, JobState.CANCELLED)
                elif not work.stopped:
                    self._fail(job, error)
            except Exception as error:  # noqa: BLE001  # a bug in one job: it has to end, and the next one to begin
                self._tell_bug(error)
                self._fail(job, None)
            finally:
                self._work = None

    def _patiently(self, work: Work) -> Mapping[str, Any]:
        """Do the work, again where it fails in passing."""
        for number in range(1, _TRIES):
            try:
                return self._handler(work)
            except GatewayError as error:
                if not error.retryable or work.stopped:
                    raise
                self._wait(work, _PAUSE * 2 ** (number - 1))
        return self._handler(work)

    def _wait(self, work: Work, seconds: float) -> None:
        until = self._monotonic() + seconds
        while self._monotonic() < until:
            work.cancellation.check()
            time.sleep(0.1)

    def _end(self, job: Job, state: JobState, result: Mapping[str, Any] | None = None) -> None:
        now, found = self._clock(), result or {}
        if self._store.finish(job, End(state=state, at=now, result=found)):
            told = {"kind": job.kind, "resource": job.resource, "job": job.id, "trigger": job.trigger}
            if state is JobState.DONE:
                self._faults.note(job.resource, None)
            self._observe(JobEnded(**told, state=state.value, seconds=now - job.created_at, result=found))

    def _fail(self, job: Job, error: GatewayError | None) -> None:
        bug: Mapping[str, Any] = {
            "code": "internal-error",
            "status": 500,
            "title": "The gateway has a bug",
            "detail": "See the log.",
        }
        problem = bug if error is None else problem_of(error)
        if self._store.finish(job, End(state=JobState.FAILED, at=self._clock(), problem=problem)):
            told = {"kind": job.kind, "resource": job.resource, "job": job.id, "trigger": job.trigger}
            fault = {"at": self._clock(), "job": job.id, "code": problem["code"], "detail": reason_of(problem)}
            self._faults.note(job.resource, fault)
            self._observe(JobFailed(**told, code=problem["code"], error=reason_of(problem)))

    def _tell_bug(self, error: Exception) -> None:
        self._observe(Unexpected.of(error, request=f"{self._kind}-jobs"))


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
