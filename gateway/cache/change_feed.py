"""Changes of answers on other hosts: each worker reads them a few times a second and distrusts what it trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Protocol

from gateway.cache.tier import TierError

_POLL = 0.25
"""Seconds between two readings: with the time limit of a command, a newer answer is known within a second."""


class ChangeFeed(Protocol):
    """The questions that other hosts gave another answer to."""

    def begin(self) -> None:
        """Read on from now. Raises ``TierError``."""

    def read(self) -> list[str]:
        """Return the questions since the last call. Raises ``TierError``."""

    def close(self) -> None:
        """Release what is held open."""


class Answers(Protocol):
    """The answers of this host, which others may have overtaken."""

    def distrust(self, questions: Sequence[str] | None) -> None:
        """Look for the newest answers to questions the next time that they are asked; None: to all."""

    def recover(self) -> None:
        """Make up for what was missed while the tier that hosts share could not be used, once it can."""


class ChangeListener:
    """Reads *feed* and has *answers* to its questions distrusted. ``tick`` is one look; ``start`` looks in a thread."""

    def __init__(self, feed: ChangeFeed, answers: Answers) -> None:
        self._feed, self._answers, self._listening = feed, answers, False
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, wait: Callable[[float], bool] | None = None) -> None:
        """Look until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._thread = Thread(target=self._run, args=(wait or self._stopping.wait,), name="news", daemon=True)
        self._thread.start()

    def tick(self) -> None:
        """Read what is new. While that fails, this host answers by itself; it distrusts all once it succeeds."""
        try:
            if not self._listening:
                self._feed.begin()  # before the distrust: what is told from here on is read
                self._answers.distrust(None)
                self._listening = True
            questions = self._feed.read()
        except TierError:  # the tier that is asked for answers tells that it fails
            self._listening = False
            return
        self._answers.recover()
        if questions:
            self._answers.distrust(questions)

    def close(self) -> None:
        """Stop; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._feed.close()

    def _run(self, wait: Callable[[float], bool]) -> None:
        self.tick()
        while not wait(_POLL):
            self.tick()
