"""Axes: what one column can be in each of many units (partitions, or files).

Units that look the same share a *state*: a day, a bucket, a value. ``UnitStates`` knows which units are in which
state, and an axis knows which values the states of its column can hold. A filter is decided on the few states, by
bisection if they are sorted, and only the units that are left are looked at one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np

from gateway.catalog.transforms.keys import HIGHEST, LOWEST, Key, Ordinals, after_prefix, less, successor
from gateway.plan.states import NO_CODES, Codes, Mask, States, UnitStates, either

Range = tuple[Key | None, Key | None]
"""A half-open range of order keys; None is unbounded."""
_FEW = 16
"""Ranges that are looked up one by one; more of them are bisected together."""
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


class Axis(Protocol):
    """What the states of one column can hold. All answers may keep too much, never too little.

    Ranges are half open, in order keys; None is unbounded.
    """

    rows: UnitStates

    def within(self, start: Key | None, end: Key | None) -> Codes:
        """Find the states that may hold a value in a range."""

    def within_any(self, ranges: Sequence[Range]) -> Codes:
        """Find the states that may hold a value in one of several ranges."""

    def outside(self, start: Key | None, end: Key | None) -> Codes:
        """Find the states that may hold a value that is not in a range."""

    def nulls(self) -> Codes:
        """Find the states that may hold NULL."""

    def values(self) -> Codes:
        """Find the states that may hold a value."""


class Scale(Protocol):
    """Places the keys of a column on 64-bit positions that keep their order."""

    def first(self, key: Key) -> int:
        """Return the position at or above which keys from *key* on are."""

    def last(self, end: Key) -> int:
        """Return the position at or below which keys before *end* are."""


class Direct:
    """Keys that are positions themselves."""

    def first(self, key: Key) -> int:
        assert isinstance(key, int)
        return key

    def last(self, end: Key) -> int:
        assert isinstance(end, int)
        return end - 1


DIRECT = Direct()


class Landmarks:
    """Wide keys placed between those that bound a state: landmark i is at 4i, what lies before it at 4i - 2.

    The end of a range that stops before landmark i is at 4i - 1, above all keys in the gap.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        """Take the landmarks, distinct and ascending."""
        self._keys = keys

    def first(self, key: Key) -> int:
        position = bisect_left(self._keys, key)
        return 4 * position if self._at(position, key) else 4 * position - 2

    def last(self, end: Key) -> int:
        position = bisect_left(self._keys, end)
        return 4 * position - 1 if self._at(position, end) else 4 * position - 2

    def points(self, lo: Ordinals, hi: Ordinals) -> list[Key]:
        """List the keys of the intervals that hold a single one."""
        single = lo[(lo == hi) & (lo % 4 == 0) & (lo > LOWEST)]
        return [self._keys[position // 4] for position in single.tolist()]

    def point(self, first: int, last: int) -> Key | None:
        """Return the one key of an interval; None if it has others."""
        return self._keys[first // 4] if first == last and first % 4 == 0 and first > LOWEST else None

    def beginnings(self, lo: Ordinals, hi: Ordinals) -> list[Key]:
        """List the texts p of the intervals that hold all texts which begin with p, and nothing else."""
        wide = [
            (first // 4, (last + 1) // 4)
            for first, last in zip(lo.tolist(), hi.tolist(), strict=True)
            if first < last and first % 4 == 0 and last % 4 == 3 and first > LOWEST and last < HIGHEST
        ]
        return [
            key
            for at, end in wide
            if isinstance(key := self._keys[at], bytes) and self._at(end, after_prefix(key) or key)
        ]

    def _at(self, position: int, key: Key) -> bool:
        return position < len(self._keys) and self._keys[position] == key


def place_wide(lo: Sequence[Key | None], end: Sequence[Key | None], point: Mask) -> tuple[Scale, Ordinals, Ordinals]:
    """Put intervals of wide keys on positions; None is unbounded, and the end of a point is not read."""
    ends: list[Key | None] = [None if single else key for key, single in zip(end, point.tolist(), strict=True)]
    landmarks = _ascending([key for key in (*lo, *ends) if key is not None])
    position = {key: 4 * number for number, key in enumerate(landmarks)}
    low = np.array([LOWEST if key is None else position[key] for key in lo], dtype=np.int64)
    high = np.array([HIGHEST if key is None else position[key] - 1 for key in ends], dtype=np.int64)
    return Landmarks(landmarks), low, np.where(point, low, high)


def _ascending(keys: list[Key]) -> list[Key]:
    """Sort keys and drop repeated ones; keys that already ascend, as those of a folder level do, cost little."""
    distinct = list(dict.fromkeys(keys))
    distinct.sort()
    return distinct


class Interval:
    """An axis whose states are intervals, e.g. the days of a timestamp."""

    def __init__(self, rows: UnitStates, states: States, scale: Scale, lo: Ordinals, hi: Ordinals) -> None:
        """Take the closed interval of positions of each state that has values."""
        self.rows = rows
        self.states = states
        self.scale = scale
        self.lo = lo
        self.hi = hi
        self._sorted = bool((lo[1:] >= lo[:-1]).all() and (hi[1:] >= hi[:-1]).all())

    def within(self, start: Key | None, end: Key | None) -> Codes:
        first, last = self._ends(start, end)
        if first > last or first > HIGHEST or last < LOWEST:
            return self.states.spared(NO_CODES)
        if not self._sorted:
            return self._marked((self.hi >= max(first, LOWEST)) & (self.lo <= min(last, HIGHEST)))
        begin = 0 if first <= LOWEST else int(self.hi.searchsorted(first))
        stop = len(self.lo) if last >= HIGHEST else int(self.lo.searchsorted(last, "right"))
        return self.states.spared(Codes(begin, max(begin, stop)))

    def within_any(self, ranges: Sequence[Range]) -> Codes:
        if len(ranges) <= _FEW or not self._sorted:
            return _folded(self, ranges)
        ends = [self._ends(start, end) for start, end in ranges]
        inside = [(max(a, LOWEST), min(b, HIGHEST)) for a, b in ends if a <= b and a <= HIGHEST and b >= LOWEST]
        if not inside:
            return self.states.spared(NO_CODES)
        firsts, lasts = np.array(inside, dtype=np.int64).T
        begins, stops = self.hi.searchsorted(firsts), self.lo.searchsorted(lasts, "right")
        held = begins < stops
        size = self.states.count + 1
        steps = np.bincount(begins[held], minlength=size) - np.bincount(stops[held], minlength=size)
        return self._marked(np.cumsum(steps)[:-1] > 0)

    def outside(self, start: Key | None, end: Key | None) -> Codes:
        first, last = self._ends(start, end)
        if first > last or first > HIGHEST or last < LOWEST:
            return self.states.values()
        first, last = max(first, LOWEST), min(last, HIGHEST)
        if not self._sorted:
            return self._marked((self.lo < first) | (self.hi > last))
        begin, stop = int(self.lo.searchsorted(first)), int(self.hi.searchsorted(last, "right"))
        if begin >= stop:
            return self.states.values()
        return self.states.spared(either(Codes(0, begin), Codes(stop, self.states.count), self.states.size))

    def nulls(self) -> Codes:
        return self.states.nulls()

    def values(self) -> Codes:
        return self.states.values()

    def placed(self, scale: Scale, lo: Ordinals, hi: Ordinals) -> Interval:
        """Return the same states with other intervals, e.g. those of a function of the column."""
        return Interval(self.rows, self.states, scale, lo, hi)

    def _ends(self, start: Key | None, end: Key | None) -> tuple[int, int]:
        first = LOWEST if start is None else self.scale.first(start)
        return first, HIGHEST if end is None else self.scale.last(end)

    def _marked(self, mask: Mask) -> Codes:
        full = np.zeros(self.states.size, dtype=np.bool_)
        full[: self.states.count] = mask
        return self.states.spared(Codes(0, self.states.size, full))


class Image:
    """An axis whose states are what a transform makes of a value, in no order, e.g. buckets."""

    def __init__(
        self,
        rows: UnitStates,
        states: States,
        codes: Ordinals,
        enumerate_range: Callable[[Key | None, Key | None], Sequence[Key] | None],
        codes_of: Callable[[Sequence[Key]], Ordinals],
        buckets: int | None = None,
    ) -> None:
        """Take the code of each state, ascending; of *buckets*, how many there are.

        ``enumerate_range`` lists keys that together have all codes of a range of keys, or None if they are too many;
        ``codes_of`` maps them.
        """
        self.rows = rows
        self.states = states
        self._codes = codes
        self._enumerate = enumerate_range
        self._codes_of = codes_of
        self.buckets = buckets

    def of_buckets(self, count: int) -> Interval | None:
        """Return the axis of the bucket of the column where there are *count* of them; None if it is not known."""
        if self.buckets is None or self.buckets % count:
            return None
        numbers = self._codes % count
        return Interval(self.rows, self.states, DIRECT, numbers, numbers)

    def numbers(self) -> list[int]:
        """List the code of each state that has values."""
        return self._codes.tolist()  # type: ignore[no-any-return]  # integers

    def within(self, start: Key | None, end: Key | None) -> Codes:
        keys = self._enumerate(start, end)
        return self.values() if keys is None else self._holding(keys)

    def within_any(self, ranges: Sequence[Range]) -> Codes:
        keys: list[Key] = []
        for start, end in ranges:
            some = self._enumerate(start, end)
            if some is None:
                return self.values()
            keys.extend(some)
        return self._holding(keys)

    def outside(self, start: Key | None, end: Key | None) -> Codes:
        return self.values()

    def nulls(self) -> Codes:
        return self.states.nulls()

    def values(self) -> Codes:
        return self.states.values()

    def _holding(self, keys: Sequence[Key]) -> Codes:
        wanted = np.unique(self._codes_of(keys))
        if len(wanted) == 1:
            first, last = (int(self._codes.searchsorted(wanted[0], side)) for side in _SIDES)
            return self.states.spared(Codes(first, last))
        mask = np.zeros(self.states.size, dtype=np.bool_)
        mask[: self.states.count] = np.isin(self._codes, wanted)
        return self.states.spared(Codes(0, self.states.size, mask))


class Listing:
    """An axis whose states are declared lists of values, one of which may stand for all others: a lookup."""

    def __init__(
        self, rows: UnitStates, states: States, members: Sequence[Sequence[Key]], default: int, mapped: frozenset[Key]
    ) -> None:
        """Take the keys of each state that has values, and the state (or -1) that also holds all not *mapped*."""
        self.rows = rows
        self.states = states
        self.members = members
        self._default = default
        self._mapped = mapped

    def is_default(self, state: int) -> bool:
        """Return whether a state also holds all values that are not listed."""
        return state == self._default

    def within(self, start: Key | None, end: Key | None) -> Codes:
        single = start is not None and end is not None and successor(start) == end
        others = not (single and start in self._mapped)
        return self._where(lambda key: _contains(start, end, key), others)

    def within_any(self, ranges: Sequence[Range]) -> Codes:
        return _folded(self, ranges)

    def outside(self, start: Key | None, end: Key | None) -> Codes:
        return self._where(lambda key: not _contains(start, end, key), True)

    def nulls(self) -> Codes:
        """A lookup's default may hold NULL as well, in files written elsewhere."""
        own = self.states.nulls()
        if self._default < 0:
            return own
        return either(own, Codes(self._default, self._default + 1), self.states.size)

    def values(self) -> Codes:
        return self.states.values()

    def _where(self, test: Callable[[Key], bool], others: bool) -> Codes:
        mask = np.zeros(self.states.size, dtype=np.bool_)
        for position, members in enumerate(self.members):
            mask[position] = (others and position == self._default) or any(test(key) for key in members)
        return self.states.spared(Codes(0, self.states.size, mask))


class Shifted:
    """An axis of the sum of a column and a number, from one of the column whose states are in no order."""

    def __init__(self, axis: Axis, step: int) -> None:
        """Take the axis of the column, and the number."""
        self.rows = axis.rows
        self._axis = axis
        self._step = step

    def within(self, start: Key | None, end: Key | None) -> Codes:
        return self.within_any([(start, end)])

    def within_any(self, ranges: Sequence[Range]) -> Codes:
        moved = [(self._back(start), self._back(end)) for start, end in ranges]
        # A sum that does not fit is an error of the query: what would make it is not looked for.
        if any(isinstance(key, int) and not LOWEST < key < HIGHEST for pair in moved for key in pair):
            return self.values()
        return self._axis.within_any(moved) if len(moved) != 1 else self._axis.within(*moved[0])

    def outside(self, start: Key | None, end: Key | None) -> Codes:
        return self._axis.outside(self._back(start), self._back(end))

    def nulls(self) -> Codes:
        return self._axis.nulls()

    def values(self) -> Codes:
        return self._axis.values()

    def _back(self, key: Key | None) -> Key | None:
        return key - self._step if isinstance(key, int) else key


def _folded(axis: Interval | Listing, ranges: Sequence[Range]) -> Codes:
    """Unite the answers for each range."""
    codes = axis.states.spared(NO_CODES)
    for start, end in ranges:
        codes = either(codes, axis.within(start, end), axis.states.size)
    return codes


def _contains(start: Key | None, end: Key | None, key: Key) -> bool:
    above = start is None or not less(key, start)
    return above and (end is None or less(key, end))
