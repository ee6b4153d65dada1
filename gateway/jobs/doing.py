"""Does one job: calls its handler, again where it fails in passing, and records how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway.errors import GatewayError, ShuttingDown
from gateway.jobs.faults import Faults
from gateway.jobs.job import Attempt, End, Job, JobState, problem_of, reason_of
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.telemetry.events import JobEnded, JobFailed, JobTakenUp, Observer, Unexpected

Handler = Callable[[Work], Mapping[str, Any]]
"""Does the work of a job, and returns its result as JSON. Raises ``GatewayError``."""
_TRIES, _PAUSE = 4, 2.0
"""How often a job is tried that fails in passing, and seconds before the second try; each pause is twice as long."""


class Doer:
    """Does jobs of a *kind* by their *handler*, one at a time; one that fails in passing is tried *tries* times."""

    def __init__(
        self,
        kind: str,
        store: JobStore,
        handler: Handler,
        *,
        faults: Faults,
        observe: Observer,
        tries: int = _TRIES,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kind, self._store, self._handler, self._observe = kind, store, handler, observe
        self._faults, self._tries, self._monotonic, self._clock = faults, tries, monotonic, clock
        self._work: Work | None = None

    def stop(self) -> None:
        """Stop the job that is being done: it is left to another worker."""
        work = self._work
        if work is not None:
            work.cancellation.cancel(ShuttingDown("The server that does the job is stopping."))

    def do(self, job: Job, attempt: Attempt) -> None:
        """Do a job that this process has claimed by *attempt*, and record its end, if it came to one."""
        self._observe(
            JobTakenUp(kind=job.kind, resource=job.resource, job=job.id, trigger=job.trigger, attempt=attempt.number)
        )
        with Work(self._store, job, attempt, observe=self._observe) as work:
            self._work = work
            try:
                result = self._patiently(work)
                work.tell()
                self.end(job, JobState.DONE, result)
            except GatewayError as error:
                if work.cancelled:
                    self.end(job, JobState.CANCELLED)
                elif not work.stopped:
                    self.fail(job, error)
            except Exception as error:  # noqa: BLE001  # a bug in one job: it has to end, and the next one to begin
                self.tell_bug(error)
                self.fail(job, None)
            finally:
                self._work = None

    def end(self, job: Job, state: JobState, result: Mapping[str, Any] | None = None) -> None:
        """Record the end of a job that has not failed, and tell of it."""
        now, found = self._clock(), result or {}
        if self._store.finish(job, End(state=state, at=now, result=found)):
            told = {"kind": job.kind, "resource": job.resource, "job": job.id, "trigger": job.trigger}
            if state is JobState.DONE:
                self._faults.note(job.resource, None)
            self._observe(JobEnded(**told, state=state.value, seconds=now - job.created_at, result=found))

    def fail(self, job: Job, error: GatewayError | None) -> None:
        """Record that a job failed, by an *error*, or by a bug, and tell of it."""
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

    def tell_bug(self, error: Exception) -> None:
        """Tell of an exception that nobody raised on purpose."""
        self._observe(Unexpected.of(error, request=f"{self._kind}-jobs"))

    def _patiently(self, work: Work) -> Mapping[str, Any]:
        """Do the work, again where it fails in passing."""
        for number in range(1, self._tries):
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
