"""What the engine calls an aggregate or volatile is not mistaken for a plain function."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot

from gateway.plan.analysis.barriers import is_aggregating
from gateway.plan.analysis.constants import Constants
from gateway.plan.analysis.text import read


def functions(condition: str) -> list[str]:
    sql = f"SELECT DISTINCT function_name FROM duckdb_functions() WHERE {condition} ORDER BY 1"
    with duckdb.connect() as connection:
        return [name for (name,) in connection.execute(sql).fetchall() if name.isidentifier()]


WINDOW_ONLY = ("fill", "rank_dense", "row_number")
"""Listed as aggregates, but only called with OVER."""


@pytest.mark.parametrize("name", functions(f"function_type = 'aggregate' AND function_name NOT IN {WINDOW_ONLY}"))
def test_every_aggregate_of_the_engine_is_known(name: str) -> None:
    assert any(is_aggregating(sqlglot.parse_one(f"SELECT {call}", read="duckdb")) for call in calls(name))


@pytest.mark.parametrize("name", functions("stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"))
def test_no_volatile_function_of_the_engine_is_a_constant(name: str) -> None:
    clocks = read(f"SELECT {name}()").clocks
    constants = Constants(read(""), {})
    for call in calls(name):
        node = sqlglot.parse_one(f"SELECT {call}", read="duckdb").expressions[0]
        assert clocks or constants.kind(node) is None


def calls(name: str) -> list[str]:
    found = []
    for arguments in ("x", "x, y", "", "x, y, z"):
        try:
            sqlglot.parse_one(f"SELECT {name}({arguments})", read="duckdb")
        except sqlglot.errors.ParseError:
            continue
        found.append(f"{name}({arguments})")
    return found
