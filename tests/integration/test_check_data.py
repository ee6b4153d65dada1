"""``gateway check --data`` over a real folder of files: what breaks the declaration is named, with the path."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sysconfig
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gateway.app.gateway import open_gateway
from gateway.authoring.data import check_files
from gateway.cli import main
from gateway.config import load_settings
from gateway.telemetry.events import unobserved

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")
DECLARATION = """
table: events
location: data
partitioned_by:
  - {column: dt, transform: day, source: ts}
  - {column: shard, transform: "bucket[4]", source: uid}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "catalog" / "events.yaml").write_text(DECLARATION)
    put(tmp_path, "dt=2024-01-01/shard=0/a.parquet", ["2024-01-01T00:00", "2024-01-01T23:59"], [1, 2])
    return tmp_path


def put(project: Path, path: str, times: list[str], users: list[int]) -> None:
    target = project / "data" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    at = pa.array(times).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"ts": at, "uid": pa.array(users, pa.int64())}), target)


def gateway(project: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, [*words, "--project", str(project)], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout


def in_a_process(project: Path, *words: str) -> tuple[int, str]:
    """Do the same in a process of its own, which is what takes most of the time."""
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [PROGRAM, *words, "--project", str(project)], capture_output=True, text=True, env=environment, check=False
    )
    return done.returncode, done.stdout


def mistakes(project: Path) -> list[str]:
    code, output = gateway(project, "check", "--data", "--format", "json")
    found: list[dict[str, Any]] = json.loads(output)["diagnostics"]
    assert code == (1 if found else 0)
    return [one["message"] for one in found]


def count(project: Path, where: str) -> Any:
    (project / "q.sql").write_text(f"SELECT count(*) AS n FROM events WHERE {where}")
    code, output = gateway(project, "run", "--sql", str(project / "q.sql"), "--format", "json")
    assert code == 0
    return json.loads(output)["data"][0]["n"]


def test_rows_are_compared_with_the_levels_of_the_layout_of_their_file(project: Path) -> None:
    (project / "catalog/events.yaml").write_text(
        "table: events\nlocation: data\ncolumns: {ts: TIMESTAMP, uid: BIGINT}\npartitioned_by:\n"
        "  - [{column: month, transform: month, source: ts}]\n  - [{column: day, transform: day, source: ts}]\n"
    )
    shutil.rmtree(project / "data")
    put(project, "month=2024-01/a.parquet", ["2024-01-31T23:59"], [1])
    put(project, "day=2024-02-01/a.parquet", ["2024-02-01T00:00"], [2])
    assert mistakes(project) == []
    put(project, "day=2024-02-02/a.parquet", ["2024-02-03T00:00"], [3])
    [found] = mistakes(project)
    assert "belongs in day=2024-02-03" in found


@pytest.mark.parametrize("name", ["events.yaml", "events.yml"])
def test_errors_of_the_data_name_the_file_that_declares_the_table(project: Path, name: str) -> None:
    (project / "catalog/events.yaml").rename(project / "catalog" / name)
    (project / "queries/totals").mkdir()
    query = "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\nSELECT count(*) AS n FROM events"
    (project / "queries/totals/v1.sql").write_text(query)
    put(project, "dt=2024-01-02/shard=0/a.parquet", ["2024-01-02T10:00", "2024-01-03T10:00"], [1, 2])
    _, output = gateway(project, "check", "--data", "--format", "json")
    found = json.loads(output)
    errors = [error["path"] for error in found["diagnostics"] if error["severity"] == "error"]
    assert errors == [f"catalog/{name}"]
    assert found["examples"] == []  # a query over a table with errors is not run
    pq.write_table(pa.table({"ts": ["today"], "uid": [1]}), project / "data/dt=2024-01-01/shard=0/a.parquet")
    _, output = gateway(project, "check", "--data", "--format", "json")
    assert {error["path"] for error in json.loads(output)["diagnostics"]} >= {f"catalog/{name}"}


def test_rows_that_lie_where_they_belong_are_no_mistake(project: Path) -> None:
    assert mistakes(project) == []


def test_a_row_of_another_day_is_named(project: Path) -> None:
    put(project, "dt=2024-01-02/shard=0/a.parquet", ["2024-01-02T10:00", "2024-01-03T10:00"], [1, 2])
    assert mistakes(project) == [
        "dt=2024-01-02/shard=0/a.parquet: a row with ts = 2024-01-03 10:00:00 lies in dt=2024-01-02 "
        "and belongs in dt=2024-01-03"
    ]


def test_a_row_of_another_bucket_is_named(project: Path) -> None:
    put(project, "dt=2024-01-01/shard=3/a.parquet", ["2024-01-01T10:00"], [1])
    assert mistakes(project) == [
        "dt=2024-01-01/shard=3/a.parquet: a row with uid = 1 lies in shard=3 and belongs in shard=0"
    ]


@pytest.mark.parametrize(("folder", "value"), [("nan", float("nan")), ("-0.0", 0.0), ("0", -0.0), ("inf", math.inf)])
def test_doubles_lie_where_they_belong_though_they_are_written_otherwise(
    project: Path, folder: str, value: float
) -> None:
    (project / "catalog/events.yaml").write_text(
        "table: events\nlocation: data\ncolumns: {k: DOUBLE}\npartitioned_by:\n"
        "  - {column: part, source: k, transform: identity}\n"
    )
    shutil.rmtree(project / "data")
    (project / f"data/part={folder}").mkdir(parents=True)
    pq.write_table(pa.table({"k": [value]}), project / f"data/part={folder}/a.parquet")
    assert mistakes(project) == []


@pytest.mark.parametrize(
    ("stored", "type_", "shown"),
    [
        (pa.array([None], pa.int64()), "BIGINT", "null"),
        (pa.array([float("nan")]), "DOUBLE", ".nan"),
        (pa.array([float("-inf")]), "DOUBLE", "-.inf"),
        (pa.array([True]), "BOOLEAN", "true"),
        (pa.array(["null"]), "VARCHAR", "'null'"),
        (pa.array([""]), "VARCHAR", "''"),
        (pa.array(["a\nb"]), "VARCHAR", r'"a\nb"'),
        (pa.array([Decimal("1.50")], pa.decimal128(5, 2)), "DECIMAL(5,2)", "1.50"),
        (pa.array([date(2024, 1, 2)]), "DATE", "2024-01-02"),
    ],
)
def test_the_value_of_a_row_elsewhere_is_named_as_yaml_writes_it(
    project: Path, stored: pa.Array, type_: str, shown: str
) -> None:
    (project / "catalog/events.yaml").write_text(
        f'table: events\nlocation: data\ncolumns: {{k: "{type_}"}}\npartitioned_by:\n'
        "  - {column: part, source: k, transform: identity}\n"
    )
    shutil.rmtree(project / "data")
    elsewhere = {"BOOLEAN": "false", "VARCHAR": "x", "DATE": "2024-01-01"}.get(type_, "1")
    (project / f"data/part={elsewhere}").mkdir(parents=True)
    pq.write_table(pa.table({"k": stored}), project / f"data/part={elsewhere}/a.parquet")
    [found] = mistakes(project)
    assert f": a row with k = {shown} lies in part={elsewhere} and belongs in part=" in found


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("dt=yesterday/shard=0/a.parquet", "the folder of 'dt': 'yesterday' is not a day"),
        ("shard=0/a.parquet", "the partition column 'dt' is missing"),
        ("loose.parquet", "the partition columns 'dt', 'shard' are missing"),
    ],
)
def test_a_path_that_breaks_the_declaration_is_named_and_its_rows_are_still_answered(
    project: Path, path: str, reason: str
) -> None:
    put(project, path, ["2024-01-01T12:00"], [1])
    assert mistakes(project) == [f"{path}: {reason}"]
    assert count(project, "ts >= TIMESTAMP '2024-01-01' AND ts < TIMESTAMP '2024-01-02' AND uid = 1") == 2


def test_another_spelling_of_the_same_value_is_no_mistake(project: Path) -> None:
    text = DECLARATION.replace(
        "transform: day, source: ts}",
        "transform: year, source: ts}\n  - {column: m, transform: month_of_year, source: ts}",
    )
    (project / "catalog" / "events.yaml").write_text(text)
    (project / "data/dt=2024-01-01/shard=0/a.parquet").unlink()
    put(project, "dt=2024/m=06/shard=0/a.parquet", ["2024-06-01T10:00"], [1])
    put(project, "dt=2024/m=7/shard=00/a.parquet", ["2024-07-01T10:00"], [1])
    assert mistakes(project) == []
    assert count(project, "ts >= TIMESTAMP '2024-07-01'") == 1


@pytest.mark.parametrize("transform", ["identity", "truncate[2]"])
def test_empty_texts_in_the_folder_of_null_are_no_mistake_and_are_found(tmp_path: Path, transform: str) -> None:
    """Hive and Spark write both there."""
    fields = f'[{{column: kind, transform: "{transform}", source: name}}]'
    texts = {"catalog/t.yaml": f"table: t\nlocation: data\npartitioned_by: {fields}\n", "queries/.keep": ""}
    for folder, names in {"__HIVE_DEFAULT_PARTITION__": ["", None, ""], "a": ["a"]}.items():
        (tmp_path / "data" / f"kind={folder}").mkdir(parents=True)
        pq.write_table(pa.table({"name": pa.array(names, pa.string())}), tmp_path / f"data/kind={folder}/a.parquet")
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    code, output = gateway(tmp_path, "check", "--data")
    assert code == 0, output
    counts = {"name = ''": 2, "name < 'a'": 2, "name IS NULL": 1, "name <> 'a'": 2, "name = 'a'": 1}
    for condition, count in counts.items():
        (tmp_path / "ask.sql").write_text(f"SELECT count(*) AS n FROM t WHERE {condition}")
        code, output = gateway(tmp_path, "run", "--sql", str(tmp_path / "ask.sql"), "--format", "csv")
        assert output.split() == ["n", str(count)], (condition, output)


def test_a_column_that_is_not_enforced_promises_nothing(project: Path) -> None:
    text = DECLARATION.replace("source: ts}", "source: ts, enforced: false}")
    (project / "catalog" / "events.yaml").write_text(text)
    put(project, "dt=2024-01-02/shard=0/a.parquet", ["2024-01-05T10:00"], [1])
    assert mistakes(project) == []
    assert count(project, "ts >= TIMESTAMP '2024-01-05'") == 1


QUERY = """/*
summary: Events of a day
owner: me
parameters:
  day: {{type: date, description: the day}}
examples: {examples}
*/
SELECT uid, ts FROM events WHERE ts >= $day AND ts < $day + INTERVAL 1 DAY ORDER BY uid
"""


def write_query(project: Path, text: str) -> None:
    (project / "queries" / "q").mkdir(exist_ok=True)
    (project / "queries" / "q" / "v1.sql").write_text(text)


def test_each_example_is_run_and_says_what_it_read(project: Path) -> None:
    put(project, "dt=2024-01-02/shard=0/a.parquet", ["2024-01-02T00:00"], [1])
    write_query(project, QUERY.format(examples="[{day: 2024-01-01}]"))
    code, output = in_a_process(project, "check", "--data", "--format", "json")
    [ran] = json.loads(output)["examples"]
    assert (code, ran["query"], ran["number"], ran["rows"]) == (0, "q", 1, 2)
    assert (ran["partitions"], ran["partitions_total"]) == (1, 2)
    assert "q v1 example 1: 2 rows in " in gateway(project, "check", "--data")[1]


def test_an_example_without_rows_is_told_at_its_place(project: Path) -> None:
    write_query(project, QUERY.format(examples="\n  - {day: 2024-01-01}\n  - {day: 1999-01-01}"))
    code, output = gateway(project, "check", "--data", "--format", "json")
    [note] = json.loads(output)["diagnostics"]
    assert (code, note["line"], note["message"]) == (0, 8, "example 2 answers no rows")


def test_an_aggregation_that_another_spelling_would_fold_is_told(project: Path) -> None:
    for day in range(2, 6):
        put(project, f"dt=2024-01-0{day}/shard=0/a.parquet", [f"2024-01-0{day}T00:00"], [1])
    text = QUERY.format(examples="[{day: 2024-01-01}]").replace("1 DAY", "9 DAY").replace("ORDER BY uid", "")
    write_query(project, text.replace("uid, ts", "any_value(uid) AS uid"))
    [note] = json.loads(gateway(project, "check", "--data", "--format", "json")[1])["diagnostics"]
    assert note["rule"] == "not-folded"
    assert note["message"] == "its answers are computed whole, not of partials: any_value() cannot be merged"
    assert note["hint"] == "min() or max() of it, where all values of a group are equal"
    write_query(project, text.replace("uid, ts", "max(uid) AS uid"))
    assert json.loads(gateway(project, "check", "--data", "--format", "json")[1])["diagnostics"] == []


def test_an_example_that_fails_is_a_mistake(project: Path) -> None:
    text = QUERY.format(examples="[{day: 2024-01-01}]").replace("uid, ts", "CAST(ts AS VARCHAR)::INTEGER AS n")
    write_query(project, text.replace("ORDER BY uid", "ORDER BY n"))
    [message] = mistakes(project)
    assert message.startswith("example 1 fails with query-failed: ")


def test_columns_that_only_the_files_tell_are_checked(project: Path) -> None:
    write_query(project, QUERY.format(examples="[{day: 2024-01-01}]").replace("uid, ts", "uidd"))
    assert mistakes(project) == ["there is no column 'uidd' here"]


def test_a_table_that_was_listed_once_is_checked_without_its_files(project: Path) -> None:
    assert mistakes(project) == []
    write_query(project, QUERY.format(examples="[{day: 2024-01-01}]").replace("uid, ts", "uidd"))
    code, output = gateway(project, "check")
    assert (code, "queries/q/v1.sql:8:8: there is no column 'uidd' here" in output) == (1, True)


def test_declared_columns_are_compared_with_those_of_every_file(project: Path) -> None:
    declared = "columns: {ts: TIMESTAMP, uid: INTEGER, name: VARCHAR}\n"
    (project / "catalog" / "events.yaml").write_text(DECLARATION + declared)
    code, output = gateway(project, "check", "--data", "--format", "json")
    found = [(one["severity"], one["message"].partition(": ")[2]) for one in json.loads(output)["diagnostics"]]
    assert (code, found) == (
        1,
        [
            ("error", "the column 'name' is declared, but not there"),
            ("warning", "the column 'uid' is BIGINT, and declared INTEGER"),
        ],
    )


PLAIN = "table: t\nlocation: data\ncolumns: {n: 'BIGINT'}\n"
QUERY_OF_T = """/*
summary: Sum of all
owner: me
examples: [{}]
*/
SELECT sum(n) AS total FROM t
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A project whose table ``t`` lies in no partitions."""
    for folder in ("catalog", "queries/q", "data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "catalog" / "t.yaml").write_text(PLAIN)
    return tmp_path


def put_plain(project: Path, name: str, columns: dict[str, Any], **options: Any) -> Path:
    path = project / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path


def told(project: Path, *words: str) -> list[tuple[str, str]]:
    """Run the check, and list the severities and messages; it ends with 1 where there is an error, with 0 elsewhere."""
    done = CliRunner().invoke(main, ["check", "--data", *words, "--format", "json", "--project", str(project)])
    found = [(one["severity"], one["message"]) for one in json.loads(done.stdout)["diagnostics"]]
    assert done.exit_code == int(any(severity == "error" for severity, _ in found))
    return found


def test_every_file_is_looked_at_and_each_kind_told_once_with_its_number_and_an_example(plain: Path) -> None:
    for number in range(3):
        put_plain(plain, f"old{number}.parquet", {"n": [1.5]})
    for number in range(2):
        put_plain(plain, f"new{number}.parquet", {"n": [number]})
    assert sorted(told(plain)) == [
        (
            "error",
            "3 files: the column 'n' is DOUBLE, with values that BIGINT does not have; "
            "e.g. old0.parquet: n = 1.5 has no BIGINT",
        ),
        (
            "warning",
            "3 files: the column 'n' is DOUBLE, and declared BIGINT; "
            "e.g. old0.parquet: the column 'n' is DOUBLE, and declared BIGINT",
        ),
    ]


@pytest.mark.parametrize(
    ("stored", "declared", "lost"),
    [
        (pa.array([1, 300]), "TINYINT", "n = 300 has no TINYINT"),
        (pa.array([2**60 + 1]), "DOUBLE", f"n = {2**60 + 1} has no DOUBLE"),
        (pa.array(["1", "007"]), "BIGINT", "n = '007' has no BIGINT"),
        (pa.array(["1", "x"]), "BIGINT", "n = x has no BIGINT"),
        (pa.array([1.0, 2.5]), "BIGINT", "n = 2.5 has no BIGINT"),
        (pa.array([0.1]), "FLOAT", "n = 0.1 has no FLOAT"),
        (pa.array([5]), "BOOLEAN", "n = 5 has no BOOLEAN"),
        (pa.array([1001], pa.timestamp("ns")), "TIMESTAMP", "n = '1970-01-01 00:00:00.000001001' has no TIMESTAMP"),
        (pa.array([1], pa.timestamp("us")), "DATE", "n = 1970-01-01 00:00:00.000001 has no DATE"),
        (pa.array(["1.25"]).cast(pa.decimal128(9, 2)), "DECIMAL(9,1)", "n = 1.25 has no DECIMAL(9,1)"),
    ],
)
def test_a_value_that_the_declared_type_does_not_have_is_named(
    plain: Path, stored: pa.Array[Any], declared: str, lost: str
) -> None:
    (plain / "catalog" / "t.yaml").write_text(PLAIN.replace("BIGINT", declared))
    put_plain(plain, "a.parquet", {"n": stored})
    assert ("error", f"a.parquet: {lost}") in told(plain)


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        (pa.array([1, None, 3]), "TINYINT"),
        (pa.array([1.0, None, float("nan"), 0.5]), "FLOAT"),
        (pa.array(["2024-01-01", None]), "DATE"),
        (pa.array([1000], pa.timestamp("ns")), "TIMESTAMP"),
        (pa.array(["7"]), "BIGINT"),
    ],
)
def test_values_that_all_fit_another_type_are_a_warning(plain: Path, stored: pa.Array[Any], declared: str) -> None:
    (plain / "catalog" / "t.yaml").write_text(PLAIN.replace("BIGINT", declared))
    put_plain(plain, "a.parquet", {"n": stored})
    assert [severity for severity, _ in told(plain)] == ["warning"]


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        (pa.array([1], pa.int8()), "BIGINT"),
        (pa.array([1.5], pa.float32()), "DOUBLE"),
        (pa.array([1], pa.timestamp("ms")), "TIMESTAMP"),
        (pa.nulls(2), "TIMESTAMP"),
        (pa.array(["1.25"]).cast(pa.decimal128(9, 2)), "DECIMAL(18,4)"),
    ],
)
def test_a_type_that_the_declared_one_holds_is_no_mistake(plain: Path, stored: pa.Array[Any], declared: str) -> None:
    (plain / "catalog" / "t.yaml").write_text(PLAIN.replace("BIGINT", declared))
    put_plain(plain, "a.parquet", {"n": stored})
    assert told(plain) == []


def test_damaged_files_are_named_and_the_others_looked_at(plain: Path) -> None:
    put_plain(plain, "good.parquet", {"n": [1.5]})
    whole = put_plain(plain, "cut.parquet", {"n": [1]}).read_bytes()
    (plain / "data" / "cut.parquet").write_bytes(whole[:-4])
    (plain / "data" / "empty1.parquet").write_bytes(b"")
    (plain / "data" / "empty2.parquet").write_bytes(b"")
    (plain / "data" / "locked.parquet").write_bytes(whole[:-4] + b"PARE")
    assert [message for severity, message in told(plain) if severity == "error"] == [
        "cut.parquet: it does not end as a Parquet file does: it was cut off, or is of another format",
        "2 files cannot be read: empty1.parquet, empty2.parquet: it is empty",
        "locked.parquet: it is encrypted",
        "good.parquet: n = 1.5 has no BIGINT",
    ]


def test_where_no_column_is_declared_a_damaged_newest_file_stops_nothing(plain: Path) -> None:
    (plain / "catalog" / "t.yaml").write_text("table: t\nlocation: data\n")
    put_plain(plain, "a.parquet", {"n": [1]})
    (plain / "data" / "b.parquet").write_bytes(b"PAR1 and no more")
    os.utime(plain / "data" / "b.parquet", (2_000_000_000, 2_000_000_000))
    reason = "it does not end as a Parquet file does: it was cut off, or is of another format"
    assert told(plain) == [("error", f"b.parquet: {reason}")]
    (plain / "data" / "a.parquet").unlink()
    shutil.rmtree(plain / ".gateway")
    [(_, message)] = told(plain)
    assert message == f"none of its newest files can be read, so its columns are not known; b.parquet: {reason}"


def test_nanoseconds_that_are_no_whole_microsecond_end_no_check(project: Path) -> None:
    target = project / "data" / "dt=2024-01-02" / "shard=0" / "a.parquet"
    target.parent.mkdir(parents=True)
    at = pa.array([1704153600000000001], pa.timestamp("ns"))  # 2024-01-02 and one nanosecond
    pq.write_table(pa.table({"ts": at, "uid": pa.array([1], pa.int64())}), target)
    declared = "columns: {ts: TIMESTAMP_NS, uid: BIGINT}\n"
    (project / "catalog" / "events.yaml").write_text(DECLARATION + declared)
    assert [severity for severity, _ in told(project)] == ["warning"]
    at = pa.array([1704240000000000001], pa.timestamp("ns"))
    pq.write_table(pa.table({"ts": at, "uid": pa.array([1], pa.int64())}), target)
    assert [message for severity, message in told(project) if severity == "error"] == [
        "dt=2024-01-02/shard=0/a.parquet: a row with ts = '2024-01-03 00:00:00.000000001' lies in dt=2024-01-02 "
        "and belongs in dt=2024-01-03"
    ]


def test_names_that_are_one_to_sql_are_told(plain: Path) -> None:
    put_plain(plain, "a.parquet", {"N": [1], "n": [2]})
    assert told(plain) == [
        ("warning", "a.parquet: the columns 'N' and 'n' are one name to SQL, and the first of them is read")
    ]


def test_a_column_that_some_files_lack_is_a_warning(plain: Path) -> None:
    (plain / "catalog" / "t.yaml").write_text(PLAIN.replace("'BIGINT'}", "BIGINT, m: BIGINT}"))
    put_plain(plain, "a.parquet", {"n": [1], "m": [1]})
    put_plain(plain, "b.parquet", {"n": [1]})
    assert told(plain) == [("warning", "b.parquet: the column 'm' is not there, and in other files it is")]


def test_paths_that_break_the_declaration_in_one_way_are_one_mistake(project: Path) -> None:
    for day in ("yesterday", "today", "tomorrow"):
        put(project, f"dt={day}/shard=0/a.parquet", ["2024-01-01T12:00"], [1])
    assert told(project) == [
        (
            "error",
            "3 files: the folder of 'dt': … is not a day; "
            "e.g. dt=today/shard=0/a.parquet: the folder of 'dt': 'today' is not a day",
        )
    ]


def test_the_data_are_checked_while_a_template_has_a_mistake(plain: Path) -> None:
    put_plain(plain, "a.parquet", {"n": [1.5]})
    (plain / "queries" / "q" / "v1.sql").write_text(QUERY_OF_T.replace("sum(n)", "sum(m)"))
    errors = [message for severity, message in told(plain) if severity == "error"]
    assert errors == ["a.parquet: n = 1.5 has no BIGINT", "there is no column 'm' here"]


def test_examples_of_sound_templates_run_while_another_has_a_mistake(plain: Path) -> None:
    put_plain(plain, "a.parquet", {"n": [1, 2]})
    (plain / "queries" / "q" / "v1.sql").write_text(QUERY_OF_T)
    (plain / "queries" / "wrong").mkdir()
    (plain / "queries" / "wrong" / "v1.sql").write_text(QUERY_OF_T.replace("sum(n)", "sum(m)"))
    _, output = gateway(plain, "check", "--data", "--format", "json")
    assert [ran["query"] for ran in json.loads(output)["examples"]] == ["q"]


def test_a_second_check_reads_no_file_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = "columns: {ts: TIMESTAMP, uid: INTEGER}\n"
    (project / "catalog" / "events.yaml").write_text(DECLARATION + declared)
    put(project, "dt=2024-01-02/shard=0/a.parquet", ["2024-01-02T10:00", "2024-01-03T10:00"], [1, 2])
    (project / "data" / "dt=2024-01-02" / "shard=0" / "bad.parquet").write_bytes(b"")
    settings, get = load_settings(project), obstore.get
    asked: list[str] = []

    def counted(store: Any, path: str, **options: Any) -> Any:
        asked.append(path)
        return get(store, path, **options)

    monkeypatch.setattr(obstore, "get", counted)
    found = []
    for _ in range(2):
        with open_gateway(settings, observe=unobserved, background=False) as opened:
            found.append(list(check_files(opened, settings, {"events": "catalog/events.yaml"})))
        asked.append("end")
    assert found[0] == found[1]
    assert len(found[0]) == 3
    assert (asked[-2:], len(asked)) == (["end", "end"], 8)


EXPORT = """\
/*
summary: all
owner: tests
examples: [{{}}]
*/
SELECT e.c, r.n FROM (SELECT count(*) AS c FROM events) AS e, range(20000) AS r(n){}
"""


def test_an_example_whose_rows_are_too_many_to_be_kept_is_read_to_its_end(project: Path) -> None:
    (project / "gateway.toml").write_text('[cache]\nmax_result = "64KiB"\n')
    write_query(project, EXPORT.format(""))
    code, output = in_a_process(project, "check", "--data")
    assert (code, "example 1: 20000 rows" in output) == (0, True), output
    write_query(project, EXPORT.format(" WHERE CASE WHEN n = 19999 THEN error('late') ELSE true END"))
    code, output = in_a_process(project, "check", "--data")
    assert (code, "example 1 fails with query-failed" in output) == (1, True), output


def test_columns_that_only_folders_name_are_declared_as_the_check_says(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    path = tmp_path / "events/year=2024/site=a/a.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1]}), path)
    declared = "table: events\nlocation: events\ncolumns: {id: BIGINT, year: INTEGER, site: VARCHAR}\n"
    (tmp_path / "catalog/events.yaml").write_text(declared)
    hints = {
        one["hint"] for one in json.loads(gateway(tmp_path, "check", "--data", "--format", "json")[1])["diagnostics"]
    }
    [line] = {hint[hint.index("partitioned_by") :] for hint in hints}
    (tmp_path / "catalog/events.yaml").write_text(f"{declared}{line}\n")
    assert gateway(tmp_path, "check", "--data")[0] == 0
    asked = tmp_path / "q.sql"
    asked.write_text("SELECT id, year + 1 AS next, site FROM events WHERE year >= 2024")
    answer = json.loads(gateway(tmp_path, "run", "--sql", str(asked), "--format", "json")[1])["data"]
    assert answer == [{"id": 1, "next": 2025, "site": "a"}]
