"""Formats Arrow arrays as arrays of text: the one place that decides how a value is written.

Arrow's kernels release the interpreter lock, which row by row conversion would hold; ``docs/formats.md`` is the rule
for readers.
"""

from __future__ import annotations

from base64 import b64encode

import numpy as np
import orjson
import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.instants import dates, intervals, times, timestamps
from gateway.encode.texts import among, bounds, content, gathered, has, inserted, joined_by_row, whole

SAFE = 2**53 - 1
"""The largest integer that every JSON reader keeps (RFC 8259, section 6)."""


_LETTERS = np.zeros(128, np.uint8)
"""What follows the backslash, for bytes that are escaped by a letter; other control characters are by their number."""
for _code in b'\b\t\n\f\r"\\':
    _LETTERS[_code] = orjson.dumps(chr(_code))[2]


Parts = list[Array | str]
"""What stands beside each other in every row: texts of the rows, and texts that are the same in all."""


def json_texts(array: Array) -> Array:
    """Format every value of *array* as JSON; NULL becomes ``null``, so the result has no nulls."""
    return joined_by_row(*json_parts(array), null="null")


def json_parts(array: Array, mark: str = '"', *, spelled: bool = False) -> Parts:
    """Format every value as JSON in parts, whose nulls are each to be written as ``null``.

    *mark* is how a quotation mark is written: ``""`` within a field of CSV. NaN and infinities are NULL, or where
    *spelled* the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
    """
    kind = array.type
    if pa.types.is_nested(kind):
        parts = _nested(array, mark, spelled=spelled)
        return parts if array.null_count == 0 else [_unless_null(array, parts)]
    if not _is_quoted(kind):
        return [_unquoted(array, mark, spelled=spelled)]
    texts = _inner(array, mark)
    return [mark, texts, mark] if texts.null_count == 0 else [quoted(texts, mark)]


def plain_texts(array: Array, mark: str = '"') -> Array:
    """Format every value without quotes, numbers in full; nested values as JSON; NULL stays null."""
    kind = array.type
    if pa.types.is_nested(kind):
        return _unless_null(array, _nested(array, mark, spelled=False))
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


def _inner(array: Array, mark: str) -> Array:
    """Format values of a type whose values are JSON strings, without their quotes."""
    texts = _text(array)
    if is_bare(array.type):
        return texts
    texts = escaped(texts)
    return texts if mark == '"' or not has(texts, '"') else pc.replace_substring(texts, '"', mark)


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


def quoted(texts: Array, mark: str = '"') -> Array:
    """Put texts between quotes."""
    return pc.binary_join_element_wise(mark, texts, mark, "")


def _unquoted(array: Array, mark: str, *, spelled: bool) -> Array:
    """Format values that are neither nested nor JSON strings, but for integers that JSON readers would not keep."""
    kind = array.type
    if pa.types.is_integer(kind):
        return _integers(array, mark)
    if pa.types.is_floating(kind):
        return _quoted_floats(array, mark) if spelled else _finite_floats(array)
    if pa.types.is_decimal(kind):
        return _huge_integers(array, mark)
    return _text(array)


def _nested(array: Array, mark: str, *, spelled: bool) -> Parts:
    """Format nested values that are not NULL, in parts as ``json_parts`` does."""
    kind = array.type
    if pa.types.is_struct(kind):
        return _structs(array, mark, spelled=spelled)
    if pa.types.is_map(kind):
        return _maps(array, mark, spelled=spelled)
    if pa.types.is_fixed_size_list(kind):
        array = array.cast(pa.list_(kind.value_type))
    return _lists(array, mark, spelled=spelled)


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


def _integers(array: Array, mark: str) -> Array:
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
    return pc.if_else(safe, texts, quoted(texts, mark))


def _huge_integers(array: Array, mark: str) -> Array:
    """HUGEINT comes as a decimal of 38 digits and no scale: an integer."""
    texts = _digits(array)
    if np.diff(bounds(whole(texts))).max(initial=0) <= 15:  # 15 characters are always below 2^53
        return texts
    safe = [None if value is None else abs(int(value)) <= SAFE for value in array.to_pylist()]
    return pc.if_else(pa.array(safe, pa.bool_()), texts, quoted(texts, mark))


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


def _quoted_floats(array: Array, mark: str) -> Array:
    """Numbers, and strings where JSON has no number for it."""
    texts = _spelled_floats(array)
    finite = pc.is_finite(array)
    return texts if pc.all(finite).as_py() is not False else pc.if_else(finite, texts, quoted(texts, mark))


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


def _lists(array: Array, mark: str, *, spelled: bool) -> Parts:
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    opening, closing = "", ""
    match json_parts(array.flatten(), mark, spelled=spelled):
        case [texts]:
            pass
        case [str(opening), texts, str(closing)] if lengths.all():  # an empty list has nothing between its brackets
            pass
        case members:
            return ["[", gathered(joined_by_row(*members, ",", null="null"), lengths, "]")]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    inner = pc.binary_join(pa.ListArray.from_arrays(offsets, pc.fill_null(texts, "null")), f"{closing},{opening}")
    return [f"[{opening}", inner, f"{closing}]"]


def _structs(array: Array, mark: str, *, spelled: bool) -> Parts:
    parts: Parts = []
    for index in range(array.type.num_fields):
        name = orjson.dumps(array.type.field(index).name).decode().replace('"', mark)
        field = array.field(index) if array.offset == 0 else pc.struct_field(array, [index])
        parts += [f"{',' if index else '{'}{name}:", *json_parts(field, mark, spelled=spelled)]
    return [*parts, "}"] if parts else [pa.repeat("{}", len(array))]


def _maps(array: Array, mark: str, *, spelled: bool) -> Parts:
    """Objects where the keys are texts, else lists of ``{"key": …, "value": …}``."""
    if array.null_count:
        array = pc.take(array, pa.array(np.arange(len(array))))  # no entries of a NULL
    ends = array.offsets.to_numpy()
    keys, items = (entries.slice(ends[0], ends[-1] - ends[0]) for entries in (array.keys, array.items))
    keys, items = (json_parts(pa.concat_arrays([one]), mark, spelled=spelled) for one in (keys, items))
    if pa.types.is_string(array.type.key_type):
        opening, closing = "{", "}"
        entries = [*keys, ":", *items, ","]
    else:
        opening, closing = "[", "]"
        entries = [f"{{{mark}key{mark}:", *keys, f",{mark}value{mark}:", *items, "},"]
    return [opening, gathered(joined_by_row(*entries, null="null"), np.diff(ends), closing)]


def _unless_null(array: Array, parts: Parts) -> Array:
    texts = joined_by_row(*parts, null="null")
    return texts if array.null_count == 0 else pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.string()))
