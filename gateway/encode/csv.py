"""CSV encoder (RFC 4180): a header, CRLF line ends, quotes only where needed.

NULL is an empty field and an empty text is ``""``: own code, for pyarrow's writer quotes either every text or none.
A body that breaks off has no line end, which tells it from a whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.cells import plain_texts
from gateway.encode.rows import Rows, joined, pieces
from gateway.model import Column


def encode_csv(rows: Rows, columns: Sequence[Column]) -> Iterator[bytes]:
    """Write the column names, then the rows; a line end is written with the next line, the last one at the end."""
    yield joined(*_line([pa.array([column.name]) for column in columns]))
    for piece in pieces(rows):
        yield joined("\r\n", *_line([plain_texts(array) for array in piece]))
    yield b"\r\n"


def _line(texts: Sequence[Array]) -> Iterator[Array | str]:
    for index, array in enumerate(texts):
        if index:
            yield ","
        yield pc.fill_null(_quoted(array), "")


def _quoted(texts: Array) -> Array:
    needed = pc.match_substring_regex(texts, '^$|[",\\r\\n]|^\\s|\\s$')
    if not pc.any(needed).as_py():
        return texts
    inner = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', inner, '"', ""), texts)
