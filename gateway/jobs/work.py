"""One attempt at a job: its worker tells that it lives and how far it is, and learns that it is to stop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Lock
from types import TracebackType
from typing import Any, Self

from gateway.concurrency.cancellation import Cancellation
from gateway.concurrency.ticker import Ticker
from gateway.errors import JobCancelled, ShuttingDown, StorageFailed
from gateway.jobs.job import Attempt, Job
from gateway.jobs.store import JobStore
from gateway.telemetry.events import JobsUnreachable, Observer

CANCELLED = "The job was cancelled."
_LOST = "Another worker has taken the job up."
_BEATS = 5
"""How often a lease is renewed while it lasts."""


class Work(AbstractContextManager["Work"]):
    """What the handler of a *job* works with: ``cancellation``, and ``progress`` to tell how far it is.

    Within its context the lease of *attempt* is renewed on a thread.
    """

    def __init__(self, store: JobStore, job: Job, attempt: Attempt, *, observe: Observer) -> None:
        self._store, self.job, self._observe = store, job, observe
        self.cancellation = Cancellation()
        self._lock = Lock()
        self._attempt = attempt
        self._beating = Ticker("job", self.tell, lambda: store.lease / _BEATS, at_once=True)

    def progress(self, document: Mapping[str, Any]) -> None:
        """Note how far the job is; it is told with the next renewal of the lease."""
        with self._lock:
            before = self._attempt.progress
            advanced = self._attempt.advanced or (bool(before) and before != document)
            self._attempt = replace(self._attempt, progress=document, advanced=advanced)

    @property
    def stopped(self) -> bool:
        """Whether the job was cancelled, or taken by another worker, or is to wait for one."""
        return self.cancellation.reason is not None

    @property
    def cancelled(self) -> bool:
        """Whether somebody wanted it cancelled, and not only this attempt stopped."""
        reason = self.cancellation.reason
        return isinstance(reason, JobCancelled) and reason.detail == CANCELLED

    def tell(self) -> None:
        """Renew the lease now, and learn whether to stop: what was noted as progress is told."""
        with self._lock:
            attempt = self._attempt
        try:
            found = self._store.beat(self.job, attempt)
        except StorageFailed as failure:
            self._observe(JobsUnreachable(kind=self.job.kind, error=failure.detail))
            return
        if found.lost:
            self.cancellation.cancel(JobCancelled(_LOST))
        elif found.cancelling:
            self.cancellation.cancel(JobCancelled(CANCELLED))

    def __enter__(self) -> Self:
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._beating.close()
        if isinstance(self.cancellation.reason, ShuttingDown):
            with self._lock:
                self._attempt = replace(self._attempt, released=True)  # so that another worker takes it at once
            self.tell()
