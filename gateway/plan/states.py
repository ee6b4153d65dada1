"""Sets of states, and the mapping between units (partitions, or files) and their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from gateway.catalog.transforms.keys import Ordinals

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int32]


class Codes(NamedTuple):
    """A set of states: from ``start`` to before ``stop``, or where ``mask`` is True."""

    start: int
    stop: int
    mask: Mask | None = None


NO_CODES = Codes(0, 0)


def as_mask(codes: Codes, size: int) -> Mask:
    """Write a set of states as one flag for each of *size* states."""
    if codes.mask is not None:
        return codes.mask
    mask = np.zeros(size, dtype=np.bool_)
    mask[codes.start : codes.stop] = True
    return mask


def both(left: Codes, right: Codes, size: int) -> Codes:
    """Intersect two sets of states."""
    if left.mask is None and right.mask is None:
        start = max(left.start, right.start)
        return Codes(start, max(start, min(left.stop, right.stop)))
    return Codes(0, size, as_mask(left, size) & as_mask(right, size))


def either(left: Codes, right: Codes, size: int) -> Codes:
    """Unite two sets of states."""
    if left.mask is None and right.mask is None:
        if left.start >= left.stop:
            return right
        if right.start >= right.stop:
            return left
        if left.start <= right.stop and right.start <= left.stop:
            return Codes(min(left.start, right.start), max(left.stop, right.stop))
    return Codes(0, size, as_mask(left, size) | as_mask(right, size))


class UnitStates:
    """Which units are in which state, both ways."""

    def __init__(self, codes: npt.NDArray[np.int32], size: int) -> None:
        """Take the state of each unit, out of *size* states."""
        self.codes = codes
        self.size = size
        self.sorted = bool((codes[1:] >= codes[:-1]).all())
        counts = np.bincount(codes, minlength=size) if len(codes) else np.zeros(size, dtype=np.int64)
        self.starts: Ordinals = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def order(self) -> Positions:
        """Units grouped by state, ascending within each."""
        narrow = self.codes.astype(np.uint16) if self.size < 2**16 else self.codes
        return np.argsort(narrow, kind="stable").astype(np.int32)

    def count(self, codes: Codes) -> int:
        """Count the units in these states."""
        if codes.mask is None:
            return int(self.starts[codes.stop] - self.starts[codes.start])
        return int((self.starts[1:] - self.starts[:-1])[codes.mask].sum())

    def units(self, codes: Codes) -> slice | Positions:
        """List the units in these states, ascending."""
        if codes.mask is None:
            position = slice(int(self.starts[codes.start]), int(self.starts[codes.stop]))
            if self.sorted:
                return position
            found = self.order[position]
            return found if codes.stop - codes.start <= 1 else np.sort(found)
        return np.flatnonzero(codes.mask[self.codes]).astype(np.int32)

    def holds(self, codes: Codes, units: slice | Positions) -> Mask:
        """Mark which of *units* are in these states."""
        there = self.codes[units]
        if codes.mask is not None:
            kept: Mask = codes.mask[there]
            return kept
        if codes.stop - codes.start == 1:
            same: Mask = there == codes.start
            return same
        return (there >= codes.start) & (there < codes.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The states of an axis beside those with values, which come first: NULL, and not known (kept always)."""

    count: int
    """States with values."""
    null: bool = False
    unknown: bool = False
    doubted: bool = False
    """Whether the state of NULL may hold a value as well, and is kept always."""

    @property
    def size(self) -> int:
        """Return how many states there are."""
        return self.count + self.null + self.unknown

    def spared(self, codes: Codes) -> Codes:
        """Add the states that are kept always."""
        first = self.count if self.doubted else self.count + self.null
        return either(codes, Codes(first, self.size), self.size) if first < self.size else codes

    def nulls(self) -> Codes:
        """Return the states that may hold NULL."""
        return Codes(self.count, self.size)

    def values(self) -> Codes:
        """Return the states that may hold a value."""
        return self.spared(Codes(0, self.count))


class Stated(Protocol):
    """What gives each unit a state, such as a level or an axis."""

    @property
    def rows(self) -> UnitStates: ...
    @property
    def states(self) -> States: ...


def combined(several: Sequence[Stated]) -> tuple[UnitStates, States, list[Ordinals]]:
    """Make one state of each combination of states that occurs; return also the state of each axis in each of them."""
    joint = np.zeros(len(several[0].rows.codes), dtype=np.int64)
    null = np.zeros(len(joint), dtype=np.bool_)
    unknown = np.zeros(len(joint), dtype=np.bool_)
    for one in several:
        count = one.states.count
        codes = one.rows.codes
        unknown |= (codes == count + one.states.null) & one.states.unknown
        null |= (codes == count) & one.states.null
        joint = joint * max(count, 1) + np.minimum(codes, max(count - 1, 0))
    valued = ~(null | unknown)
    distinct, inverse = np.unique(joint[valued], return_inverse=True)
    states = States(count=len(distinct), null=bool((null & ~unknown).any()), unknown=bool(unknown.any()))
    positions = np.full(len(joint), len(distinct), dtype=np.int32)
    positions[valued] = inverse
    positions[unknown] = len(distinct) + states.null
    fields = []
    for one in reversed(several):
        count = max(one.states.count, 1)
        fields.append(distinct % count)
        distinct = distinct // count
    return UnitStates(positions, states.size), states, fields[::-1]
