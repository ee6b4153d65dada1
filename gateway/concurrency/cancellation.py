"""The wish that a piece of work stops, from the thread that has it to the thread that works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from gateway.errors import GatewayError


class Cancellation:
    """Tells one piece of work to stop, once; ``reason`` is the error that the work then ends with."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stops: list[Callable[[], None]] = []
        self.reason: GatewayError | None = None

    def cancel(self, reason: GatewayError) -> None:
        """Stop the work from any thread; the first reason stands."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            stops = list(self._stops)
        for stop in stops:
            stop()

    def check(self) -> None:
        """Raise the reason where the work is to stop."""
        if self.reason is not None:
            raise self.reason

    @contextmanager
    def stops(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have *stop* called when the work is cancelled meanwhile, and at once where it was already.

        It may still be running when the context ends: it must not mind that what it stops is over.
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
