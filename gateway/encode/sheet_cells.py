"""Formats Arrow arrays as cells of a sheet (ECMA-376, SpreadsheetML): numbers where a sheet keeps them, else texts.

A sheet keeps 15 digits of a number, and days from 1900 to 9999 with milliseconds; ``docs/formats.md`` is the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.cells import plain_texts
from gateway.errors import ResultTooLarge

LONGEST = 32_767
"""UTF-16 units of the longest text of a cell."""
_DIGITS = 15
_LEAST, _MOST = 2.3e-308, 9.9e307
"""Bounds of the absolute values that a sheet has, but for zero."""
_DAY = 86_400_000
"""Milliseconds."""
_EPOCH, _LEAP, _LAST = 25_569, 61, 2_958_465
"""Days of a sheet: 1970-01-01; 1900-03-01, before which they are one less, for there is a day too many; 9999-12-31."""
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_ESCAPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED_IN_ARROW = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{FFFE}\\x{FFFF}]|_x[0-9A-Fa-f]{4}_"
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the cells of a column are shown: properties of a format of XlsxWriter; a width in characters, 0: as usual."""

    format: tuple[tuple[str, Any], ...]
    width: int = 0


def _shown(number: str, width: int = 0) -> Style:
    return Style(format=(("num_format", number),), width=width)


HEADER = Style(format=(("bold", True), ("num_format", "@")))
_TEXT = _shown("@")
"""Text: one that is edited does not become a formula then."""


def style_of(kind: pa.DataType) -> Style:
    """Return how cells of a type are shown."""
    if pa.types.is_timestamp(kind):
        return _shown('yyyy-mm-dd hh:mm:ss.000"Z"' if kind.tz else "yyyy-mm-dd hh:mm:ss.000", 25)
    if pa.types.is_date(kind):
        return _shown("yyyy-mm-dd", 11)
    if pa.types.is_time(kind):
        return _shown("hh:mm:ss.000", 13)
    if pa.types.is_decimal(kind):
        return _shown(f"0.{'0' * kind.scale}" if kind.scale else "0")
    if pa.types.is_integer(kind):
        return _shown("0")
    return _shown("General") if pa.types.is_floating(kind) or pa.types.is_boolean(kind) else _TEXT


def header_cell(place: int, name: str, style: int) -> str:
    """Write the cell of a column's name."""
    [text] = _xml(pa.array([name]), name).to_pylist()
    return f'<c r="{letters(place)}1" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def cells(array: Array, place: int, rows: Array, style: int, name: str) -> Iterator[Array]:
    """Write the cells of a column at a *place*, in rows of the numbers *rows*; nothing for NULL."""
    at = (f'<c r="{letters(place)}', rows, f'" s="{style}"')
    if pa.types.is_boolean(array.type):
        yield pc.binary_join_element_wise(*at, ' t="b"><v>', pc.if_else(array, "1", "0"), "</v></c>", "")
        return
    numbers = _numbers(array)
    if numbers is not None:
        yield pc.binary_join_element_wise(*at, "><v>", numbers, "</v></c>", "")
    if numbers is None or numbers.null_count > array.null_count:
        texts = plain_texts(array)
        if numbers is not None:
            texts = pc.if_else(numbers.is_valid(), pa.scalar(None, pa.string()), texts)
        opening, closing = ' t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
        yield pc.binary_join_element_wise(*at, opening, _xml(texts, name), closing, "")


def letters(place: int) -> str:
    """Name a column of a sheet.

    >>> letters(0), letters(25), letters(26), letters(16_383)
    ('A', 'Z', 'AA', 'XFD')
    """
    found = ""
    while place >= 0:
        place, letter = divmod(place, 26)
        found = chr(ord("A") + letter) + found
        place -= 1
    return found


def _numbers(array: Array) -> Array | None:
    """Write the numbers of cells, null where a sheet cannot keep the value; None where it keeps none of the type."""
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        texts = plain_texts(array)
        digits = pc.utf8_ltrim(pc.replace_substring(texts, ".", ""), "-0")
        return _only(pc.less_equal(pc.utf8_length(digits), _DIGITS), texts)
    if pa.types.is_floating(kind):
        size = pc.abs(array)
        kept = pc.or_(pc.equal(size, 0), pc.and_(pc.greater_equal(size, _LEAST), pc.less_equal(size, _MOST)))
        return _only(kept, plain_texts(array))
    if pa.types.is_date32(kind):
        return _serial(pc.multiply(array.cast(pa.int32()).cast(pa.int64()), _DAY), array)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return _instants(array)
    return None


def _instants(array: Array) -> Array:
    second = _UNITS[array.type.unit]
    ticks = pc.fill_null(array.cast(pa.int64()), 0).to_numpy()
    if second < 1_000:
        near = np.abs(ticks) < 2**53  # no product overflows
        exact, milliseconds = near, np.where(near, ticks, 0) * (1_000 // second)
    else:
        exact, milliseconds = ticks % (second // 1_000) == 0, ticks // (second // 1_000)
    found = pa.array(milliseconds, mask=~exact | ~array.is_valid().to_numpy(zero_copy_only=False))
    return _times(found) if pa.types.is_time(array.type) else _serial(found, array)


def _times(milliseconds: Array) -> Array:
    """Write times of the day as parts of it; 24:00 is none."""
    kept = _only(pc.less(milliseconds, _DAY), milliseconds)
    return pc.cast(pc.divide(kept.cast(pa.float64()), float(_DAY)), pa.string())


def _serial(milliseconds: Array, array: Array) -> Array:
    """Write instants in milliseconds since 1970 as days since the last of 1899, of which a sheet has those after 1."""
    past = pc.fill_null(milliseconds, 0).to_numpy()
    days, rest = past // _DAY + _EPOCH, past % _DAY
    days = np.where(days < _LEAP, days - 1, days)
    outside = (days < 1) | (days > _LAST) | ~milliseconds.is_valid().to_numpy(zero_copy_only=False)
    return pc.cast(pa.array(days + rest / _DAY, mask=outside), pa.string())


def _only(kept: Array, values: Array) -> Array:
    return pc.if_else(kept, values, pa.scalar(None, values.type))


def _xml(texts: Array, name: str) -> Array:
    """Write texts as the content of an element. Raises ``ResultTooLarge`` for one that no cell can have."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > LONGEST:
        longest = max(len(text.encode("utf-16-le")) // 2 for text in texts.to_pylist() if text is not None)
        if longest > LONGEST:
            raise ResultTooLarge(
                f"A cell has at most {LONGEST:,} characters, and one of column {name!r} has {longest:,}: ask for CSV, "
                "NDJSON, Arrow or Parquet."
            )
    odd = pc.match_substring_regex(texts, _ESCAPED_IN_ARROW)
    if pc.any(odd).as_py():
        escaped = [_ESCAPED.sub(_numbered, text) for text in pc.filter(texts, odd).to_pylist()]
        texts = pc.replace_with_mask(texts, pc.fill_null(odd, False), pa.array(escaped, pa.string()))
    for mark, written in _MARKUP.items():
        texts = pc.replace_substring(texts, mark, written)
    return texts


def _numbered(found: re.Match[str]) -> str:
    """Escape a character that XML cannot have, or that would begin such an escape."""
    return f"_x{ord(found[0]):04X}_"
