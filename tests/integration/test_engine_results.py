"""Questions that DuckDB 1.5.5 answers wrongly over Parquet files, and the gateway rightly.

The right answer is that of the same rows in a table in memory, by an engine whose optimiser is off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import answered, in_any_order
from thorough import first

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import TableInvalid

NAN, INF = math.nan, math.inf
KINDS = {"FLOAT": pa.float32(), "DOUBLE": pa.float64()}
FLOATS: Mapping[str, list[float | None]] = {
    "one": [3.0, NAN, 3.0],
    "first": [NAN, 3.0, 3.0],
    "last": [3.0, 3.0, NAN],
    "all": [NAN, NAN],
    "none": [3.0, 3.0],
    "null": [None, NAN, None],
    "empty": [None, None],
    "wide": [INF, NAN, -INF, 5.0],
    "minus": [-0.0, 1.0] * 40,
    "plus": [0.0, 1.0] * 40,
}
FILTERS = (
    *("x <> 3", "x > 5", "x >= 5", "x < 5", "x <= 3", "x = 3", "x = 'nan'", "x >= 'nan'", "x < 'nan'", "x = 'inf'"),
    *("x IN (3, 7)", "x NOT IN (3)", "x IN ('nan', 1)", "x BETWEEN 2 AND 4", "x IS DISTINCT FROM 3"),
    *("x IS NOT DISTINCT FROM 'nan'", "isnan(x)", "x > 3 OR x < 2", "x::DOUBLE > 5", "x IS NULL OR x > 3"),
    *("x = 0", "x = '-0.0'", "x IN ('-0.0', 9)", "x IN (0, 9)", "x <> 0", "x IS NOT DISTINCT FROM 0", "x < 0"),
    *("x IS DISTINCT FROM 3 OR x < 0", "x = (SELECT max(x) FROM t)", "x >= (SELECT min(x) FROM t)"),
)
ORDERED = (
    *(
        f"x {sign} {constant}"
        for sign in ("<", "<=", ">", ">=")
        for constant in ("0", "'-0.0'", "'nan'", "'inf'", "0.1")
    ),
    *("x BETWEEN 0 AND 0", "x >= 0 AND x <= '-0.0'", "x BETWEEN 'nan' AND 'nan'", "x BETWEEN 3 AND 3"),
    *("5 < x", "x > 5 OR x < 2", "(x > 2 AND x < 4) OR x >= 'inf'", "x > 5 AND x < 2", "x >= 3 AND id < 2"),
)
"""Filters by which a file may be passed over, where nothing else is asked of the column."""
NESTED = (
    "s.x <> 3",
    "s.x > 5",
    "s.x = 'nan'",
    "s.x < 5",
    "s.x = 0",
    "s.x = '-0.0'",
    "s.x IS DISTINCT FROM 3 OR s.x < 0",
)
QUESTIONS = (
    *(f"SELECT id FROM t WHERE {one}" for one in (*FILTERS, *NESTED)),
    *(f"SELECT id FROM t WHERE NOT ({one})" for one in (*FILTERS[::3], *NESTED[::3])),
    *(f"SELECT sum(x) AS s, avg(x) AS a, count(*) AS n FROM t WHERE {one}" for one in ORDERED),
    "SELECT sum(x) AS s, avg(x) AS a FROM t",
    "SELECT max(x) AS x FROM t",
    "SELECT min(x) AS x FROM t",
    "SELECT max(x) AS x FROM t HAVING max(x) > 5",
    "SELECT id FROM (SELECT id, x FROM t ORDER BY x DESC, id LIMIT 1)",
    "SELECT id FROM (SELECT id, x FROM t ORDER BY x NULLS LAST, id LIMIT 1)",
    "SELECT a.id FROM t AS a JOIN t AS b ON a.x = b.x",
    "SELECT a.id FROM t AS a JOIN t AS b ON a.x < b.x",
    "SELECT a.id FROM t AS a WHERE a.x NOT IN (SELECT 3)",
    "SELECT id FROM t WHERE x IN (SELECT 0)",
    "SELECT count(*) AS n FROM t GROUP BY x",
    "SELECT count(DISTINCT x) AS n FROM t",
    "SELECT x::VARCHAR AS x FROM t",
    "SELECT id, x <> 3 AS a, x = 0 AS b, x > 5 AS c FROM t",
)


class Files:
    """A project with a table ``t`` whose files are in folders of *p*, and the same rows in memory."""

    def __init__(self, project: Path) -> None:
        self.project = project
        (project / "catalog").mkdir(parents=True)
        (project / "catalog/t.yaml").write_text(
            "table: t\nlocation: data\nstatistics: true\n"
            "partitioned_by: [{column: p, transform: identity, source: p}]\n"
        )
        self.oracle = duckdb.connect()
        self.oracle.execute("PRAGMA disable_optimizer")
        self.oracle.execute("SET TimeZone = 'UTC'")

    def write(self, part: str, rows: pa.Table, *, by_duckdb: bool = False) -> None:
        path = self.project / f"data/p={part}/part.parquet"
        path.parent.mkdir(parents=True)
        if by_duckdb:
            self.oracle.execute(f"COPY (FROM rows) TO '{path}' (FORMAT parquet)")
        else:
            pq.write_table(rows, path)
        rows = rows.append_column("p", pa.array([part] * rows.num_rows))
        self.oracle.execute("CREATE TABLE IF NOT EXISTS t AS FROM rows LIMIT 0")
        self.oracle.execute("INSERT INTO t BY NAME FROM rows")

    def right(self, sql: str) -> list[str]:
        return in_any_order(self.oracle.execute(sql).to_arrow_table())

    def answers(self, *asked: str) -> dict[str, list[str]]:
        settings = load_settings(self.project, {})
        with open_gateway(settings, observe=lambda event: None, background=False) as gateway:
            return {sql: in_any_order(answered(gateway, sql)) for sql in asked}


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path / "project")
    yield made
    made.oracle.close()


WRITTEN = {"arrow": ("DOUBLE", False), "duckdb": ("DOUBLE", True), "float": ("FLOAT", False)}
USUAL = [("wide", "duckdb"), ("minus", "arrow"), ("one", "float"), ("null", "arrow")]
OTHERS = [pair for pair in product(FLOATS, WRITTEN) if pair not in USUAL]


@pytest.mark.parametrize(("which", "written"), first(2, [*USUAL, *OTHERS]))
def test_nan_and_both_zeros_are_found_whatever_the_statistics_of_a_file_say(
    files: Files, which: str, written: str
) -> None:
    values, (kind, by_duckdb) = FLOATS[which], WRITTEN[written]
    column = pa.array(values, KINDS[kind])
    fields = pa.StructArray.from_arrays([column], ["x"])
    files.write("a", pa.table({"id": range(len(values)), "x": column, "s": fields}), by_duckdb=by_duckdb)
    assert files.answers(*QUESTIONS) == {sql: _one_zero(sql, files.right(sql)) for sql in QUESTIONS}


def _one_zero(sql: str, rows: list[str]) -> list[str]:
    """Write the least and the greatest of zeros as the gateway does, in which no order of rows shows: as 0.0."""
    return [row.replace("-0.0", "0.0") for row in rows] if sql.startswith(("SELECT min(", "SELECT max(")) else rows


FRACTIONS = {
    "whole": (pa.array([0, 1, 2, None], pa.int32()), "DECIMAL(12,2)"),
    "wide": (pa.array([0, 1, 2, None], pa.int64()), "DECIMAL(38,2)"),
    "digits": (
        pa.array([Decimal("0.10"), Decimal("1.00"), Decimal("2.00"), None], pa.decimal128(9, 2)),
        "DECIMAL(18,4)",
    ),
    "double": (pa.array([0, 1, 2, None], pa.int32()), "DOUBLE"),
    "float": (pa.array([0.1, 0.3, 1.0, None], pa.float32()), "DOUBLE"),
}
BETWEEN = ("0.01", "0.1", "0.1001", "0.3", "1", "1.0049", "1.5", "-0.004")


@pytest.mark.parametrize(("stored", "declared"), FRACTIONS.values(), ids=FRACTIONS)
def test_a_column_that_a_file_stores_with_fewer_digits_is_compared_with_the_constant_as_it_is(
    files: Files, stored: pa.Array[Any], declared: str
) -> None:
    with (files.project / "catalog/t.yaml").open("a") as catalog:
        catalog.write(f"columns: {{id: BIGINT, n: '{declared}'}}\n")
    files.oracle.execute(f"CREATE TABLE t (id BIGINT, n {declared}, p VARCHAR)")
    files.write("a", pa.table({"id": [1, 2, 3, 4], "n": stored}))
    operators = ("<", "<=", ">", ">=", "=", "<>", "IS DISTINCT FROM")
    filters = [f"n {operator} {constant}" for operator in operators for constant in BETWEEN]
    filters += [f"n {constant}" for constant in ("IN (1.5, 0.01)", "BETWEEN 0.01 AND 1.0049", "NOT IN (1.0049)")]
    asked = [f"SELECT id FROM t WHERE {one}" for one in filters]
    asked += [f"SELECT count(*) AS k, sum(n) AS s FROM t WHERE {one} OR id = 4" for one in filters[::3]]
    assert files.answers(*asked) == {sql: files.right(sql) for sql in asked}


ABSENT = {
    "text": (pa.array(["a", "x"]), "'x'", "'b'"),
    "whole": (pa.array([1, 5]), "5", "3"),
    "exact": (pa.array([Decimal("1.00"), Decimal("5.00")]), "5", "3"),
    "moment": (pa.array([1, 5], pa.timestamp("us")), "make_timestamp(5)", "make_timestamp(3)"),
    "truth": (pa.array([False, True]), "true", "true"),
}
DISTINCT = (
    *(
        "n IS DISTINCT FROM {0} OR n < {1}",
        "n >= {1} OR n IS DISTINCT FROM {0}",
        "NOT (n IS NOT DISTINCT FROM {0}) OR n < {1}",
    ),
    *("n IS DISTINCT FROM {0} OR n IS DISTINCT FROM {1}", "NOT (n IS NOT DISTINCT FROM {0} AND n >= {1})"),
    *(
        "(n IS DISTINCT FROM {0} OR n < {1}) AND id < 10",
        "n IS DISTINCT FROM {0}",
        "n IS NOT DISTINCT FROM NULL OR n < {1}",
    ),
)
BLOCKS = (
    "SELECT id FROM t WHERE {0}",
    "SELECT id FROM (SELECT id, n AS m FROM t) AS q(id, n) WHERE {0}",
    "SELECT n, count(*) AS k FROM t GROUP BY n HAVING {1}",
    "SELECT b.id AS b, t.id FROM (SELECT 1 AS k) AS b(id) LEFT JOIN t ON {2}",
)


@pytest.mark.parametrize(("there", "one", "other"), ABSENT.values(), ids=ABSENT)
def test_rows_of_a_file_that_holds_only_null_are_distinct_from_a_value(
    files: Files, there: pa.Array[Any], one: str, other: str
) -> None:
    files.write("nothing", pa.table({"id": [1, 2], "n": pa.nulls(2, there.type)}))
    files.write("values", pa.table({"id": [3, 4], "n": there}))
    asked = [
        block.format(filter_, filter_.replace(" AND id < 10", ""), filter_.replace("id", "t.id"))
        for filter_ in (filter_.format(one, other) for filter_ in DISTINCT)
        for block in BLOCKS
    ]
    assert files.answers(*asked) == {sql: files.right(sql) for sql in asked}


TRUNCATED = tuple(
    f"{name}('{unit}', {column}) {operator} {constant}"
    for name in ("date_trunc", "datetrunc")
    for unit in ("month", "day")
    for column in ("ts", "d")
    for operator in ("=", "<>", "<", ">=", "IS DISTINCT FROM")
    for constant in ("DATE '2024-02-09'", "TIMESTAMP '2024-02-09 01:00'", "DATE '2024-02-01'")
)


def test_a_truncated_null_is_neither_equal_nor_unequal_to_a_constant(files: Files) -> None:
    days = pa.array([None, 19_762, 19_754], pa.date32())
    files.write("a", pa.table({"id": [1, 2, 3], "d": days, "ts": days.cast(pa.timestamp("us"))}))
    forms = ("SELECT id FROM t WHERE {}", "SELECT id FROM t WHERE NOT ({})", "SELECT id, ({}) AS found FROM t")
    asked = [form.format(filter_) for filter_ in TRUNCATED for form in forms]
    assert files.answers(*asked) == {sql: files.right(sql) for sql in asked}


JOINED = (
    "SELECT a.ts, count(*) AS n FROM t AS a JOIN t AS b ON a.s = b.s GROUP BY a.ts HAVING {}",
    "SELECT a.ts, count(*) AS n FROM t AS a JOIN t AS b ON a.s = b.s GROUP BY a.ts HAVING NOT ({})",
    "SELECT * FROM (SELECT a.ts, count(*) AS n FROM t AS a JOIN t AS b USING (s) GROUP BY a.ts) AS a WHERE {}",
    "SELECT * FROM (SELECT DISTINCT a.ts FROM t AS a JOIN t AS b USING (s)) AS a WHERE {} IS NOT TRUE",
    "SELECT a.ts, row_number() OVER (PARTITION BY a.ts) AS n FROM t AS a JOIN t AS b USING (s) QUALIFY {}",
)


@pytest.mark.parametrize("constant", ["DATE '2024-02-01'", "DATE '2024-02-09'"])
def test_groups_of_a_join_are_filtered_by_truncated_moments(files: Files, constant: str) -> None:
    days = pa.array([None, 19_762, 19_754], pa.date32()).cast(pa.timestamp("us"))
    files.write("a", pa.table({"s": ["x", "x", "y"], "ts": days}))
    filters = [f"date_trunc('month', a.ts) {operator} {constant}" for operator in ("=", "<>", "<", ">=")]
    asked = [form.format(filter_) for filter_ in filters for form in JOINED]
    assert files.answers(*asked) == {sql: files.right(sql) for sql in asked}


MOMENTS = (
    *(None, "2024-02-01", "2024-02-09", "2024-02-09 01:00", "2024-02-09 00:59:59.999999", "2024-01-31 23:59:59.999999"),
    *("2024-03-01", "2024-01-01", "2023-12-31", "2024-12-31 23:59:59.999999", "1969-12-31 23:59:59", "2024-02-05"),
    *("1582-10-15", "9999-12-31 23:59:59", "0001-01-01", "0001-01-01 (BC)", "0044-03-15 (BC)"),
    *("infinity", "-infinity", "290000-12-22 (BC)", "294247-01-10 04:00:00"),
)
CONSTANTS = (
    *("DATE '2024-02-01'", "DATE '2024-02-09'", "'2024-01-01'", "TIMESTAMP '2024-02-09 01:00'", "DATE '9999-12-31'"),
    *("TIMESTAMPTZ '2024-02-05'", "CAST('2024-02-05' AS TIMESTAMPTZ)", "date_trunc('month', DATE '2024-02-09')"),
    *("DATE '0001-01-01'", "DATE '0001-01-01 (BC)'", "TIMESTAMP 'infinity'", "DATE '-infinity'", "CAST(NULL AS DATE)"),
)
SHAPES = (
    "SELECT {0} AS n, id FROM t WHERE {1}",
    "SELECT {0}, id FROM t WHERE NOT ({1})",
    "SELECT {0}, id FROM t WHERE id < 12 AND (({1}) OR ts IS NULL)",
    "SELECT {0}, a.id FROM t AS a WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.id = a.id AND {1})",
    "SELECT {0} + q.n * 10000, a.id FROM t AS a, LATERAL (SELECT count(*) AS n FROM t WHERE {1} AND t.id = a.id) AS q",
    "SELECT {0}, id FROM (SELECT id, d AS ts, ts AS d, tz FROM t) AS t WHERE {1}",
)


@pytest.mark.parametrize(
    ("unit", "by_duckdb"),
    [*((unit, False) for unit in ("day", "week", "month", "quarter", "year", "hour")), ("month", True)],
)
def test_filters_on_truncated_moments_are_right_whether_or_not_the_engine_looks_into_them(
    files: Files, unit: str, by_duckdb: bool
) -> None:
    moments = files.oracle.execute(
        "SELECT id, TRY_CAST(v AS DATE) AS d, v::TIMESTAMP AS ts, v::TIMESTAMPTZ AS tz "
        "FROM (SELECT unnest(range(len($v))) AS id, unnest($v) AS v)",
        {"v": MOMENTS},
    ).to_arrow_table()
    for part, start in (("a", 0), ("b", 7), ("c", 14)):
        files.write(part, moments.slice(start, 7), by_duckdb=by_duckdb)
    filters = [
        f"date_trunc('{unit}', {column}) {operator} {constant}"
        for column in ("ts", "d", "tz")
        for operator in ("=", "<", "<=", ">", ">=", "<>")
        for constant in CONSTANTS
    ]
    filters += [f"{one.split(' = ')[1]} >= {one.split(' = ')[0]}" for one in filters if " = " in one]
    filters += [
        f"{one.split(' = ')[0]} BETWEEN '2024-01-01' AND {one.split(' = ')[1]}" for one in filters if " = " in one
    ]
    questions = [SHAPES[0].format(number, one) for number, one in enumerate(filters)]
    questions += [SHAPES[number % len(SHAPES)].format(number, one) for number, one in enumerate(filters[::2])]
    asked = [" UNION ALL ".join(questions[start : start + 20]) for start in range(0, len(questions), 20)]
    assert files.answers(*asked) == {sql: files.right(sql) for sql in asked}


@pytest.mark.parametrize(
    ("column", "metadata", "reason"),
    [
        (pa.array([Decimal("1.50")], pa.decimal256(39, 2)), {}, r"DECIMAL\(39,2\)"),
        (pa.array([-150_000], pa.date32()), {"org.apache.spark.legacyDateTime": ""}, "legacy calendar"),
    ],
    ids=["decimal", "spark"],
)
def test_a_file_that_would_be_misread_is_refused(
    files: Files, column: Any, metadata: dict[str, str], reason: str
) -> None:
    files.write("right", pa.table({"id": [1], "n": [1]}))
    wrong = files.project / "data/p=wrong/part.parquet"
    wrong.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [2], "n": column}).replace_schema_metadata(metadata), wrong)
    with open_gateway(load_settings(files.project, {}), observe=lambda event: None, background=False) as gateway:
        assert in_any_order(answered(gateway, "SELECT id FROM t WHERE p = 'right'")) == ["(1,)"]
        with pytest.raises(TableInvalid) as refused:
            answered(gateway, "SELECT id FROM t")
    assert re.search(reason, refused.value.diagnostics[0].message)
