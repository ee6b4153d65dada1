"""What becomes of a stored value under the declared type of its column: the rules of ``catalog/README.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import pyarrow as pa

from gateway.catalog.column_types import canonical_type
from gateway.catalog.stored import quoted
from gateway.catalog.transforms.keys import Kind, SqlType, sql_type


class Fit(IntEnum):
    """How values of a stored type become values of a declared one; of a nested type, the worst of its parts."""

    SAME = 0
    EXACT = 1
    """Every value has its equal in the declared type."""
    CHECKED = 2
    """A value may be lost: each is compared with what it became."""
    NEVER = 3
    """There is no cast that keeps what the values mean."""


@dataclass(frozen=True, slots=True)
class Nested:
    """A type as a tree: ``name`` is LIST, ARRAY with its size, STRUCT, MAP, or that of a plain type."""

    name: str
    parts: tuple[tuple[str, Nested], ...] = ()


@lru_cache(maxsize=4096)
def fit(stored: str, declared: str) -> Fit:
    """Judge what reading a column of type *stored* as *declared* does to its values.

    >>> fit("INTEGER", "DOUBLE").name, fit("DOUBLE", "INTEGER").name, fit("DATE", "DOUBLE").name
    ('EXACT', 'CHECKED', 'NEVER')
    """
    if stored == declared:
        return Fit.SAME
    return _fit(parsed(stored), parsed(declared))


def _fit(stored: Nested, declared: Nested) -> Fit:
    if stored == declared:
        return Fit.SAME
    if not stored.parts and not declared.parts:
        return _plain(stored.name, declared.name)
    if stored.name != declared.name or stored.name not in ("LIST", "MAP", "STRUCT"):
        return Fit.NEVER
    if stored.name == "STRUCT":
        return _fields(stored, declared)
    inner = [_fit(one, other) for (_, one), (_, other) in zip(stored.parts, declared.parts, strict=True)]
    return _without_codecs(max(inner), stored, declared)


def _fields(stored: Nested, declared: Nested) -> Fit:
    """Match the fields of structs by name: those that are not stored are NULL, those not declared are left out."""
    have = {name.lower(): part for name, part in stored.parts}
    common = [(have[name.lower()], part) for name, part in declared.parts if name.lower() in have]
    if not common or len(have) < len(stored.parts):
        return Fit.NEVER
    worst = max(Fit.EXACT, *(_fit(one, other) for one, other in common))
    return _without_codecs(worst, stored, declared)


def common(stored: str, declared: str) -> str:
    """Return the *stored* type without those fields of its structs that are not declared.

    >>> common("STRUCT(a DOUBLE, b INTEGER)[]", "STRUCT(A BIGINT, c DATE)[]")
    'STRUCT(a DOUBLE)[]'
    """
    return spelled(_common(parsed(stored), parsed(declared)))


def _common(stored: Nested, declared: Nested) -> Nested:
    if stored.name != "STRUCT":
        pairs = zip(stored.parts, declared.parts, strict=True)
        return Nested(stored.name, tuple((name, _common(part, other)) for (name, part), (_, other) in pairs))
    wanted = {name.lower(): part for name, part in declared.parts}
    kept = ((name, part) for name, part in stored.parts if name.lower() in wanted)
    return Nested("STRUCT", tuple((name, _common(part, wanted[name.lower()])) for name, part in kept))


def _without_codecs(found: Fit, stored: Nested, declared: Nested) -> Fit:
    """Refuse what only a function, not a cast, turns into the other: bytes and texts inside of nested values."""
    if found is not Fit.CHECKED:
        return found
    one, other = set(leaves(_common(stored, declared))), set(leaves(_common(declared, stored)))
    return Fit.NEVER if ("BLOB" in one) != ("BLOB" in other) else found


def leaves(tree: Nested) -> Iterator[str]:
    """List the plain types in a type."""
    if not tree.parts:
        yield tree.name
    for _, part in tree.parts:
        yield from leaves(part)


_TEXTS = {"VARCHAR", "JSON"}


def _plain(stored: str, declared: str) -> Fit:
    if stored.startswith("ENUM") or declared.startswith("ENUM"):
        return Fit.CHECKED if stored == "VARCHAR" else Fit.NEVER
    if stored in _TEXTS and declared in _TEXTS:
        return Fit.EXACT if declared == "VARCHAR" else Fit.CHECKED
    one, other = sql_type(stored), sql_type(declared)
    if one is None or other is None:
        return Fit.NEVER
    if declared == "VARCHAR":
        return Fit.CHECKED if one.kind is Kind.BLOB else Fit.EXACT
    if stored == "VARCHAR":
        return Fit.CHECKED
    return _kinds(one, other)


_LOSSY = {
    (Kind.INTEGER, Kind.BOOLEAN),
    (Kind.DECIMAL, Kind.INTEGER),
    (Kind.DECIMAL, Kind.DOUBLE),
    (Kind.DOUBLE, Kind.INTEGER),
    (Kind.DOUBLE, Kind.DECIMAL),
    (Kind.DATE, Kind.TIMESTAMP),
    (Kind.DATE, Kind.TIMESTAMPTZ),
    (Kind.TIMESTAMP, Kind.DATE),
    (Kind.TIMESTAMPTZ, Kind.DATE),
    (Kind.TIMESTAMP, Kind.TIMESTAMP),
    (Kind.TIMESTAMP, Kind.TIMESTAMPTZ),
    (Kind.TIMESTAMPTZ, Kind.TIMESTAMP),
    (Kind.INTEGER, Kind.INTEGER),
    (Kind.INTEGER, Kind.DECIMAL),
    (Kind.INTEGER, Kind.DOUBLE),
    (Kind.DECIMAL, Kind.DECIMAL),
    (Kind.DOUBLE, Kind.DOUBLE),
    (Kind.BOOLEAN, Kind.INTEGER),
    (Kind.BLOB, Kind.VARCHAR),
}
_ZONED = ((Kind.TIMESTAMP, Kind.TIMESTAMPTZ), (Kind.TIMESTAMPTZ, Kind.TIMESTAMP))


def _kinds(one: SqlType, other: SqlType) -> Fit:
    if (one.kind, other.kind) not in _LOSSY:
        return Fit.NEVER
    return Fit.EXACT if _holds_all(one, other) else Fit.CHECKED


def _holds_all(one: SqlType, other: SqlType) -> bool:
    """Tell whether every value of *one* has its equal in *other*."""
    if (one.kind, other.kind) in _ZONED:
        return one.per_second == other.per_second
    if other.kind is Kind.DOUBLE:
        digits = 2**24 if other.arrow == pa.float32() else 2**53
        return one.arrow == pa.float32() or (one.kind is Kind.INTEGER and max(-one.lowest, one.highest) <= digits)
    if one.kind not in (Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN) or other.kind not in (Kind.INTEGER, Kind.DECIMAL):
        return False
    shift = 10 ** (other.scale - one.scale) if other.scale >= one.scale else 0
    return shift > 0 and one.lowest * shift >= other.lowest and one.highest * shift <= other.highest


@lru_cache(maxsize=4096)
def parsed(text: str) -> Nested:
    """Read the name of a DuckDB type.

    >>> parsed("STRUCT(a INT, b TEXT[])").parts[0]
    ('a', Nested(name='INTEGER', parts=()))
    """
    text = text.strip()
    array = re.fullmatch(r"(.+)\[(\d*)\]", text, re.DOTALL)
    if array is not None:
        return Nested(f"ARRAY{array[2]}" if array[2] else "LIST", (("", parsed(array[1])),))
    composite = re.fullmatch(r"(STRUCT|MAP)\s*\((.*)\)", text, re.IGNORECASE | re.DOTALL)
    if composite is None:
        return Nested(_canonical(text))
    if composite[1].upper() == "MAP":
        return Nested("MAP", tuple(("", parsed(part)) for part in _split(composite[2])))
    return Nested("STRUCT", tuple(_field(part) for part in _split(composite[2])))


def _canonical(text: str) -> str:
    try:
        return canonical_type(text)
    except ValueError:  # a type that no declaration may have, of a file
        return text


def _field(text: str) -> tuple[str, Nested]:
    match = re.fullmatch(r'\s*(?:"((?:[^"]|"")*)"|(\S+))\s+(.+)', text, re.DOTALL)
    if match is None:
        return "", Nested(text)
    return (match[2] or (match[1] or "").replace('""', '"')), parsed(match[3])


def _split(text: str) -> list[str]:
    """Cut a list at its commas, those in parentheses and quotes aside."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|[(),]', text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if match[0] == "," and depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def spelled(tree: Nested) -> str:
    """Write a type; the inverse of ``parsed``."""
    if not tree.parts:
        return tree.name
    parts = [(name, spelled(part)) for name, part in tree.parts]
    if tree.name == "STRUCT":
        return f"STRUCT({', '.join(f'{quoted(name)} {type_}' for name, type_ in parts)})"
    if tree.name == "MAP":
        return f"MAP({parts[0][1]}, {parts[1][1]})"
    return f"{parts[0][1]}[{tree.name.removeprefix('ARRAY') if tree.name != 'LIST' else ''}]"
