"""Deadlines of queries: one thread interrupts every query whose deadline has passed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Condition, Thread

AGAIN = 0.05
"""Seconds between interrupts of one query: an interrupt that comes before the query has begun is lost."""


class WatchedQuery:
    """One running query: how to interrupt it, its deadline, and whether it has expired or was cancelled."""

    def __init__(self, interrupt: Callable[[], None], deadline: float | None) -> None:
        self.interrupt = interrupt
        self.deadline = deadline
        self.expired = False
        self.cancelled = False

    def due(self) -> float | None:
        """Return when to interrupt it next, in seconds of the clock; None: never."""
        return 0.0 if self.cancelled else self.deadline


class Watch:
    """Interrupts each watched query whose deadline has passed or which was cancelled, until it is released."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._queries: set[WatchedQuery] = set()
        self._changed = Condition()
        self._closed = False
        self._wakes = math.inf
        self._thread = Thread(target=self._run, name="query-deadlines", daemon=True)
        self._thread.start()

    def add(self, interrupt: Callable[[], None], deadline: float | None) -> WatchedQuery:
        """Watch a query from now on."""
        query = WatchedQuery(interrupt, deadline)
        with self._changed:
            self._queries.add(query)
            if deadline is not None and deadline < self._wakes:
                self._changed.notify()
        return query

    def cancel(self, query: WatchedQuery) -> None:
        """Interrupt a query now; no effect if it is over."""
        with self._changed:
            query.cancelled = True
            self._changed.notify()

    def postpone(self, query: WatchedQuery, deadline: float) -> None:
        """Replace the deadline of a query."""
        with self._changed:
            query.deadline = deadline
            self._changed.notify()

    def release(self, query: WatchedQuery) -> None:
        """Stop watching a query: it is not interrupted after this returns."""
        with self._changed:
            self._queries.discard(query)
            if self._closed:
                self._changed.notify()

    def close(self, patience: float = 5.0) -> None:
        """Interrupt every query, wait up to *patience* seconds until all are released, then forget them."""
        with self._changed:
            self._closed = True
            for query in self._queries:
                query.cancelled = True
            self._changed.notify()
        self._thread.join(patience)
        with self._changed:
            self._queries.clear()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while self._queries or not self._closed:
                wait = self._interrupt_due()
                self._wakes = math.inf if wait is None else self._clock() + wait
                self._changed.wait(wait)

    def _interrupt_due(self) -> float | None:
        """Interrupt what is due; return the seconds until the next is."""
        now = self._clock()
        wait: float | None = None
        for query in self._queries:
            due = query.due()
            if due is None:
                continue
            if due <= now:
                query.expired = query.expired or not query.cancelled
                query.interrupt()
            left = max(due - now, AGAIN)
            wait = left if wait is None else min(wait, left)
        return wait
