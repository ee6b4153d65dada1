"""Detects that the machine's clock was set: what is timed by the wall clock is then older or newer than it seems."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.telemetry.events import ClockJumped, Observer

LEAST = 5.0
"""Seconds by which the time of day must have moved against the time that went by; less is a slow correction."""


class Jumps:
    """Tells *observe* of jumps between two looks. *clock* gives seconds since the epoch, *monotonic* just seconds."""

    def __init__(
        self, observe: Observer, *, clock: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._observe, self._clock, self._monotonic = observe, clock, monotonic
        self._offset = clock() - monotonic()

    def look(self) -> None:
        offset = self._clock() - self._monotonic()
        seconds, self._offset = offset - self._offset, offset
        if abs(seconds) >= LEAST:
            self._observe(ClockJumped(seconds=seconds))
