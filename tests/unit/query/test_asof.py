"""ASOF joins that the engine answers wrongly are found, and what is found is wrong in the engine."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot

from gateway.query.asof import unguarded_asof_joins

WRONG = [
    "l.k = r.k AND l.t >= r.t",
    "l.k = r.k AND r.t <= l.t",
    "(l.k = r.k) AND (l.t > r.t)",
    "l.k = r.k AND r.t IS NOT NULL AND l.t >= r.t",
    "l.k = r.k AND l.t + 1 >= r.t AND l.k IS NOT NULL",
]
RIGHT = [
    "l.t IS NOT NULL AND l.k = r.k AND l.t >= r.t",
    "l.k = r.k AND l.t >= r.t AND NOT l.t IS NULL",
    "l.k = r.k AND (r.t) <= l.t AND (l.t IS NOT NULL)",
    "l.t >= r.t",
]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET asof_loop_join_threshold = 0")
    connection.execute("CREATE TABLE l AS SELECT 1 AS k, unnest([10, NULL]) AS t")
    connection.execute("CREATE TABLE r AS SELECT 1 AS k, 5 AS t")
    return connection


def found(sql: str) -> list[str | None]:
    return [mistake.hint for mistake in unguarded_asof_joins(sqlglot.parse_one(sql, read="duckdb"))]


@pytest.mark.parametrize("condition", WRONG)
def test_a_join_that_matches_null_is_found(condition: str, connection: duckdb.DuckDBPyConnection) -> None:
    sql = f"SELECT count(r.t) FROM l ASOF JOIN r ON {condition}"
    assert connection.execute(sql).fetchall() == [(2,)]
    assert len(found(sql)) == 1


@pytest.mark.parametrize("condition", RIGHT)
@pytest.mark.parametrize("kind", ["", "LEFT"])
def test_a_join_that_keeps_null_out_is_not(condition: str, kind: str, connection: duckdb.DuckDBPyConnection) -> None:
    sql = f"SELECT count(r.t) FROM l ASOF {kind} JOIN r ON {condition}"
    assert connection.execute(sql).fetchall() == [(1,)]
    assert found(sql) == []


def test_the_hint_is_what_to_add() -> None:
    assert found("SELECT 1 FROM l ASOF JOIN r ON l.k = r.k AND l.t >= r.t") == ["add to its ON: l.t IS NOT NULL"]


def test_names_that_may_be_of_either_side_are_both_to_be_kept_from_null() -> None:
    assert found("SELECT 1 FROM l ASOF JOIN r ON k = k2 AND t >= t2") == [
        "add to its ON: t IS NOT NULL AND t2 IS NOT NULL"
    ]


def test_using_cannot_be_guarded_and_is_distinct_from_is_no_equality() -> None:
    assert len(found("SELECT 1 FROM l ASOF JOIN r USING (k, t)")) == 1
    assert found("SELECT 1 FROM l ASOF JOIN r USING (t)") == []
    guarded = "l.t IS NOT NULL AND l.k IS NOT DISTINCT FROM r.k AND l.t >= r.t"
    assert found(f"SELECT 1 FROM l ASOF JOIN r ON {guarded}") == ["write =, or coalesce both sides"]
