"""Reads the names of partitions that a pipeline announces as written: ``day=2013-06-01/origin=JFK``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gateway.catalog.layout import HIVE_NULL, LevelReader
from gateway.catalog.manifest import Snapshot, levels
from gateway.catalog.transforms import TransformError
from gateway.errors import InvalidParameters, quoted
from gateway.suggestions import did_you_mean

_ABSENT = -2
"""Stands for a value that no partition has; ``-1`` is a level that a path does not tell."""

Codes = npt.NDArray[np.int64]


def folders(snapshot: Snapshot, partitions: Iterable[str]) -> list[str]:
    """Return the folders to list again, relative to the location. Raises ``InvalidParameters`` with all errors.

    A value may be given as it is, or percent-encoded as in its folder; known folders whose name is another text for the
    same value are listed as well.
    """
    partitions = list(partitions)
    orders, known = _orders(snapshot), _KnownPartitions(snapshot)
    known.read(partitions)
    found: dict[str, None] = {}
    errors: list[str] = []
    for text in partitions:
        wrong = [_wrong(known, order, text) for order in orders]
        if None in wrong:
            text = _with_keys(orders[wrong.index(None)], text)
            found.update(dict.fromkeys((text, _encoded(text), *known.folders(text))))
        else:
            errors.append(f"{quoted(text)}: {wrong[-1]}")
    if errors:
        raise InvalidParameters([{"parameter": "partitions", "detail": error} for error in errors])
    return list(found)


class _KnownPartitions:
    """The partitions of a snapshot by the values of their folders, whatever text the folder has."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        readers = levels(snapshot.table, snapshot.file_columns)
        self._levels = {reader.column.lower(): _Level(snapshot, n, reader) for n, reader in enumerate(readers)}
        self._ordered: dict[tuple[str, ...], tuple[Codes, list[Codes]]] = {}

    def read(self, texts: Iterable[str]) -> None:
        """Read the values of all announced *texts* in one go."""
        given: dict[str, set[str]] = {}
        for text in texts:
            for key, value in _values(text):
                if value is not None:
                    given.setdefault(key.lower(), set()).add(value)
        for key, values in given.items():
            if key in self._levels:
                self._levels[key].read(sorted(values))

    def code(self, key: str, text: str | None) -> int:
        """Return what stands for a value in ``_Level.codes``. Raises ``TransformError`` for a text that is none."""
        return self._levels[key.lower()].code(text)

    def folders(self, text: str) -> set[str]:
        """Find the folders that hold the announced values; these are right."""
        given = {key.lower(): self.code(key, value) for key, value in _values(text)}
        order, codes = self._by_values(tuple(given))
        start, stop = 0, len(order)
        for code, ordered in zip(given.values(), codes, strict=True):
            here = ordered[start:stop]
            start, stop = (start + int(np.searchsorted(here, code, side)) for side in ("left", "right"))
        rows: Any = pa.array(order[start:stop])
        files = self.snapshot.partitions["first_file"].take(rows)
        paths = cast(list[str], self.snapshot.files["path"].take(files).to_pylist())
        return {"/".join(path.split("/")[: _depth(path, given)]) for path in paths}

    def _by_values(self, keys: tuple[str, ...]) -> tuple[Codes, list[Codes]]:
        """Order the partitions that have all of *keys* by their values; return also those, key by key."""
        if keys not in self._ordered:
            codes = [self._levels[key].codes for key in keys]
            complete = np.flatnonzero(np.all([column >= 0 for column in codes], axis=0))
            order = complete[np.lexsort([column[complete] for column in reversed(codes)])]
            self._ordered[keys] = order, [column[order] for column in codes]
        return self._ordered[keys]


class _Level:
    """One partition column of a snapshot: ``codes`` has a number for the value of each partition."""

    def __init__(self, snapshot: Snapshot, number: int, reader: LevelReader) -> None:
        self._reader = reader
        self._texts: Any = snapshot.partitions[reader.column].combine_chunks().dictionary_encode()
        self._known = np.asarray(snapshot.partitions["levels"]) >> number & 1
        self._read: dict[str, str | None] = {}

    @cached_property
    def _canonical(self) -> list[str | None]:
        """The text that the writer has for the value of each distinct folder text."""
        return self._reader.canonical(self._texts.dictionary)

    @cached_property
    def _numbers(self) -> dict[str | None, int]:
        """Number the values by the text that the writer has for them."""
        return {text: number for number, text in enumerate(dict.fromkeys(self._canonical))}

    @cached_property
    def codes(self) -> Codes:
        """Return the number of the value of each partition; -1 where its path does not tell the level."""
        numbers = np.array([self._numbers[text] for text in self._canonical], np.int64)
        null = len(self._numbers)
        positions = np.asarray(self._texts.indices.fill_null(len(numbers)), np.int64)
        found: Codes = np.where(self._known, np.append(numbers, null)[positions], -1)
        return found

    def read(self, texts: Sequence[str]) -> None:
        """Read values in one go, if all of them are some."""
        with suppress(TransformError):
            self._read = dict(zip(texts, self._reader.canonical(pa.array(texts, pa.string())), strict=True))

    def code(self, text: str | None) -> int:
        """Return the number of a value, ``_ABSENT`` where no partition has it. Raises ``TransformError``."""
        if text is None:
            return len(self._numbers)
        if text not in self._read:
            self._read[text] = self._reader.canonical(pa.array([text], pa.string()))[0]
        return self._numbers.get(self._read[text], _ABSENT)


def _wrong(known: _KnownPartitions, order: Sequence[str], text: str) -> str | None:
    """Say what is wrong with one announced partition."""
    parts = [part.partition("=") for part in text.strip("/").split("/")]
    if not order:
        return f"{known.snapshot.table.name} has no partition columns; refresh the whole table"
    keys = [column.lower() for column in order]
    for key, separator, _ in parts:
        if not separator:
            return f"write {order[0]}=value"
        if key.lower() not in keys:
            return did_you_mean(key, order) or f"its partition columns are {', '.join(order)}"
    given = [key.lower() for key, _, _ in parts]
    if given != keys[: len(given)]:
        return f"the folders are {'/'.join(order)}, outermost first"
    for key, _, value in parts:
        try:
            if value != HIVE_NULL:
                known.code(key, unquote(value, errors="strict"))
        except (TransformError, UnicodeDecodeError) as error:
            return f"{key}: {error}"
    return None


def _orders(snapshot: Snapshot) -> list[list[str]]:
    """Return the partition columns of each layout in the order of its folders."""
    layouts = snapshot.table.layouts
    return [[item.column for item in layout] for layout in layouts] or [_order(snapshot)]


def _order(snapshot: Snapshot) -> list[str]:
    """Return the partition columns in the order of the folders: as the first known file has them, else as declared."""
    declared = [item.column for item in snapshot.table.partitioned_by]
    if snapshot.files.num_rows:
        path = cast(str, snapshot.files["path"][0].as_py())
        seen = [unquote(name.partition("=")[0]) for name in path.split("/")[:-1] if "=" in name]
        if sorted(map(str.lower, seen)) == sorted(map(str.lower, declared)):
            return seen
    return declared


def _with_keys(order: Sequence[str], text: str) -> str:
    """Return an announced partition with the partition columns written as in the folders."""
    values = (part.partition("=")[2] for part in text.strip("/").split("/"))
    return "/".join(f"{key}={value}" for key, value in zip(order, values, strict=False))


def _depth(path: str, keys: Collection[str]) -> int:
    """Count the folders of *path* down to the last one that belongs to one of *keys*."""
    names = enumerate(path.split("/")[:-1], start=1)
    return max(position for position, name in names if unquote(name.partition("=")[0]).lower() in keys)


def _values(text: str) -> list[tuple[str, str | None]]:
    parts = (part.partition("=") for part in text.strip("/").split("/"))
    return [(key, None if value == HIVE_NULL else unquote(value)) for key, _, value in parts]


def _encoded(text: str) -> str:
    """Write the values the way that writers of Hive folders escape them."""
    return "/".join(f"{key}={HIVE_NULL if value is None else quote(value, safe=' ')}" for key, value in _values(text))
