"""A circuit breaker: what keeps failing is left alone for a while, then tried by one caller before it is by all.

Closed, everybody is let through. After ``FAILURES`` in a row, or two in a row that took ``LONG`` seconds, it opens:
nobody is. When its rest is over, one caller may try (half open): if that works it closes, if not it rests twice as
long. What a caller reports who was let through before the state changed is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

FAILURES = 5
LONG = 10.0
"""Seconds: a store that swallows requests is noticed by fewer failures, for each takes so long."""
REST = (1.0, 30.0)
"""Shortest and longest time, in seconds, that an open breaker lets nobody through; it doubles."""


class State(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Permission for one attempt; its holder reports how that went, exactly once."""

    since: float
    turn: int
    """The number of the state that it was given in."""


class Breaker:
    """Thread-safe. *monotonic* tells seconds; *changed* is told each new state, by the thread that caused it."""

    def __init__(self, monotonic: Callable[[], float], changed: Callable[[State], None] = lambda state: None) -> None:
        self._monotonic, self._changed = monotonic, changed
        self._lock = Lock()
        self._state, self._turn, self._probing = State.CLOSED, 0, False
        self._failures, self._failing_since, self._rests, self._until = 0, 0.0, 0, 0.0

    @property
    def state(self) -> State:
        """The state as of the last call; an open breaker whose rest is over stays open until somebody tries."""
        return self._state

    @property
    def rest(self) -> float:
        """Return the seconds until somebody is let through again; 0 where that is now."""
        return max(0.0, self._until - self._monotonic()) if self._state is State.OPEN else 0.0

    def admit(self) -> Pass | None:
        """Let the caller through, or not."""
        with self._lock:
            now, before = self._monotonic(), self._state
            if self._state is State.OPEN and now >= self._until:
                self._enter(State.HALF_OPEN)
            admitted = self._state is State.CLOSED or (self._state is State.HALF_OPEN and not self._probing)
            self._probing = self._state is State.HALF_OPEN
            given, after = Pass(since=now, turn=self._turn) if admitted else None, self._state
        self._tell(before, after)
        return given

    def succeeded(self, given: Pass) -> None:
        """Note that it worked."""
        with self._lock:
            before = self._state
            if given.turn == self._turn:
                self._failures = 0
                if self._state is State.HALF_OPEN:
                    self._rests = 0
                    self._enter(State.CLOSED)
            after = self._state
        self._tell(before, after)

    def failed(self, given: Pass) -> None:
        """Note that it failed in a way that others would meet too."""
        with self._lock:
            before = self._state
            if given.turn == self._turn:
                self._count(given.since)
            after = self._state
        self._tell(before, after)

    def left(self, given: Pass) -> None:
        """Note that nothing was learned: the caller gave up, or failed for a reason of its own."""
        with self._lock:
            if given.turn == self._turn:
                self._probing = False

    def _count(self, since: float) -> None:
        now = self._monotonic()
        self._failing_since = since if not self._failures else min(self._failing_since, since)
        self._failures += 1
        lasting = self._failures > 1 and now - self._failing_since >= LONG
        if self._state is State.HALF_OPEN or self._failures >= FAILURES or lasting:
            shortest, longest = REST
            self._until = now + min(shortest * 2.0 ** min(self._rests, 16), longest)
            self._rests += 1
            self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self._state, self._probing, self._failures = state, False, 0
        self._turn += 1

    def _tell(self, before: State, after: State) -> None:
        if after is not before:
            self._changed(after)
