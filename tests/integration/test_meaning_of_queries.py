"""Questions whose answer would change if the planner took a name, or a block that always yields a row, for another.

Each is asked of a gateway over partitioned files; what is right is written down, and plain DuckDB is asked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import answered

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.pipeline import Gateway

MARCH_9, MARCH_10, APRIL_1 = date(2024, 3, 9), date(2024, 3, 10), date(2024, 4, 1)
A = [(1, MARCH_9, 1, "x"), (2, MARCH_10, 2, "y"), (3, APRIL_1, 0, "x")]
C = [(1, MARCH_9, 1)]

CASES = {
    "a constant FALSE inside an ungrouped aggregate": (
        "SELECT a.id, c.id AS cid, q.k FROM a LEFT JOIN c ON a.d = c.d AND a.d >= DATE '2024-04-01' "
        "CROSS JOIN (SELECT count(*) AS k FROM c WHERE false) q",
        [(1, None, 0), (2, None, 0), (3, None, 0)],
    ),
    "a constant FALSE before an empty grouping set": (
        "SELECT a.id, c.id AS cid, q.k FROM a LEFT JOIN c ON a.d = c.d AND a.d >= DATE '2024-04-01' "
        "CROSS JOIN (SELECT count(*) AS k FROM c WHERE false GROUP BY GROUPING SETS ((), (n))) q",
        [(1, None, 0), (2, None, 0), (3, None, 0)],
    ),
    "a subquery beside an aggregate over no rows": (
        "SELECT count(*) AS none, "
        "(SELECT count(*) FROM a x LEFT JOIN c ON x.d = c.d AND x.d >= DATE '2024-04-01') AS n FROM a WHERE false",
        [(0, 3)],
    ),
    "an aggregate in a subquery that is of the block around": (
        "SELECT q.k, a.id, c.id AS cid FROM a LEFT JOIN c ON a.d = c.d AND a.d >= DATE '2024-04-01' "
        "CROSS JOIN (SELECT (SELECT count(p.n)) AS k FROM c AS p WHERE false) q",
        [(0, 1, None), (0, 2, None), (0, 3, None)],
    ),
    "GROUP BY () in EXISTS": (
        "SELECT id FROM a WHERE EXISTS "
        "(SELECT count(*) FROM c WHERE c.n = a.n AND a.d >= DATE '2024-04-01' GROUP BY ())",
        [(1,), (2,), (3,)],
    ),
    "GROUP BY () twice": (
        "SELECT id FROM a WHERE EXISTS (SELECT 1 FROM c WHERE a.d >= DATE '2024-04-01' GROUP BY (), ())",
        [(1,), (2,), (3,)],
    ),
    "DISTINCT ON a name that is a column and an alias": (
        "SELECT id, raw FROM (SELECT DISTINCT ON (d) d AS raw, g AS d, id FROM a ORDER BY d, id) "
        "WHERE raw >= DATE '2024-03-10'",
        [(2, MARCH_10)],
    ),
    "an alias used again in the same list": (
        "SELECT o.id FROM (SELECT id, d AS x FROM a) o "
        "WHERE EXISTS (SELECT c.d + 1 AS x, x AS y FROM c WHERE y = DATE '2024-03-10')",
        [(1,), (2,), (3,)],
    ),
    "an alias of the block around, not a column farther out": (
        "SELECT o.id FROM (SELECT id, d AS x FROM a) o WHERE EXISTS "
        "(SELECT c.d + 1 AS x FROM c WHERE EXISTS (SELECT 1 WHERE x = DATE '2024-03-10'))",
        [(1,), (2,), (3,)],
    ),
    "a source that is joined after its name stands in ON": (
        "SELECT o.id FROM (SELECT id, d AS w FROM a) o WHERE EXISTS "
        "(SELECT 1 FROM c JOIN c AS e ON w = DATE '2024-04-01' JOIN (SELECT d AS w FROM c) z ON true)",
        [(3,)],
    ),
    "a name of the right side of a SEMI JOIN behind it": (
        "SELECT b.id FROM a AS b WHERE EXISTS "
        "(SELECT 1 FROM a AS x SEMI JOIN c AS b ON true WHERE b.d = DATE '2024-04-01')",
        [(3,)],
    ),
    "a column in parentheses keeps its name": (
        "SELECT o.id FROM a AS o WHERE EXISTS "
        "(SELECT 1 FROM (SELECT (d), n + 7 AS g FROM c) WHERE d = DATE '2024-03-09')",
        [(1,), (2,), (3,)],
    ),
    "the second of two columns of one name": (
        "SELECT o.id FROM (SELECT id, d AS d_1 FROM a) o WHERE EXISTS "
        "(SELECT 1 FROM (SELECT n, n, d AS e, d AS e FROM c) q, (SELECT c.d, c.d + 1 AS d FROM c) r "
        "WHERE d_1 = DATE '2024-03-10')",
        [(1,), (2,), (3,)],
    ),
    "a window over one partition, not over the first column": (
        "SELECT d, w FROM (SELECT d, count(*) OVER (PARTITION BY 1) AS w FROM a) WHERE d = DATE '2024-03-10'",
        [(MARCH_10, 3)],
    ),
    "the columns of * behind a comma": (
        "SELECT t.id, t.k FROM (SELECT * FROM (SELECT id, d FROM a) p, (SELECT id, d, d + 1 AS e FROM a) q "
        "JOIN (SELECT id, d + 60 AS f FROM a) r USING (id)) t(id, day, j, k, l, m) WHERE t.k = DATE '2024-03-10'",
        [(1, MARCH_10), (2, MARCH_10), (3, MARCH_10)],
    ),
    "two USING of one name": (
        "SELECT p.id, r.id AS other FROM a AS p JOIN a AS q USING (d), a AS r JOIN c AS s USING (d) "
        "WHERE p.d = DATE '2024-03-10'",
        [(2, 1)],
    ),
}


def put(project: Path, table: str, day: date, **columns: list[Any]) -> None:
    path = project / f"data/{table}/day={day}/part.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("meaning")
    (folder / "catalog").mkdir()
    for table in "ac":
        (folder / f"catalog/{table}.yaml").write_text(
            f"table: {table}\nlocation: data/{table}\n"
            "partitioned_by: [{column: day, transform: day, source: d}]\nstatistics: true\n"
        )
    for id_, day, n, g in A:
        put(folder, "a", day, id=[id_], d=[day], n=[n], g=[g])
    for id_, day, n in C:
        put(folder, "c", day, id=[id_], d=[day], n=[n])
    return folder


@pytest.fixture(scope="module")
def gateway(project: Path) -> Iterator[Gateway]:
    with open_gateway(load_settings(project, {}), observe=lambda event: None, background=False) as opened:
        yield opened


def ask(gateway: Gateway, sql: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in answered(gateway, sql).to_pylist()), key=repr)


@pytest.mark.parametrize(("sql", "rows"), CASES.values(), ids=CASES)
def test_the_answer_is_what_the_query_means(gateway: Gateway, sql: str, rows: list[tuple[Any, ...]]) -> None:
    assert ask(gateway, sql) == rows


@pytest.mark.parametrize(("sql", "rows"), CASES.values(), ids=CASES)
def test_duckdb_means_the_same(project: Path, sql: str, rows: list[tuple[Any, ...]]) -> None:
    with duckdb.connect() as connection:
        for table in "ac":
            connection.execute(
                f"CREATE VIEW {table} AS SELECT * EXCLUDE (day) FROM '{project}/data/{table}/*/*.parquet'"
            )
        assert sorted(connection.execute(sql).fetchall(), key=repr) == rows
