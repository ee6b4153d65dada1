"""Cancellation token shared by the thread that asks for a piece of work and the thread that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from gateway.errors import GatewayError


class Cancellation:
    """Cancels one piece of work, once. ``reason`` is the error that the work then ends with; None: not cancelled."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stops: list[Callable[[], None]] = []
        self.reason: GatewayError | None = None
        self.until = 0.0
        """Instant of the monotonic clock until which those who wait for the work wait at least."""

    def cancel(self, reason: GatewayError) -> None:
        """Cancel the work, from any thread. Of several reasons the first one counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            stops = list(self._stops)
        for stop in stops:
            stop()

    def check(self) -> None:
        """Raise the reason if the work was cancelled."""
        if self.reason is not None:
            raise self.reason

    @contextmanager
    def stops(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call *stop* if the work is cancelled within this context, and at once if it was cancelled before.

        *stop* may still be running when the context ends, so it must accept that what it stops is over.
        """
        with self._lock:
            self._stops.append(stop)
            cancelled = self.reason is not None
        if cancelled:
            stop()
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)
