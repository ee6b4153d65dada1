"""Facts about each data file from its footer: its columns, or why it cannot be read.

In ``Snapshot.files`` they are the column ``facts``, a dictionary-encoded column of texts: a schema that many files
share is stored once, and each file has a small integer; null if nothing is known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from gateway.catalog.arrays import once_a_table, whole
from gateway.catalog.stored import StoredColumn
from gateway.catalog.transforms.keys import Ordinals

FACTS = "facts"
VERDICT = "verdict"
"""Another column of this kind: what was found when the rows of a file were looked at; see ``verify``."""
TYPE = pa.dictionary(pa.int32(), pa.string())
VERSION = 3
"""Facts of another version were written by another release that looked for other things: they are not known, and nor
are the statistics beside them."""

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What the footer of a file says: its columns as they are stored, in order, or the *problem* that it has."""

    columns: tuple[StoredColumn, ...] = ()
    problem: str | None = None
    """Why the file cannot be read, without its name; None for a file that can."""
    misread: bool = False
    """The engine reads the file, but takes values for others; see ``misread``."""


def text_of(facts: FileFacts) -> str:
    """Return facts as the text that is stored; the same facts have the same text."""
    columns = [[column.name, column.type, column.untyped] for column in facts.columns]
    return orjson.dumps([VERSION, facts.problem, columns, facts.misread]).decode()


@lru_cache(maxsize=4096)
def of_text(text: str) -> FileFacts | None:
    """Read a text that ``text_of`` has written; None for facts of another version."""
    version, *rest = orjson.loads(text)
    if version != VERSION:
        return None
    problem, columns, misread = rest
    held = tuple(StoredColumn(name=name, type=type_, untyped=untyped) for name, type_, untyped in columns)
    return FileFacts(columns=held, problem=problem, misread=misread)


@once_a_table
def known(files: pa.Table) -> tuple[FileFacts | None, ...]:
    """List the distinct facts of a manifest's files, by their codes; None for those of another version."""
    return tuple(of_text(text) for text in _texts(_column(files)))


def current(files: pa.Table) -> bool:
    """Return whether all that a manifest says of footers was learned by this version."""
    return FACTS in files.column_names and None not in known(files)


def codes(files: pa.Table, positions: Ordinals | None = None) -> Codes:
    """Return for each file, or for those at *positions*, the place of its facts in ``known``; -1: not known."""
    every = _codes(files)
    return every if positions is None else every[positions]


def facts_of(files: pa.Table, positions: Iterable[int]) -> list[FileFacts | None]:
    """Return the facts of the files at these positions, None where they are not known."""
    distinct, found = known(files), codes(files, np.fromiter(positions, np.int64))
    return [distinct[code] if code >= 0 else None for code in found.tolist()]


def verdicts(files: pa.Table) -> list[str | None]:
    """List what was found in each file; None where it was not looked at."""
    if VERDICT not in files.column_names:
        return [None] * files.num_rows
    return [None if text is None else str(text) for text in files[VERDICT].to_pylist()]


def encoded(texts: Sequence[str | None]) -> Any:
    """Make the column of some files."""
    return pa.array(texts, pa.string()).dictionary_encode().cast(TYPE)


def overlaid(new: Any, before: Any) -> Any:
    """Join two columns of the same files: *new* decides where it knows anything. Facts of no file are dropped."""
    texts = list(dict.fromkeys([*_texts(before), *_texts(new)]))
    positions = {text: position for position, text in enumerate(texts)}
    found = _renumbered(before, positions)
    if new is not None:
        newer = _renumbered(new, positions)
        found = newer if before is None else np.where(newer >= 0, newer, found)
    used = np.unique(found[found >= 0])
    packed = np.where(found >= 0, np.searchsorted(used, found), 0).astype(np.int32)
    indices: Any = pa.array(packed, mask=found < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array([texts[position] for position in used], pa.string()))


def digest(files: pa.Table, update: Callable[[bytes], None]) -> None:
    """Digest which file has which facts, and which verdict."""
    for name in (FACTS, VERDICT):
        if name in files.column_names:
            column = whole(files, name)
            update("\0".join(_texts(column)).encode())
            update(_indices(column).tobytes())


def _renumbered(column: Any, positions: dict[str, int]) -> Codes:
    """Return the codes of a column in another numbering of the same texts."""
    if column is None:
        return np.zeros(0, np.int32)
    numbers = np.array([*(positions[text] for text in _texts(column)), -1], np.int32)
    renumbered: Codes = numbers[_indices(column)]
    return renumbered


@once_a_table
def _codes(files: pa.Table) -> Codes:
    column = _column(files)
    if column is None:
        return np.full(files.num_rows, -1, np.int32)
    found = _indices(column)
    old = [position for position, facts in enumerate(known(files)) if facts is None]
    found = np.where(np.isin(found, old), np.int32(-1), found) if old else found
    found.flags.writeable = False
    return found


def _column(files: pa.Table) -> Any:
    return whole(files, FACTS) if FACTS in files.column_names else None


def _texts(column: Any) -> list[str]:
    return [] if column is None else [str(text) for text in column.dictionary.to_pylist()]


def _indices_at(column: Any, positions: Ordinals) -> Codes:
    """Return the codes of some files, -1 for null: many statements ask for those of one file of a large table."""
    if not len(positions):
        return np.zeros(0, np.int32)
    places = np.asarray(positions, np.int64) + column.indices.offset
    validity, values = column.indices.buffers()
    found: Codes = np.frombuffer(values, np.int32)[places]
    if validity is None:
        return found
    valid = np.frombuffer(validity, np.uint8)[places >> 3] >> (places & 7) & 1
    return np.where(valid, found, np.int32(-1))


def _indices(column: Any) -> Codes:
    found: Codes = np.asarray(column.indices.fill_null(-1), dtype=np.int32)
    return found
