"""Calls that are made some time later, in the background."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count
from threading import Condition, Thread


class Later:
    """Makes calls when they are due, one after the other, in a thread that exists only while there are some.

    Of more than *most* that wait, the latest are not taken. Thread-safe.
    """

    def __init__(self, name: str, *, most: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """*name* is the thread's."""
        self._name, self._most, self._monotonic = name, most, monotonic
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order, self._changed, self._working = count(), Condition(), False

    def call(self, seconds: float, what: Callable[[], None]) -> bool:
        """Have *what* called after so many *seconds*; tell whether it was taken. It must not raise."""
        with self._changed:
            if len(self._waiting) >= self._most:
                return False
            heapq.heappush(self._waiting, (self._monotonic() + seconds, next(self._order), what))
            self._changed.notify()
            if not self._working:
                self._working = True
                Thread(target=self._work, name=self._name, daemon=True).start()
            return True

    def _work(self) -> None:
        while (what := self._next()) is not None:
            what()

    def _next(self) -> Callable[[], None] | None:
        """Wait for the first call to be due; None: there is none, and this thread ends."""
        with self._changed:
            while self._waiting:
                left = self._waiting[0][0] - self._monotonic()
                if left <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(left)
            self._working = False
            return None
