"""Formats Arrow arrays as arrays of text: the one place that decides how a value is written.

Arrow's kernels release the interpreter lock, which row by row conversion would hold; ``docs/formats.md`` is the rule
for readers.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.instants import dates, intervals, times, timestamps

SAFE = 2**53 - 1
"""The largest integer that every JSON reader keeps (RFC 8259, section 6)."""


def json_texts(array: Array) -> Array:
    """Format every value of *array* as JSON; NULL becomes ``null``, so the result has no nulls."""
    return pc.fill_null(_json(array), "null")


def plain_texts(array: Array) -> Array:
    """Format every value without quotes, numbers in full; nested values as JSON; NULL stays null."""
    kind = array.type
    if pa.types.is_nested(kind):
        return pc.if_else(array.is_valid(), json_texts(array), pa.scalar(None, pa.string()))
    if pa.types.is_floating(kind):
        return _spelled_floats(array)
    return _text(array)


def quoted(texts: Array) -> Array:
    """Write texts as JSON strings."""
    if pc.any(pc.match_substring_regex(texts, '[\\x00-\\x1f"\\\\]')).as_py():
        texts = pc.replace_substring(texts, "\\", "\\\\")
        texts = pc.replace_substring(texts, '"', '\\"')
        if pc.any(pc.match_substring_regex(texts, "[\\x00-\\x1f]")).as_py():
            for code in range(0x20):
                texts = pc.replace_substring(texts, chr(code), orjson.dumps(chr(code)).decode()[1:-1])
    return pc.binary_join_element_wise('"', texts, '"', "")


def _json(array: Array) -> Array:
    kind = array.type
    if pa.types.is_boolean(kind):
        return pc.cast(array, pa.string())
    if pa.types.is_integer(kind):
        return _integers(array)
    if pa.types.is_floating(kind):
        return _finite_floats(array)
    if pa.types.is_decimal(kind):
        return _decimals(array)
    if pa.types.is_struct(kind):
        return _structs(array)
    if pa.types.is_map(kind):
        return _maps(array)
    if pa.types.is_fixed_size_list(kind):
        return _lists(array.cast(pa.list_(kind.value_type)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(array)
    return quoted(_text(array))


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
    safe = pc.less_equal(array, pa.scalar(SAFE, array.type))
    if pa.types.is_signed_integer(array.type):
        safe = pc.and_(safe, pc.greater_equal(array, pa.scalar(-SAFE, array.type)))
    return _unless(safe, texts)


def _decimals(array: Array) -> Array:
    """Strings with every digit of the scale; HUGEINT comes as a decimal of 38 digits and no scale: an integer."""
    texts = _digits(array)
    if (array.type.precision, array.type.scale) != (38, 0):
        return quoted(texts)
    short = pc.less_equal(pc.utf8_length(texts), 15)  # 15 characters are always below 2^53
    if pc.all(short).as_py() is not False:
        return texts
    numbers = [None if value is None else abs(int(value)) <= SAFE for value in array.to_pylist()]
    return _unless(pa.array(numbers, pa.bool_()), texts)


def _unless(safe: Array, texts: Array) -> Array:
    return texts if pc.all(safe).as_py() is not False else pc.if_else(safe, texts, quoted(texts))


def _digits(array: Array) -> Array:
    """Write decimals in full. Arrow's cast writes small ones as ``1E-20``, but never where there is no scale."""
    kind = array.type
    if not pa.types.is_decimal128(kind):
        array = array.cast(pa.decimal128(min(kind.precision, 38), kind.scale))
    whole = pa.Array.from_buffers(pa.decimal128(38, 0), len(array), array.buffers(), offset=array.offset)
    texts = pc.cast(whole, pa.string())
    if kind.scale == 0:
        return texts
    negative = pc.starts_with(texts, "-")
    padded = pc.utf8_lpad(pc.utf8_ltrim(texts, "-"), kind.scale + 1, "0")
    point = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(padded, 0, -kind.scale), pc.utf8_slice_codeunits(padded, -kind.scale), "."
    )
    return pc.binary_join_element_wise(pc.if_else(negative, "-", ""), point, "")


def _finite_floats(array: Array) -> Array:
    """The shortest digits that read back as the same number; null where JSON has no number for it."""
    return pc.if_else(pc.is_finite(array), _shortest(array), pa.scalar(None, pa.string()))


def _spelled_floats(array: Array) -> Array:
    texts = pc.replace_substring(_shortest(array), "nan", "NaN")
    return pc.replace_substring(texts, "inf", "Infinity")


def _shortest(array: Array) -> Array:
    texts = pc.cast(array, pa.string())
    return pc.if_else(pc.equal(texts, "-0"), "-0.0", texts)  # readers take -0 for the integer 0


def _lists(array: Array) -> Array:
    lengths = pc.fill_null(pc.list_value_length(array), 0).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    members = pa.ListArray.from_arrays(offsets, json_texts(array.flatten()))
    return _bracketed(array, "[", pc.binary_join(members, ","), "]")


def _structs(array: Array) -> Array:
    parts: list[Any] = []
    for index in range(array.type.num_fields):
        name = orjson.dumps(array.type.field(index).name).decode()
        parts += [
            f"{',' if index else ''}{name}:",
            json_texts(array.field(index) if array.offset == 0 else pc.struct_field(array, [index])),
        ]
    return _bracketed(array, "{", pc.binary_join_element_wise(*parts, "") if parts else "", "}")


def _maps(array: Array) -> Array:
    """Objects where the keys are texts, else lists of ``{"key": …, "value": …}``."""
    array = pc.take(array, pa.array(range(len(array)), pa.int64()))  # entries from zero on, none of a NULL
    keys, items = json_texts(array.keys), json_texts(array.items)
    if pa.types.is_string(array.type.key_type):
        entries, opening, closing = pc.binary_join_element_wise(keys, items, ":"), "{", "}"
    else:
        entries = pc.binary_join_element_wise('{"key":', keys, ',"value":', items, "}", "")
        opening, closing = "[", "]"
    members = pa.ListArray.from_arrays(array.offsets, entries)
    return _bracketed(array, opening, pc.binary_join(members, ","), closing)


def _bracketed(array: Array, opening: str, inner: Array | str, closing: str) -> Array:
    texts = pc.binary_join_element_wise(opening, inner, closing, "")
    return pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.string()))
