"""Retries with exponential backoff and full jitter.

Each pause is drawn at random below a bound that doubles (Marc Brooker, *Exponential Backoff and Jitter*, AWS 2015), so
that callers that failed together do not retry together. It is written here because the libraries for it bring a clock
and a sleep of their own, and have no deadline that is a point in time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often to try, and how long to pause. *jitter* returns a number in [0, 1), *wait* sleeps so many seconds."""

    attempts: int = 5
    first: float = 0.1
    """Bound of the first pause, in seconds."""
    longest: float = 2.0
    wait: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = random.random

    def pause(self, failures: int) -> float:
        """Draw the seconds to wait after this number of failures in a row (at least 1)."""
        return self.jitter() * min(self.first * 2.0 ** (failures - 1), self.longest)

    def __call__(self, work: Callable[[], Done], passing: Callable[[Exception], bool]) -> Done:
        """Return what *work* returns; retry it where *passing* says that its error is transient."""
        for failures in range(1, self.attempts):
            try:
                return work()
            except Exception as error:
                if not passing(error):
                    raise
            self.wait(self.pause(failures))
        return work()
