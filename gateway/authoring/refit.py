"""Shows how the declaration of a table would have to change to fit the files that are there now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

import yaml

from gateway.catalog.casting import Fit, fit
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.stored import folded
from gateway.catalog.table import Table
from gateway.catalog.transforms import Identity
from gateway.discovery.declaration_text import levels_lines
from gateway.discovery.folder_types import decodes, folder_type
from gateway.discovery.found import FoundTable
from gateway.discovery.yaml_text import scalar, type_scalar


def refit(path: str, text: str, table: Table, found: FoundTable) -> str | None:
    """Return the difference between a declaration and one that fits what was *found*; None where it fits.

    It fits if it has the columns of the files, in types that hold their values, and the levels of their paths.
    """
    lines = text.splitlines(keepends=True)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    edits = [*_columns(root, lines, table, found), *_levels(root, lines, table, found)]
    if not edits:
        return None
    changed = list(lines)
    for (first, last), replacement in sorted(edits, reverse=True, key=lambda edit: edit[0]):
        changed[first:last] = replacement
    return "".join(unified_diff(lines, changed, path, path))


_Edit = tuple[tuple[int, int], list[str]]
"""Lines of a text, from the first to before the last, and what stands there instead."""


def _columns(root: Any, lines: Sequence[str], table: Table, found: FoundTable) -> Iterator[_Edit]:
    if table.columns is None:
        return
    wanted = _wanted(table.columns, table, found)
    if wanted == dict(table.columns):
        return
    node = _value(root, "columns")
    if node is None or node.flow_style:
        first, last = _span(root, "columns", lines)
        yield (first, last), ["columns:\n", *map(_column_line, wanted.items())]
        return
    for key, value in node.value:
        at = key.start_mark.line, value.end_mark.line + 1
        if key.value not in wanted:
            yield at, []
        elif wanted[key.value] != table.columns[key.value]:
            yield at, [_with_type(lines, value, wanted[key.value])]
    end = node.value[-1][1].end_mark.line + 1
    added = [item for item in wanted.items() if item[0] not in table.columns]
    if added:
        yield (end, end), [*map(_column_line, added)]


def _wanted(declared: Mapping[str, str], table: Table, found: FoundTable) -> dict[str, str]:
    """Return the declared columns that are there, in types that hold their values, and then those that are new."""
    fields = {folded(field.column): field for field in table.partitioned_by}
    levels = fields.keys() | {folded(name) for name in found.folder.levels}
    stored = {folded(column.name): column for column in found.columns if column.name not in found.of_folders}
    known = {folded(name) for name in declared}
    wanted = {}
    for name, type_ in declared.items():
        column = stored.get(folded(name))
        if column is not None:
            wanted[name] = type_ if fit(column.type, type_) <= Fit.EXACT else column.type
        elif folded(name) in levels:
            wanted[name] = _type_of_level(fields.get(folded(name)), type_, found)
    return wanted | {column.name: column.type for key, column in stored.items() if key not in known | levels}


def _type_of_level(field: PartitionField | None, declared: str, found: FoundTable) -> str:
    """Return the declared type of a level, or one for the texts of its folders, which are no values of that."""
    if field is None or not isinstance(field.function, Identity) or folded(field.source) != folded(field.column):
        return declared  # another transform reads the folders
    texts = found.folder.values_of(field.column)
    return declared if decodes(declared, texts) else folder_type(field.column, texts)


def _column_line(column: tuple[str, str]) -> str:
    return f"  {scalar(column[0])}: {type_scalar(column[1])}\n"


def _with_type(lines: Sequence[str], value: Any, type_: str) -> str:
    """Write another type in the place of a value; what stands before and behind it stays."""
    start, end = value.start_mark, value.end_mark
    return f"{lines[start.line][: start.column]}{type_scalar(type_)}{lines[end.line][end.column :]}"


def _levels(root: Any, lines: Sequence[str], table: Table, found: FoundTable) -> Iterator[_Edit]:
    declared = [[field.column for field in layout] for layout in table.layouts or (table.partitioned_by,)]
    if _sets(declared) >= _sets(found.folder.layouts):
        return
    yield _span(root, "partitioned_by", lines), [f"{line}\n" for line in levels_lines(found)]


def _sets(layouts: Sequence[Sequence[str]]) -> set[frozenset[str]]:
    return {frozenset(map(folded, layout)) for layout in layouts}


def _value(root: Any, name: str) -> Any:
    return next((value for key, value in root.value if key.value == name), None)


def _span(root: Any, name: str, lines: Sequence[str]) -> tuple[int, int]:
    """Return the lines of a key of the document; those after the last one where it is not there."""
    for key, value in root.value:
        if key.value == name:
            end = value.end_mark.line + (value.end_mark.column > 0)
            return key.start_mark.line, max(end, key.start_mark.line + 1)
    return len(lines), len(lines)
