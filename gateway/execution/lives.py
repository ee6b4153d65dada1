"""How often a query runs where the engine's process ends under it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.concurrency.retry import Retry
from gateway.errors import Fate

MAX_LIVES = 5
"""Times that a query runs without a pause where the engine's process ends under it."""
AGAIN = 5.0
"""Seconds that it then has at least."""
_PAUSES = Retry(first=0.2, longest=8.0)


@dataclass(slots=True, kw_only=True)
class Lives:
    """The lives of one query; *deadline* is its own, an instant of *monotonic*.

    After ``MAX_LIVES`` it has more only where another was the reason each time, while its own time lasts: it does not
    fail for what others do. The pauses between these bound how often a query ends the process that nobody can blame
    for it, such as one for which the kernel kills the process.
    """

    deadline: float
    monotonic: Callable[[], float] = time.monotonic
    pauses: Retry = _PAUSES
    _ended: int = 0

    def next(self, fate: Fate | None) -> float | None:
        """Count a life that has ended by *fate*; return the seconds until the next one, None where there is none."""
        self._ended += 1
        if self._ended < MAX_LIVES:
            return 0.0
        pause = self.pauses.pause(self._ended - MAX_LIVES + 1)
        lasts = self.monotonic() + pause < self.deadline
        return pause if fate is Fate.BYSTANDER and lasts else None
