"""A background thread that does a little work again and again, with pauses."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

Wait = Callable[[float], bool]
"""Sleeps so many seconds; returns True to stop."""


class Ticker:
    """Calls *tick* on a daemon thread after each pause, until it is closed; with *at_once*, also before the first.

    ``pause()`` tells how long the next pause is, in seconds.
    """

    def __init__(
        self, name: str, tick: Callable[[], object], pause: Callable[[], float], *, at_once: bool = False
    ) -> None:
        self._name, self._tick, self._pause, self._at_once = name, tick, pause, at_once
        self._stopping = Event()
        self._thread: Thread | None = None

    @property
    def stopping(self) -> bool:
        """Tell whether it is closed, or about to be: a long tick ends early then."""
        return self._stopping.is_set()

    def start(self, wait: Wait | None = None) -> None:
        """Start the thread. *wait* is for tests: it stands for the pauses."""
        self._thread = Thread(target=self._run, args=(wait or self._stopping.wait,), name=self._name, daemon=True)
        self._thread.start()

    def close(self, timeout: float | None = None) -> None:
        """Stop, after the tick under way or at most *timeout* seconds; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self, wait: Wait) -> None:
        if self._at_once:
            self._tick()
        while not (self._stopping.is_set() or wait(self._pause())):
            self._tick()
