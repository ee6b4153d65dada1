"""A circuit for what fails together: it is left alone for a while, longer with each failure in a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

_PAUSES = (0.5, 30.0)
"""Shortest and longest time, in seconds, that it is left alone; it doubles with each failure in a row."""
_ATTEMPT = 1.0
"""Seconds that the others keep away while one looks whether it is back."""


class Cooldown:
    """Tells who may use what fails; thread-safe. *monotonic* is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic, self._lock = monotonic, Lock()
        self._failures, self._until, self._missed = 0, 0.0, False

    def permits(self) -> bool:
        """Tell whether the caller may use it now: anybody while it works, then one at a time, to see if it is back."""
        if not self._failures:
            return True
        with self._lock:
            now = self._monotonic()
            if now < self._until:
                return False
            self._until = now + _ATTEMPT
            return True

    def failed(self) -> None:
        """Note that it failed."""
        shortest, longest = _PAUSES
        with self._lock:
            self._until = self._monotonic() + min(shortest * 2**self._failures, longest)
            self._failures = min(self._failures + 1, 16)

    def succeeded(self) -> None:
        """Note that it worked."""
        if self._failures:
            with self._lock:
                self._failures = 0

    def missed(self) -> None:
        """Note that somebody went without it."""
        self._missed = True

    def was_missed(self) -> bool:
        """Tell, once, whether somebody went without it since the last call, as soon as it may be used again."""
        if not self._missed:
            return False
        with self._lock:
            if self._failures and self._monotonic() < self._until:
                return False
            self._missed = False
        return True
