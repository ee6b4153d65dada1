"""``gateway check --data`` over a real folder of files: what breaks the declaration is named, with the path."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("dt=yesterday/shard=0/a.parquet", "the folder of 'dt': 'yesterday' is not a day"),
        ("shard=0/a.parquet", "the partition column 'dt' is missing"),
        ("loose.parquet", "the partition column 'dt' is missing"),
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
    code, output = gateway(project, "check", "--data", "--format", "json")
    [ran] = json.loads(output)["examples"]
    assert (code, ran["query"], ran["number"], ran["rows"]) == (0, "q", 1, 2)
    assert (ran["partitions"], ran["partitions_total"]) == (1, 2)
    assert "q v1 example 1: 2 rows in " in gateway(project, "check", "--data")[1]


def test_an_example_without_rows_is_told_at_its_place(project: Path) -> None:
    write_query(project, QUERY.format(examples="\n  - {day: 2024-01-01}\n  - {day: 1999-01-01}"))
    code, output = gateway(project, "check", "--data", "--format", "json")
    [note] = json.loads(output)["diagnostics"]
    assert (code, note["line"], note["message"]) == (0, 8, "example 2 answers no rows")


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


def test_declared_columns_are_compared_with_those_of_the_newest_file(project: Path) -> None:
    declared = "columns: {ts: TIMESTAMP, uid: INTEGER, name: VARCHAR}\n"
    (project / "catalog" / "events.yaml").write_text(DECLARATION + declared)
    code, output = gateway(project, "check", "--data", "--format", "json")
    found = [(one["severity"], one["message"].partition(": ")[2]) for one in json.loads(output)["diagnostics"]]
    assert (code, found) == (
        1,
        [
            ("warning", "the column 'uid' is BIGINT, and declared INTEGER"),
            ("error", "the column 'name' is declared, but not there"),
        ],
    )
