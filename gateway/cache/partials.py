"""Kept partials: aggregations of single partitions, of which answers are put together.

A partial is kept under its key, which names its question and the versions of the files that it is of: it is right for
as long as somebody asks for just these, so it has no validation and no freshness. Partials have tiers of their own:
they make room for one another, and no answer for them.

They are written to the farther tiers behind the answers that are made of them. Who computes one holds the claim on it
until then, so that nobody looks for it in vain and computes it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import pyarrow as pa

from gateway.cache.tier import Entry, Room, Tier, TierError
from gateway.cache.tiers import Tiers
from gateway.cache.write_behind import WriteQueue
from gateway.model import Result

LIFETIME = 7 * 86_400.0
"""Seconds that a partial is kept after it was computed, or copied from a farther tier."""


class Partials(Tiers):
    """Partials over tiers from the nearest to the farthest; without tiers nothing is kept."""

    def __init__(
        self,
        tiers: Sequence[Tier],
        *,
        behind: WriteQueue | None = None,
        near: Callable[[], int] = lambda: 0,
        shared: Callable[[], int] = lambda: 0,
    ) -> None:
        """*behind* is where the farther tiers have partials wait to be written; None: they are written at once.

        *near* and *shared* return the bytes that are kept in the nearest tier, and in Redis.
        """
        super().__init__(tiers, kind="partials", lifetime=LIFETIME)
        self._behind, self._near, self._shared = behind, near, shared

    @property
    def used(self) -> int:
        """Bytes that are kept in the memory of this process."""
        return self._near()

    @property
    def shared(self) -> int | None:
        """Bytes that are kept in Redis; None where it does not tell now."""
        try:
            return self._shared()
        except TierError:
            return None

    def rooms(self) -> Sequence[tuple[str, str, Room]]:
        """Tell of every tier what it keeps, its name and how full it is."""
        return [(self._kind, tier.name, tier.room()) for tier in self._tiers]

    def entries(self) -> Mapping[str, list[Entry]]:
        """List what every tier keeps, by the name of the tier."""
        return {tier.name: list(tier.entries()) for tier in self._tiers}

    def find(self, keys: Iterable[str]) -> Mapping[str, pa.Table]:
        """Return the rows of those partials that are kept; nearer tiers are given a copy."""
        return {key: found.table for key, found in self._find_all(keys).items()}

    def put(self, partials: Sequence[Result], found: Callable[[Sequence[str]], None] = lambda keys: None) -> None:
        """Keep partials in every tier that has room for them; *found* is told of those that others can find by now.

        It is told of each once, also where there is no room for it, or it was dropped.
        """
        self._put_all(partials)
        for key in [each.key for each in partials]:
            if self._behind is None:
                found([key])
            else:
                self._behind.when_settled(key, partial(found, [key]))
