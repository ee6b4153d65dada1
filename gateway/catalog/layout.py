"""Parses file paths into partitions: Hive's ``key=value`` folders, for a million paths at a time.

Only distinct folder names are parsed one by one; the rest is array operations. A level that a path lacks, or whose text
is not a value, is unknown for the file: every selection keeps it as far as that level is concerned. A path whose levels
belong to no declared layout is reported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.file_names import PARQUET, path_regex
from gateway.catalog.transforms import Transform, TransformError
from gateway.suggestions import did_you_mean

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
PROBLEMS_KEPT = 1_000
"""Problems that are described one by one; beyond them only their number is kept."""

_HIDDEN = r"(?:^|/)(?:\.|_[^/=]*(?:/|$))"
_PLAIN, _STRANGE = -1, -2
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
class LevelReader:
    """One partition column, and how its distinct folder texts become values that sort in their type."""

    column: str
    transform: Transform
    source_type: str

    def decode(self, texts: pa.Array[Any]) -> pa.Array[Any]:
        """Decode folder texts, strings without null. Raises ``TransformError`` where one of them is not a value."""
        values: pa.Array[Any] = self.transform.decode(texts, self.source_type)
        return values

    def canonical(self, texts: pa.Array[Any]) -> list[str | None]:
        """Return folder texts as the writer has them: ``06`` and ``6`` are one. Raises ``TransformError``."""
        encoded = texts.dictionary_encode()
        distinct: Any = self.transform.encode(self.decode(encoded.dictionary), self.source_type)
        return cast(list[str | None], distinct.take(encoded.indices).to_pylist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Files in partition order: ``order`` lists rows of the given paths, ``starts`` where each partition begins in it.

    ``texts`` has one array a level, one folder text a partition: null for the NULL partition, and where the level is
    not known. ``levels`` has a bit for each level that is known, ``known`` tells whether they are those of a declared
    layout.
    """

    order: Numbers
    starts: Numbers
    texts: tuple[pa.Array[Any], ...]
    levels: Numbers
    known: Mask
    problems: tuple[Problem, ...]
    problem_count: int


def data_files(listing: pa.Table, patterns: Sequence[str] = PARQUET) -> tuple[pa.Table, pa.Table]:
    """Split a listing into data files, and files that are neither data nor hidden; both sorted by path.

    Data is what has a name of *patterns*. Hidden is what lies below a folder, or has a name, that starts with ``.``, or
    with ``_`` and is no ``key=value``. Empty objects are left out unless they are called as Parquet: some tools write
    them to show a folder, and Hive where a bucket has no rows.
    """
    paths = listing["path"]
    shown = pc.invert(pc.match_substring_regex(paths, _HIDDEN))
    parquet = pc.match_substring_regex(paths, path_regex(PARQUET))
    named = parquet if patterns == PARQUET else pc.match_substring_regex(paths, path_regex(tuple(patterns)))
    counted = pc.or_(pc.greater(listing["size"], pa.scalar(0)), parquet)
    data, other = pc.and_(named, counted), pc.and_(pc.invert(named), counted)
    return by_path(listing.filter(pc.and_(shown, data))), by_path(listing.filter(pc.and_(shown, other)))


def hidden(path: str) -> bool:
    """Return whether a path, or a folder that ends with ``/``, is hidden; see ``data_files``."""
    return re.search(_HIDDEN, path) is not None


def arrange(paths: pa.Array[Any], levels: Sequence[LevelReader], layouts: Sequence[frozenset[str]] = ()) -> Layout:
    """Find the partition of every path, and put the partitions in the typed order of *levels*, outermost first.

    *paths* are relative to the table's location and sorted; within a partition they stay so. *layouts* name the
    levels that a path may have (none: all of them).
    """
    segments = _Segments(paths, [level.column for level in levels])
    columns = [_Column(segments, number, level) for number, level in enumerate(levels)]
    order, starts = _grouped([column.ranks for column in columns], len(paths))
    first = order[starts]
    known = _bits([column.known for column in columns], len(paths))
    allowed = _allowed(segments.names, layouts)
    laid_out = np.isin(known, allowed) & (_bits([column.present for column in columns], len(paths)) == known)
    wrong = segments.strange() | ~laid_out
    problems = tuple(
        Problem(path, _reason(path, segments.names, columns, allowed))
        for path in _strings(paths.take(np.flatnonzero(wrong)[:PROBLEMS_KEPT]))
    )
    return Layout(
        order=order,
        starts=starts,
        texts=tuple(column.texts_of(first) for column in columns),
        levels=known[first],
        known=np.isin(known[first], allowed),
        problems=problems,
        problem_count=int(wrong.sum()),
    )


def _none(count: int) -> Numbers:
    return np.zeros(count, np.int64)


def _grouped(keys: Sequence[Numbers], count: int) -> tuple[Numbers, Numbers]:
    """Order paths by their keys; return also where each group of equal keys begins."""
    if not count:
        return _none(0), _none(0)
    if not keys:
        return np.arange(count, dtype=np.int64), _none(1)
    order = np.lexsort(keys[::-1]).astype(np.int64)
    return order, _starts([key[order] for key in keys])


def _bits(masks: Sequence[Mask], count: int) -> Numbers:
    """Write the masks of the levels as one number for each of *count* paths, with a bit for each level."""
    return sum((mask.astype(np.int64) << number for number, mask in enumerate(masks)), _none(count))


def _allowed(names: Sequence[str], layouts: Sequence[frozenset[str]]) -> list[int]:
    """Return the levels of each layout, a bit each; those of the only one where none is named."""
    return [
        sum(1 << number for number, name in enumerate(names) if name in layout)
        for layout in layouts or [frozenset(names)]
    ]


@dataclass(frozen=True, slots=True)
class _Segment:
    """One folder name: the number of its partition column (or plain, or strange) and its decoded text.

    ``reason`` says why its text is no value.
    """

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

    def strange(self) -> Mask:
        """Mark the paths that have a folder of a column which is not declared."""
        marked = np.zeros(self.paths, np.bool_)
        marked[self.owners[self.of_level(_STRANGE)]] = True
        return marked


class _Column:
    """One partition column over all paths: a rank in typed order for each (NULL after all values, unknown last)."""

    def __init__(self, segments: _Segments, number: int, level: LevelReader) -> None:
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
        self.errors, ranks = _order(self.texts, level)
        self.errors |= {segment.text: segment.reason for segment in mine if segment.reason}
        usable = np.array([text not in self.errors for text in codes] + [False], np.bool_)
        count = np.bincount(owners, minlength=segments.paths)
        self.present: Mask = count > 0
        self.known: Mask = usable[self.code] & (count == 1)
        self.ranks = np.where(self.known, np.append(ranks, 0)[self.code], len(ranks))
        """Unknown ones have one rank, the last, whatever their texts are."""

    def texts_of(self, rows: Numbers) -> pa.Array[Any]:
        """Return the folder texts of these paths; null where there is none that is a value."""
        wanted: Any = pa.array(self.code[rows], mask=~self.known[rows])
        return self.texts.take(wanted)


def _read(name: str, columns: Sequence[str]) -> _Segment:
    key, separator, value = name.partition("=")
    if not separator:
        return _Segment(_PLAIN)
    numbers = {column.lower(): number for number, column in enumerate(columns)}
    try:
        key = unquote(key, errors="strict")
    except UnicodeDecodeError:
        return _Segment(_STRANGE, reason=f"the folder {name!r} does not decode to UTF-8")
    if key.lower() not in numbers:
        hint = did_you_mean(key, columns)
        return _Segment(_STRANGE, reason=f"{key!r} is not a declared partition column" + (f" ({hint})" if hint else ""))
    number = numbers[key.lower()]
    try:
        text = None if value == HIVE_NULL else unquote(value, errors="strict")
    except UnicodeDecodeError:
        # The text stays as it is in the path, which no text that decodes is.
        return _Segment(number, name, reason=f"{name!r} does not decode to UTF-8")
    if text is not None and "\0" in text:
        return _Segment(number, text, reason=f"{name!r} has the character NUL, which no text in a query can have")
    return _Segment(number, text)


def _order(texts: pa.Array[Any], level: LevelReader) -> tuple[dict[str | None, str], Numbers]:
    """Rank folder texts by their values; texts that are no values are returned with the reason, and rank last."""
    present = texts.drop_null()
    errors: dict[str | None, str] = {}
    values = _values(present, level, errors)
    good = present.filter(pc.invert(pc.is_in(present, pa.array(list(errors), pa.string()))))
    table = pa.table({"value": values, "text": good})
    ordered = good.take(pc.sort_indices(table, [("value", "ascending"), ("text", "ascending")]))
    ranking = [*ordered.to_pylist(), None, *errors]
    rank = {text: number for number, text in enumerate(ranking)}
    return errors, np.array([rank[text] for text in texts.to_pylist()], np.int64)


def _values(texts: pa.Array[Any], level: LevelReader, errors: dict[str | None, str]) -> pa.Array[Any]:
    """Decode texts; those that cannot be decoded are found by bisection and added to *errors*."""
    try:
        return level.decode(texts)
    except TransformError as error:
        if len(texts) == 1:
            errors[texts[0].as_py()] = str(error)
            return level.decode(texts[:0])
    middle = len(texts) // 2
    return pa.concat_arrays([_values(texts[:middle], level, errors), _values(texts[middle:], level, errors)])


def _starts(keys: Sequence[Numbers]) -> Numbers:
    """Find where rows begin that differ from the row before in one of the keys."""
    changed = np.zeros(len(keys[0]), np.bool_)
    changed[:1] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed).astype(np.int64)


def _reason(path: str, names: Sequence[str], columns: Sequence[_Column], allowed: Sequence[int]) -> str:
    """Say what is wrong with one path that is known to be wrong."""
    found: dict[int, str | None] = {}
    for name in path.split("/")[:-1]:
        segment = _read(name, names)
        if segment.level == _STRANGE:
            return segment.reason
        if segment.level in found:
            return f"the partition column {names[segment.level]!r} stands twice"
        if segment.level != _PLAIN:
            found[segment.level] = segment.text
    for number, column in enumerate(columns):
        if number in found and found[number] in column.errors:
            return f"the folder of {names[number]!r}: {column.errors[found[number]]}"
    if len(allowed) > 1:
        has = _levels(names, sum(1 << number for number in found))
        declared = " or ".join(_levels(names, layout) for layout in allowed)
        return f"it has {has}, and the declared layouts have {declared}"
    missing = [repr(name) for number, name in enumerate(names) if number not in found]
    if len(missing) == 1:
        return f"the partition column {missing[0]} is missing"
    return f"the partition columns {', '.join(missing)} are missing"


def _levels(names: Sequence[str], levels: int) -> str:
    """Name the partition columns of which *levels* has the bit."""
    return ", ".join(name for number, name in enumerate(names) if levels >> number & 1) or "no partition column"


def by_path(listing: pa.Table) -> pa.Table:
    """Sort a listing by path."""
    listing = listing.combine_chunks()
    paths = listing["path"]
    if pc.all(pc.less(paths[:-1], paths[1:])).as_py() is not False:
        return listing
    return listing.take(pc.sort_indices(paths))


def _strings(array: pa.Array[Any]) -> list[str]:
    return cast(list[str], array.to_pylist())
