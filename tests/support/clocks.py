"""A clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """Seconds since the epoch, as the test sets them."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now
