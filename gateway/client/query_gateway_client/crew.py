"""Threads that read splits, and the few batches that wait between them and whoever takes these."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from threading import Condition, Thread

import pyarrow as pa

from query_gateway_client.errors import Busy
from query_gateway_client.progress import Progress
from query_gateway_client.transfer import SplitTransfer

_WAITING = 2
"""Batches that wait for each thread."""

Read = Callable[[SplitTransfer], Iterator[pa.RecordBatch]]


class Crew:
    """Up to *workers* threads, which take splits in turn and hand over their batches as they come.

    A gateway that is busy has fewer of them: a thread that was refused gives its split back while others go on.
    """

    def __init__(self, splits: list[SplitTransfer], read: Read, workers: int, progress: Progress) -> None:
        self._read = read
        self._progress = progress
        self._todo = deque(splits)
        self._batches: deque[pa.RecordBatch] = deque()
        self._changed = Condition()
        self._at_work = min(workers, len(splits))
        self._room = _WAITING * self._at_work
        self._failure: BaseException | None = None
        self._closed = False
        self._threads = [Thread(target=self._work, name="read-splits", daemon=True) for _ in range(self._at_work)]

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Yield the batches of all splits, in the order in which they come. Raises what a thread met."""
        for thread in self._threads:
            thread.start()
        try:
            while (batch := self._taken()) is not None:
                yield batch
        finally:
            with self._changed:
                self._closed = True
                self._batches.clear()
                self._changed.notify_all()

    def _taken(self) -> pa.RecordBatch | None:
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._failure or not self._at_work)
            if self._failure is not None:
                raise self._failure
            if not self._batches:
                return None
            self._changed.notify_all()
            return self._batches.popleft()

    def _work(self) -> None:
        while (split := self._next()) is not None:
            try:
                for batch in self._read(split):
                    if not self._hand_over(batch):
                        break
            except Busy as busy:
                if not self._given_back(split, busy):
                    return
            except BaseException as error:  # noqa: BLE001 - raised where the batches are taken
                self._failed(error)
                return
            else:
                self._progress.split_ended()

    def _next(self) -> SplitTransfer | None:
        with self._changed:
            if self._todo and not self._closed:
                return self._todo.popleft()
            self._at_work -= 1
            self._changed.notify_all()
            return None

    def _hand_over(self, batch: pa.RecordBatch) -> bool:
        """Wait for room; False where nobody takes batches any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._batches) < self._room)
            if self._closed:
                return False
            self._batches.append(batch)
            self._changed.notify_all()
        self._progress.came(batch)
        return True

    def _given_back(self, split: SplitTransfer, busy: Busy) -> bool:
        """Leave a split to the others; False in any case: this thread ends. Where there is no other, it has failed."""
        with self._changed:
            if self._at_work == 1:
                self._failure = busy
            split.attempts.progressed()
            self._todo.append(split)
            self._at_work -= 1
            self._changed.notify_all()
        return False

    def _failed(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._closed = True
            self._at_work -= 1
            self._changed.notify_all()
