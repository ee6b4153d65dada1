"""The partitions of a snapshot as axes: the values that each column of the table can have in each partition.

The index is built once for a snapshot. Only the distinct folder texts are decoded; for each partition and column there
is one small number, its *state*.

An example: a table with two levels, ``day`` (of ``ts``) and ``bucket[4]`` (of ``id``), in six partitions.

======================  ==========  ==========  ================================================
partition               day         bucket      states (day, bucket)
======================  ==========  ==========  ================================================
``day=2024-01-01/b=0``  2024-01-01  0           0, 0
``day=2024-01-01/b=2``  2024-01-01  2           0, 1
``day=2024-01-02/b=0``  2024-01-02  0           1, 0
``day=2024-01-02/b=3``  2024-01-02  3           1, 2
``day=2024-01-03/b=2``  2024-01-03  2           2, 1
``day=…DEFAULT…/b=0``   NULL        0           3 (NULL), 0
======================  ==========  ==========  ================================================

The states of ``day`` are an ``Interval`` axis of ``ts``: state 0 can hold the instants of January 1st. So
``ts >= '2024-01-02 12:00'`` leaves the states 1 and 2, found by bisection, and with them three partitions. The states
of ``bucket`` are an ``Image`` axis of ``id``: ``id = 7`` is hashed to one bucket; a range of ids leaves all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.catalog import facts
from gateway.catalog.arrays import whole
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.stored import folded
from gateway.catalog.table import Table
from gateway.catalog.transforms import (
    Bucket,
    Calendar,
    LookupTransform,
    Spans,
    Transform,
    TransformError,
    WideSpans,
    joint_spans,
    parse_transform,
)
from gateway.catalog.transforms.base import known
from gateway.catalog.transforms.keys import HIGHEST, LOWEST, Array, Key, KeyType, Ordinals, successor
from gateway.catalog.transforms.values import value_spans
from gateway.model import Column
from gateway.plan.axis import DIRECT, Axis, Image, Interval, Listing, Scale, place_wide
from gateway.plan.derived import comparable, derived_axes
from gateway.plan.samples import Samples, samples
from gateway.plan.states import Mask, States, UnitStates, combined
from gateway.plan.together import Boxes, Together, together
from gateway.predicate import Term

_DERIVED = 64
"""Terms with functions whose intervals are kept for a snapshot."""
_EACH = 64
"""Keys of a range that are hashed one by one."""
_HALF_PERIODS = {"month": 14 * 86_400, "day": 43_200, "hour": 1_800}
"""Steps in seconds that miss no month, day or hour, and how many of them go round."""
_ROUND = 64


class SnapshotView(Protocol):
    """What selection reads of a snapshot; see ``catalog.manifest.Snapshot``."""

    @property
    def table(self) -> Table: ...
    @property
    def file_columns(self) -> tuple[Column, ...]: ...
    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def partitions(self) -> pa.Table: ...
    @property
    def files(self) -> pa.Table: ...
    def address(self, path: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One partition column over all partitions: its distinct folder texts in the order of their states."""

    field: PartitionField
    transform: Transform
    source_type: str
    rows: UnitStates
    states: States
    texts: Array
    axis: Axis | None


class Axes:
    """The axes of every column that partitions say something about."""

    def __init__(self, snapshot: SnapshotView) -> None:
        """Read the folder texts of a snapshot."""
        self._types = {column.name.lower(): column.type for column in snapshot.columns}
        held = {column.name.lower() for column in snapshot.file_columns}
        self.levels = tuple(self._levels(snapshot))
        self._sources: dict[str, list[Axis]] = {}
        self._derived: dict[Term, list[Axis]] = {}
        self._samples: dict[Term, tuple[Samples | None]] = {}
        self._together: dict[tuple[Term, ...], Together | None] = {}
        self._columns: dict[str, Level] = {}
        self.joint: dict[int, tuple[tuple[Level, ...], list[npt.NDArray[np.int64]]]] = {}
        """Of rows over several fields (by id): the fields, and the state of each in every joint state."""
        for level in self.levels:
            source, column = level.field.source.lower(), level.field.column.lower()
            plain = level.transform.name == "identity" and source == column
            exact = level.field.enforced or source not in held
            if level.axis is not None and exact and (source in held or plain):
                self._sources.setdefault(source, []).append(level.axis)
            if column not in held and not plain:
                self._columns[column] = level
        self._join(snapshot, held)
        self._lacking = _lacking(snapshot, held) | _emptied(self.levels) if self._sources else frozenset()

    def may_lack(self, column: str) -> bool:
        """Return whether a source may be NULL where its partition columns are not; see ``project.Provider``."""
        return folded(column) in self._lacking

    def axes(self, term: Term) -> Sequence[Axis]:
        """List the axes that constrain a term; see ``project.Provider``."""
        if not term.functions:
            return self._plain(term.column, term.type)
        known_axes = self._derived.get(term)
        if known_axes is None:
            if len(self._derived) >= _DERIVED:
                self._derived.clear()
            known_axes = self._derived[term] = self._derive(term)
        return known_axes

    def samples(self, term: Term) -> Samples | None:
        """Return the grains of what a term can be."""
        kept = self._samples.get(term)
        if kept is None:
            if len(self._samples) >= _DERIVED:
                self._samples.clear()
            kept = self._samples[term] = (samples(self.axes(term), term.type),)
        return kept[0]

    def cuts(self, terms: tuple[Term, ...]) -> Sequence[Samples | Boxes]:
        """List the grains of what a term can be, or the boxes of what several can be together."""
        if len(terms) > 1:
            found = self.together(terms)
            return () if found is None else found.boxes
        grains = self.samples(terms[0])
        return () if grains is None else (grains,)

    def together(self, terms: tuple[Term, ...]) -> Together | None:
        """Return what several terms can be together; None where partitions do not tell it of each of them."""
        if terms not in self._together:
            if len(self._together) >= _DERIVED:
                self._together.clear()
            self._together[terms] = together([(self.axes(term), term.type) for term in terms])
        return self._together[terms]

    def levels_of(self, rows: UnitStates) -> tuple[tuple[Level, ...], list[npt.NDArray[np.int64]]]:
        """Return the fields of states over several of them, and the state of each field in every joint state."""
        if id(rows) in self.joint:
            return self.joint[id(rows)]
        found = next(each for each in self._together.values() if each is not None and each.rows is rows)
        levels: list[Level] = []
        states: list[npt.NDArray[np.int64]] = []
        for axis, here in zip(found.axes, found.positions, strict=True):
            own = [level for level in self.levels if level.rows is axis.rows]
            several, joint = ((own[0],), [np.arange(axis.rows.size)]) if own else self.joint[id(axis.rows)]
            levels += several
            states += [states_of[here] for states_of in joint]
        return tuple(levels), states

    def _plain(self, column: str, type_name: str) -> Sequence[Axis]:
        name = column.lower()
        own = self._types.get(name)
        if own is None or not comparable(own, type_name):
            return ()
        if name not in self._sources and name in self._columns:
            self._sources[name] = self._of_column(self._columns[name])
        return self._sources.get(name, ())

    def _of_column(self, level: Level) -> list[Axis]:
        """Make the axis of a partition column itself: each of its states is one value."""
        result = level.transform.result_type(level.source_type)
        try:
            spans = value_spans(level.transform.decode(level.texts, level.source_type), known(result))
        except TransformError:
            return []
        scale, lo, hi = placed(spans)
        return [Interval(level.rows, level.states, scale, lo, hi)]

    def _derive(self, term: Term) -> list[Axis]:
        own = self._types.get(term.column.lower())
        if own is None:
            return []
        return derived_axes(term, self._plain(term.column, own), own)

    def _levels(self, snapshot: SnapshotView) -> list[Level]:
        partitions = snapshot.partitions
        in_path = levels_in_path(partitions)
        return [
            self._level(field, whole(partitions, field.column), (in_path >> number & 1) == 0)
            for number, field in enumerate(snapshot.table.partitioned_by)
        ]

    def _level(self, field: PartitionField, texts: Array, unknown: Mask) -> Level:
        transform = parse_transform(field.transform, format=field.format, zone=field.zone)
        source_type = self._types.get(field.source.lower(), "VARCHAR")
        encoded = texts.dictionary_encode()
        missing = np.asarray(encoded.indices.is_null(), dtype=np.bool_)
        codes = np.asarray(encoded.indices.fill_null(0), dtype=np.int32)
        reading = _read(transform, source_type, encoded.dictionary)
        count = len(reading.texts)
        positions = reading.positions[codes] if count else codes.copy()
        null, any_unknown = bool((missing & ~unknown).any()), bool(unknown.any())
        positions[missing] = count
        positions[unknown] = count + null
        states = States(count=count, null=null, unknown=any_unknown)
        rows = UnitStates(positions, states.size)
        # Where the folder is the column itself, NULL is all that it holds, as it is read.
        doubted = transform.makes_empty_texts(source_type) and field.source.lower() != field.column.lower()
        return Level(
            field=field,
            transform=transform,
            source_type=source_type,
            rows=rows,
            states=states,
            texts=reading.texts,
            axis=_axis(reading, transform, source_type, rows, replace(states, doubted=doubted)),
        )

    def _join(self, snapshot: SnapshotView, held: set[str]) -> None:
        """Replace the axes of calendar fields that complete each other by one over all of them."""
        by_source: dict[str, list[Level]] = {}
        for level in self.levels:
            if isinstance(level.transform, Calendar) and level.field.enforced and level.field.source.lower() in held:
                by_source.setdefault(level.field.source.lower(), []).append(level)
        for source, levels in by_source.items():
            repeating = [level for level in levels if isinstance(level.transform, Calendar) and level.transform.repeats]
            if repeating and len(repeating) < len(levels):
                self._sources[source] = self._joined(levels, self._sources[source])

    def _joined(self, levels: Sequence[Level], axes: Sequence[Axis]) -> list[Axis]:
        kind = known(levels[0].source_type)
        rows, states, positions = combined(levels)
        fields = [
            (level.transform, level.transform.numbers(level.texts)[position])
            for level, position in zip(levels, positions, strict=True)
            if isinstance(level.transform, Calendar)
        ]
        spans, unused = joint_spans(fields, kind)
        mine = [level.axis for level in levels if level.transform not in unused]
        others = [axis for axis in axes if not any(axis is own for own in mine)]
        if spans is None:
            return others
        broken = spans.lo > spans.hi
        lo, hi = np.where(broken, LOWEST, spans.lo), np.where(broken, HIGHEST, spans.hi)
        order = np.lexsort((hi, lo))
        axis = _reordered(rows, states, order, lo, hi)
        self.joint[id(axis.rows)] = tuple(levels), [position[order] for position in positions]
        # Where a path tells only some of the levels, those still say something of it.
        return [axis, *axes] if states.unknown else [axis, *others]


def _lacking(snapshot: SnapshotView, held: set[str]) -> frozenset[str]:
    """Name the sources of partition columns that a file lacks, or may lack: all of them are NULL in it.

    What such a folder says of them does not hold. A column whose value is in the path itself is never lacking.
    """
    fields = snapshot.table.partitioned_by
    sources = {folded(field.source) for field in fields if field.source.lower() != field.column.lower()}
    wanted = {source for source in sources if source.lower() in held}
    if not wanted or (facts.codes(snapshot.files) < 0).any():
        return frozenset(wanted)
    known_files = [file for file in facts.known(snapshot.files) if file is not None]
    found = [{folded(column.name) for column in file.columns} for file in known_files]
    return frozenset(source for source in wanted if any(source not in names for names in found))


def _emptied(levels: Sequence[Level]) -> frozenset[str]:
    """Name the texts that are read from a folder of NULL, which stood for an empty one when other levels were made."""
    sources = [folded(level.field.source) for level in levels]
    return frozenset(
        source
        for level, source in zip(levels, sources, strict=True)
        if sources.count(source) > 1
        and level.states.null
        and level.field.source.lower() == level.field.column.lower()
        and level.transform.makes_empty_texts(level.source_type)
    )


def levels_in_path(partitions: pa.Table, positions: Ordinals | None = None) -> Ordinals:
    """Return for each partition, or for those at *positions*, the levels that its path has, one bit each."""
    levels = np.asarray(whole(partitions, "levels"))
    return (levels if positions is None else levels[positions]).astype(np.int64)


def placed(spans: Spans | WideSpans) -> tuple[Scale, Ordinals, Ordinals]:
    """Put the intervals of a transform on positions."""
    if isinstance(spans, Spans):
        return DIRECT, spans.lo, spans.hi
    return place_wide(spans.lo, spans.end, spans.point)


@dataclass(frozen=True, slots=True)
class _FolderTexts:
    """What the distinct folder texts of a field say about its source, in the order of their states."""

    texts: Array
    interval: tuple[Scale, Ordinals, Ordinals] | None
    codes: Ordinals | None
    positions: npt.NDArray[np.int32]
    """The state of each text, in the order the texts were given."""


def _read(transform: Transform, source_type: str, texts: Array) -> _FolderTexts:
    """Read the distinct folder texts of a field, and order them as its axis needs."""
    try:
        spans = transform.spans(texts, source_type)
        codes = None if spans is not None else transform.codes(texts, source_type)
    except TransformError:
        spans, codes = None, None
    interval = placed(spans) if spans is not None else None
    keys = interval[1] if interval is not None else codes
    if keys is None or (keys[1:] >= keys[:-1]).all():
        return _FolderTexts(texts, interval, codes, np.arange(len(texts), dtype=np.int32))
    order = np.argsort(keys, kind="stable")
    positions = np.empty(len(order), dtype=np.int32)
    positions[order] = np.arange(len(order), dtype=np.int32)
    if interval is not None:
        interval = (interval[0], interval[1][order], interval[2][order])
    return _FolderTexts(texts.take(pa.array(order)), interval, None if codes is None else codes[order], positions)


def _axis(
    reading: _FolderTexts, transform: Transform, source_type: str, rows: UnitStates, states: States
) -> Axis | None:
    """Make the axis of a field's source."""
    if reading.interval is not None:
        return Interval(rows, states, *reading.interval)
    if reading.codes is None:
        return None
    if isinstance(transform, LookupTransform):
        return _listing(transform, source_type, rows, states, reading.codes)
    enumerator = _enumerator(transform, known(source_type))
    buckets = transform.count if isinstance(transform, Bucket) else None
    return Image(rows, states, reading.codes, enumerator, lambda keys: transform.codes_of(keys, source_type), buckets)


def _listing(
    transform: LookupTransform, source_type: str, rows: UnitStates, states: States, codes: Ordinals
) -> Listing:
    members, default = transform.members(source_type)
    present = codes.tolist()
    mapped = frozenset(key for keys in members for key in keys)
    return Listing(rows, states, [members[code] for code in present], _position(present, default), mapped)


def _position(codes: list[int], code: int) -> int:
    return codes.index(code) if code in codes else -1


def _enumerator(transform: Transform, kind: KeyType) -> Callable[[Key | None, Key | None], Sequence[Key] | None]:
    """Return what lists keys that together have all codes of a range of keys."""
    step = 1
    if isinstance(transform, Calendar):
        step = (
            _HALF_PERIODS[transform.part] * kind.per_second
            if kind.per_second
            else max(1, _HALF_PERIODS[transform.part] // 86_400)
        )
    limit = _EACH if isinstance(transform, Bucket) else _ROUND

    def listed(start: Key | None, end: Key | None) -> Sequence[Key] | None:
        if start is None or end is None:
            return None
        if successor(start) == end:
            return [start]
        if isinstance(start, bytes) or isinstance(end, bytes) or (end - start) // step > limit:
            return None
        return [*range(start, end, step), end - 1]

    return listed


def _reordered(rows: UnitStates, states: States, order: npt.NDArray[np.intp], lo: Ordinals, hi: Ordinals) -> Interval:
    """Renumber states so that their intervals ascend."""
    if (order[1:] > order[:-1]).all():
        return Interval(rows, states, DIRECT, lo, hi)
    positions = np.arange(states.size, dtype=np.int32)
    positions[order] = np.arange(len(order), dtype=np.int32)
    return Interval(UnitStates(positions[rows.codes], states.size), states, DIRECT, lo[order], hi[order])
