"""Bind typed values to the parameters of an SQL text, with exactly the type that was declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from math import isnan
from typing import Any, Protocol

import duckdb
from duckdb.sqltypes import DuckDBPyType

from gateway.errors import QueryFailed
from gateway.interval import Interval


class Typed(Protocol):
    """A value with the DuckDB type it is bound as, such as ``model.TypedValue``, whose module is slow to import."""

    @property
    def value(self) -> Any: ...

    @property
    def type(self) -> str: ...


def bind(sql: str, used: Collection[str], parameters: Mapping[str, Typed]) -> tuple[str, dict[str, duckdb.Value]]:
    """Return *sql* and the values for its parameters *used*. Raises ``QueryFailed`` where one is missing.

    DuckDB's client binds NULL without a type, so ``date_trunc('day', $p)`` would be ambiguous: a parameter that is
    NULL is written into the text instead, as ``CAST(NULL AS <type>)``, which needs no value of the caller's.
    """
    given = {name.lower(): typed for name, typed in parameters.items()}
    missing = [name for name in used if name.lower() not in given]
    if missing:
        raise QueryFailed(f"No value was given for ${missing[0]}.")
    values = {name: given[name.lower()] for name in used}
    nulls = {name.lower(): f"CAST(NULL AS {typed.type})" for name, typed in values.items() if typed.value is None}
    bound = {name: _value(typed) for name, typed in values.items() if typed.value is not None}
    return (_replaced(sql, nulls) if nulls else sql), bound


def _value(typed: Typed) -> duckdb.Value:
    """Wrap a value for the client.

    Decimals, NaN and intervals go as text, for the client would bind ``Decimal('1E+5')`` as 1.00000, NaN as NULL, and
    an hour before as the 23rd hour of the day before; so do lists without a member that is not NULL, whose type it
    would lose.
    """
    value = typed.value
    if isinstance(value, list):
        if all(member is None for member in value):
            return duckdb.Value(f"[{', '.join('NULL' for _ in value)}]", _type(typed.type))
        return duckdb.Value([_plain(member) for member in value], _type(typed.type))
    return duckdb.Value(_plain(value), _type(typed.type))


@lru_cache(maxsize=256)
def _type(name: str) -> DuckDBPyType:
    return DuckDBPyType(name)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float) and isnan(value):
        return "nan"
    return str(value) if isinstance(value, Interval) else value


def _replaced(sql: str, replacements: Mapping[str, str]) -> str:
    """Replace each ``$name`` that is a parameter, found by DuckDB's own tokenizer, whose offsets count bytes.

    >>> _replaced("SELECT $a, '$a' -- $a", {"a": "NULL"})
    "SELECT NULL, '$a' -- $a"
    """
    text = sql.encode()
    tokens = [offset for offset, _ in duckdb.tokenize(sql)]
    pieces, done = [], 0
    for here, after in pairwise(tokens):
        if text[here : here + 1] != b"$" or after != here + 1:
            continue
        name = _word(text, after)
        replacement = replacements.get(name.lower())
        if replacement is not None:
            pieces += [text[done:here], replacement.encode()]
            done = after + len(name.encode())
    return b"".join([*pieces, text[done:]]).decode()


def _word(text: bytes, start: int) -> str:
    end = start
    while end < len(text) and (text[end : end + 1].isalnum() or text[end] in b"_" or text[end] >= 0x80):
        end += 1
    return text[start:end].decode()
