"""Evaluates invariants of a result: SQL conditions over its rows, which are the table ``result``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

_COMPARED = re.compile(r"^(.+?)\s*(?:<=|>=|<>|!=|==|=|<|>)\s*[^<>=]+$", re.DOTALL)
_SHOWN = 3


def broken(result: pa.Table, expressions: Sequence[str]) -> list[tuple[str, str]]:
    """Return each of *expressions* that does not hold, and what there is instead.

    An expression with an aggregate is one condition; without, it must hold in every row. NULL does not hold.
    """
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("result", result)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        checked = ((text, _instead(connection, text)) for text in expressions)
        return [(text, instead) for text, instead in checked if instead is not None]


def _instead(connection: duckdb.DuckDBPyConnection, text: str) -> str | None:
    """Return why an expression does not hold; None if it does."""
    try:
        values = [row[0] for row in connection.execute(f"SELECT ({text}) FROM result").fetchall()]
    except duckdb.Error as error:
        return f"cannot be evaluated: {str(error).splitlines()[0].partition(': ')[2]}"
    wrong = [number for number, value in enumerate(values, start=1) if value is not True]
    if not wrong:
        return None
    compared = _COMPARED.match(text)
    side = compared[1] if compared is not None else text
    if len(values) == 1:
        return f"{side} is {_value(connection, side)}"
    rows = ", ".join(map(str, wrong[:_SHOWN])) + (", …" if len(wrong) > _SHOWN else "")
    return f"does not hold in {len(wrong)} of {len(values)} rows: {rows}"


def _value(connection: duckdb.DuckDBPyConnection, text: str) -> Any:
    try:
        row = connection.execute(f"SELECT ({text}) FROM result").fetchone()
    except duckdb.Error:
        return "not known"
    return "NULL" if row is None or row[0] is None else row[0]
