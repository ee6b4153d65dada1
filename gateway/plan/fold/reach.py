"""What the rows of one partition of a fact can meet of the other tables: the files that are read beside it.

    SELECT … FROM sales JOIN visits ON visits.at BETWEEN sales.sold - INTERVAL 1 HOUR AND sales.sold GROUP BY …

All sales of the partition of January 5th were sold on that day. With that as a filter, the rules of pruning select of
``visits`` what is of the 4th and the 5th, which is all that the partial of the partition can depend on: it is computed
of these files, and computed again when they change.

Each column of the fact that its partitions say something of is compared with the least and the greatest value of the
partition, and the bucket of a column with that of the partition: rows of equal users are in equal buckets of both
tables. Nothing is known of a column in a partition of NULL, nor of one that a file may lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import Final

from gateway.canonical import canonical_bytes
from gateway.catalog.manifest import Snapshot
from gateway.catalog.transforms.keys import HIGHEST, LOWEST, Key, KeyKind, Ordinals, key_type
from gateway.model import BoundQuery, Column, TypedValue, Value
from gateway.plan.analysis import Evaluate, Known, bind
from gateway.plan.analysis.carried import values_of
from gateway.plan.axis import DIRECT, Axis, Image, Interval, Landmarks
from gateway.plan.index import Axes
from gateway.plan.planner import Planner
from gateway.plan.select import Chosen, PartitionIndex
from gateway.predicate import BUCKET, Function, Operator, Predicate, Term

_PARAMETER: Final = "__gateway_known_{}"
_Ends = tuple[Value, Value]
"""The least and the greatest value of a column; None where it has none that is known."""
_Buckets = tuple[tuple[Column, int, int], ...]
"""Columns, of how many buckets each is in one, and its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Narrows what is selected of the scans of a partial; *fact* is the place of the fact among them."""

    planner: Planner
    evaluate: Evaluate
    snapshots: Mapping[str, Snapshot]
    fact: int
    index: PartitionIndex
    """Of the selected partitions of the fact."""
    _ends: list[dict[Column, _Ends]] = field(init=False)
    _buckets: list[_Buckets] = field(init=False)
    _schema: bytes = field(init=False)
    _texts: dict[int, tuple[BoundQuery, bytes]] = field(default_factory=dict, init=False)
    _computed: dict[bytes, tuple[Value, ...]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", ends_of_partitions(self.index))
        object.__setattr__(self, "_buckets", buckets_of_partitions(self.index))
        columns = sorted((name, snapshot.columns) for name, snapshot in self.snapshots.items())
        object.__setattr__(self, "_schema", repr((self.fact, columns)).encode())

    def of(self, query: BoundQuery, position: int, selected: Sequence[Chosen]) -> list[Chosen]:
        """Return what the partial of the partition at a position of the index reads of each of its scans.

        *query* is the partial.
        """
        ends, buckets = self._ends[position], self._buckets[position]
        if not buckets and not any(end is not None for pair in ends.values() for end in pair):
            return list(selected)
        asking = partial(self._bound, query, ends, buckets)
        question = (self._question(query), *ends.items(), buckets)
        return [
            each if place == self.fact else each.within(each.index.narrowed((question, place), partial(asking, place)))
            for place, each in enumerate(selected)
        ]

    def _bound(
        self, query: BoundQuery, ends: Mapping[Column, _Ends], buckets: _Buckets, place: int
    ) -> tuple[Predicate, Sequence[Value]]:
        """Return the predicate of a scan, with its values, beside rows whose columns have these ends and buckets."""
        known: list[Known] = []
        parameters = dict(query.parameters)
        for column, pair in ends.items():
            for operator, value in _compared(*pair):
                name = _PARAMETER.format(len(known))
                known.append(Known(scan=self.fact, column=column.name, operator=operator, parameter=name))
                parameters[name] = TypedValue(value=value, type=column.type)
        for column, count, number in buckets:
            name, function = _PARAMETER.format(len(known)), Function(BUCKET, (count, column.type), "INTEGER")
            one = Known(scan=self.fact, column=column.name, operator=Operator.EQ, parameter=name, functions=(function,))
            known.append(one)
            parameters[name] = TypedValue(value=number, type="INTEGER")
        asked = replace(query, parameters=parameters)
        bound = bind(self.planner.prepared(asked, self.snapshots, tuple(known)), parameters, self._evaluate_once)
        return bound.predicates[place], bound.values

    def _question(self, query: BoundQuery) -> bytes:
        """Digest the text of a partial and what is bound in it."""
        known = self._texts.get(id(query))
        if known is None:
            known = self._texts[id(query)] = (query, _digest([query.sql], query.parameters, self._schema))
        return known[1]

    def _evaluate_once(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        """Compute the constants that need the engine once for all partitions."""
        key = _digest(expressions, parameters)
        if key not in self._computed:
            self._computed[key] = self.evaluate(expressions, parameters)
        return self._computed[key]


def _digest(texts: Sequence[str], parameters: Mapping[str, TypedValue], more: bytes = b"") -> bytes:
    values = sorted((name, canonical_bytes(value)) for name, value in parameters.items())
    return blake2b(repr((texts, values, more)).encode()).digest()


def _compared(least: Value, greatest: Value) -> Iterator[tuple[Operator, Value]]:
    if least is not None and least == greatest:
        yield Operator.EQ, least
        return
    if least is not None:
        yield Operator.GE, least
    if greatest is not None:
        yield Operator.LE, greatest


def ends_of_partitions(index: PartitionIndex) -> list[dict[Column, _Ends]]:
    """Find for each partition the ends of the columns of which it says something."""
    found: list[dict[Column, _Ends]] = [{} for _ in range(index.partitions)]
    for column in index.snapshot.columns:
        if index.axes.may_lack(column.name):
            continue
        for axis in _intervals(index.axes, column):
            ends = _ends_of_states(axis, column.type)
            for position, code in enumerate(axis.rows.codes.tolist()):
                if code < len(ends):
                    found[position][column] = _narrower(found[position].get(column, (None, None)), ends[code])
    return found


def buckets_of_partitions(index: PartitionIndex) -> list[_Buckets]:
    """Find for each partition the buckets of the columns that it tells."""
    found: list[_Buckets] = [() for _ in range(index.partitions)]
    for column in index.snapshot.columns:
        axes: Sequence[Axis] = index.axes.axes(Term(column.name, column.type))
        for axis in () if index.axes.may_lack(column.name) else axes:
            if not isinstance(axis, Image) or axis.buckets is None:
                continue
            numbers = axis.numbers()
            for position, code in enumerate(axis.rows.codes.tolist()):
                if code < len(numbers):
                    found[position] += ((column, axis.buckets, numbers[code]),)
    return found


def _narrower(one: _Ends, other: _Ends) -> _Ends:
    """Return what lies within both."""
    least, greatest = zip(one, other, strict=True)
    return (
        max((each for each in least if each is not None), default=None),
        min((each for each in greatest if each is not None), default=None),
    )


def _intervals(axes: Axes, column: Column) -> Iterator[Interval]:
    found: Sequence[Axis] = axes.axes(Term(column.name, column.type))
    return (axis for axis in found if isinstance(axis, Interval))


def _ends_of_states(axis: Interval, kind: str) -> list[_Ends]:
    """Write the ends of the states that have values."""
    if isinstance(axis.scale, Landmarks):
        keys = [axis.scale.point(lo, hi) for lo, hi in zip(axis.lo.tolist(), axis.hi.tolist(), strict=True)]
        return [(text, text) for text in (_text(key, kind) for key in keys)]
    if axis.scale is not DIRECT:
        return []
    return list(zip(_values(axis.lo, kind), _values(axis.hi, kind), strict=True))


def _text(key: Key | None, kind: str) -> str | None:
    known = key_type(kind)
    is_text = known is not None and known.kind is KeyKind.VARCHAR
    return key.decode(errors="surrogatepass") if is_text and isinstance(key, bytes) else None


def _values(ends: Ordinals, kind: str) -> Sequence[Value]:
    """Write ends as values; None for those that are none, or that Python has not got."""
    known = key_type(kind)
    every = values_of(ends, known)
    if every is not None:
        return every
    each = (values_of(ends[place : place + 1], known) for place in range(len(ends)))
    return [None if one is None or end in (LOWEST, HIGHEST) else one[0] for one, end in zip(each, ends, strict=True)]
