"""Infers the columns of a table that declares none, from the footers of its files, each in one common type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog import facts, footers
from gateway.catalog.casting import Fit, fit
from gateway.catalog.facts import FACTS, FileFacts
from gateway.catalog.manifest import Snapshot
from gateway.catalog.sql_type import SqlType
from gateway.catalog.store import Store
from gateway.catalog.stored import folded, quoted
from gateway.catalog.transforms.keys import KeyKind, KeyType, key_type
from gateway.model import Column

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS = {KeyKind.BOOLEAN, KeyKind.INTEGER, KeyKind.DECIMAL, KeyKind.DOUBLE}
_TIMES = {KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ}
_DIGITS = 38


MOST = 5_000
"""Files whose footers are read to learn the columns of a table before it can be asked; of more, so many of them, spread
evenly and the same ones after every listing. What the others hold is read under these columns, too."""


class NoType(Exception):
    """Files store a column in types that no type takes in."""

    def __init__(self, column: str, types: Iterable[str]) -> None:
        super().__init__(f"files store the column {column!r} as {' and as '.join(sorted(types))}")


def infer(store: Store, files: pa.Table, previous: Snapshot | None) -> tuple[tuple[Column, ...], pa.Table]:
    """Return the columns of *files* (see ``manifest.versioned``), and what had to be read of their footers.

    Facts that *previous* knows are not read again. Without a file that can be read there are no columns. Raises
    ``NoType`` and ``StorageFailed``.
    """
    sample = files.filter(pa.array(footers.sampled(files, MOST)))
    known = _known(sample, previous)
    unread = sample.filter(pa.array([file is None for file in known], pa.bool_()))
    found = footers.read(store, unread, {}).table
    read = dict(zip(found["version"].to_pylist(), facts.facts_of(found, range(found.num_rows)), strict=True))
    pairs = zip(sample["version"].to_pylist(), known, strict=True)
    every = [file or read.get(version) for version, file in pairs]
    sound = dict.fromkeys(file for file in every if file is not None and file.problem is None)
    return columns_of(sound), found.select(["version", FACTS])


def _known(files: pa.Table, previous: Snapshot | None) -> list[FileFacts | None]:
    """Return what *previous* knows of each of *files*."""
    if previous is None:
        return [None] * files.num_rows
    at: Any = pc.index_in(files["version"], value_set=previous.files["version"].combine_chunks())
    positions = [position for position in at.to_pylist() if position is not None]
    known = dict(zip(positions, facts.facts_of(previous.files, positions), strict=True))
    return [None if position is None else known[position] for position in at.to_pylist()]


def columns_of(files: Iterable[FileFacts]) -> tuple[Column, ...]:
    """Join the columns of *files*, in the order and the spelling in which they first stand.

    A column that SQL has no name for, or a field of it, is left out. Raises ``NoType``.
    """
    names: dict[str, str] = {}
    types: dict[str, dict[str, None]] = {}
    for known in files:
        named = [column for column in known.columns if _nameable(column.name, column.type)]
        own = {folded(column.name): column for column in reversed(named)}  # of two, the first one is read
        for key in dict.fromkeys(folded(column.name) for column in named):
            names.setdefault(key, own[key].name)
            kinds = types.setdefault(key, {})
            type_ = own[key].type
            if type_ is not None and not own[key].untyped:
                kinds[type_] = None
    return tuple(Column(name=name, type=_one_type(name, list(types[key]))) for key, name in names.items())


def _nameable(name: str, type_: str | None) -> bool:
    """Return whether SQL can write the name of a column and those of the fields in its type."""
    return bool(name) and "\0" not in name and (type_ is None or _fields_nameable(SqlType.parse(type_)))


def _fields_nameable(tree: SqlType) -> bool:
    struct = tree.name == "STRUCT"
    return all((not struct or _nameable(name, None)) and _fields_nameable(part) for name, part in tree.members)


def _one_type(name: str, types: Sequence[str]) -> str:
    found = widest(types)
    if found is None:
        raise NoType(name, types)
    return found


def widest(types: Sequence[str]) -> str | None:
    """Return the type for the values of all *types*: INTEGER for none, as the engine has it; None if there is none.

    >>> widest(["BIGINT", "DOUBLE"]), widest(["DATE", "TIMESTAMP"]), widest(["SMALLINT", "UTINYINT"])
    ('DOUBLE', 'TIMESTAMP', 'SMALLINT')
    """
    if not types:
        return "INTEGER"
    trees = [SqlType.parse(type_) for type_ in types]
    for type_, tree in zip(types, trees, strict=True):
        if _all_exact(types, type_) and all(_has_fields_of(tree, other) for other in trees):
            return type_
    if any(tree.members for tree in trees):
        return _nested(trees)
    kinds = [key_type(type_) for type_ in types]
    if any(kind is None for kind in kinds):
        return _text(types)
    return _plain([kind for kind in kinds if kind is not None], types)


def _has_fields_of(tree: SqlType, other: SqlType) -> bool:
    """Return whether no field of a struct in *other*, at any depth, is left out in *tree*."""
    if other.name != "STRUCT":
        pairs = zip(tree.members, other.members, strict=False)
        return all(_has_fields_of(own, others) for (_, own), (_, others) in pairs)
    fields = {folded(name): part for name, part in tree.members}
    return all(folded(name) in fields and _has_fields_of(fields[folded(name)], part) for name, part in other.members)


def _plain(kinds: Sequence[KeyType], types: Sequence[str]) -> str | None:
    found = {kind.kind for kind in kinds}
    if found <= {KeyKind.BOOLEAN, KeyKind.INTEGER}:
        return next(wide for wide in (*_INTEGERS, "DOUBLE") if wide == "DOUBLE" or _all_exact(types, wide))
    if found <= _NUMBERS - {KeyKind.BOOLEAN}:
        return _number(kinds, types)
    if found <= _TIMES:
        return _time(found, types)
    return _text(types)


def _all_exact(types: Sequence[str], wide: str) -> bool:
    return all(fit(type_, wide) <= Fit.EXACT for type_ in types)


def _number(kinds: Sequence[KeyType], types: Sequence[str]) -> str:
    """Choose a DECIMAL with room for all digits, or DOUBLE where one is, or where there is no room."""
    scale = max(kind.scale for kind in kinds)
    whole = max(len(str(max(kind.highest, -kind.lowest) // 10**kind.scale)) for kind in kinds)
    decimal = f"DECIMAL({whole + scale},{scale})"
    return decimal if whole + scale <= _DIGITS and _all_exact(types, decimal) else "DOUBLE"


def _time(found: set[KeyKind], types: Sequence[str]) -> str:
    if KeyKind.TIMESTAMPTZ in found:
        return "TIMESTAMP WITH TIME ZONE"
    return "TIMESTAMP_NS" if "TIMESTAMP_NS" in types else "TIMESTAMP"


def _text(types: Sequence[str]) -> str | None:
    return "VARCHAR" if all(fit(type_, "VARCHAR") <= Fit.CHECKED for type_ in types) else None


def _nested(trees: Sequence[SqlType]) -> str | None:
    """Widen the members of lists and maps of one kind, and the fields of structs by their names."""
    if len({tree.name for tree in trees}) > 1 or trees[0].name not in ("LIST", "MAP", "STRUCT"):
        return None
    if trees[0].name == "STRUCT":
        return _struct(trees)
    members = [widest(_texts(part)) for part in zip(*(tree.members for tree in trees), strict=True)]
    if any(member is None for member in members):
        return None
    return f"{members[0]}[]" if trees[0].name == "LIST" else f"MAP({members[0]}, {members[1]})"


def _texts(parts: Iterable[tuple[str, SqlType]]) -> list[str]:
    return list(dict.fromkeys(str(part) for _, part in parts))


def _struct(trees: Sequence[SqlType]) -> str | None:
    fields: dict[str, list[tuple[str, SqlType]]] = {}
    for tree in trees:
        for name, part in tree.members:
            fields.setdefault(folded(name), []).append((name, part))
    types = {parts[0][0]: widest(_texts(parts)) for parts in fields.values()}
    if any(type_ is None for type_ in types.values()):
        return None
    return f"STRUCT({', '.join(f'{quoted(name)} {type_}' for name, type_ in types.items())})"
