"""The memory budget of a process for results that are computed and sent: one number for all of them."""

from __future__ import annotations

import weakref
from collections import deque
from threading import Lock

import pyarrow as pa


class MemoryBudget:
    """Bytes that all results in flight may take together. Each may have *share*, whatever the others hold."""

    def __init__(self, total: int, *, share: int) -> None:
        self._total, self._share = total, share
        self._lock, self._held = Lock(), 0
        self._freed: deque[int] = deque()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        with self._lock:
            self._settle()
            return self._held

    def reserve(self) -> Reservation:
        """Open the reservation of one result, of no bytes yet."""
        return Reservation(self)

    def hold(self, table: pa.Table) -> bool:
        """Count the bytes of *table* for as long as anybody holds it; False where there are none for it."""
        reservation = self.reserve()
        if not reservation.grow(table.nbytes):
            return False
        reservation.lasts_as_long_as(table)
        return True

    def take(self, held: int, more: int) -> bool:
        """Give *more* bytes to a result that has *held*, if there are any for it."""
        with self._lock:
            self._settle()
            if held + more > self._share and self._held + more > self._total:
                return False
            self._held += more
            return True

    def free(self, size: int) -> None:
        """Take back *size* bytes. May be called at any moment, by the garbage collector too, so it takes no lock."""
        self._freed.append(size)

    def _settle(self) -> None:
        while self._freed:
            self._held -= self._freed.popleft()


class Reservation:
    """The bytes of one result in flight."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.size = 0

    def grow(self, more: int) -> bool:
        """Take *more* bytes; False where this result may not have them."""
        taken = self._budget.take(self.size, more)
        if taken:
            self.size += more
        return taken

    def lasts_as_long_as(self, table: pa.Table) -> None:
        """Give back at once what *table* does not need of the bytes, and the rest when nobody holds it any more."""
        needed = min(self.size, table.nbytes)
        weakref.finalize(table, self._budget.free, needed).atexit = False
        self.size -= needed
        self.close()

    def close(self) -> None:
        """Give the bytes back; idempotent."""
        self._budget.free(self.size)
        self.size = 0
