"""Calls to a Spark Connect server, each of which ends: the client of Spark sets no limit to any.

A call with one answer is given a few seconds. A stream of rows may take as long as its query, so it is ended from
outside: by who reads it, from any thread, or at a time that is set beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock, local
from typing import Any


class Streams:
    """The streams that one piece of work reads; until *until*, by the monotonic clock, where that is given."""

    def __init__(self, until: float | None = None) -> None:
        self.until = until
        self._lock, self._call, self._ended = Lock(), None, False

    @property
    def reads(self) -> bool:
        """Whether a stream has begun."""
        return self._call is not None

    def end(self) -> None:
        """End the stream that is read, and let none begin; from any thread, idempotent."""
        with self._lock:
            self._ended, call = True, self._call
        if call is not None:
            call.cancel()

    def drop(self) -> None:
        """End the stream that is read; another one may follow."""
        with self._lock:
            call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def began(self, begin: Callable[[], Any]) -> Any:
        """Begin the next stream. Raises ``ConnectionAbortedError`` after the end."""
        with self._lock:
            if self._ended:
                raise ConnectionAbortedError("nobody reads this any more")
            self._call = begin()
            return self._call


class Channel:
    """A channel of gRPC that sets the limits of its calls; one answer takes *answering* seconds at most.

    No interceptor of gRPC does, for such a one ends the process where it is called while the channel is closed.
    """

    def __init__(self, channel: Any, answering: float) -> None:
        self._channel, self._answering, self._here = channel, answering, local()
        self._lock, self.working = Lock(), 0
        """How many pieces of work read streams now."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    @contextmanager
    def of(self, streams: Streams) -> Iterator[None]:
        """Have the streams that this thread reads meanwhile be *streams*."""
        with self._lock:
            self.working += 1
        self._here.streams = streams
        try:
            yield
        finally:
            self._here.streams = None
            with self._lock:
                self.working -= 1

    def unary_unary(self, *given: Any, **named: Any) -> Callable[..., Any]:
        """Return a method with one answer."""
        return partial(self._channel.unary_unary(*given, **named), timeout=self._answering)

    def unary_stream(self, *given: Any, **named: Any) -> Callable[..., Any]:
        """Return a method that streams its answers."""
        return partial(self._stream, self._channel.unary_stream(*given, **named))

    def _stream(self, method: Callable[..., Any], request: Any, **named: Any) -> Any:
        """Begin a stream; it belongs to the work of this thread."""
        streams: Streams | None = getattr(self._here, "streams", None)
        if streams is None:
            return method(request, timeout=self._answering, **named)
        left = None if streams.until is None else max(0.0, streams.until - time.monotonic())
        return streams.began(lambda: method(request, timeout=left, **named))
