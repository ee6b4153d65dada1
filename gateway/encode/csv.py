"""CSV encoder (RFC 4180): a header, CRLF line ends, quotes only where needed.

NULL is an empty field and an empty text is ``""``: own code, for pyarrow's writer quotes either every text or none.
A body that breaks off has no line end, which tells it from a whole one.

For a spreadsheet it begins with a byte order mark, by which spreadsheets know UTF-8, and no field is a formula: before
what one would take for the beginning of a formula stands an apostrophe. Numbers stay as they are.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.cells import Parts, is_bare, is_number, plain_texts, quoted
from gateway.encode.parallel import in_order
from gateway.encode.rows import Rows, pieces
from gateway.encode.texts import after_nothing, among, bounds, content, inserted, joined_by_row, taken, whole
from gateway.model import Column
from gateway.streaming import Chunk, CsvDialect

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
"""What may stand between two fields, by its name."""
PLAIN = CsvDialect()
_QUOTE, _LINE_ENDS, _SPACE = b'"', b"\r\n", b" \t\n\f\r"
_BYTE_ORDER_MARK = "\ufeff".encode()
_FORMULA = "^(?:[\t\r\n]|[\\x00-\\x20\\x{A0}\\x{FEFF}]*[=+\\-@＝＋－＠])"
"""How texts begin that spreadsheets take for formulas, or may take for them when they have dropped what is not seen."""
_NAME = "^-I"
"""How the one number begins that is no number to a spreadsheet, but a formula with a name: ``-Infinity``."""


def encode_csv(
    rows: Rows, columns: Sequence[Column], *, dialect: CsvDialect = PLAIN, threads: int = 1
) -> Generator[Chunk]:
    """Write the column names, then the rows; a line end is written with the next line, the last one at the end."""
    if dialect.spreadsheet:
        yield _BYTE_ORDER_MARK
    yield taken(_lines([_field(pa.array([column.name]), dialect) for column in columns], dialect))
    yield from in_order(lambda piece: _written(piece, dialect), pieces(rows), threads)
    yield b"\r\n"


def _written(piece: Sequence[Array], dialect: CsvDialect) -> memoryview:
    """Write a line end before each row of a chunk."""
    lines = after_nothing(_lines([_field(array, dialect) for array in piece], dialect))
    ends = pa.array([0, len(lines)], pa.int32())
    return taken(pc.binary_join(pa.ListArray.from_arrays(ends, lines), "\r\n"))


def _lines(fields: Sequence[Parts], dialect: CsvDialect) -> Array:
    """Put fields into lines, without line ends."""
    between = (part for field in fields for part in (dialect.delimiter, *field))
    return joined_by_row(*islice(between, 1, None), null="")


def _field(array: Array, dialect: CsvDialect) -> Parts:
    if pa.types.is_nested(array.type):
        return _nested(array, dialect)
    texts = plain_texts(array)
    if dialect.spreadsheet:
        texts = _without_formulas(texts, _NAME if is_number(array.type) else _FORMULA)
    return [texts if is_bare(array.type) else _quoted(texts, _QUOTE + _LINE_ENDS + _apart(dialect))]


def _nested(array: Array, dialect: CsvDialect) -> Parts:
    """Write nested values as JSON: on one line, no formula, and with its quotation marks doubled from the start."""
    texts = whole(plain_texts(array, '""'))
    needed = _having(texts, _QUOTE + _apart(dialect))
    if needed.all() and texts.null_count == 0:
        return ['"', texts, '"']
    return [pc.if_else(needed, quoted(texts), texts)]


def _without_formulas(texts: Array, formula: str) -> Array:
    """Write an apostrophe before texts that match *formula*."""
    found = pc.match_substring_regex(texts, formula)
    if not pc.any(found).as_py():
        return texts
    return pc.if_else(found, pc.binary_join_element_wise("'", texts, ""), texts)


def _apart(dialect: CsvDialect) -> bytes:
    """Return what stands between fields: for a spreadsheet all that one may take for the end of a field."""
    return ("".join(DELIMITERS.values()) if dialect.spreadsheet else dialect.delimiter).encode()


def _quoted(texts: Array, marks: bytes) -> Array:
    """Put quotes around texts that need them, for *marks* among others, and double those within."""
    texts = whole(texts)
    old, starts = content(texts), bounds(texts)
    needed = _needed(texts, marks)
    if not needed.any():
        return texts
    quotes = np.flatnonzero(old == ord('"'))
    places = np.sort(np.concatenate([quotes, starts[:-1][needed], starts[1:][needed]]), kind="stable")
    added = np.concatenate([[0], np.cumsum(2 * needed)]) + np.searchsorted(quotes, starts)
    return inserted(texts, places, '"', starts + added)


def _needed(texts: Array, marks: bytes) -> Any:
    """Tell of each text whether it needs quotes: it is empty, has one of *marks*, or space at an end."""
    old, starts = content(texts), bounds(texts)
    filled = np.diff(starts) > 0
    needed = ~filled if texts.null_count == 0 else ~filled & texts.is_valid().to_numpy(zero_copy_only=False)
    first, last = starts[:-1][filled], starts[1:][filled] - 1
    needed[filled] = among(_SPACE, old[first]) | among(_SPACE, old[last])
    return needed | _having(texts, marks)


def _having(texts: Array, marks: bytes) -> Any:
    """Tell of each text whether it has one of *marks*."""
    found, flags = among(marks, content(texts)), np.zeros(len(texts), np.bool_)
    if found.any():
        starts = bounds(texts)
        filled = np.diff(starts) > 0
        flags[filled] = np.logical_or.reduceat(found, starts[:-1][filled])
    return flags
