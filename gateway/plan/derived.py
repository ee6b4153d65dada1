"""Derives the axis of a term with functions, such as ``date_trunc('month', ts)``, from the axes of its column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gateway.catalog.transforms.keys import KeyKind, key_type, successor
from gateway.plan.axis import DIRECT, Axis, Image, Interval, Listing, Shifted, place_wide
from gateway.plan.functions import Intervals, carry, supported
from gateway.predicate import BUCKET, Function, Term


def comparable(own: str, other: str) -> bool:
    """Return whether the order keys of two types are the same."""
    left, right = key_type(own), key_type(other)
    if left is None or right is None:
        return False
    return left == right or (left.kind is KeyKind.INTEGER and right.kind is KeyKind.INTEGER)


def derived_axes(term: Term, axes: Sequence[Axis], argument: str) -> list[Axis]:
    """Return the axes of a term, from those of its column, which is of type *argument*; those that can be derived."""
    functions = list(term.functions)
    while functions and _keeps_keys(functions[0], argument):
        argument = functions.pop(0).returns
    if not comparable(functions[-1].returns if functions else argument, term.type):
        return []
    if not functions:
        return list(axes)
    if functions[0].name == BUCKET:
        return _of_buckets(functions, axes, argument)
    found = [
        derived_axis(axis, functions, argument) for axis in axes if isinstance(axis, Interval) and axis.scale is DIRECT
    ]
    step = _step(functions, argument)
    moved = [Shifted(axis, step) for axis in axes if step is not None and isinstance(axis, Image | Listing)]
    return [*(axis for axis in found if axis is not None), *moved]


def _of_buckets(functions: Sequence[Function], axes: Sequence[Axis], argument: str) -> list[Axis]:
    """Return what partitions tell of the bucket of a column; equal values of two types need not have one."""
    count, kind = functions[0].arguments
    if len(functions) > 1 or kind != argument or not isinstance(count, int):
        return []
    found = [axis.of_buckets(count) for axis in axes if isinstance(axis, Image)]
    return [axis for axis in found if axis is not None]


def _step(functions: Sequence[Function], argument: str) -> int | None:
    """Return the number that functions add to order keys of a type; None where they do more than that."""
    total = 0
    for function in functions:
        step = function.arguments[0] if function.name == "add" and function.returns == argument else None
        if not isinstance(step, int) and not _keeps_keys(function, argument):
            return None
        total += step if isinstance(step, int) else 0
        argument = function.returns
    return total


def derived_axis(axis: Interval, functions: Sequence[Function], argument: str) -> Interval | None:
    """Apply functions, innermost first, to the intervals of an axis; None if one of them is not supported."""
    intervals = Intervals(axis.lo, axis.hi)
    for function in functions:
        if intervals.texts is not None or not supported(function, argument):
            return None
        intervals = carry(function, argument, intervals.lo, intervals.hi)
        argument = function.returns
    if intervals.texts is None:
        return axis.placed(DIRECT, intervals.lo, intervals.hi)
    lo = [None if text is None else text.encode() for text in intervals.texts[0]]
    last = [None if text is None else text.encode() for text in intervals.texts[1]]
    points = [first is not None and first == final for first, final in zip(lo, last, strict=True)]
    point = np.array(points, dtype=np.bool_)
    ends = [None if key is None else successor(key) for key in last]
    return axis.placed(*place_wide(lo, ends, point))


def _keeps_keys(function: Function, argument: str) -> bool:
    return function.name == "cast" and comparable(argument, function.returns)
