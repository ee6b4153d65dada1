"""What a cache tier is: results by their key, and marks by their question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.model import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The newest answer known for a question, and when it was last known to be right.

    ``checked_at`` is the instant, in seconds since the epoch, at which the snapshot it was compared with was pinned.
    """

    key: str
    checked_at: float


class TierError(Exception):
    """A tier cannot do its work now; it is skipped, and its answer is that it knows nothing."""


class Tier(Protocol):
    """A place that keeps results and marks for a while. A tier may forget anything at any time.

    ``lifetime`` is in seconds. A result is immutable: two of the same key are interchangeable. Every method may
    raise ``TierError``, within a bounded time.
    """

    name: str

    def result(self, key: str) -> Result | None:
        """Return the result of a key, or None."""

    def keep(self, result: Result, *, lifetime: float) -> bool:
        """Keep a result; return whether it was kept (it may be too large)."""

    def mark(self, question: str) -> Mark | None:
        """Return the mark of a question, or None."""

    def remember(self, question: str, mark: Mark, *, lifetime: float) -> None:
        """Keep the mark of a question, in place of an older one."""

    def close(self) -> None:
        """Release what the tier holds; idempotent."""
