"""What keeps a text or a plan from Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unportable:
    """A construct of a text that Spark is not asked for: what it is, why, where it starts, what may be written instead.

    ``start`` counts characters of the author's text; None: it is of the text as a whole.
    """

    reason: str
    start: int | None = None
    instead: str | None = None


class NotPortable(Exception):
    """A text, or the files of a plan, that Spark is not asked for."""

    def __init__(self, found: Sequence[Unportable]) -> None:
        super().__init__(found[0].reason)
        self.found = tuple(found)


def refused(reason: str, instead: str | None = None) -> NotPortable:
    """Make the error of one reason, whose place is not known."""
    return NotPortable([Unportable(reason=reason, instead=instead)])
