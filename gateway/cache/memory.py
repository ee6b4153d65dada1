"""The tier in the memory of the process: bytes-weighted, least recently used first out, a lifetime an entry.

Results and the bodies already encoded of them share one budget. One query may use a share of it, so that a query
with many answers takes the place of its own older ones, not of everybody's.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from threading import Lock

from cachetools import LRUCache

from gateway.cache.epochs import Epoch
from gateway.cache.tier import Entry, OneByOne, Purge, Ready, Replaced, Room, Validation, entry_of, succeeding
from gateway.model import Result
from gateway.telemetry.events import Observer, ResultEvicted, unobserved

_OVERHEAD = 2_000
"""Bytes that an entry costs beside its Arrow buffers: measured with tracemalloc on results of one row."""
_VALIDATIONS = 100_000
"""Questions whose validation is kept at most."""
_STEP = 16
"""Expired entries that are removed at a time, so that nobody waits for the removal of thousands."""
_ENCODED = 3_600.0
"""Seconds that an encoded body is kept at most."""

_Place = tuple[str, str]
"""The key of a result and the form of its body; the result itself has no form."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    value: Result | bytes
    entry: Entry
    expires: float


@dataclass(slots=True, kw_only=True)
class _Validated:
    validation: Validation
    expires: float
    epoch: Epoch | None = None
    """What the validation is trusted for as long as it holds; None: it is not."""


class MemoryTier(OneByOne):
    """Keep results in this process, up to *size* bytes of Arrow buffers and bodies.

    *share* is the part of it that one query may use; *observe* is told of what had to make room. *clock* counts
    lifetimes only: whatever happens to the time of day, entries expire one by one.
    """

    name = "memory"

    def __init__(
        self,
        size: int,
        *,
        share: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        observe: Observer = unobserved,
    ) -> None:
        self._size, self._limit, self._clock, self._observe = size, int(size * share), clock, observe
        self._lock = Lock()
        self._kept: LRUCache[_Place, _Kept] = LRUCache(size, getsizeof=lambda kept: kept.entry.size)
        self._owned: dict[str, OrderedDict[_Place, None]] = {}
        self._used: Counter[str] = Counter()
        self._due: list[tuple[float, _Place]] = []
        self._validations: LRUCache[str, _Validated] = LRUCache(_VALIDATIONS)

    @property
    def used(self) -> int:
        """Bytes that are kept."""
        with self._lock:
            return int(self._kept.currsize)

    def room(self) -> Room:
        return Room(used=self.used, bound=self._size)

    @property
    def largest(self) -> int:
        """Bytes of the largest body that can be kept."""
        return max(self._limit - _OVERHEAD, 0)

    def result(self, key: str) -> Result | None:
        found = self._get((key, ""))
        return found if isinstance(found, Result) else None

    def put(self, result: Result, *, lifetime: float) -> bool:
        size = int(result.table.get_total_buffer_size()) + _OVERHEAD
        return self._put((result.key, ""), result, entry_of(result, size), lifetime)

    def extend(self, key: str, *, lifetime: float) -> None:
        with self._lock:
            kept = self._kept.get((key, ""))
            if kept is not None:
                self._expire_at((key, ""), kept, max(kept.expires, self._clock() + lifetime))

    def encoding(self, key: str, form: str) -> bytes | None:
        """Return the body of a result in one form, or None."""
        found = self._get((key, form))
        return found if isinstance(found, bytes) else None

    def keep_encoding(self, result: Result, form: str, body: bytes) -> None:
        """Keep the body of a result in one form, if there is room."""
        self._put((result.key, form), body, entry_of(result, len(body) + _OVERHEAD), _ENCODED)

    def ready(self, question: str, form: str | None) -> Ready | None:
        with self._lock:
            now = self._clock()
            validated = self._validations.get(question)
            if validated is None or validated.expires <= now or validated.epoch is None or not validated.epoch.holds():
                return None
            validation = validated.validation
            found = self._alive((validation.key, ""), now)
            result = found if isinstance(found, Result) else None
            if form is None:
                return Ready(validation, result, None)
            if result is None:
                return None
            body = self._alive((validation.key, form), now)
            return Ready(validation, result, body) if isinstance(body, bytes) else None

    def validation(self, question: str) -> Validation | None:
        with self._lock:
            found = self._validations.get(question)
        return None if found is None or found.expires <= self._clock() else found.validation

    def put_validation(self, question: str, validation: Validation, *, lifetime: float) -> Replaced:
        with self._lock:
            now = self._clock()
            found = self._validations.get(question)
            before = None if found is None or found.expires <= now else found.validation
            self._validations[question] = _Validated(validation=succeeding(before, validation), expires=now + lifetime)
        return Replaced(before)

    def trust(self, question: str, key: str, epoch: Epoch) -> None:
        """Trust the validation of a question, if it is of *key*, for as long as the *epoch* holds."""
        with self._lock:
            found = self._validations.get(question)
            if found is not None and found.validation.key == key:
                found.epoch = epoch

    def trusted(self, question: str) -> Validation | None:
        """Return the validation of a question where it is trusted."""
        with self._lock:
            found = self._validations.get(question)
            if found is None or found.expires <= self._clock() or found.epoch is None or not found.epoch.holds():
                return None
            return found.validation

    def distrust(self, question: str | None) -> None:
        """No longer trust the validation of a question, None: of any."""
        with self._lock:
            distrusted = [self._validations.get(question)] if question is not None else self._validations.values()
            for found in filter(None, distrusted):
                found.epoch = None

    def entries(self) -> Iterator[Entry]:
        with self._lock:
            now = self._clock()
            found = [kept.entry for (_, form), kept in self._kept.items() if not form and kept.expires > now]
        yield from found

    def drop(self, which: Purge) -> int:
        with self._lock:
            found = [place for place, kept in self._kept.items() if which.matches(kept.entry)]
            for place in found:
                self._remove(place)
        return sum(not form for _, form in found)

    def close(self) -> None:
        with self._lock:
            self._kept.clear()
            self._owned.clear()
            self._used.clear()
            self._due.clear()
            self._validations.clear()

    def _get(self, place: _Place) -> Result | bytes | None:
        with self._lock:
            return self._alive(place, self._clock())

    def _alive(self, place: _Place, now: float) -> Result | bytes | None:
        kept = self._kept.get(place)
        if kept is None:
            return None
        if kept.expires <= now:
            self._remove(place)
            return None
        self._owned[kept.entry.query].move_to_end(place)
        return kept.value

    def _put(self, place: _Place, value: Result | bytes, entry: Entry, lifetime: float) -> bool:
        if entry.size > self._limit:
            return False
        with self._lock:
            if place in self._kept:
                self._remove(place)
            self._remove_expired()
            evicted = list(self._make_room(entry))
            kept = self._kept[place] = _Kept(value=value, entry=entry, expires=0.0)
            self._owned.setdefault(entry.query, OrderedDict())[place] = None
            self._used[entry.query] += entry.size
            self._expire_at(place, kept, self._clock() + lifetime)
        for one in evicted:
            self._observe(ResultEvicted(tier=self.name, query=one.query, size=one.size))
        return True

    def _make_room(self, entry: Entry) -> Iterator[Entry]:
        """Remove what was used least recently: of the query itself while it is over its share, then of all."""
        while self._used[entry.query] + entry.size > self._limit:
            yield self._remove(next(iter(self._owned[entry.query])))
        while self._kept.currsize + entry.size > self._size:
            place, kept = self._kept.popitem()
            self._disown(place, kept.entry)
            yield kept.entry

    def _remove(self, place: _Place) -> Entry:
        entry = self._kept.pop(place).entry
        self._disown(place, entry)
        return entry

    def _disown(self, place: _Place, entry: Entry) -> None:
        owned = self._owned[entry.query]
        del owned[place]
        self._used[entry.query] -= entry.size
        if not owned:
            del self._owned[entry.query], self._used[entry.query]

    def _expire_at(self, place: _Place, kept: _Kept, instant: float) -> None:
        kept.expires = instant
        heappush(self._due, (instant, place))
        if len(self._due) > 2 * len(self._kept) + 1_000:  # mostly instants that were put off
            self._due = [(one.expires, place) for place, one in self._kept.items()]
            heapify(self._due)

    def _remove_expired(self) -> None:
        now = self._clock()
        for _ in range(_STEP):
            if not self._due or self._due[0][0] > now:
                return
            _, place = heappop(self._due)
            kept = self._kept.get(place)
            if kept is not None and kept.expires <= now:
                self._remove(place)
