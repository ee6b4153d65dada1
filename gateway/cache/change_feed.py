"""Changes of answers by other hosts: each worker reads them a few times a second, and distrusts its own."""

from __future__ import annotations

from typing import Protocol

from gateway.cache.results import ResultCache
from gateway.cache.tier import TierError
from gateway.concurrency.ticker import Ticker, Wait

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


class ChangeListener:
    """Reads *feed* and has the *cache* distrust its questions. ``tick`` reads once; ``start`` reads in a thread."""

    def __init__(self, feed: ChangeFeed, cache: ResultCache) -> None:
        self._feed, self._cache, self._listening = feed, cache, False
        self._ticker = Ticker("change-feed", self.tick, lambda: _POLL, at_once=True)

    def start(self, wait: Wait | None = None) -> None:
        """Read until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def tick(self) -> None:
        """Read what is new. While that fails, this host answers by itself; it distrusts all once it succeeds."""
        try:
            if not self._listening:
                self._feed.begin()  # before the distrust, so that no change is missed between the two
                self._cache.distrust(None)
                self._listening = True
            questions = self._feed.read()
        except TierError:  # reported by the tier of the same Redis
            self._listening = False
            return
        self._cache.recover()
        if questions:
            self._cache.distrust(questions)

    def close(self) -> None:
        """Stop; idempotent."""
        self._ticker.close()
        self._feed.close()
