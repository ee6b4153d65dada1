"""Threads that no process waits for at its end: work on a store that does not answer must not hold up a stop.

The interpreter joins the threads of ``ThreadPoolExecutor`` before it exits, and a request to a store that is gone
silent cannot be interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

Done = TypeVar("Done")


class Daemons:
    """At most *size* daemon threads that do what is submitted, in order."""

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock, self._threads, self._closed = Lock(), 0, False

    def submit(self, work: Callable[[], Done]) -> Future[Done]:
        """Do *work* when a thread is free."""
        future: Future[Done] = Future()
        with self._lock:
            if self._threads < self._size:
                self._threads += 1
                Thread(target=self._run, name=f"{self._name}_{self._threads}", daemon=True).start()
        self._work.put(lambda: _do(work, future, unless=lambda: self._closed))
        return future

    def map(self, work: Iterable[Callable[[], Done]], *, silence: float | None = None) -> list[Done]:
        """Do all of *work* side by side and return what came of it, in order; after a failure the rest is left.

        Raises ``TimeoutError`` where the next result does not come within *silence* seconds.
        """
        futures = [self.submit(one) for one in work]
        try:
            return [future.result(silence) for future in futures]
        finally:
            self.close()

    def close(self) -> None:
        """Begin nothing more; what is being done goes on unattended. Idempotent."""
        self._closed = True
        for _ in range(self._threads):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _do(work: Callable[[], Done], future: Future[Done], unless: Callable[[], bool]) -> None:
    if unless():
        future.cancel()
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the future is told
        future.set_exception(error)
