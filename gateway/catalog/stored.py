"""Reads the columns of a Parquet footer, with the types that DuckDB has for them.

DuckDB goes by the schema elements alone (parquet.thrift, ``SchemaElement``): by the converted type rather than the
logical one for most, and never by the Arrow schema that some writers put beside them.
``tests/property/test_stored_columns.py`` compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.catalog.thrift import Malformed, Reader, Struct

_SCHEMA = 2
_TYPE, _LENGTH, _REPETITION, _NAME, _CHILDREN, _CONVERTED, _SCALE, _PRECISION, _, _LOGICAL = range(1, 11)
_REPEATED = 2
_PHYSICAL = ("BOOLEAN", "INTEGER", "BIGINT", "TIMESTAMP", "FLOAT", "DOUBLE", "BLOB", "BLOB")
_INT32, _INT64, _BYTES, _FIXED = 1, 2, 6, 7
_MAP, _MAP_KEY_VALUE, _LIST, _DECIMAL = 1, 2, 3, 5
_CONVERTED_TYPES = {
    0: ("VARCHAR", (_BYTES, _FIXED)),
    4: ("VARCHAR", (_BYTES, _FIXED)),
    6: ("DATE", (_INT32,)),
    7: ("TIME", (_INT32,)),
    8: ("TIME", (_INT64,)),
    9: ("TIMESTAMP", (_INT64,)),
    10: ("TIMESTAMP", (_INT64,)),
    11: ("UTINYINT", (_INT32,)),
    12: ("USMALLINT", (_INT32,)),
    13: ("UINTEGER", (_INT32,)),
    14: ("UBIGINT", (_INT64,)),
    15: ("TINYINT", (_INT32,)),
    16: ("SMALLINT", (_INT32,)),
    17: ("INTEGER", (_INT32,)),
    18: ("BIGINT", (_INT64,)),
    19: ("JSON", (_BYTES, _FIXED)),
    21: ("INTERVAL", (_BYTES, _FIXED)),
}
_TIME_L, _TIMESTAMP_L, _UNKNOWN_L, _UUID_L, _FLOAT16_L = 7, 8, 11, 14, 15
_NANOS = 3
_MOST_DIGITS = 38
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
KEYWORDS = frozenset((Path(__file__).parent / "keywords.txt").read_text(encoding="utf-8").split())
_DEEPEST = 64
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


class _Unreadable(Exception):
    """DuckDB does not read a column of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Element:
    """A schema element of parquet.thrift: a column, or a group of ``children`` that follow it."""

    name: str
    physical: int | None
    length: int | None
    repeated: bool
    children: int
    converted: int | None
    scale: int | None
    precision: int | None
    logical: Struct


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredColumn:
    """One column at the top of a file's schema.

    ``name`` is as it is stored: two may differ only in case, or not at all. ``type`` is DuckDB's name for what it
    reads; None where it refuses to read the file because of this column.
    """

    name: str
    type: str | None
    untyped: bool = False
    """Its writer knew no type, for all values are NULL (pyarrow's ``null``); ``type`` is what stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchema:
    """The columns at the top of a file's schema, and for each its number among the leaves; None for a nested one."""

    columns: tuple[StoredColumn, ...]
    leaves: tuple[int | None, ...]


def stored_schema(footer: bytes) -> StoredSchema:
    """Read the columns of the top level from the bytes of a footer (``FileMetaData``). Raises ``Malformed``.

    The text of names is decoded with replacement: DuckDB and Arrow do not agree on names that are not UTF-8.
    """
    elements = _elements(footer)
    if not elements:
        raise Malformed("the schema is empty")
    columns, leaves, place, leaf = [], [], 1, 0
    for _ in range(elements[0].children):
        following = _after(elements, place)
        type_: str | None
        try:
            type_, _ = _read(elements, place)
        except _Unreadable:
            type_ = None
        element = elements[place]
        columns.append(StoredColumn(name=element.name, type=type_, untyped=_UNKNOWN_L in element.logical))
        leaves.append(leaf if following == place + 1 and element.children <= 0 else None)
        leaf += sum(item.children <= 0 for item in elements[place:following])
        place = following
    return StoredSchema(columns=tuple(columns), leaves=tuple(leaves))


def _elements(footer: bytes) -> Sequence[_Element]:
    reader, number = Reader(footer), 0
    while (head := reader.field(number)) is not None:
        number, kind = head
        found = reader.value(kind)
        if number == _SCHEMA and isinstance(found, list):
            return [_element(item) for item in found]
    raise Malformed("there is no schema")


def _element(fields: object) -> _Element:
    if not isinstance(fields, dict):
        raise Malformed("a schema element is no struct")
    name, logical = fields.get(_NAME, b""), fields.get(_LOGICAL, {})
    if not isinstance(name, bytes) or not isinstance(logical, dict):
        raise Malformed("a schema element has other types")
    return _Element(
        name=name.decode("utf-8", "replace"),
        physical=_integer(fields, _TYPE),
        length=_integer(fields, _LENGTH),
        repeated=_integer(fields, _REPETITION) == _REPEATED,
        children=_integer(fields, _CHILDREN) or 0,
        converted=_integer(fields, _CONVERTED),
        scale=_integer(fields, _SCALE),
        precision=_integer(fields, _PRECISION),
        logical=logical,
    )


def _integer(fields: Struct, number: int) -> int | None:
    found = fields.get(number)
    if found is not None and not isinstance(found, int):
        raise Malformed("a schema element has other types")
    return found


def _after(elements: Sequence[_Element], place: int) -> int:
    """Return the place after an element and all below it."""
    left = 1
    while left:
        if place >= len(elements):
            raise Malformed("the schema ends early")
        left += elements[place].children - 1
        place += 1
    return place


def _read(elements: Sequence[_Element], place: int, depth: int = 0) -> tuple[str, int]:
    """Return the type of the element at *place*, and the place after it."""
    if place >= len(elements) or depth > _DEEPEST:
        raise Malformed("the schema ends early" if place >= len(elements) else "the schema is nested too deeply")
    element = elements[place]
    if element.children <= 0:
        return _leaf(element) + ("[]" if element.repeated else ""), place + 1
    fields: list[tuple[str, str]] = []
    following = place + 1
    for _ in range(element.children):
        before = following
        type_, following = _read(elements, before, depth + 1)
        fields.append((elements[before].name, type_))
    return _group(element, elements[place - 1], fields), following


def _group(element: _Element, before: _Element, fields: Sequence[tuple[str, str]]) -> str:
    if element.converted == _MAP_KEY_VALUE or (before.converted == _MAP and before.children == 1):
        if len(fields) != 2 or not element.repeated:
            raise _Unreadable
        return f"MAP({fields[0][1]}, {fields[1][1]})"
    pulled_up = len(fields) == 1 and (element.converted in (_LIST, _MAP) or element.repeated)
    inner = fields[0][1] if pulled_up else _struct(fields)
    return inner + ("[]" if element.repeated else "")


def _struct(fields: Sequence[tuple[str, str]]) -> str:
    names = distinct(name for name, _ in fields)
    parts = (f"{quoted(name)} {type_}" for name, (_, type_) in zip(names, fields, strict=True))
    return f"STRUCT({', '.join(parts)})"


def distinct(names: Iterable[str]) -> list[str]:
    """Rename what differs at most in case from a name before it, as DuckDB does.

    >>> distinct(["x", "X"])
    ['x', 'X_1']
    """
    seen: dict[str, int] = {}
    found = []
    for name in names:
        while folded(name) in seen:
            seen[folded(name)] += 1
            name = f"{name}_{seen[folded(name)]}"
        seen[folded(name)] = 0
        found.append(name)
    return found


def folded(name: str) -> str:
    """Fold the case of a name as DuckDB does when it looks for a column: that of ASCII letters only.

    >>> folded("Été")
    'Été'
    """
    return name.translate(_LOWER)


def quoted(name: str) -> str:
    """Quote the name of a field where DuckDB does in the name of a type.

    >>> quoted("a"), quoted("a b"), quoted("select")
    ('a', '"a b"', '"select"')
    """
    if _PLAIN.fullmatch(name.lower()) and name.lower() not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def _leaf(element: _Element) -> str:
    physical, converted = element.physical, element.converted
    if physical is None or not 0 <= physical < len(_PHYSICAL):
        raise _Unreadable
    if physical == _FIXED and element.length is None:
        raise _Unreadable
    found = _logical(element)
    if found is not None:
        return found
    if converted is None:
        return _PHYSICAL[physical]
    if converted == _DECIMAL:
        return _decimal(element)
    name, carriers = _CONVERTED_TYPES.get(converted, ("", ()))
    if physical not in carriers:
        raise _Unreadable
    return name


def _logical(element: _Element) -> str | None:
    """Return what the logical type says, for the few that DuckDB looks at first."""
    logical, fixed = element.logical, element.physical == _FIXED
    if _UUID_L in logical and fixed:
        return "UUID"
    if _FLOAT16_L in logical and fixed and element.length == 2:
        return "FLOAT"
    if _TIMESTAMP_L in logical:
        adjusted, nanos = _zone_and_unit(logical[_TIMESTAMP_L])
        return "TIMESTAMP WITH TIME ZONE" if adjusted else "TIMESTAMP_NS" if nanos else "TIMESTAMP"
    if _TIME_L in logical:
        return "TIME WITH TIME ZONE" if _zone_and_unit(logical[_TIME_L])[0] else "TIME"
    return None


def _zone_and_unit(logical: object) -> tuple[bool, bool]:
    """Read whether a time is that of UTC, and whether it counts nanoseconds."""
    if not isinstance(logical, dict) or not isinstance(logical.get(2, {}), dict):
        raise Malformed("a schema element has other types")
    return bool(logical.get(1, False)), _NANOS in logical.get(2, {})


def _decimal(element: _Element) -> str:
    if element.precision is None or element.scale is None:
        raise _Unreadable
    return "DOUBLE" if element.precision > _MOST_DIGITS else f"DECIMAL({element.precision},{element.scale})"
