"""Sums that add zeros for some rows are those of all rows, whatever is NULL in the partitions that are read."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import bound
from thorough import first

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Principal, TypedValue

PARAMETERS = {"x": TypedValue(value=None, type="INTEGER"), "y": TypedValue(value=None, type="VARCHAR")}
HELD = ([], [None], [None, 5])
"""What a partition may hold of ``n``."""
SUMS = (
    "sum(CASE WHEN k = 'a' THEN n ELSE 0 END)",
    "sum(if(k = 'a', n, 0))",
    "coalesce(sum(CASE WHEN k = 'a' THEN n ELSE 0 END), -1)",
    "sum(CASE WHEN k = 'a' THEN 1 ELSE 0 END)",
    "sum(CASE WHEN k = 'a' AND n > 1 THEN n WHEN k = 'a' THEN m ELSE 0 END)",
    "sum(CASE WHEN k = 'a' THEN n ELSE 0 END), sum(CASE WHEN k = 'a' THEN m ELSE 0 END)",
    "sum(CASE WHEN k = 'a' THEN n ELSE 0 END), count(*) FILTER (WHERE k = 'a')",
    "sum(DISTINCT CASE WHEN k = 'a' THEN n ELSE 0 END)",
    "sum(CASE WHEN k = 'a' THEN $x ELSE 0 END)",
    "sum(CASE WHEN k = 'a' THEN NULL ELSE 0 END)",
    "count_if(k = 'a')",
    "count_if(k = 'z'), sum(CASE WHEN k = 'z' THEN n ELSE 0 END)",
    "sum((k = 'a')::INTEGER), sum(CAST(k > 'y' AS BIGINT))",
    "sum(CASE WHEN k = 'z' THEN 1 ELSE 0 END), max(CASE WHEN k = 'z' THEN n END)",
    "count_if(k = $y)",
    "count_if(k = 'a' AND n > 1)",
    "count_if(k < 'b'), max(CASE WHEN k = 'a' THEN n END)",
)


@pytest.mark.parametrize("statistics", [False, True])
@pytest.mark.parametrize(("a", "b"), first(3, product(HELD, HELD)))
def test_a_sum_of_some_rows_is_the_sum_of_all(
    tmp_path: Path, a: list[int | None], b: list[int | None], statistics: bool
) -> None:
    (tmp_path / "catalog").mkdir()
    declared = "table: t\nlocation: data/t\npartitioned_by: [{column: p, source: k}]\n"
    more = f"columns: {{k: VARCHAR, n: INTEGER, m: INTEGER}}\nstatistics: {str(statistics).lower()}\n"
    (tmp_path / "catalog/t.yaml").write_text(declared + more)
    for key, numbers in (("a", a), ("b", b), ("__HIVE_DEFAULT_PARTITION__", b)):
        rows = pa.table(
            {
                "k": pa.array([key if len(key) == 1 else None] * len(numbers), pa.string()),
                "n": pa.array(numbers, pa.int32()),
                "m": pa.array([None] * len(numbers), pa.int32()),
            }
        )
        (tmp_path / f"data/t/p={key}").mkdir(parents=True)
        pq.write_table(rows, tmp_path / f"data/t/p={key}/f.parquet")
    with (
        duckdb.connect() as plain,
        open_gateway(load_settings(tmp_path, {}), observe=lambda event: None, background=False) as gateway,
    ):
        plain.execute(f"CREATE VIEW t AS FROM read_parquet('{tmp_path}/data/t/*/*.parquet', hive_partitioning = false)")
        for sums in SUMS:
            for sql in (f"SELECT {sums} FROM t", f"SELECT {sums} FROM t WHERE n IS NULL"):
                used = {name: typed for name, typed in PARAMETERS.items() if f"${name}" in sql}
                written = sql.replace("$x", "1").replace("$y", "'a'")
                query = replace(bound(gateway, written), sql=sql, parameters=used)
                answer = gateway.answer(query, principal=Principal())
                expected = plain.execute(sql, {name: typed.value for name, typed in used.items()}).fetchall()
                assert expected == [tuple(row.values()) for row in answer.result.table.to_pylist()], sql
