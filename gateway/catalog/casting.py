"""Rules for casting stored values to the declared type of their column; ``catalog/README.md`` documents them."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from functools import lru_cache

import pyarrow as pa

from gateway.catalog.sql_type import SqlType
from gateway.catalog.transforms.keys import KeyKind, KeyType, key_type


class Fit(IntEnum):
    """How values of a stored type become values of a declared one; of a nested type, the worst of its parts."""

    SAME = 0
    EXACT = 1
    """Every value has its equal in the declared type."""
    CHECKED = 2
    """A value may be lost: each is compared with what it became."""
    NEVER = 3
    """There is no cast that keeps what the values mean."""


@lru_cache(maxsize=4096)
def fit(stored: str, declared: str) -> Fit:
    """Judge what reading a column of type *stored* as *declared* does to its values.

    >>> fit("INTEGER", "DOUBLE").name, fit("DOUBLE", "INTEGER").name, fit("DATE", "DOUBLE").name
    ('EXACT', 'CHECKED', 'NEVER')
    """
    if stored == declared:
        return Fit.SAME
    return _fit(SqlType.parse(stored), SqlType.parse(declared))


def _fit(stored: SqlType, declared: SqlType) -> Fit:
    if stored == declared:
        return Fit.SAME
    if not stored.members and not declared.members:
        return _plain(str(stored), str(declared))
    if stored.name != declared.name or stored.name not in ("LIST", "MAP", "STRUCT"):
        return Fit.NEVER
    if stored.name == "STRUCT":
        return _fields(stored, declared)
    inner = [_fit(own, other) for (_, own), (_, other) in zip(stored.members, declared.members, strict=True)]
    return _without_codecs(max(inner), stored, declared)


def _fields(stored: SqlType, declared: SqlType) -> Fit:
    """Match the fields of structs by name: those that are not stored are NULL, those not declared are left out."""
    have = {name.lower(): part for name, part in stored.members}
    common = [(have[name.lower()], part) for name, part in declared.members if name.lower() in have]
    if not common or len(have) < len(stored.members):
        return Fit.NEVER
    worst = max(Fit.EXACT, *(_fit(own, wanted) for own, wanted in common))
    return _without_codecs(worst, stored, declared)


def common(stored: str, declared: str) -> str:
    """Return the *stored* type without those fields of its structs that are not declared.

    >>> common("STRUCT(a DOUBLE, b INTEGER)[]", "STRUCT(A BIGINT, c DATE)[]")
    'STRUCT(a DOUBLE)[]'
    """
    return str(_common(SqlType.parse(stored), SqlType.parse(declared)))


def _common(stored: SqlType, declared: SqlType) -> SqlType:
    if stored.name != "STRUCT":
        pairs = zip(stored.members, declared.members, strict=True)
        return replace(stored, members=tuple((name, _common(own, other)) for (name, own), (_, other) in pairs))
    wanted = {name.lower(): member for name, member in declared.members}
    kept = ((name, member) for name, member in stored.members if name.lower() in wanted)
    return replace(stored, members=tuple((name, _common(member, wanted[name.lower()])) for name, member in kept))


def _without_codecs(found: Fit, stored: SqlType, declared: SqlType) -> Fit:
    """Refuse what only a function, not a cast, turns into the other: bytes and texts inside of nested values."""
    if found is not Fit.CHECKED:
        return found
    have_bytes = [
        any(leaf.name == "BLOB" for leaf in type_.leaves())
        for type_ in (_common(stored, declared), _common(declared, stored))
    ]
    return Fit.NEVER if have_bytes[0] != have_bytes[1] else found


_TEXTS = {"VARCHAR", "JSON"}


def _plain(stored: str, declared: str) -> Fit:
    if stored.startswith("ENUM") or declared.startswith("ENUM"):
        return Fit.CHECKED if stored == "VARCHAR" else Fit.NEVER
    if stored in _TEXTS and declared in _TEXTS:
        return Fit.EXACT if declared == "VARCHAR" else Fit.CHECKED
    source, target = key_type(stored), key_type(declared)
    if source is None or target is None:
        return Fit.NEVER
    if declared == "VARCHAR":
        return Fit.CHECKED if source.kind is KeyKind.BLOB else Fit.EXACT
    if stored == "VARCHAR":
        return Fit.CHECKED
    return _kinds(source, target)


_LOSSY = {
    (KeyKind.INTEGER, KeyKind.BOOLEAN),
    (KeyKind.DECIMAL, KeyKind.INTEGER),
    (KeyKind.DECIMAL, KeyKind.DOUBLE),
    (KeyKind.DOUBLE, KeyKind.INTEGER),
    (KeyKind.DOUBLE, KeyKind.DECIMAL),
    (KeyKind.DATE, KeyKind.TIMESTAMP),
    (KeyKind.DATE, KeyKind.TIMESTAMPTZ),
    (KeyKind.TIMESTAMP, KeyKind.DATE),
    (KeyKind.TIMESTAMPTZ, KeyKind.DATE),
    (KeyKind.TIMESTAMP, KeyKind.TIMESTAMP),
    (KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ),
    (KeyKind.TIMESTAMPTZ, KeyKind.TIMESTAMP),
    (KeyKind.INTEGER, KeyKind.INTEGER),
    (KeyKind.INTEGER, KeyKind.DECIMAL),
    (KeyKind.INTEGER, KeyKind.DOUBLE),
    (KeyKind.DECIMAL, KeyKind.DECIMAL),
    (KeyKind.DOUBLE, KeyKind.DOUBLE),
    (KeyKind.BOOLEAN, KeyKind.INTEGER),
    (KeyKind.BLOB, KeyKind.VARCHAR),
}
_ZONED = ((KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ), (KeyKind.TIMESTAMPTZ, KeyKind.TIMESTAMP))


def _kinds(source: KeyType, target: KeyType) -> Fit:
    if (source.kind, target.kind) not in _LOSSY:
        return Fit.NEVER
    return Fit.EXACT if _holds_all(source, target) else Fit.CHECKED


def _holds_all(source: KeyType, target: KeyType) -> bool:
    """Return whether every value of *source* has its equal in *target*."""
    if (source.kind, target.kind) in _ZONED:
        return source.per_second == target.per_second
    if target.kind is KeyKind.DOUBLE:
        digits = 2**24 if target.arrow == pa.float32() else 2**53
        return source.arrow == pa.float32() or (
            source.kind is KeyKind.INTEGER and max(-source.lowest, source.highest) <= digits
        )
    if source.kind not in (KeyKind.INTEGER, KeyKind.DECIMAL, KeyKind.BOOLEAN) or target.kind not in (
        KeyKind.INTEGER,
        KeyKind.DECIMAL,
    ):
        return False
    shift = 10 ** (target.scale - source.scale) if target.scale >= source.scale else 0
    return shift > 0 and source.lowest * shift >= target.lowest and source.highest * shift <= target.highest
