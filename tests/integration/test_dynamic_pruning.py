"""A star schema: the filtered dimension is read first, and its keys choose the files of the fact table."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import bound

from gateway.answer import Answer
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import QueryFailed
from gateway.model import Lookup, Principal, Scan
from gateway.pipeline import Gateway

DAYS = 360
JOINED = """
SELECT d.moy, count(*) AS n, sum(s.amount) AS amount FROM sales AS s
JOIN dates AS d ON d.date_sk = s.date_sk WHERE d.year = 2001 AND d.moy = 11 GROUP BY d.moy
"""
SEMI = "SELECT count(*) AS n FROM sales WHERE date_sk IN (SELECT date_sk FROM dates WHERE holiday)"
OUTER = "SELECT count(*) AS n FROM sales AS s LEFT JOIN dates AS d ON d.date_sk = s.date_sk AND d.holiday"
ANTI = "SELECT count(*) AS n FROM sales WHERE date_sk NOT IN (SELECT date_sk FROM dates WHERE holiday)"
NESTED = """
SELECT count(*) AS n FROM sales WHERE date_sk IN (
    SELECT date_sk FROM dates WHERE moy IN (SELECT moy FROM dates WHERE holiday AND date_sk > 350))
"""
RANGE = "SELECT count(*) AS n FROM sales AS s JOIN dates AS d ON s.date_sk > d.date_sk WHERE d.holiday AND d.moy = 4"
SCALAR = "SELECT count(*) AS n FROM sales WHERE date_sk = (SELECT date_sk FROM dates WHERE holiday AND moy = 4)"
ANTI_JOIN = "SELECT count(*) AS n FROM sales AS s ANTI JOIN dates AS d ON d.date_sk = s.date_sk AND d.moy < 12"
MISSING = """
SELECT count(*) AS n FROM sales AS s LEFT JOIN dates AS d ON s.date_sk = d.date_sk AND d.moy > 1 WHERE d.date_sk IS NULL
"""
COMPUTED = "SELECT count(*) AS n FROM sales WHERE date_sk IN (SELECT CASE WHEN holiday THEN date_sk END FROM dates)"
VALUE = "SELECT count(*) AS n FROM sales WHERE date_sk > (SELECT DISTINCT date_sk + 350 FROM dates WHERE date_sk = 1)"
RECURSIVE = """
WITH RECURSIVE days AS (SELECT 5 AS date_sk UNION ALL SELECT date_sk + 1 FROM days WHERE date_sk < 8)
SELECT count(*) AS n FROM sales JOIN days USING (date_sk)
"""
OTHER_WAY = "SELECT count(*) AS n FROM dates AS d JOIN sales AS s ON d.date_sk = s.date_sk WHERE s.amount > 1"


def put(path: Path, **columns: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def put_dates(project: Path, holidays: set[int]) -> None:
    keys = list(range(DAYS))
    put(
        project / "data/dates/dates.parquet",
        date_sk=keys,
        year=[2001] * DAYS,
        moy=[key // 30 + 1 for key in keys],
        holiday=[key in holidays for key in keys],
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/sales.yaml").write_text(
        "table: sales\nlocation: data/sales\npartitioned_by: [{column: sk, transform: identity, source: date_sk}]\n"
    )
    (tmp_path / "catalog/dates.yaml").write_text("table: dates\nlocation: data/dates\n")
    for key in range(DAYS):
        put(tmp_path / f"data/sales/sk={key}/a.parquet", date_sk=[key, key], amount=[key, 1])
    put_dates(tmp_path, {0, 100, 359})
    return tmp_path


@pytest.fixture
def gateway(project: Path) -> Iterator[Gateway]:
    with open_gateway(load_settings(project, {}), observe=lambda event: None, background=False) as opened:
        yield opened


def ask(gateway: Gateway, sql: str) -> tuple[Answer, Scan]:
    """Answer *sql* and return the scan of the fact table with it."""
    query = bound(gateway, sql)
    scans = gateway.explain_bound(query, principal=Principal()).plan.scans
    return gateway.answer(query, principal=Principal()), next(scan for scan in scans if scan.table == "sales")


def lookups(scan: Scan) -> tuple[Lookup, ...]:
    return scan.details().lookups


def plain(project: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW sales AS SELECT date_sk, amount FROM '{project}/data/sales/*/*.parquet'")
        connection.execute(f"CREATE VIEW dates AS SELECT * FROM '{project}/data/dates/*.parquet'")
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("sql", "partitions"),
    [
        *((JOINED, 30), (SEMI, 3), (OUTER, DAYS), (ANTI, DAYS - 3), (OTHER_WAY, DAYS), (NESTED, 30), (RANGE, 259)),
        *((ANTI_JOIN, 30), (MISSING, 30), (COMPUTED, 3), (VALUE, 8), (RECURSIVE, 4)),
    ],
)
def test_the_keys_of_a_filtered_dimension_prune_where_that_is_sound(
    project: Path, gateway: Gateway, sql: str, partitions: int
) -> None:
    answer, scan = ask(gateway, sql)
    assert scan.selection.partitions == partitions
    assert [tuple(row.values()) for row in answer.result.table.to_pylist()] == plain(project, sql)


def test_an_explanation_says_what_was_read_first(gateway: Gateway) -> None:
    _, scan = ask(gateway, SEMI)
    [one] = lookups(scan)
    assert (one.table, one.column, one.files, one.values) == ("dates", "date_sk", 1, 3)
    assert (one.least, one.greatest) == (0, 359)


def test_what_was_learned_is_kept_until_the_dimension_changes(project: Path, gateway: Gateway) -> None:
    assert [one.cached for one in lookups(ask(gateway, SEMI)[1])] == [False]
    assert [one.cached for one in lookups(ask(gateway, SEMI)[1])] == [True]
    put_dates(project, {7})
    gateway.catalog.refresh("dates")
    answer, scan = ask(gateway, SEMI)
    assert [one.cached for one in lookups(scan)] == [False]
    assert (scan.selection.partitions, answer.result.table.to_pylist()) == (1, [{"n": 2}])


def test_a_dimension_without_matching_rows_leaves_nothing_to_read(gateway: Gateway) -> None:
    answer, scan = ask(gateway, JOINED.replace("2001", "1999"))
    assert (scan.selection.partitions, answer.result.table.num_rows) == (0, 0)


@pytest.mark.parametrize("sql", [ANTI, COMPUTED])
def test_what_a_subquery_said_is_kept_until_its_files_change(project: Path, gateway: Gateway, sql: str) -> None:
    assert [[one.cached for one in lookups(ask(gateway, sql)[1])] for _ in range(2)] == [[False], [True]]
    put_dates(project, {7})
    gateway.catalog.refresh("dates")
    answer, scan = ask(gateway, sql)
    assert [one.cached for one in lookups(scan)] == [False]
    assert [tuple(row.values()) for row in answer.result.table.to_pylist()] == plain(project, sql)


def test_an_explanation_says_which_subquery_was_run_first(gateway: Gateway) -> None:
    _, scan = ask(gateway, COMPUTED)
    [one] = lookups(scan)
    assert (one.table, one.files, one.values, one.least, one.greatest) == ("dates", 1, 3, 0, 359)
    assert one.column == "(SELECT CASE WHEN holiday THEN date_sk END FROM dates)"


def test_a_recursion_without_an_end_ends_the_planning_soon(gateway: Gateway) -> None:
    endless = "WITH RECURSIVE days(k) AS (SELECT 5 UNION ALL SELECT k + 1 FROM days WHERE k > 0)"
    query = bound(gateway, f"{endless} SELECT 1 AS n FROM sales JOIN days ON date_sk = k")
    scan = gateway.explain_bound(query, principal=Principal()).plan.scans[0]
    assert (scan.selection.partitions, lookups(scan)) == (DAYS, ())


def test_null_among_the_keys_of_not_in_leaves_no_row(project: Path, gateway: Gateway) -> None:
    columns: dict[str, list[object]] = {"date_sk": [None, 3], "year": [0, 0], "moy": [0, 0], "holiday": [True, True]}
    put(project / "data/dates/dates.parquet", **columns)
    gateway.catalog.refresh("dates")
    answer, _ = ask(gateway, ANTI)
    assert answer.result.table.to_pylist() == [{"n": 0}]


def test_a_subquery_that_fails_prunes_nothing_and_is_the_querys_to_report(gateway: Gateway) -> None:
    sql = "SELECT count(*) AS n FROM sales WHERE date_sk = (SELECT CASE WHEN holiday THEN date_sk END FROM dates)"
    query = bound(gateway, sql)
    scan = gateway.explain_bound(query, principal=Principal()).plan.scans[0]
    assert scan.selection.partitions == DAYS
    assert [one.skipped for one in lookups(scan)] == ["it could not be read: query-failed"]
    with pytest.raises(QueryFailed):
        gateway.answer(query, principal=Principal())


def test_a_dimension_with_as_many_files_as_the_fact_table_is_not_read_first(project: Path, gateway: Gateway) -> None:
    for number in range(DAYS):
        put(project / f"data/dates/{number}.parquet", date_sk=[-1], year=[0], moy=[0], holiday=[True])
    gateway.catalog.refresh("dates")
    _, scan = ask(gateway, SEMI)
    assert [one.skipped for one in lookups(scan)] == ["it has as many files as it could spare"]
    assert scan.selection.partitions == DAYS
