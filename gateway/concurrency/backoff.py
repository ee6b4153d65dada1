"""Pauses between attempts that keep failing, by what is attempted: each is twice as long as the one before."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from cachetools import LRUCache

_PAUSE = (1.5, 60.0)
"""Shortest and longest pause, in seconds."""
_REMEMBERED = 10_000


class Backoff:
    """Which attempts are due; thread-safe. *clock* tells seconds. What never failed is always due."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, Lock()
        self._failures: LRUCache[str, tuple[int, float]] = LRUCache(_REMEMBERED)

    def due(self, what: str) -> bool:
        """Tell whether *what* may be attempted now."""
        with self._lock:
            _, until = self._failures.get(what, (0, 0.0))
        left = until - self._clock()
        return left <= 0.0 or left > _PAUSE[1]  # no pause is that long: the clock went back

    def ended(self, what: str, error: BaseException | None) -> None:
        """Note how an attempt ended; one that succeeded clears the failures before it."""
        shortest, longest = _PAUSE
        with self._lock:
            if error is None:
                self._failures.pop(what, None)
                return
            failures, _ = self._failures.get(what, (0, 0.0))
            self._failures[what] = (min(failures + 1, 16), self._clock() + min(shortest * 2**failures, longest))
