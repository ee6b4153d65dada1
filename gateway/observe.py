"""Typed events: what happened, for whoever turns it into metrics and log lines.

An event is a frozen record; an observer is any callable that takes one. Observers must be quick and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; each kind is a subclass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshSucceeded(Event):
    """A table was listed. ``changed`` is False where nothing in it changed; ``seconds`` is the time that it took."""

    table: str
    snapshot: str
    seconds: float
    files: int
    partitions: int
    problems: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailed(Event):
    """A table could not be listed; its last snapshot stays. ``retry_in`` is in seconds, None where nobody retries."""

    table: str
    error: str
    failures: int
    """How many times in a row, this one included."""
    retry_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLoaded(Event):
    """A snapshot was read from disk: at start, or because the refresher of this machine published it."""

    table: str
    snapshot: str
    seconds: float


Observer = Callable[[Event], None]


def unobserved(event: Event) -> None:
    """Take no notice of *event*."""
