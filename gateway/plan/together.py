"""What several columns can be together in the partitions of a table: the states of their axes, cut into boxes.

A *state* here is a combination of one state of each axis that occurs. It is cut into boxes, a pair of ends for each
column, and the engine is asked for which of them a condition is never TRUE. A box is of single values, days or hours
where these are not too many, else of what one partition holds. Where the condition is TRUE in no box of a state, no row
of its partitions is in the answer.

>>> months, names = Side(("DATE"), [[(0, 1)], [(2, 3)]]), Side("VARCHAR", [[(b"JP", b"JP")]])
>>> fine, coarse = cut([months, names], [(0, 0), (1, 0)])
>>> fine.grain, fine.of_states, coarse.grain, coarse.of_states
('value/value', [[0, 1], [2, 3]], 'range/value', [[0], [1]])
>>> coarse.listed([1])
[[[datetime.date(1970, 1, 3), datetime.date(1970, 1, 4)], ['JP', 'JP']]]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Final

import numpy as np

from gateway.catalog.transforms.keys import HIGHEST, LOWEST, Key, KeyKind, Ordinals, key_type
from gateway.model import Value
from gateway.plan.analysis.ranges import HIGH, LOW, Grain
from gateway.plan.axis import DIRECT, Axis, Interval, Landmarks, Listing
from gateway.plan.samples import DAY, HOUR, MOST, as_sql, as_value, is_within
from gateway.plan.states import Codes, States, UnitStates, combined

Ends = tuple[Key, Key]
_FAMILIES: Final = (KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ, KeyKind.INTEGER, KeyKind.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the columns, of type ``kind``, can be in each state of its axis: closed ranges; None: anything."""

    kind: str
    ranges: Sequence[Sequence[Ends] | None]

    @property
    def grain(self) -> Grain:
        """Return what the ranges are as they are."""
        known = [ends for found in self.ranges if found is not None for ends in found]
        if all(low == high for low, high in known):
            return Grain.VALUE
        fine, unit = self.finest
        return fine if all(_size(ends, unit) == 1 for ends in known) else Grain.RANGE

    @property
    def finest(self) -> tuple[Grain, int]:
        """Return the smallest grain that all ranges can be cut into, and how long that is."""
        found = key_type(self.kind)
        if found is None or not found.per_second:
            return Grain.VALUE, 1
        known = [ends for ranges in self.ranges if ranges is not None for ends in ranges]
        for grain, unit in ((Grain.DAY, DAY), (Grain.HOUR, HOUR)):
            if all(_is_cut(ends, unit) for ends in known):
                return grain, unit
        return Grain.RANGE, 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Boxes:
    """Boxes of columns of types ``type``: their ends as values, and SQL that lists their numbers as ``i``, and ends.

    ``grain`` are the grains of the columns; ``of_states`` the boxes of each state, none where it may hold others.
    """

    grain: str
    type: str
    source: str
    ends: Sequence[tuple[tuple[Value, Value], ...]]
    of_states: Sequence[Sequence[int]]

    def listed(self, numbers: Sequence[int]) -> list[Value]:
        """Return boxes by their numbers."""
        return [[list(pair) for pair in self.ends[number]] for number in numbers]


@dataclass(frozen=True, eq=False, kw_only=True)
class Together:
    """The states of several axes together; ``positions`` are the state of each axis in every one of them."""

    rows: UnitStates
    states: States
    axes: Sequence[Interval | Listing]
    positions: Sequence[Ordinals]
    sides: Sequence[Side]

    @cached_property
    def boxes(self) -> tuple[Boxes, ...]:
        """Cut the states, first as finely as may be."""
        return cut(self.sides, list(zip(*(here.tolist() for here in self.positions), strict=True)))

    def outside(self, refuted: Value) -> Codes:
        """Find the states that may hold values which are all in none of some boxes."""
        gone = {
            tuple(map(_pair, box)) for box in (refuted if isinstance(refuted, list) else ()) if isinstance(box, list)
        }
        kept = np.ones(self.states.size, dtype=np.bool_)
        for cuts in self.boxes:
            inside = [ends in gone for ends in cuts.ends]
            for state, numbers in enumerate(cuts.of_states):
                if numbers and all(inside[number] for number in numbers):
                    kept[state] = False
        if self.states.null:
            kept[self.states.count] = any(axis.states.doubted for axis in self.axes)
        return Codes(0, self.states.size, kept)


def together(found: Sequence[tuple[Sequence[Axis], str]]) -> Together | None:
    """Combine, of each of some terms, the first axis that tells enough; None where one has none, or they are many."""
    chosen = [next(((axis, side) for axis in axes if (side := _side(axis, kind))), None) for axes, kind in found]
    known = [one for one in chosen if one is not None]
    if len(known) < len(chosen) or prod(max(1, len(side.ranges)) for _, side in known) > HIGHEST:
        return None
    axes = [axis for axis, _ in known if isinstance(axis, Interval | Listing)]
    rows, states, positions = combined(axes)
    if not 0 < states.count <= MOST:
        return None
    return Together(rows=rows, states=states, axes=axes, positions=positions, sides=[side for _, side in known])


def _side(axis: Axis, kind: str) -> Side | None:
    found = key_type(kind)
    if found is None or not isinstance(axis, Interval | Listing) or axis.states.count > MOST:
        return None
    if isinstance(axis, Listing):
        listed = [None if axis.is_default(at) else [(k, k) for k in keys] for at, keys in enumerate(axis.members)]
        return Side(kind, listed) if found.kind in (KeyKind.VARCHAR, KeyKind.INTEGER) else None
    pairs = list(zip(axis.lo.tolist(), axis.hi.tolist(), strict=True))
    if isinstance(axis.scale, Landmarks) and found.kind is KeyKind.VARCHAR:
        points = [axis.scale.point(*pair) for pair in pairs]
        return Side(kind, [None if key is None or b"\0" in bytes(key) else [(key, key)] for key in points])
    if axis.scale is not DIRECT or found.kind not in _FAMILIES or found.per_second not in (0, 10**6):
        return None
    return Side(kind, [[pair] if _is_bounded(pair) and is_within(*pair, kind) else None for pair in pairs])


def _is_bounded(ends: tuple[int, int]) -> bool:
    return ends[0] > LOWEST + 1 and ends[1] < HIGHEST - 1


def cut(sides: Sequence[Side], states: Sequence[tuple[int, ...]]) -> tuple[Boxes, ...]:
    """Cut states, each of one state of every side, into the finest boxes if there are not too many, and as they are."""
    grains, finest = [side.grain for side in sides], [side.finest for side in sides]
    made = [_boxes(sides, states, grains, [0] * len(sides))]
    if grains != [grain for grain, _ in finest] and _count(sides, states, [unit for _, unit in finest]) <= MOST:
        made.insert(0, _boxes(sides, states, [grain for grain, _ in finest], [unit for _, unit in finest]))
    return tuple(each for each in made if each.ends)


def _count(sides: Sequence[Side], states: Sequence[tuple[int, ...]], units: Sequence[int]) -> int:
    sizes = [
        [sum(_size(ends, unit) if unit else 1 for ends in found or ()) for found in side.ranges]
        for side, unit in zip(sides, units, strict=True)
    ]
    return sum(prod(size[at] for size, at in zip(sizes, state, strict=True)) for state in states)


def _boxes(
    sides: Sequence[Side], states: Sequence[tuple[int, ...]], grains: Sequence[Grain], units: Sequence[int]
) -> Boxes:
    keys: list[tuple[Ends, ...]] = []
    of_states: list[list[int]] = []
    for state in states:
        found = [side.ranges[at] for side, at in zip(sides, state, strict=True)]
        pieces = [_pieces(ranges or (), unit) for ranges, unit in zip(found, units, strict=True)]
        before = len(keys)
        keys += product(*pieces) if None not in found else ()
        of_states.append(list(range(before, len(keys))))
    kinds = [side.kind for side in sides]
    return Boxes(
        grain="/".join(grains),
        type=" / ".join(kinds),
        source=_source(kinds, keys),
        ends=[
            tuple((as_value(low, kind), as_value(high, kind)) for kind, (low, high) in zip(kinds, box, strict=True))
            for box in keys
        ],
        of_states=of_states,
    )


def _pieces(ranges: Sequence[Ends], unit: int) -> list[Ends]:
    return [piece for ends in ranges for piece in _cut(ends, unit)]


def _cut(ends: Ends, unit: int) -> Iterator[Ends]:
    low, high = ends
    if not unit or isinstance(low, bytes) or isinstance(high, bytes):
        yield ends
    else:
        yield from ((start, start + unit - 1) for start in range(low, high + 1, unit))


def _size(ends: Ends, unit: int) -> int:
    low, high = ends
    return 1 if isinstance(low, bytes) or isinstance(high, bytes) or not unit else (high - low) // unit + 1


def _is_cut(ends: Ends, unit: int) -> bool:
    low, high = ends
    return isinstance(low, int) and isinstance(high, int) and low % unit == 0 and (high + 1) % unit == 0


def _source(kinds: Sequence[str], boxes: Sequence[tuple[Ends, ...]]) -> str:
    """Write a query of the numbers and ends of boxes, whose columns are numbered from the second on."""
    listed, columns = [f"unnest(range({len(boxes)})) AS i"], ["i"]
    for number, kind in enumerate(kinds):
        for name, end in ((LOW, 0), (HIGH, 1)):
            column = f"{name}{number or ''}"
            listed.append(f'unnest([{", ".join(_literal(box[number][end]) for box in boxes)}]) AS "{column}"')
            columns.append(f'{as_sql(f"{chr(34)}{column}{chr(34)}", kind)} AS "{column}"')
    return f"SELECT {', '.join(columns)} FROM (SELECT {', '.join(listed)})"


def _literal(key: Key) -> str:
    return str(key) if isinstance(key, int) else "'" + key.decode().replace("'", "''") + "'"


def _pair(ends: Value) -> tuple[Value, Value]:
    low, high = ends if isinstance(ends, list) else (None, None)
    return low, high
