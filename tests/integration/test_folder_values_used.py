"""A column that only the folders hold is there for every query that uses it, by its name or without it.

What paths say of a column is left out of a statement that does not use it. The right answer is that of the same rows
in a table in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import answered, bound, in_any_order

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.pipeline import Gateway

NAMED = (
    "SELECT id FROM t WHERE p = 'a'",
    'SELECT id, "P" AS x FROM t',
    "SELECT u.p AS x FROM t AS u",
    "SELECT count(*) FILTER (WHERE p > 'a') AS n FROM t",
    "SELECT id FROM t ORDER BY p DESC, id LIMIT 1",
    "SELECT max(id) OVER (PARTITION BY p) AS n FROM t",
    "SELECT a.id FROM t AS a JOIN t AS b USING (p)",
    "SELECT id FROM t AS a WHERE EXISTS (SELECT 1 FROM t AS b WHERE b.id <> a.id AND b.p = a.p)",
    "SELECT list_transform([1], lambda x: p || x) AS l FROM t",
    "SELECT p, count(*) AS n FROM t GROUP BY ALL",
    "SELECT id, time_bucket(INTERVAL 2 DAY, DATE '2024-05-06', since) AS d FROM u",
    "SELECT id, date_trunc(unit, DATE '2024-05-06') AS d FROM u",
    "SELECT id, datetrunc(unit, DATE '2024-05-06') AS d FROM u",
    "SELECT id, date_diff(unit, DATE '2024-02-03', DATE '2024-05-06') AS n FROM u",
)
UNITS = [(0, "month", "2024-01-01"), (1, "day", "2024-01-02")]
UNNAMED = (
    "SELECT * FROM t",
    "FROM t",
    "SELECT t.* FROM t",
    "SELECT * EXCLUDE (id) FROM t",
    "SELECT x FROM (SELECT * FROM t) AS s(i, x, y)",
    "SELECT y FROM t AS s(i, x, y)",
    "WITH c(i, x, y) AS (FROM t) SELECT x, y FROM c",
    "SELECT COLUMNS('^p') FROM t",
    "SELECT max(COLUMNS(*)) FROM t",
    "SELECT #2 AS x, #3 AS y FROM t",
    "SELECT t FROM t",
    "SELECT to_json(u)::VARCHAR AS j FROM t AS u",
    "SELECT unnest(u) FROM t AS u",
    "SELECT count(DISTINCT u) AS n FROM t AS u",
    "SELECT id FROM t NATURAL JOIN t AS u",
    "SELECT DISTINCT * FROM t",
    "SELECT id FROM (FROM t UNION FROM t)",
    "SELECT id FROM (SELECT id, p FROM t EXCEPT SELECT 0, 'a')",
    "SELECT count(*) AS n FROM (SELECT DISTINCT * EXCLUDE (id) FROM t)",
    "SELECT * FROM t PIVOT (sum(id) FOR q IN ('x', 'y'))",
    "SELECT n FROM (SELECT count(*) AS n FROM t GROUP BY CUBE (p, q))",
    "SELECT sum(len(u.x)) AS n FROM (SELECT u.* FROM t AS u) AS u(i, x, y)",
)
UNUSED = (
    "SELECT count(*) AS n FROM t",
    "SELECT sum(id) AS n FROM t WHERE id > 0",
    "SELECT 'p' AS x FROM t",
    "WITH c(i) AS (SELECT id FROM t) SELECT i FROM c",
)


class Asked:
    """A gateway over files in folders of *p* and *q*, and of *unit* and *since*, and the same rows in memory."""

    def __init__(self, project: Path) -> None:
        self.rows = [(number, p, q) for number, (p, q) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")])]
        (project / "catalog").mkdir(parents=True)
        (project / "catalog/t.yaml").write_text(
            "table: t\nlocation: data\ncolumns: {id: BIGINT}\n"
            "partitioned_by:\n"
            "  - {column: p, transform: identity, source: p}\n"
            "  - {column: q, transform: identity, source: q}\n"
        )
        for number, p, q in self.rows:
            path = project / f"data/p={p}/q={q}/part.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(pa.table({"id": [number]}), path)
        (project / "catalog/u.yaml").write_text(
            "table: u\nlocation: units\ncolumns: {id: BIGINT, since: DATE}\n"
            "partitioned_by:\n"
            "  - {column: unit, transform: identity, source: unit}\n"
            "  - {column: since, transform: identity, source: since}\n"
        )
        for number, unit, since in UNITS:
            path = project / f"units/unit={unit}/since={since}/part.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(pa.table({"id": [number]}), path)
        self.settings = load_settings(project, {})

    def right(self, sql: str) -> list[str]:
        with duckdb.connect() as oracle:
            oracle.execute("CREATE TABLE t(id BIGINT, p VARCHAR, q VARCHAR)")
            oracle.executemany("INSERT INTO t VALUES (?, ?, ?)", self.rows)
            oracle.execute("CREATE TABLE u(id BIGINT, unit VARCHAR, since DATE)")
            oracle.executemany("INSERT INTO u VALUES (?, ?, ?)", UNITS)
            return in_any_order(oracle.execute(sql).to_arrow_table())


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return Asked(tmp_path_factory.mktemp("folders") / "project")


@pytest.fixture(scope="module")
def gateway(asked: Asked) -> Iterator[Gateway]:
    with open_gateway(asked.settings, observe=lambda event: None, background=False) as opened:
        yield opened


@pytest.mark.parametrize("sql", [*NAMED, *UNNAMED, *UNUSED])
def test_what_paths_say_is_read_wherever_it_is_used(asked: Asked, gateway: Gateway, sql: str) -> None:
    assert in_any_order(answered(gateway, sql)) == asked.right(sql)


@pytest.mark.parametrize("sql", UNUSED)
def test_what_paths_say_is_no_part_of_a_statement_that_does_not_use_it(gateway: Gateway, sql: str) -> None:
    plan = gateway.planning.planner.plan(bound(gateway, sql), gateway.catalog.pin())
    assert "file_index" not in plan.statement(lambda file: file.path).sql
