"""How often and when a request is sent again, and how much time it has in all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from query_gateway_client.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How what may succeed later is asked again: after ``first`` seconds, then twice as long each time.

    ``times`` is how often in a row without anything having come; a pause is at most ``longest`` seconds. Half of each
    pause is by chance, so that clients that were refused together do not come back together. ``Retry-After`` of the
    gateway is waited for where it is at most ``patience`` seconds.
    """

    times: int = 5
    first: float = 0.25
    longest: float = 20.0
    patience: float = 60.0
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, tries: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait after that many *tries* (1 or more) that failed in a row.

        >>> retry = Retry(chance=lambda: 0.5)
        >>> [retry.pause(tries) for tries in (1, 2, 3, 20)], retry.pause(1, retry_after=8)
        ([0.1875, 0.375, 0.75, 15.0], 8.1875)
        """
        pause = min(self.longest, self.first * 2.0 ** min(tries - 1, 60)) * (1 + self.chance()) / 2
        return pause if retry_after is None else retry_after + pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The moment at which a call ends, whatever it waits for. ``at`` is of ``clock``; None is never."""

    at: float | None
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        return cls(at=None if seconds is None else time.monotonic() + seconds)

    def remaining(self) -> float | None:
        """Return the seconds that are left. Raises DeadlineExceeded where none are."""
        if self.at is None:
            return None
        left = self.at - self.clock()
        if left <= 0:
            raise DeadlineExceeded("the time given for this call has passed")
        return left


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The failures of one call so far."""

    retry: Retry
    deadline: Deadline
    failed: int = 0

    def progressed(self) -> None:
        """Note that something came: failures are counted anew from here."""
        self.failed = 0

    def pause(self, error: Exception, retry_after: float | None = None) -> float:
        """Return the seconds to wait before the next try; raise *error* where there is none left.

        Raises DeadlineExceeded where the pause would end after the deadline.
        """
        self.failed += 1
        if self.failed > self.retry.times or (retry_after or 0) > self.retry.patience:
            raise error
        pause = self.retry.pause(self.failed, retry_after)
        try:
            left = self.deadline.remaining()
        except DeadlineExceeded as passed:
            raise passed from error
        if left is not None and pause >= left:
            raise DeadlineExceeded(f"{left:.1f} s are left, and the next try would be in {pause:.1f} s") from error
        return pause
