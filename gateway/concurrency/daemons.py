"""A thread pool of daemon threads: the process exits without waiting for them.

The interpreter joins the threads of ``ThreadPoolExecutor`` before it exits, and a request to a store that has stopped
answering cannot be interrupted: it would delay the exit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

Done = TypeVar("Done")


class Daemons:
    """Runs submitted work, in order, on at most *size* daemon threads."""

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name = size, name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock, self._threads, self._closed = Lock(), 0, False

    def submit(self, work: Callable[[], Done]) -> Future[Done]:
        """Run *work* when a thread is free."""
        future: Future[Done] = Future()
        with self._lock:
            if self._threads < self._size:
                self._threads += 1
                Thread(target=self._run, name=f"{self._name}_{self._threads}", daemon=True).start()
        self._work.put(lambda: _do(work, future, unless=lambda: self._closed))
        return future

    def map(self, work: Iterable[Callable[[], Done]], *, silence: float | None = None) -> list[Done]:
        """Run all of *work* in parallel and return the results in order; after a failure the rest is skipped.

        Raises ``TimeoutError`` where the next result does not come within *silence* seconds.
        """
        futures = [self.submit(call) for call in work]
        try:
            return [future.result(silence) for future in futures]
        finally:
            self.close()

    def close(self) -> None:
        """Start no more work; what is running goes on without anybody waiting for it. Idempotent."""
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
