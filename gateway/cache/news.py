"""What other hosts tell of answers: each worker reads it a few times a second and doubts what it relied on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Protocol

from gateway.cache.tier import TierError

_POLL = 0.25
"""Seconds between two readings: with the time limit of a command, a newer answer is known within a second."""


class News(Protocol):
    """The questions that other hosts gave another answer to."""

    def begin(self) -> None:
        """Read on from now. Raises ``TierError``."""

    def read(self) -> list[str]:
        """Return the questions since the last call. Raises ``TierError``."""

    def close(self) -> None:
        """Release what is held open."""


class Listener:
    """Reads *news* and has the answers to their questions doubted. ``tick`` is one look; ``start`` looks in a thread.

    *doubt* is told of questions; None: of all, because what was told meanwhile could not be read.
    """

    def __init__(self, news: News, doubt: Callable[[Sequence[str] | None], None]) -> None:
        self._news, self._doubt, self._listening = news, doubt, False
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, wait: Callable[[float], bool] | None = None) -> None:
        """Look until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._thread = Thread(target=self._run, args=(wait or self._stopping.wait,), name="news", daemon=True)
        self._thread.start()

    def tick(self) -> None:
        """Read what is new. While that fails, this host answers by itself, and doubts everything once it succeeds."""
        try:
            if not self._listening:
                self._news.begin()  # before the doubt: what is told from here on is read
                self._doubt(None)
                self._listening = True
            questions = self._news.read()
        except TierError:  # the tier that is asked for answers tells that it fails
            self._listening = False
            return
        if questions:
            self._doubt(questions)

    def close(self) -> None:
        """Stop; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._news.close()

    def _run(self, wait: Callable[[float], bool]) -> None:
        self.tick()
        while not wait(_POLL):
            self.tick()
