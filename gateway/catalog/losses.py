"""Finds stored values that a declared type cannot hold: the checks of a query (``plan.checked``), by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.casting import Fit, fit
from gateway.catalog.sql_type import SqlType
from gateway.catalog.stored import folded
from gateway.catalog.transforms.keys import Array, KeyKind, KeyType, Values, key_type
from gateway.catalog.transforms.values import value_texts


class Incomparable(Exception):
    """No cast turns values of the one type into the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """The values of a column, or of one kind of member of its nested values, without NULL."""

    values: Array
    declared: str
    nested: bool
    """Nested values are cast and compared whole, so that a text must be just how its value is written."""


def compared_parts(values: Values, stored: str, declared: str) -> Iterator[ComparedPart]:
    """List what of a column of type *stored* may be lost under its *declared* type. Raises ``Incomparable``."""
    if fit(stored, declared) is Fit.NEVER:
        raise Incomparable
    tree, wanted = SqlType.parse(stored), SqlType.parse(declared)
    for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
        yield from _parts(chunk.drop_null(), tree, wanted, nested=bool(tree.members))


def _parts(values: Array, stored: SqlType, declared: SqlType, *, nested: bool) -> Iterator[ComparedPart]:
    if stored == declared:
        return
    if not stored.members:
        if key_type(str(declared)) is None or pa.types.is_nested(values.type):
            raise Incomparable
        if fit(str(stored), str(declared)) > Fit.EXACT:
            yield ComparedPart(values=values.unique(), declared=str(declared), nested=nested)
        return
    for members, inner, target in _members(values, stored, declared):
        yield from _parts(members.drop_null(), inner, target, nested=True)


def _members(values: Array, stored: SqlType, declared: SqlType) -> Iterator[tuple[Array, SqlType, SqlType]]:
    """Take values that are not NULL apart, as far as their members are declared."""
    type_ = values.type
    compute: Any = pc
    if stored.name == "MAP" and pa.types.is_map(type_):
        for members, (_, inner), (_, target) in zip(
            (values.keys, values.items), stored.members, declared.members, strict=True
        ):
            yield members, inner, target
    elif stored.name == "LIST" and (
        pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
    ):
        yield values.flatten(), stored.members[0][1], declared.members[0][1]
    elif stored.name == "STRUCT" and pa.types.is_struct(type_) and [name for name, _ in stored.members] == type_.names:
        wanted = {folded(name): part for name, part in declared.members}
        for place, (name, part) in enumerate(stored.members):
            if folded(name) in wanted:
                yield compute.struct_field(values, [place]), part, wanted[folded(name)]
    else:
        raise Incomparable


def lost_value(part: ComparedPart) -> Any:
    """Find a value that is not the same after it was cast there and back; None if there is none."""
    kind = key_type(part.declared)
    return None if kind is None else _lost(part.values, kind, nested=part.nested)


def _lost(values: Any, kind: KeyType, *, nested: bool) -> Any:
    compute: Any = pc
    if not len(values):
        return None
    try:
        there = _cast(values, kind.arrow)
        if pa.types.is_string(values.type):
            same = _said(values, there, kind, nested=nested)
        else:
            same = compute.equal(_cast(there, values.type), values)
    except (pa.ArrowException, ValueError, OverflowError):
        middle = len(values) // 2
        if not middle:
            return values[0]
        left = _lost(values[:middle], kind, nested=nested)
        return _lost(values[middle:], kind, nested=nested) if left is None else left
    if pa.types.is_floating(values.type):
        same = compute.or_(same, compute.is_nan(values))
    row = compute.index(same, False).as_py()
    return None if row < 0 else values[row]


def _cast(values: Any, target: pa.DataType) -> Any:
    """Cast values; integers to decimals by one with room for all, which pyarrow demands whatever the values are."""
    if pa.types.is_decimal(target) and pa.types.is_integer(values.type):
        values = values.cast(pa.decimal256(76, target.scale))
    return values.cast(target)


def _said(texts: Any, values: Any, kind: KeyType, *, nested: bool) -> Any:
    """Tell of each text whether it is how its value is written."""
    compute: Any = pc
    written = _written(values, kind)
    if nested:
        return compute.equal(written, texts)
    if pa.types.is_decimal(values.type):
        fraction = rf"(\.[0-9]{{1,{kind.scale}}})?" if kind.scale else ""
        return compute.match_substring_regex(texts, rf"^-?(0|[1-9][0-9]*){fraction}$")
    if pa.types.is_floating(values.type):
        whole = compute.binary_join_element_wise(texts, pa.scalar(".0"), pa.scalar(""))
        return compute.or_(compute.equal(written, texts), compute.equal(written, whole))
    if pa.types.is_timestamp(values.type):
        texts = compute.replace_substring(texts, "T", " ")
    return compute.equal(written, texts)


def _written(values: Any, kind: KeyType) -> Any:
    """Write values as the engine does. Unlike in a folder, a double has a point, and -0.0 is not 0.0."""
    if kind.kind is not KeyKind.DOUBLE:
        return value_texts(values, kind)
    compute: Any = pc
    return compute.replace_substring_regex(values.cast(pa.string()), r"^(-?\d+)$", r"\1.0")
