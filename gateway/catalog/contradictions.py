"""Finds contradictions between the parts of a table declaration, where each part is valid in itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gateway.catalog.partition_field import PartitionField, field_of, is_list, layouts_of
from gateway.catalog.transforms import Calendar
from gateway.suggestions import did_you_mean

_Where = tuple[str | int, ...]


class Contradiction(NamedTuple):
    """What is wrong, and where in the document."""

    where: _Where
    message: str
    hint: str | None = None


Fields = Mapping[tuple[int, ...], PartitionField]
"""Fields of one layout by where they stand in ``partitioned_by``."""


def fields_of(entries: object) -> list[Fields]:
    """List the layouts of ``partitioned_by``, with those fields that are right in themselves."""
    nested = layouts_of(entries)
    layouts = [((number,), layout) for number, layout in enumerate(nested)] if nested else [((), entries)]
    return [
        {
            (*position, index): field
            for index, entry in enumerate(layout if is_list(layout) else ())
            if (field := field_of(entry)) is not None
        }
        for position, layout in layouts
    ]


def contradictions(
    layouts: Sequence[Fields],
    columns: Mapping[str, str] | None,
    *,
    required: Sequence[str],
    described: Sequence[str],
) -> Iterator[Contradiction]:
    """Find the contradictions between layouts, declared *columns*, those *required* to be filtered or *described*."""
    yield from _columns_twice(columns or {})
    for fields in layouts:
        yield from _clashes(fields)
        yield from _lone_parts(fields)
        yield from _unknown_sources(fields, columns)
        yield from _unfit_sources(fields, columns or {})
    yield from _unlike(layouts)
    levels = [field.column for fields in layouts for field in fields.values()]
    named: dict[_Where, str] = {("limits", "require_filter", number): name for number, name in enumerate(required)}
    named |= {("column_descriptions", name): name for name in described}
    yield from _unknown_columns(levels, columns, named)


def _columns_twice(columns: Iterable[str]) -> Iterator[Contradiction]:
    """Find columns whose names differ only in case: to SQL they are one."""
    seen: dict[str, str] = {}
    for name in columns:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            message = f"the column {name!r} stands twice: SQL does not tell it from {first!r}"
            yield Contradiction(("columns", name), message, "declare one of them")


def _clashes(fields: Fields) -> Iterator[Contradiction]:
    """Find columns that stand twice in one layout, or have the name of their source."""
    seen: dict[str, tuple[int, ...]] = {}
    for position, field in fields.items():
        where: _Where = ("partitioned_by", *position, "column")
        if seen.setdefault(field.column.lower(), position) != position:
            yield Contradiction(where, f"the partition column {field.column!r} stands twice")
        if field.column.lower() == field.source.lower() and field.transform != "identity":
            message = f"{field.column!r} would be both the source and its {field.transform}"
            yield Contradiction(where, message, "give the partition column a name of its own")


def _unlike(layouts: Sequence[Fields]) -> Iterator[Contradiction]:
    """Find columns that another layout, before theirs, declares otherwise."""
    seen: dict[str, PartitionField] = {}
    for fields in layouts:
        before = dict(seen)
        for position, field in fields.items():
            seen.setdefault(field.column.lower(), field)
            if before.get(field.column.lower(), field) != field:
                message = f"the partition column {field.column!r} is declared otherwise in another layout"
                yield Contradiction(("partitioned_by", *position), message, "declare it alike, or name it otherwise")


def _lone_parts(fields: Fields) -> Iterator[Contradiction]:
    """Find parts such as a month's number without the next coarser unit of the same source: they say nothing."""
    calendars = {position: field.function for position, field in fields.items() if isinstance(field.function, Calendar)}
    have = {(fields[position].source.lower(), calendar.zone, calendar.part) for position, calendar in calendars.items()}
    for position, calendar in calendars.items():
        coarser = {"month": "year", "day": "month", "hour": "day"}.get(calendar.part)
        if calendar.repeats and (fields[position].source.lower(), calendar.zone, coarser) not in have:
            message = (
                f"{calendar.unit} needs a partition column for the {coarser} of {fields[position].source!r} beside it"
            )
            hint = f"e.g. {{column: {coarser}, transform: {coarser}, source: …}}"
            yield Contradiction(("partitioned_by", *position, "transform"), message, hint)


def _unknown_sources(fields: Fields, columns: Mapping[str, str] | None) -> Iterator[Contradiction]:
    """Find sources that the declaration does not have. Without declared columns, they are not known."""
    if columns is None:
        return
    for position, field in fields.items():
        # An identity partition's source may be in the folder names only.
        if field.source.lower() not in _lower(columns) | {field.column.lower()}:
            where: _Where = ("partitioned_by", *position, "source")
            message = f"the source {field.source!r} is not among the columns"
            yield Contradiction(where, message, _accepted(field.source, columns))


def _unknown_columns(
    levels: Sequence[str], columns: Mapping[str, str] | None, named: Mapping[_Where, str]
) -> Iterator[Contradiction]:
    """Find columns that are named, by the place where they are, and that the declaration does not have."""
    if columns is None:
        return
    everything = dict.fromkeys([*columns, *levels])
    for where, name in named.items():
        if name.lower() not in _lower(everything):
            yield Contradiction(where, f"there is no column {name!r}", _accepted(name, everything))


def _unfit_sources(fields: Fields, columns: Mapping[str, str]) -> Iterator[Contradiction]:
    """Find transforms that are not defined for the declared type of their source."""
    types = {name.lower(): kind for name, kind in columns.items()}
    for position, field in fields.items():
        kind = types.get(field.source.lower())
        problem = field.function.problem(kind) if kind else None
        if problem is not None:
            where: _Where = ("partitioned_by", *position, "transform")
            yield Contradiction(where, problem.message, problem.hint)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _accepted(name: str, names: Collection[str]) -> str:
    return did_you_mean(name, names) or f"accepted: {', '.join(names)}"
