"""Do again what failed for a passing reason: after a pause drawn at random below a bound that doubles.

That is "full jitter" (Marc Brooker, *Exponential Backoff and Jitter*, AWS 2015): callers that failed together do not
come back together. It is a few lines, for the libraries tie a retry to a clock and a sleep of their own, and know of no
deadline that is an instant.
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
    """How often, and how long between. *jitter* gives a number in [0, 1), *wait* sleeps so many seconds."""

    attempts: int = 5
    first: float = 0.1
    """Bound of the first pause, in seconds."""
    longest: float = 2.0
    wait: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = random.random

    def pause(self, failures: int) -> float:
        """Draw the seconds to wait after so many failures in a row, one at least."""
        return self.jitter() * min(self.first * 2.0 ** (failures - 1), self.longest)

    def __call__(self, work: Callable[[], Done], passing: Callable[[Exception], bool]) -> Done:
        """Return what *work* returns; it is done again where *passing* says that its error may pass."""
        for failures in range(1, self.attempts):
            try:
                return work()
            except Exception as error:
                if not passing(error):
                    raise
            self.wait(self.pause(failures))
        return work()
