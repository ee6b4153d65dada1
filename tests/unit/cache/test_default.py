"""Rows for when there is nothing at all."""

from __future__ import annotations

from datetime import UTC, date, datetime

from gateway.cache.default import default_result
from gateway.model import BoundQuery, Column

QUERY = BoundQuery(name="q", version=2, sql="", normalised="", tables=(), parameters={})


def test_rows_become_columns_of_the_kinds_that_they_hold() -> None:
    row = {
        "b": True,
        "i": 1,
        "f": 1.5,
        "s": "x",
        "d": date(2013, 1, 1),
        "t": datetime(2013, 1, 1, 5),
        "z": datetime(2013, 1, 1, 5, tzinfo=UTC),
        "n": None,
    }
    result = default_result(QUERY, [row, dict.fromkeys(row)], now=5.0)
    assert [column.type for column in result.columns] == [
        "BOOLEAN",
        "BIGINT",
        "DOUBLE",
        "VARCHAR",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "VARCHAR",
    ]
    assert result.table.to_pylist() == [row, dict.fromkeys(row)]
    assert (result.query, result.version, result.created_at) == ("q", 2, 5.0)


def test_whole_and_broken_numbers_make_one_column() -> None:
    result = default_result(QUERY, [{"n": 1}, {"n": 0.5}], now=5.0)
    assert result.columns == (Column(name="n", type="DOUBLE"),)
    assert result.table["n"].to_pylist() == [1.0, 0.5]


def test_other_rows_have_another_key() -> None:
    keys = {default_result(QUERY, [{"n": value}], now=5.0).key for value in (1, 1.0, "1", True, None)}
    assert len(keys) == 5
