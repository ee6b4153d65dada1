"""Finds the folders that are tables among the files of a listing, by their paths alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.file_names import path_regex, suggested
from gateway.catalog.layout import HIVE_NULL, data_files
from gateway.catalog.stored import folded
from gateway.catalog.table_formats import TableFormat, all_formats
from gateway.discovery.found import Folder, Omission, Texts

_UNSUFFIXED = ("[0-9]*_[0-9]*", "part-*")
_DATED = re.compile(r"\d{1,4}|\d{4}[-_.]?\d{2}(?:[-_.]?\d{2}(?:[-_.T]?\d{2})?)?")
"""A plain folder whose name is a number or a date: a value, not the name of a table."""


@dataclass(slots=True)
class _Parent:
    """The files of one folder, by their positions in the listing, and the levels in its path."""

    levels: tuple[tuple[str, str | None], ...]
    positions: list[int] = field(default_factory=list)


_Parents = dict[str, dict[str, _Parent]]
"""For each folder that may be a table, the folders of its files."""


def level_of(name: str) -> tuple[str, str | None] | None:
    """Read the name of a folder as a level: its column and its text; None where it is no ``key=value``.

    >>> level_of("day=2024-01-01"), level_of("a%20b=x%2Fy"), level_of("2024")
    (('day', '2024-01-01'), ('a b', 'x/y'), None)
    """
    key, separator, value = name.partition("=")
    if not separator or not key:
        return None
    return unquote(key), None if value == HIVE_NULL else unquote(value)


def texts_of(path: str) -> Texts:
    """Return the folder texts in the path of a file."""
    found = (level_of(name) for name in path.split("/")[:-1])
    return {folded(level[0]): level[1] for level in found if level is not None}


def find_folders(listing: pa.Table) -> tuple[list[Folder], list[Omission]]:
    """Group the data files of a *listing* into tables, by their paths; tables of other formats are left out."""
    formats = all_formats(listing)
    omitted = [_of_format(found) for found in formats]
    data, other = (_outside(files, formats) for files in data_files(listing))
    parents = _parents([str(path) for path in data["path"].to_pylist()])
    found = [_folder(path, inside, data, other) for path, inside in parents.items()]
    found += [folder for folder in _without_suffix(other) if folder.path not in parents]
    return sorted(found, key=lambda folder: folder.path), omitted


def _without_suffix(other: pa.Table) -> Iterator[Folder]:
    """Find the folders whose files have the names that Hive and old Spark give, which end in nothing."""
    likely = other.filter(pc.match_substring_regex(other["path"], path_regex(_UNSUFFIXED)))
    for path, inside in _parents([str(path) for path in likely["path"].to_pylist()]).items():
        names = [str(likely["path"][position].as_py()) for parent in inside.values() for position in parent.positions]
        pattern = suggested(names)
        if pattern in _UNSUFFIXED:
            found = _folder(path, inside, likely, other.slice(0, 0))
            yield replace(found, patterns=(pattern,))


def _of_format(found: TableFormat) -> Omission:
    reason = f"it is a table of {found.name} ({found.example}), whose Parquet files alone are not its rows"
    return Omission(folder=found.folder, reason=reason)


def _outside(files: pa.Table, formats: Iterable[TableFormat]) -> pa.Table:
    for found in formats:
        inside = pc.starts_with(files["path"], f"{found.folder}/" if found.folder else "")
        files = files.filter(pc.invert(inside))
    return files


def _parents(paths: Sequence[str]) -> _Parents:
    """Find for each folder of files the table that it belongs to: what stands before its levels."""
    parents: dict[str, _Parent] = {}
    tables: _Parents = defaultdict(dict)
    for position, path in enumerate(paths):
        parent = path.rpartition("/")[0]
        known = parents.get(parent)
        if known is None:
            table, known = _read_parent(parent)
            parents[parent] = tables[table][parent] = known
        known.positions.append(position)
    return tables


def _read_parent(parent: str) -> tuple[str, _Parent]:
    names = parent.split("/") if parent else []
    read = [level_of(name) for name in names]
    first = next((number for number, level in enumerate(read) if level is not None), len(names))
    while first and first == len(names) and _DATED.fullmatch(names[first - 1]):
        names = names[:-1]
        first -= 1
    return "/".join(names[:first]), _Parent(tuple(level for level in read if level is not None))


def _folder(path: str, parents: Mapping[str, _Parent], data: pa.Table, other: pa.Table) -> Folder:
    positions = np.sort(np.concatenate([np.array(parent.positions, np.int64) for parent in parents.values()]))
    strange = other.filter(pc.starts_with(other["path"], f"{path}/" if path else ""))
    files = pa.concat_tables([data.take(positions), strange])
    if path:
        cut = pc.utf8_slice_codeunits(files["path"], len(path) + 1)
        files = files.set_column(files.column_names.index("path"), "path", cut)
    spelled: dict[str, str] = {}
    texts: dict[str, set[str | None]] = defaultdict(set)
    layouts: dict[frozenset[str], tuple[tuple[str, ...], list[int]]] = {}
    for parent in parents.values():
        names = [spelled.setdefault(folded(name), name) for name, _ in parent.levels]
        for name, (_, text) in zip(names, parent.levels, strict=True):
            texts[name].add(text)
        layouts.setdefault(frozenset(names), (tuple(names), []))[1].extend(parent.positions)
    times = data["last_modified"]
    newest = [(names, pc.max(times.take(np.array(inside, np.int64))).as_py()) for names, inside in layouts.values()]
    return Folder(
        path=path,
        files=files.combine_chunks(),
        layouts=_in_order(newest),
        texts={name: _sorted(found) for name, found in texts.items()},
    )


def _in_order(layouts: Iterable[tuple[tuple[str, ...], object]]) -> tuple[tuple[str, ...], ...]:
    """Order layouts by the time of their newest file; one without levels is never that of new files."""
    ordered = [names for names, _ in sorted(layouts, key=lambda layout: (bool(layout[0]), str(layout[1])))]
    return tuple(ordered)


def _sorted(texts: Iterable[str | None]) -> tuple[str | None, ...]:
    found = set(texts)
    present = sorted(text for text in found if text is not None)
    return (*present, None) if None in found else tuple(present)
