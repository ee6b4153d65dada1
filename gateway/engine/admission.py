"""How many queries run at once: a bounded number of slots, and a bounded line in front of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from gateway.errors import QueueFull

_RETRY_AFTER = 1.0
"""Seconds after which a refused caller may try again: about the time of a few ordinary queries."""


class Admission:
    """Let at most *slots* queries run and at most *queue* wait, each no longer than its deadline allows."""

    def __init__(self, *, slots: int, queue: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._slots, self._queue, self._monotonic = BoundedSemaphore(slots), queue, monotonic
        self._lock, self._waiting, self._free = Lock(), 0, slots

    @property
    def idle(self) -> bool:
        """Tell whether nobody waits and a slot is free: what can wait may run."""
        return self._free > 0 and self._waiting == 0

    @contextmanager
    def slot(self, deadline: float) -> Iterator[None]:
        """Hold one slot. Raises ``QueueFull`` when the line is full, or no slot comes free before *deadline*."""
        if not self._slots.acquire(blocking=False):
            self._wait(deadline)
        self._take(1)
        try:
            yield
        finally:
            self._take(-1)
            self._slots.release()

    def _take(self, slots: int) -> None:
        with self._lock:
            self._free -= slots

    def _wait(self, deadline: float) -> None:
        with self._lock:
            if self._waiting >= self._queue:
                raise QueueFull("The line of waiting queries is full.", retry_after=_RETRY_AFTER)
            self._waiting += 1
        try:
            if not self._slots.acquire(timeout=max(0.0, deadline - self._monotonic())):
                raise QueueFull("No query slot came free before the deadline.", retry_after=_RETRY_AFTER)
        finally:
            with self._lock:
                self._waiting -= 1
