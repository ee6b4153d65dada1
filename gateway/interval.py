"""A span of time with the fields that DuckDB's INTERVAL has, months aside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import total_ordering

DAY = 86_400_000_000
"""Microseconds of a day."""


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval:
    """Days and microseconds, each with its sign; compared by length, as DuckDB compares them: 24 hours equal a day.

    >>> Interval(days=1) == Interval(microseconds=DAY), Interval(days=1, microseconds=-1) < Interval(days=1)
    (True, True)
    """

    days: int = 0
    microseconds: int = 0

    @property
    def length(self) -> int:
        """Return its microseconds, those of its days included."""
        return self.days * DAY + self.microseconds

    def __eq__(self, other: object) -> bool:
        return self.length == other.length if isinstance(other, Interval) else NotImplemented

    def __lt__(self, other: Interval) -> bool:
        return self.length < other.length

    def __hash__(self) -> int:
        return hash(self.length)

    def __str__(self) -> str:
        return f"{self.days} days {self.microseconds} microseconds"
