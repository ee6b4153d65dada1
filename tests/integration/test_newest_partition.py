"""The newest partition, the greatest value and the first rows: partitions are read in order until they are found."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import bound

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Lookup, Principal, TypedValue
from gateway.pipeline import Gateway

DAYS, FIRST = 100, datetime(2024, 1, 1)
NEWEST = "SELECT count(*) AS n, sum(v) AS v FROM ev WHERE ts::DATE = (SELECT max(ts)::DATE FROM ev)"
LAST_WEEK = "SELECT count(*) AS n FROM ev WHERE ts > (SELECT max(ts) FROM ev WHERE kind = 'a') - INTERVAL 7 DAY"
NAMED = "WITH m AS (SELECT max(ts) AS t FROM ev) SELECT count(*) AS n FROM ev JOIN m ON ev.ts >= m.t"
SPAN = "SELECT min(ts) AS a, max(ts) AS b FROM ev"
TOP = "SELECT ts, v FROM ev ORDER BY ts DESC, v LIMIT 3"
SECOND_PAGE = "SELECT ts, v FROM ev WHERE kind = 'a' ORDER BY ts::DATE DESC, v LIMIT 2 OFFSET 4"
KEYSET = "SELECT ts, v FROM ev WHERE (ts, v) > (TIMESTAMP '2024-02-01 06:00:00', 31) ORDER BY ts, v LIMIT 3"
RARE = "SELECT max(ts) AS t FROM ev WHERE v = 2"


def put(project: Path, day: int, rows: int = 2, kind: str = "a") -> None:
    """Write a day of rows, six hours apart."""
    start = FIRST + timedelta(days=day)
    folder = project / f"data/ev/day={start:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        "ts": pa.array([start + timedelta(hours=6 * n) for n in range(rows)], pa.timestamp("us")),
        "v": pa.array([day] * rows, pa.int64()),
        "kind": pa.array([kind] * rows, pa.string()),
    }
    pq.write_table(pa.table(columns), folder / "a.parquet")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    declared = "table: ev\nlocation: data/ev\npartitioned_by: [{column: day, transform: day, source: ts}]\n"
    (tmp_path / "catalog/ev.yaml").write_text(declared)
    for day in range(DAYS):
        put(tmp_path, day)
    return tmp_path


@pytest.fixture
def gateway(project: Path) -> Iterator[Gateway]:
    with open_gateway(load_settings(project, {}), observe=lambda event: None, background=False) as opened:
        yield opened


def ask(gateway: Gateway, sql: str) -> tuple[list[tuple[object, ...]], list[int], list[Lookup]]:
    """Answer *sql*; return its rows, the partitions that each scan reads, and what was looked up for the first."""
    query = bound(gateway, sql)
    answer = gateway.answer(query, principal=Principal())
    scans = gateway.explain_bound(query, principal=Principal()).plan.scans
    rows = [tuple(row.values()) for row in answer.result.table.to_pylist()]
    return rows, [scan.selection.partitions for scan in scans], list(scans[0].details().lookups)


def plain(project: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        files = f"read_parquet('{project}/data/ev/*/*.parquet', hive_partitioning = false)"
        connection.execute(f"CREATE VIEW ev AS SELECT * FROM {files}")
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("sql", "partitions"),
    [
        (NEWEST, [1, 1]),
        (LAST_WEEK, [8, 1]),
        (NAMED, [1, 1]),
        (SPAN, [2]),
        (TOP, [2]),
        (SECOND_PAGE, [3]),
        (KEYSET, [3]),
    ],
)
def test_only_the_partitions_are_read_that_can_hold_it(
    project: Path, gateway: Gateway, sql: str, partitions: list[int]
) -> None:
    rows, read, _ = ask(gateway, sql)
    assert read == partitions
    assert rows == plain(project, sql)


@pytest.mark.parametrize("sql", [NEWEST, LAST_WEEK, NAMED, SPAN, TOP, SECOND_PAGE])
def test_an_empty_newest_partition_is_passed_over(project: Path, gateway: Gateway, sql: str) -> None:
    for day in (DAYS, DAYS + 1, DAYS + 2):
        put(project, day, rows=0)
    put(project, DAYS + 3, kind="b")
    gateway.catalog.refresh("ev")
    rows, read, _ = ask(gateway, sql)
    assert rows == plain(project, sql)
    assert sum(read) < 20


def test_a_file_of_any_day_is_not_taken_for_the_newest(project: Path, gateway: Gateway) -> None:
    put(project, 3, kind="b")
    (project / "data/ev/day=2024-01-04/a.parquet").rename(project / "data/ev/any.parquet")
    gateway.catalog.refresh("ev")
    rows, read, _ = ask(gateway, NEWEST.replace("FROM ev)", "FROM ev WHERE v > 1)"))
    assert (rows, read) == ([(2, 198)], [2, 2])


def test_a_table_without_rows_has_no_newest_partition(project: Path, gateway: Gateway) -> None:
    for day in range(DAYS):
        put(project, day, rows=0)
    gateway.catalog.refresh("ev")
    assert [ask(gateway, sql)[0] for sql in (NEWEST, SPAN, TOP)] == [[(0, None)], [(None, None)], []]


def test_a_new_partition_is_the_newest_at_once(project: Path, gateway: Gateway) -> None:
    before, _, _ = ask(gateway, NEWEST)
    put(project, DAYS, rows=3)
    gateway.catalog.refresh("ev")
    after, _, [lookup] = ask(gateway, NEWEST)
    assert (before, after) == ([(2, 198)], [(3, 300)])
    assert lookup.greatest == datetime(2024, 4, 10, 12)


def test_what_no_recent_partition_holds_is_read_from_all_of_them(project: Path, gateway: Gateway) -> None:
    rows, read, [lookup] = ask(gateway, RARE)
    assert (rows, read) == (plain(project, RARE), [DAYS])
    assert lookup.skipped == "more would be read than could be spared"


def test_a_limit_beyond_the_rows_reads_all_of_them(project: Path, gateway: Gateway) -> None:
    sql = TOP.replace("LIMIT 3", "LIMIT 1000")
    rows, read, _ = ask(gateway, sql)
    assert (rows, read) == (plain(project, sql), [DAYS])


ZEROS = "SELECT sum(CASE WHEN ts >= '2024-04-01' THEN v ELSE 0 END) AS v FROM ev"


@pytest.mark.parametrize(
    ("sql", "partitions"),
    [
        (ZEROS, 9),
        (f"{ZEROS} WHERE kind = 'a'", 9),
        (f"{ZEROS} WHERE kind = 'b'", DAYS),  # no row is left: NULL, or 0 if another has one, which is not found soon
        (f"{ZEROS} WHERE v < 50", 10),  # the tenth has one
        ("SELECT count(*) FILTER (WHERE ts >= '2024-04-01') AS n FROM ev", 9),
        ("SELECT count(*) FILTER (WHERE ts >= '2025-01-01') AS n FROM ev", 0),
        (ZEROS.replace("2024", "2025"), 1),
    ],
)
def test_aggregates_that_look_at_some_rows_read_no_others(
    project: Path, gateway: Gateway, sql: str, partitions: int
) -> None:
    rows, read, _ = ask(gateway, sql)
    assert (rows, read) == (plain(project, sql), [partitions])


def test_an_explanation_says_what_was_read_first(gateway: Gateway) -> None:
    _, _, [first] = ask(gateway, NEWEST)
    assert (first.table, first.column, first.files, first.cached) == ("ev", "max(ts)", 1, True)
    assert first.greatest == datetime(2024, 4, 9, 6)
    text = gateway.explain_bound(bound(gateway, TOP), principal=Principal()).as_text()
    assert "> ev.ts of row 3, 2 files" in text
    assert "+ ORDER BY ts DESC, v LIMIT 3  ->  day >= 2024-04-08  [order]" in text


def test_the_limit_may_be_a_parameter(project: Path, gateway: Gateway) -> None:
    number = TypedValue(value=5, type="INTEGER")
    query = replace(bound(gateway, TOP), sql=TOP.replace("LIMIT 3", "LIMIT $n"), parameters={"n": number})
    answer = gateway.answer(query, principal=Principal())
    expected = plain(project, TOP.replace("LIMIT 3", "LIMIT 5"))
    assert [tuple(row.values()) for row in answer.result.table.to_pylist()] == expected


INFINITE = pa.array([2**63 - 1], pa.int64()).cast(pa.timestamp("us"))


@pytest.mark.parametrize(
    ("sql", "partitions"),
    [
        ("SELECT count(*) FROM ev WHERE ts = (SELECT max(ts) FROM ev)", [1, 1]),
        ("SELECT count(*) FROM ev WHERE ts >= (SELECT max(ts) FROM ev) - INTERVAL 1 DAY", [1, 1]),
        ("SELECT count(*) FROM ev WHERE ts::DATE = (SELECT max(ts)::DATE FROM ev)", [1, 1]),
        ("SELECT count(*) FROM ev WHERE ts = (SELECT ts FROM ev ORDER BY ts DESC LIMIT 1)", [1, 1]),
        ("SELECT count(*) FROM ev WHERE ts < (SELECT max(ts) FROM ev)", [DAYS + 1, 1]),
        ("SELECT v FROM ev ORDER BY ts DESC LIMIT 1", [1]),
        ("SELECT ts::VARCHAR FROM ev ORDER BY ts DESC, v LIMIT 2", [2]),
        ("SELECT max(ts)::VARCHAR, min(ts)::VARCHAR FROM ev", [2]),
    ],
)
def test_a_time_that_is_infinite_is_the_greatest(project: Path, sql: str, partitions: list[int]) -> None:
    folder = project / "data/ev/day=infinity"
    folder.mkdir()
    row = {"ts": INFINITE, "v": pa.array([-1], pa.int64()), "kind": pa.array(["a"], pa.string())}
    pq.write_table(pa.table(row), folder / "a.parquet")
    with open_gateway(load_settings(project, {}), observe=lambda event: None, background=False) as gateway:
        rows, read, _ = ask(gateway, sql)
    assert rows == plain(project, sql)
    assert read == partitions
