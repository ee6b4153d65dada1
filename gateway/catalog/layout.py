"""From the paths of files to partitions: Hive's ``key=value`` folders, decoded for a million paths at a time.

Only distinct folder names are looked at one by one; all else is arrays. A path that breaks the declaration is
reported, and its file goes into a partition that is not ``known``, which every selection must keep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.transforms import TransformError
from gateway.errors import did_you_mean

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
PROBLEMS_KEPT = 1_000
"""Problems that are described one by one; beyond them only their number is kept."""

_HIDDEN = r"(?:^|/)(?:\.|_[^/=]*(?:/|$))"
_DATA = r"\.(?i:parquet|parq)$"
_PLAIN, _BROKEN = -1, -2
_MISSING = -1

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file whose path breaks the declaration of its table, and how."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Level:
    """One partition column, and how its distinct folder texts become values that sort in their type.

    ``decode`` takes strings without null and raises ``TransformError`` where one of them is not a value.
    """

    column: str
    decode: Callable[[pa.Array[Any]], pa.Array[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Files in partition order: ``order`` lists rows of the given paths, ``starts`` where each partition begins in it.

    ``texts`` has one array a level, one folder text a partition: null for the NULL partition, and where the text is
    not known. ``known`` is False for partitions whose values cannot be relied on; they come last.
    """

    order: Numbers
    starts: Numbers
    texts: tuple[pa.Array[Any], ...]
    known: Mask
    problems: tuple[Problem, ...]
    problem_count: int


def data_files(listing: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split a listing into data files, and files that are neither data nor hidden; both sorted by path.

    Hidden is what lies below a folder, or has a name, that starts with ``.``, or with ``_`` and is no ``key=value``.
    Empty objects with another name are what some tools write to show a folder: they are left out.
    """
    paths = listing["path"]
    shown = pc.invert(pc.match_substring_regex(paths, _HIDDEN))
    data = pc.match_substring_regex(paths, _DATA)
    other = pc.and_(pc.invert(data), pc.greater(listing["size"], pa.scalar(0)))
    return by_path(listing.filter(pc.and_(shown, data))), by_path(listing.filter(pc.and_(shown, other)))


def hidden(path: str) -> bool:
    """Tell whether a path, or a folder that ends with ``/``, is hidden; see ``data_files``."""
    return re.search(_HIDDEN, path) is not None


def arrange(paths: pa.Array[Any], levels: Sequence[Level]) -> Layout:
    """Find the partition of every path, and put the partitions in the typed order of *levels*, outermost first.

    *paths* are relative to the table's location and sorted; within a partition they stay so.
    """
    segments = _Segments(paths, [level.column for level in levels])
    columns = [_Column(segments, number, level) for number, level in enumerate(levels)]
    broken = segments.broken()
    for column in columns:
        broken |= column.broken
    keys = [broken.astype(np.int64), *(column.ranks for column in columns)]
    order = np.lexsort(keys[::-1]).astype(np.int64) if len(paths) else np.zeros(0, np.int64)
    starts = _starts([key[order] for key in keys])
    first = order[starts]
    problems = tuple(
        Problem(path, _reason(path, segments.names, columns))
        for path in _strings(paths.take(np.flatnonzero(broken)[:PROBLEMS_KEPT]))
    )
    return Layout(
        order=order,
        starts=starts,
        texts=tuple(column.texts_of(first) for column in columns),
        known=~broken[first],
        problems=problems,
        problem_count=int(broken.sum()),
    )


@dataclass(frozen=True, slots=True)
class _Segment:
    """One folder name: the number of its partition column (or plain, or broken) and its decoded text."""

    level: int
    text: str | None = None
    reason: str = ""


class _Segments:
    """The folder names of all paths: which are distinct, what each says, and which path has which."""

    def __init__(self, paths: pa.Array[Any], names: Sequence[str]) -> None:
        self.names = names
        self.paths = len(paths)
        parts = pc.split_pattern(paths, "/")
        lengths = pc.list_value_length(parts).to_numpy(zero_copy_only=False).astype(np.int64)
        folders = np.ones(int(lengths.sum()), np.bool_)
        folders[np.cumsum(lengths) - 1] = False  # the last part is the name of the file
        encoded = parts.flatten().filter(pa.array(folders)).dictionary_encode()
        self.owners = np.repeat(np.arange(self.paths, dtype=np.int64), lengths - 1)
        self.codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.distinct = [_read(name, names) for name in _strings(encoded.dictionary)]
        self.levels = np.array([segment.level for segment in self.distinct], np.int64)

    def of_level(self, level: int) -> Mask:
        """Mark the occurrences of folder names that belong to *level*."""
        return np.equal(self.levels[self.codes], level)

    def broken(self) -> Mask:
        """Mark the paths that have a folder which cannot be a partition of this table."""
        marked = np.zeros(self.paths, np.bool_)
        marked[self.owners[self.of_level(_BROKEN)]] = True
        return marked


class _Column:
    """One partition column over all paths: a rank in typed order for each (NULL after all values, unknown last)."""

    def __init__(self, segments: _Segments, number: int, level: Level) -> None:
        mine = [segment for segment in segments.distinct if segment.level == number]
        codes = {text: code for code, text in enumerate(dict.fromkeys(segment.text for segment in mine))}
        code_of = np.array(
            [codes[segment.text] if segment.level == number else _MISSING for segment in segments.distinct], np.int64
        )
        here = segments.of_level(number)
        owners = segments.owners[here]
        self.code = np.full(segments.paths, _MISSING, np.int64)
        self.code[owners] = code_of[segments.codes[here]]
        self.texts = pa.array(list(codes), pa.string())
        self.mistakes, ranks = _order(self.texts, level)
        self.ranks = np.append(ranks, len(ranks))[self.code]
        self._usable = np.array([text not in self.mistakes for text in codes] + [False], np.bool_)
        twice = np.bincount(owners, minlength=segments.paths) > 1
        self.broken: Mask = ~self._usable[self.code] | twice

    def texts_of(self, rows: Numbers) -> pa.Array[Any]:
        """Return the folder texts of these paths; null where there is none that is a value."""
        code = self.code[rows]
        wanted: Any = pa.array(code, mask=~self._usable[code])
        return self.texts.take(wanted)


def _read(name: str, columns: Sequence[str]) -> _Segment:
    key, separator, value = name.partition("=")
    if not separator:
        return _Segment(_PLAIN)
    try:
        key, text = unquote(key, errors="strict"), unquote(value, errors="strict")
    except UnicodeDecodeError:
        return _Segment(_BROKEN, reason=f"the folder {name!r} does not decode to UTF-8")
    if key not in columns:
        hint = did_you_mean(key, columns)
        return _Segment(_BROKEN, reason=f"{key!r} is not a declared partition column" + (f" ({hint})" if hint else ""))
    return _Segment(list(columns).index(key), None if value == HIVE_NULL else text)


def _order(texts: pa.Array[Any], level: Level) -> tuple[dict[str | None, str], Numbers]:
    """Rank folder texts by their values; texts that are no values are returned with the reason, and rank last."""
    present = texts.drop_null()
    mistakes: dict[str | None, str] = {}
    values = _values(present, level, mistakes)
    good = present.filter(pc.invert(pc.is_in(present, pa.array(list(mistakes), pa.string()))))
    table = pa.table({"value": values, "text": good})
    ordered = good.take(pc.sort_indices(table, [("value", "ascending"), ("text", "ascending")]))
    ranking = [*ordered.to_pylist(), None, *mistakes]
    rank = {text: number for number, text in enumerate(ranking)}
    return mistakes, np.array([rank[text] for text in texts.to_pylist()], np.int64)


def _values(texts: pa.Array[Any], level: Level, mistakes: dict[str | None, str]) -> pa.Array[Any]:
    """Decode texts, halving them around the ones that do not decode, which are put into *mistakes*."""
    try:
        return level.decode(texts)
    except TransformError as error:
        if len(texts) == 1:
            mistakes[texts[0].as_py()] = str(error)
            return level.decode(texts[:0])
    middle = len(texts) // 2
    return pa.concat_arrays([_values(texts[:middle], level, mistakes), _values(texts[middle:], level, mistakes)])


def _starts(keys: Sequence[Numbers]) -> Numbers:
    """Find where rows begin that differ from the row before in one of the keys."""
    changed = np.zeros(len(keys[0]), np.bool_)
    changed[:1] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed).astype(np.int64)


def _reason(path: str, names: Sequence[str], columns: Sequence[_Column]) -> str:
    """Say what is wrong with one path that is known to be wrong."""
    found: dict[int, str | None] = {}
    for name in path.split("/")[:-1]:
        segment = _read(name, names)
        if segment.level == _BROKEN:
            return segment.reason
        if segment.level in found:
            return f"the partition column {names[segment.level]!r} stands twice"
        if segment.level != _PLAIN:
            found[segment.level] = segment.text
    for number, column in enumerate(columns):
        if number not in found:
            return f"the partition column {names[number]!r} is missing"
        if found[number] in column.mistakes:
            return f"the folder of {names[number]!r}: {column.mistakes[found[number]]}"
    raise AssertionError(f"nothing is wrong with {path!r}")


def by_path(listing: pa.Table) -> pa.Table:
    """Sort a listing by path."""
    listing = listing.combine_chunks()
    paths = listing["path"]
    if pc.all(pc.less(paths[:-1], paths[1:])).as_py() is not False:
        return listing
    return listing.take(pc.sort_indices(paths))


def _strings(array: pa.Array[Any]) -> list[str]:
    return cast(list[str], array.to_pylist())
