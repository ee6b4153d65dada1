"""Assigns rows to partitions, and names the folder of each partition as Hive does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.layout import HIVE_NULL
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.transforms import TransformError
from gateway.catalog.transforms.keys import Array, Dictionary
from gateway.errors import InputInvalid

Texts = tuple[str | None, ...]
"""The folder text of each partition column, not percent-encoded; None is NULL."""
Numbers = npt.NDArray[np.int64]

LONGEST_NAME = 255
"""Bytes that file systems allow for the name of a folder."""

# What Hive's FileUtils.escapePathName escapes, and NUL.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")


def encode_text(text: str | None) -> str:
    """Return a value as it is written in a folder name after ``column=``; NULL is Hive's default partition.

    The empty text stays empty, so that it is not confused with NULL as in Hive. A text that looks like the default
    partition has its first character escaped.

    >>> encode_text("a/b"), encode_text(""), encode_text(None)
    ('a%2Fb', '', '__HIVE_DEFAULT_PARTITION__')
    """
    if text is None:
        return HIVE_NULL
    if text.upper() == HIVE_NULL:  # some readers take it in any case
        return "%5F" + text[1:]
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", text)


def folder(columns: Sequence[str], texts: Texts) -> str:
    """Return the path of a partition, ending with ``/``; empty for a table without partition columns.

    Raises ``InputInvalid`` for a value that is too long for the name of a folder, or holds a NUL, which cannot be
    read back.
    """
    if any("\0" in text for text in texts if text is not None):
        raise InputInvalid("A partition value holds a NUL character, which no query can read.")
    names = [f"{encode_text(column)}={encode_text(text)}" for column, text in zip(columns, texts, strict=True)]
    for name in names:
        if len(name.encode()) > LONGEST_NAME:
            raise InputInvalid(f"A partition value is too long for a folder name ({LONGEST_NAME} bytes): {name[:60]}…")
    return "".join(f"{name}/" for name in names)


class Partitions:
    """The partitions seen so far, numbered in the order of their first row, with the number of rows in each."""

    def __init__(self, fields: Sequence[PartitionField], types: dict[str, str]) -> None:
        """Take the partition columns, and the DuckDB types of the sources by lower-case name.

        Raises ``InputInvalid`` where a transform is not defined for its source.
        """
        self._fields = [(field, types[field.source.lower()]) for field in fields]
        self._numbers: dict[Texts, int] = {}
        self.rows: list[int] = []
        for field, kind in self._fields:
            problem = field.function.problem(kind)
            if problem is not None:
                raise InputInvalid(f"The partition column {field.column!r}: {_explained(problem)}.")

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def texts(self) -> list[Texts]:
        """The partitions by their numbers."""
        return list(self._numbers)

    def assign(self, batch: pa.Table, first_row: int) -> Numbers:
        """Return the number of each row's partition. Raises ``InputInvalid`` with the number of a row that has none."""
        keys: list[Texts] = [()]
        codes = np.zeros(batch.num_rows, np.int64)
        names = {name.lower(): name for name in batch.column_names}
        for field, kind in self._fields:
            values = _plain(batch[names[field.source.lower()]])
            found = self._apply(field, kind, values, first_row)
            texts: list[Any] = [*found.dictionary.to_pylist(), None]
            indices: Any = found.indices.cast(pa.int64())
            places = np.asarray(pc.fill_null(indices, len(texts) - 1), np.int64)
            combined, codes = np.unique(codes * len(texts) + places, return_inverse=True)
            keys = [(*keys[code // len(texts)], texts[code % len(texts)]) for code in combined.tolist()]
        numbers = np.array([self._number(key) for key in keys], np.int64)[codes]
        for number, count in zip(*np.unique(numbers, return_counts=True), strict=True):
            self.rows[number] += int(count)
        return numbers

    def _number(self, key: Texts) -> int:
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self.rows):
            self.rows.append(0)
        return number

    def _apply(self, field: PartitionField, kind: str, values: Array, first_row: int) -> Dictionary:
        try:
            return field.function.apply(values, kind)
        except TransformError as error:
            row, reason = self._culprit(field, kind, values, first_row, error)
            raise InputInvalid(
                f"Row {row}: {field.source!r} has no partition in {field.column!r}: {_explained(reason)}."
            ) from error

    def _culprit(
        self, field: PartitionField, kind: str, values: Array, first_row: int, reason: TransformError
    ) -> tuple[int, TransformError]:
        """Find the first row that the transform rejects, by bisection."""
        if len(values) == 1:
            return first_row, reason
        middle = len(values) // 2
        try:
            field.function.apply(values[:middle], kind)
        except TransformError as error:
            return self._culprit(field, kind, values[:middle], first_row, error)
        return self._culprit(field, kind, values[middle:], first_row + middle, reason)


def _explained(error: TransformError) -> str:
    return error.message + (f" ({error.hint})" if error.hint else "")


def _plain(column: pa.ChunkedArray[Any]) -> Array:
    """Return a column as one array; of an extension type (UUID) what it is stored as."""
    combined: Any = column.combine_chunks()
    whole: Array = combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
    return whole.storage if isinstance(whole, pa.ExtensionArray) else whole
