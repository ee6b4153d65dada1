"""What every engine must do; a new one is added to the fixture ``engine``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.app.engine_processes import EngineProcesses
from gateway.engine.base import Engine
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.errors import DeadlineExceeded, EngineFailed, FilesChanged, QueryFailed, StorageFailed
from gateway.model import Column, FileVersion, Relation, Statement, TypedValue
from gateway.settings import Settings

HEAVY = "SELECT sum(a.i * b.i) FROM range(1000000) a(i), range(1000000) b(i)"
ENDLESS = "SELECT i FROM range(1000000000000) t(i)"
ON_THREADS = pytest.mark.parametrize("one_thread", [False, True], ids=["threads", "one thread"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcesses]:
    """Engines in processes of their own, as those of a server."""
    project = tmp_path_factory.mktemp("project")
    engine = {"memory": "200MB", "spill": "20MB", "threads": 2}
    made = EngineProcesses(
        Settings.model_validate({"project": project, "state": project / "state", "memory": "2GiB", "engine": engine})
    )
    made.start()
    yield made
    made.close()


@pytest.fixture(params=["in this process", "in its own"])
def engine(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path, processes: EngineProcesses
) -> Iterator[Engine]:
    if request.param == "in its own":
        opened: Engine = processes.engine([str(folder)])
    else:
        opened = DuckDBEngine.open(
            DuckDBSettings(
                locations=[str(folder)],
                temp_directory=str(tmp_path / "temp"),
                memory_limit="200MB",
                max_temp_size="20MB",
                threads=2,
            )
        )
    yield opened
    opened.close()


def write(path: Path, rows: dict[str, list[Any]]) -> FileVersion:
    pq.write_table(pa.table(rows), path, compression="none", use_dictionary=False)
    return version(path)


def version(path: Path) -> FileVersion:
    found = path.stat()
    etag = f'"{found.st_ino:x}-{found.st_mtime_ns // 1000:x}-{found.st_size:x}"'
    return FileVersion(path=str(path), size=found.st_size, etag=etag)


def statement(sql: str, files: list[FileVersion] | None = None, **parameters: tuple[Any, str]) -> Statement:
    typed = {name: TypedValue(value=value, type=type_) for name, (value, type_) in parameters.items()}
    return Statement(sql=sql, parameters=typed, files=files or [])


def source(engine: Engine, *files: FileVersion) -> str:
    listed = ", ".join("'" + engine.address(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def rows(engine: Engine, what: Statement, **options: Any) -> list[dict[str, Any]]:
    return [row for batch in engine.execute(what, **options) for row in batch.to_pylist()]


VALUES = [
    (True, "BOOLEAN"),
    (0, "TINYINT"),
    (2**31 - 1, "INTEGER"),
    (-(2**63), "BIGINT"),
    (2**64 - 1, "UBIGINT"),
    (2**100, "HUGEINT"),
    (Decimal("1.10"), "DECIMAL(38,10)"),
    (Decimal("1E+5"), "DECIMAL(18,3)"),
    (Decimal("-0.00000000000000000001"), "DECIMAL(38,20)"),
    (Decimal("12345678901234567890123456789012345678"), "DECIMAL(38,0)"),
    (1.5, "DOUBLE"),
    (2, "DOUBLE"),
    (float("inf"), "DOUBLE"),
    (float("nan"), "DOUBLE"),
    ("", "VARCHAR"),
    ("a'b\x00\n; DROP TABLE x; -- é 🛫", "VARCHAR"),
    (date(1, 1, 1), "DATE"),
    (datetime(2013, 1, 1, 5, 0, 0, 1), "TIMESTAMP"),
    (datetime(2013, 1, 1, 5, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE"),
    (timedelta(days=-3, microseconds=7), "INTERVAL"),
    (UUID("12345678-1234-5678-9abc-1234567890ab"), "UUID"),
    ([1, None, 3], "BIGINT[]"),
    ([], "VARCHAR[]"),
    ([None, None], "DATE[]"),
    (["a", "b,'[]\""], "VARCHAR[]"),
    ([Decimal("1.5"), None], "DECIMAL(10,2)[]"),
    ([date(2013, 1, 1)], "DATE[]"),
    ([datetime(2013, 1, 1, tzinfo=UTC)], "TIMESTAMP WITH TIME ZONE[]"),
    ([UUID("12345678-1234-5678-9abc-1234567890ab")], "UUID[]"),
    ([float("nan"), 0.5], "DOUBLE[]"),
]


@pytest.mark.parametrize(("value", "type_"), VALUES, ids=[f"{type_}-{value!r:.30}" for value, type_ in VALUES])
def test_a_parameter_is_bound_with_its_value_and_exactly_its_type(engine: Engine, value: Any, type_: str) -> None:
    parameters = {"p": TypedValue(value=value, type=type_)}
    found, named = engine.evaluate(["$p", "typeof($p)"], parameters)
    assert named == type_
    assert (
        found == value
        or (isinstance(value, float) and isinstance(found, float) and isnan(value) and isnan(found))
        or (isinstance(value, list) and str(found) == str(value))
    )


@pytest.mark.parametrize(
    "type_", ["BIGINT", "VARCHAR", "DATE", "TIMESTAMP", "DECIMAL(10,2)", "VARCHAR[]", "UUID", "INTERVAL"]
)
def test_null_is_bound_with_its_type(engine: Engine, type_: str) -> None:
    assert engine.evaluate(["typeof($p)", "$p"], {"p": TypedValue(value=None, type=type_)}) == (type_, None)


def test_null_decides_between_functions_of_several_types(engine: Engine) -> None:
    sql = "SELECT date_trunc('day', $end) AS \"é $end\", '$end' AS t, $$ $end $$ AS d -- $end\n, $ends AS e /* $end */"
    found = rows(engine, statement(sql, end=(None, "TIMESTAMP"), ends=(1, "INTEGER")))
    assert found == [{"é $end": None, "t": "$end", "d": " $end ", "e": 1}]


def test_parameters_that_the_text_does_not_use_are_left_out(engine: Engine) -> None:
    assert rows(engine, statement("SELECT $a AS a", a=(1, "INTEGER"), b=(2, "INTEGER"))) == [{"a": 1}]


def test_a_value_is_never_read_as_sql(engine: Engine, folder: Path) -> None:
    hostile = "'); DROP TABLE x; --"
    assert rows(engine, statement("SELECT $a AS a", a=(hostile, "VARCHAR"))) == [{"a": hostile}]


def test_columns_are_named_in_the_types_of_duckdb(engine: Engine) -> None:
    what = statement("SELECT 1 AS a, sum(1) AS b, 1.50::DECIMAL(5,2) AS c, now() AS d, [1] AS b;")
    expected = ["INTEGER", "HUGEINT", "DECIMAL(5,2)", "TIMESTAMP WITH TIME ZONE", "INTEGER[]"]
    stream = engine.execute(what)
    assert [column.type for column in stream.columns] == expected
    assert sum(batch.num_rows for batch in stream) == 1
    found = engine.columns(what)
    assert [column.type for column in found] == expected
    assert [column.name for column in found] == ["a", "b", "c", "d", "b"]


def test_columns_are_looked_for_until_the_deadline(engine: Engine) -> None:
    slow = statement("SELECT levenshtein(repeat('x', 20000), repeat('y', 20000)) AS far")
    with pytest.raises(DeadlineExceeded):
        engine.columns(slow, deadline=time.monotonic() + 0.05)
    assert [column.type for column in engine.columns(slow)] == ["BIGINT"]


@pytest.mark.parametrize(
    "expression", ["'101'::BIT", "1::UHUGEINT", "'10:00:00+01'::TIMETZ", "1::BIGNUM", "[1::UHUGEINT]"]
)
def test_a_type_that_no_format_carries_is_refused_by_name(engine: Engine, expression: str) -> None:
    with pytest.raises(QueryFailed, match=r"'odd'.*cast"):
        engine.execute(statement(f"SELECT {expression} AS odd"))


def test_large_results_come_in_batches(engine: Engine) -> None:
    stream = engine.execute(statement("SELECT i FROM range(300000) t(i)"))
    sizes = [batch.num_rows for batch in stream]
    assert sum(sizes) == 300_000
    assert len(sizes) > 1


def test_rows_that_are_given_with_a_statement_are_read_under_their_name_by_no_other(engine: Engine) -> None:
    kinds = pa.schema([("k", pa.string()), ("s", pa.decimal128(38, 0)), ("d", pa.list_(pa.int32()))])
    given = pa.table([["a", None, "a"], [Decimal(2) ** 100, Decimal(1), None], [[1], None, []]], schema=kinds)
    statement = Statement(
        sql='SELECT k, sum(s) AS s, count(d) AS n FROM "__given" WHERE k IS DISTINCT FROM $k GROUP BY k ORDER BY k',
        parameters={"k": TypedValue(value="b", type="VARCHAR")},
        files=(),
        relations=(Relation(name="__given", rows=given),),
    )
    rows = pa.Table.from_batches(engine.execute(statement)).to_pylist()
    assert rows == [{"k": "a", "s": Decimal(2) ** 100, "n": 2}, {"k": None, "s": Decimal(1), "n": 0}]
    assert [column.type for column in engine.columns(statement)] == ["VARCHAR", "DECIMAL(38,0)", "BIGINT"]
    with pytest.raises(QueryFailed):
        list(engine.execute(replace(statement, relations=())))
    empty = replace(statement, relations=(Relation(name="__given", rows=given.slice(0, 0)),))
    assert [batch.num_rows for batch in engine.execute(empty)] in ([], [0])
    more = Relation(name="__more", rows=pa.table({"n": pa.array([7], pa.int8())}))
    both = replace(
        empty,
        sql='SELECT (SELECT count(*) FROM "__given") AS a, n FROM "__more" WHERE $k IS NOT NULL',
        relations=(*empty.relations, more),
    )
    assert pa.Table.from_batches(engine.execute(both)).to_pylist() == [{"a": 0, "n": 7}]


def test_the_time_zone_is_utc(engine: Engine) -> None:
    found = engine.evaluate(["TIMESTAMPTZ '2013-01-01 00:00:00+02'", "'2013-01-01'::TIMESTAMPTZ::DATE"], {})
    assert found == (datetime(2012, 12, 31, 22, tzinfo=UTC), date(2013, 1, 1))


def test_constants_are_computed_at_one_instant(engine: Engine) -> None:
    first, second = engine.evaluate(["now()", "current_timestamp"], {})
    assert first == second
    assert engine.evaluate([], {}) == ()


def test_files_are_described_with_the_columns_that_any_of_them_has(engine: Engine, folder: Path) -> None:
    write(folder / "a.parquet", {"x": [1], "s": ["a"]})
    write(folder / "b.parquet", {"x": [1], "extra": [1.5]})
    expected = (
        Column(name="x", type="BIGINT"),
        Column(name="s", type="VARCHAR"),
        Column(name="extra", type="DOUBLE"),
    )
    assert engine.describe([str(folder / "a.parquet"), str(folder / "b.parquet")]) == expected


def test_explain_shows_the_engines_plan(engine: Engine, folder: Path) -> None:
    file = write(folder / "a.parquet", {"x": [1, 2]})
    assert "READ_PARQUET" in engine.explain(statement(f"SELECT sum(x) FROM {source(engine, file)}", [file]))


@pytest.mark.parametrize(
    "name", ["a b.parquet", "é'ü.parquet", "[x]*?.parquet", "day=2013-01-01.parquet", "%3D.parquet"]
)
def test_any_file_name_can_be_read(engine: Engine, folder: Path, name: str) -> None:
    file = write(folder / name, {"x": [7]})
    assert rows(engine, statement(f"SELECT x FROM {source(engine, file)}", [file])) == [{"x": 7}]


@ON_THREADS
@pytest.mark.parametrize("sql", [HEAVY, ENDLESS], ids=["computing", "streaming"])
def test_a_query_past_its_deadline_is_stopped(engine: Engine, sql: str, one_thread: bool) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        rows(engine, replace(statement(sql), one_thread=one_thread), deadline=began + 0.2)
    assert time.monotonic() - began < 5


def test_a_deadline_that_has_passed_stops_the_query_at_once(engine: Engine) -> None:
    with pytest.raises(DeadlineExceeded):
        rows(engine, statement(HEAVY), deadline=time.monotonic() - 1)


@ON_THREADS
def test_a_query_is_cancelled_before_its_first_row(engine: Engine, one_thread: bool) -> None:
    handed: list[Any] = []
    ready = threading.Event()

    def cancel() -> None:
        ready.wait()
        handed[0]()

    thread = threading.Thread(target=cancel)
    thread.start()
    heavy = replace(statement(HEAVY), one_thread=one_thread)
    with pytest.raises(EngineFailed, match="cancelled"):
        engine.execute(heavy, started=lambda stop: (handed.append(stop), ready.set()))
    thread.join()


def test_a_query_is_cancelled_before_it_begins(engine: Engine) -> None:
    with pytest.raises(EngineFailed, match="cancelled"):
        engine.execute(statement(HEAVY), started=lambda stop: stop())


@ON_THREADS
def test_a_stream_is_cancelled_between_batches(engine: Engine, one_thread: bool) -> None:
    stream = engine.execute(replace(statement(ENDLESS), one_thread=one_thread))
    batches = iter(stream)
    next(batches)
    stream.cancel()
    with pytest.raises(EngineFailed, match="cancelled"):
        list(batches)


@ON_THREADS
def test_a_stream_may_be_closed_early_and_twice(engine: Engine, one_thread: bool) -> None:
    stream = engine.execute(replace(statement(ENDLESS), one_thread=one_thread))
    next(iter(stream))
    stream.close()
    stream.close()
    engine.ping()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT $p::DATE AS d", "invalid date field format"),
        ("SELECT CAST(x || '/etc/passwd' AS INTEGER) FROM (VALUES ('a')) v(x)", "Could not convert"),
        ("SELECT 9223372036854775807 + i FROM range(5) t(i)", "Overflow"),
        ("SELECT (SELECT i FROM range(5) t(i))", "More than one row"),
        ("SELECT sqrt(-i) FROM range(5) t(i)", "negative"),
        ("SELECT missing FROM range(5) t(i)", "missing"),
        ("SELECT 1; SELECT 2", "one statement"),
    ],
)
def test_what_the_query_does_wrong_with_its_values_is_told_to_the_caller(engine: Engine, sql: str, words: str) -> None:
    with pytest.raises(QueryFailed, match=words) as raised:
        rows(engine, statement(sql, p=("x", "VARCHAR")))
    assert "LINE" not in raised.value.detail
    assert "SELECT" not in raised.value.detail


def test_an_error_in_a_late_batch_is_of_the_same_kind(engine: Engine) -> None:
    sql = "SELECT CASE WHEN i = 2000000 THEN error('at last') ELSE i::VARCHAR END AS x FROM range(3000000) t(i)"
    with pytest.raises(QueryFailed, match="at last"):
        rows(engine, statement(sql))


def test_too_little_memory_is_said_in_plain_words(engine: Engine) -> None:
    with pytest.raises(EngineFailed, match="memory") as raised:
        rows(engine, statement("SELECT list(i) FROM range(100000000) t(i)"))
    assert "SET " not in raised.value.detail


def test_a_missing_file_means_that_the_files_changed(engine: Engine, folder: Path) -> None:
    gone = FileVersion(path=str(folder / "x.parquet"), size=1, etag='"1-1-1"')
    with pytest.raises(FilesChanged) as raised:
        rows(engine, statement(f"SELECT * FROM {source(engine, gone)}", [gone]))
    assert str(folder) not in raised.value.detail


def test_a_damaged_file_is_named_as_such_without_its_path(engine: Engine, folder: Path) -> None:
    path = folder / "x.parquet"
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(StorageFailed, match="damaged") as raised:
        rows(engine, statement(f"SELECT * FROM {source(engine, version(path))}", [version(path)]))
    assert str(folder) not in raised.value.detail


def test_files_with_different_columns_are_told_apart_from_damage(engine: Engine, folder: Path) -> None:
    files = [write(folder / "a.parquet", {"x": [1], "y": [1]}), write(folder / "b.parquet", {"x": [1]})]
    with pytest.raises(EngineFailed, match='"y"') as raised:
        rows(engine, statement(f"SELECT sum(y) FROM {source(engine, *files)}", files))
    assert str(folder) not in raised.value.detail


@ON_THREADS
def test_a_replaced_file_is_noticed(engine: Engine, folder: Path, one_thread: bool) -> None:
    old = write(folder / "x.parquet", {"x": [1]})
    what = replace(statement(f"SELECT x FROM {source(engine, old)}", [old]), one_thread=one_thread)
    assert rows(engine, what) == [{"x": 1}]
    write(folder / "x.parquet", {"x": [2]})
    with pytest.raises(FilesChanged):
        rows(engine, what)


def test_a_file_rewritten_with_the_same_size_and_second_gives_its_new_rows(engine: Engine, folder: Path) -> None:
    """DuckDB alone serves the old blocks of such a file once it is ten seconds old."""
    path = folder / "x.parquet"
    long_ago = 1_700_000_000_000_000_000
    for number in range(20):
        write(path, {"x": [number] * 1000})
        os.utime(path, ns=(long_ago, long_ago + number * 1_000_000))
        now = version(path)
        assert rows(engine, statement(f"SELECT DISTINCT x FROM {source(engine, now)}", [now])) == [{"x": number}]


def test_nothing_outside_the_locations_can_be_read(engine: Engine, folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.parquet", {"x": [1]})
    (folder / "link.parquet").symlink_to(tmp_path / "secret.parquet")
    sibling = tmp_path / "data-of-others"
    sibling.mkdir()
    write(sibling / "x.parquet", {"x": [1]})
    outside = [
        f"{tmp_path}/secret.parquet",
        f"{folder}/../secret.parquet",
        f"{sibling}/x.parquet",
        "/etc/passwd",
        "http://127.0.0.1:9/x",
    ]
    for path in outside:
        with pytest.raises((StorageFailed, QueryFailed)) as raised:
            rows(engine, statement(f"SELECT * FROM read_parquet('{path}')"))
        assert str(tmp_path) not in raised.value.detail


@pytest.mark.parametrize(
    "sql",
    [
        "SET memory_limit = '10GB'",
        "INSTALL spatial",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SET TimeZone = 'Asia/Tokyo'",
        "ATTACH '/etc/x.db'",
    ],
)
def test_settings_are_locked(engine: Engine, sql: str) -> None:
    with pytest.raises((QueryFailed, StorageFailed, EngineFailed)):
        rows(engine, statement(sql))


def test_queries_of_many_threads_do_not_disturb_each_other(engine: Engine, folder: Path) -> None:
    files = [write(folder / f"{number}.parquet", {"x": [number] * 1000}) for number in range(8)]

    def run(number: int) -> int:
        file = files[number % 8]
        deadline = time.monotonic() + 0.001 if number % 5 == 0 else None
        what = statement(f"SELECT sum(x) + $n AS s FROM {source(engine, file)}", [file], n=(number, "INTEGER"))
        try:
            return int(rows(engine, what, deadline=deadline)[0]["s"])
        except DeadlineExceeded:
            return number % 8 * 1000 + number

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(80)))
    assert found == [number % 8 * 1000 + number for number in range(80)]


def test_closing_stops_what_runs_and_may_be_repeated(engine: Engine) -> None:
    batches = iter(engine.execute(statement(ENDLESS)))
    next(batches)
    closing = threading.Thread(target=engine.close)
    closing.start()
    with pytest.raises(EngineFailed, match="cancelled"):
        list(batches)
    closing.join()
    engine.close()
    with pytest.raises(EngineFailed):
        engine.ping()
    with pytest.raises(EngineFailed):
        engine.execute(statement("SELECT 1"))


def test_a_limit_inside_is_taken_before_the_join_outside(engine: Engine, folder: Path) -> None:
    data = {"id": list(range(6_000)), "country": [["de", "fr", "us", "jp"][number % 4] for number in range(6_000)]}
    file = write(folder / "events.parquet", data)
    first = f"(SELECT * FROM {source(engine, file)} ORDER BY id LIMIT 500)"
    asked = statement(f"SELECT sum(id) AS total FROM {first} AS f WHERE country IN (SELECT 'de')", [file])
    answers = {rows(engine, asked)[0]["total"] for _ in range(25)}
    assert answers == {sum(range(0, 500, 4))}
