"""What is known of results without their rows, kept apart from them and for longer.

A caller who names the rows that it has is told that they are still right from this alone, when the rows themselves
have long made room for others. Summaries have tiers of their own, so that no rows take their place: each is kept as
a result that has one number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

import pyarrow as pa
from cachetools import TTLCache

from gateway.cache.tier import Tier
from gateway.cache.tiers import Tiers
from gateway.model import Result, Summary

LIFETIME = 7 * 86_400.0
"""Seconds that a summary is kept after its result was computed, or was found unchanged for the first time in a day."""
_DAY, _REMEMBERED = 86_400.0, 10_000
"""Seconds in which one extension is enough, and how many are remembered."""
NEAR, DISK = 4 * 2**20, 16 * 2**20
"""Bytes that summaries take in the memory of a worker and in the state folder: about 2,000 and 10,000 of them."""
LARGEST = 64 * 1024
"""Bytes of the largest summary that is kept among hosts: what a query over dozens of tables read."""
_ROWS = "rows"


class Summaries(Tiers):
    """Summaries over tiers from the nearest to the farthest; without tiers nothing is kept."""

    def __init__(self, tiers: Sequence[Tier], *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(tiers, kind="summaries", lifetime=LIFETIME)
        self._lock = Lock()
        self._extended: TTLCache[str, None] = TTLCache(_REMEMBERED, _DAY, timer=clock)

    def put(self, result: Result) -> None:
        """Keep what is known of a result, in place of what was known of an earlier one of its key."""
        self._put(_packed(result))

    def copied(self, result: Result) -> None:
        """Keep what is known of a result that was found in a farther tier, in the nearest."""
        for tier in self._tiers[:1]:
            tier.put(_packed(result), lifetime=LIFETIME)

    def extend(self, key: str) -> None:
        """Keep what is known of a key for another lifetime; done once a day, for it asks every tier."""
        with self._lock:
            if key in self._extended:
                return
            self._extended[key] = None
        for tier in self._tiers:
            tier.extend(key, lifetime=LIFETIME)

    def of(self, key: str) -> Summary | None:
        """Return what is known of the result of a key, from the nearest tier; nearer ones are given a copy."""
        found = self._find(key)
        return None if found is None else _unpacked(found)

    def near(self, key: str) -> Summary | None:
        """Return what the nearest tier knows of the result of a key."""
        found = self._tiers[0].result(key) if self._tiers else None
        return None if found is None else _unpacked(found)


def _packed(result: Result) -> Result:
    return replace(result, table=pa.table({_ROWS: pa.array([result.rows], pa.int64())}), columns=())


def _unpacked(found: Result) -> Summary:
    return Summary(
        key=found.key,
        digest=found.digest,
        rows=found.table[_ROWS][0].as_py(),
        readings=found.readings,
        created_at=found.created_at,
    )
