"""Formats Arrow arrays as arrays of text: the one place that decides how a value is written.

Arrow's kernels release the interpreter lock, which row by row conversion would hold; ``docs/formats.md`` is the rule
for readers.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.instants import dates, intervals, times, timestamps
from gateway.encode.texts import among, bounds, content, has, inserted, joined_by_row, whole

SAFE = 2**53 - 1
"""The largest integer that every JSON reader keeps (RFC 8259, section 6)."""


_LETTERS = np.zeros(128, np.uint8)
"""What follows the backslash, for bytes that are escaped by a letter; other control characters are by their number."""
for _code in b'\b\t\n\f\r"\\':
    _LETTERS[_code] = orjson.dumps(chr(_code))[2]


def json_texts(array: Array) -> Array:
    """Format every value of *array* as JSON; NULL becomes ``null``, so the result has no nulls."""
    return pc.fill_null(_json(array), "null")


def json_parts(array: Array) -> tuple[str, Array, str]:
    """Format every value as JSON, in three parts, the first and last of which are the same for all; NULL stays null."""
    if not _is_quoted(array.type):
        return "", _json(array), ""
    texts = _inner(array)
    return ('"', texts, '"') if texts.null_count == 0 else ("", quoted(texts), "")


def plain_texts(array: Array) -> Array:
    """Format every value without quotes, numbers in full; nested values as JSON; NULL stays null."""
    kind = array.type
    if pa.types.is_nested(kind):
        return _json(array)
    if pa.types.is_floating(kind):
        return _spelled_floats(array)
    return _text(array)


def is_bare(kind: pa.DataType) -> bool:
    """Tell whether plain texts of a type have letters, digits and signs that mean nothing to CSV, at least one each."""
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind))


def is_number(kind: pa.DataType) -> bool:
    """Tell whether every value of a type is a number or a truth value; infinities among them."""
    numeric = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind)
    return bool(numeric or pa.types.is_boolean(kind) or pa.types.is_null(kind))


def _is_quoted(kind: pa.DataType) -> bool:
    """Tell whether every value of a type is a JSON string."""
    if pa.types.is_decimal(kind):
        return (kind.precision, kind.scale) != (38, 0)
    numeric = pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return not (numeric or pa.types.is_nested(kind) or pa.types.is_null(kind))


def _inner(array: Array) -> Array:
    """Format values of a type whose values are JSON strings, without their quotes."""
    texts = _text(array)
    return texts if is_bare(array.type) else escaped(texts)


def escaped(texts: Array) -> Array:
    """Write texts as JSON strings without their quotes."""
    texts = whole(texts)
    old = content(texts)
    places = np.flatnonzero((old < 0x20) | among(b'"\\', old))
    if len(places) == 0:
        return texts
    letters = _LETTERS[old[places]]
    if not letters.all():
        return _escaped_one_by_one(texts)
    new, starts = old.copy(), bounds(texts)
    new[places] = letters
    return inserted(texts, places, "\\", starts + np.searchsorted(places, starts), new)


def _escaped_one_by_one(texts: Array) -> Array:
    for mark in ("\\", '"', *map(chr, range(0x20))):
        if has(texts, mark):
            texts = pc.replace_substring(texts, mark, orjson.dumps(mark).decode()[1:-1])
    return texts


def quoted(texts: Array) -> Array:
    """Put texts between quotes."""
    return pc.binary_join_element_wise('"', texts, '"', "")


def _json(array: Array) -> Array:
    kind = array.type
    if pa.types.is_boolean(kind):
        return pc.cast(array, pa.string())
    if pa.types.is_integer(kind):
        return _integers(array)
    if pa.types.is_floating(kind):
        return _finite_floats(array)
    if pa.types.is_decimal(kind) and not _is_quoted(kind):
        return _huge_integers(array)
    if pa.types.is_struct(kind):
        return _structs(array)
    if pa.types.is_map(kind):
        return _maps(array)
    if pa.types.is_fixed_size_list(kind):
        return _lists(array.cast(pa.list_(kind.value_type)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(array)
    if pa.types.is_null(kind):
        return _text(array)
    return quoted(_inner(array))


def _text(array: Array) -> Array:
    """Format values that are neither nested nor floating."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _text(pc.cast(array, kind.value_type))
    if pa.types.is_decimal(kind):
        return _digits(array)
    if pa.types.is_timestamp(kind):
        return timestamps(array)
    if pa.types.is_date32(kind):
        return dates(array)
    if pa.types.is_time(kind):
        return times(array)
    if pa.types.is_interval(kind):
        return intervals(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        encoded = [None if value is None else b64encode(value) for value in array.to_pylist()]
        return pa.array(encoded, pa.binary()).cast(pa.string())
    return pc.cast(array, pa.string())  # texts, integers, booleans, and the null type


def _integers(array: Array) -> Array:
    """Numbers, and strings of the same digits beyond ±(2^53 - 1)."""
    texts = pc.cast(array, pa.string())
    if array.type.bit_width <= 32:
        return texts
    ends = pc.min_max(array).as_py()
    if ends["min"] is None or (ends["min"] >= -SAFE and ends["max"] <= SAFE):
        return texts
    safe = pc.less_equal(array, pa.scalar(SAFE, array.type))
    if pa.types.is_signed_integer(array.type):
        safe = pc.and_(safe, pc.greater_equal(array, pa.scalar(-SAFE, array.type)))
    return pc.if_else(safe, texts, quoted(texts))


def _huge_integers(array: Array) -> Array:
    """HUGEINT comes as a decimal of 38 digits and no scale: an integer."""
    texts = _digits(array)
    if np.diff(bounds(whole(texts))).max(initial=0) <= 15:  # 15 characters are always below 2^53
        return texts
    safe = [None if value is None else abs(int(value)) <= SAFE for value in array.to_pylist()]
    return pc.if_else(pa.array(safe, pa.bool_()), texts, quoted(texts))


def _digits(array: Array) -> Array:
    """Write decimals in full, with every digit of the scale."""
    if not pa.types.is_decimal128(array.type):
        array = array.cast(pa.decimal128(min(array.type.precision, 38), array.type.scale))
    texts = pc.cast(array, pa.string())
    return _digits_in_full(array) if has(whole(texts), "E") else texts


def _digits_in_full(array: Array) -> Array:
    """Write decimals some of which Arrow writes as ``1E-20``; it never does where there is no scale."""
    scale = array.type.scale
    integers = pa.Array.from_buffers(pa.decimal128(38, 0), len(array), array.buffers(), offset=array.offset)
    texts = pc.cast(integers, pa.string())
    negative = pc.starts_with(texts, "-")
    padded = pc.utf8_lpad(pc.utf8_ltrim(texts, "-"), scale + 1, "0")
    point = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(padded, 0, -scale), pc.utf8_slice_codeunits(padded, -scale), "."
    )
    return pc.binary_join_element_wise(pc.if_else(negative, "-", ""), point, "")


def _finite_floats(array: Array) -> Array:
    """The shortest digits that read back as the same number; null where JSON has no number for it."""
    finite = pc.is_finite(array)
    if pc.all(finite).as_py() is not False:
        return _shortest(array)
    return pc.if_else(finite, _shortest(array), pa.scalar(None, pa.string()))


def _spelled_floats(array: Array) -> Array:
    texts = _shortest(array)
    if pc.all(pc.is_finite(array)).as_py() is not False:
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "nan", "NaN"), "inf", "Infinity")


def _shortest(array: Array) -> Array:
    texts = pc.cast(array, pa.string())
    if not pc.any(pc.equal(array, pa.scalar(0, array.type))).as_py():
        return texts
    return pc.if_else(pc.equal(texts, "-0"), "-0.0", texts)  # readers take -0 for the integer 0


def _lists(array: Array) -> Array:
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    opening, texts, closing = json_parts(array.flatten())
    if opening and pc.any(pc.equal(pc.list_value_length(array), 0)).as_py():
        opening, texts, closing = "", quoted(texts), ""  # an empty list has no text to put between its quotes
    members = pa.ListArray.from_arrays(offsets, pc.fill_null(texts, "null"))
    inner = pc.binary_join(members, f"{closing},{opening}")
    return _bracketed(array, f"[{opening}", inner, f"{closing}]")


def _structs(array: Array) -> Array:
    parts: list[Any] = ["{"]
    for index in range(array.type.num_fields):
        name = orjson.dumps(array.type.field(index).name).decode()
        field = array.field(index) if array.offset == 0 else pc.struct_field(array, [index])
        parts += [f"{',' if index else ''}{name}:", *json_parts(field)]
    return _unless_null(array, joined_by_row(*parts, "}", null="null"))


def _maps(array: Array) -> Array:
    """Objects where the keys are texts, else lists of ``{"key": …, "value": …}``."""
    array = pc.take(array, pa.array(np.arange(len(array))))  # entries from zero on, none of a NULL
    keys, items = json_texts(array.keys), json_texts(array.items)
    if pa.types.is_string(array.type.key_type):
        entries, opening, closing = pc.binary_join_element_wise(keys, items, ":"), "{", "}"
    else:
        entries = pc.binary_join_element_wise('{"key":', keys, ',"value":', items, "}", "")
        opening, closing = "[", "]"
    members = pa.ListArray.from_arrays(array.offsets, entries)
    return _bracketed(array, opening, pc.binary_join(members, ","), closing)


def _bracketed(array: Array, opening: str, inner: Array, closing: str) -> Array:
    return _unless_null(array, pc.binary_join_element_wise(opening, inner, closing, ""))


def _unless_null(array: Array, texts: Array) -> Array:
    if array.null_count == 0 and isinstance(texts, pa.Array):
        return texts
    return pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.string()))
