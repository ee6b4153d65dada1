"""``gateway write`` as people call it: what it prints, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main

DECLARATION = """\
table: events
location: warehouse/events
columns: {id: BIGINT, ts: TIMESTAMP, kind: VARCHAR}
partitioned_by:
  - {column: day, transform: day, source: ts}
"""
CSV = "id,ts,kind\n1,2013-01-01T10:00:00,a\n2,2013-01-02T10:00:00,b\n3,2013-01-02T11:00:00,\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/events.yaml").write_text(DECLARATION)
    (tmp_path / "events.csv").write_text(CSV)
    return tmp_path


def write(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["write", *arguments, "--project", str(project)])


def folders(project: Path) -> list[str]:
    return sorted(path.parent.name for path in project.rglob("*.parquet"))


def test_it_writes_and_sums_up(project: Path) -> None:
    program = Path(sysconfig.get_path("scripts")) / "gateway"
    arguments = [program, "write", "events", project / "events.csv", "--project", project]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 rows" in done.stdout
    assert "2 partitions, 2 files" in done.stdout
    assert folders(project) == ["day=2013-01-01", "day=2013-01-02"]


def test_it_sums_up_as_json(project: Path) -> None:
    summary = json.loads(write(project, "events", str(project / "*.csv"), "--json").stdout)
    expected = {"table": "events", "location": "warehouse/events", "mode": "append", "rows": 3}
    assert expected.items() <= summary.items()
    assert set(summary) - set(expected) == {"partitions", "files", "bytes", "removed", "seconds"}


def test_other_formats_are_read(project: Path) -> None:
    (project / "a.ndjson").write_text('{"id": 4, "ts": "2013-01-03T00:00:00", "kind": "c"}\n')
    assert write(project, "events", str(project / "a.ndjson")).exit_code == 0
    (made,) = project.rglob("*.parquet")
    copy = made.rename(project / "b.data")
    assert write(project, "events", str(copy), "--format", "parquet").exit_code == 0
    assert folders(project) == ["day=2013-01-03"]


def test_options_reach_the_writer(project: Path) -> None:
    (project / "more.csv").write_text("id;ts;kind;more;note\n2;2013-01-01;NA;1;2\n1;2013-01-01;x;1;2\n")
    options = [
        "--delimiter",
        ";",
        "--null",
        "NA",
        "--exclude",
        "more,note",
        "--sort",
        "id",
        "--compression",
        "snappy",
        "--target-size",
        "1MiB",
    ]
    done = write(project, "events", str(project / "more.csv"), *options)
    assert (done.exit_code, done.stderr) == (0, "")
    (path,) = project.rglob("*.parquet")
    with pq.ParquetFile(path) as file:
        assert [(row["id"], row["kind"]) for row in file.read().to_pylist()] == [(1, "x"), (2, None)]
        assert file.metadata.row_group(0).column(0).compression == "SNAPPY"


def test_overwriting_says_how_many_files_went(project: Path) -> None:
    write(project, "events", str(project / "events.csv"))
    done = write(project, "events", str(project / "events.csv"), "--mode", "overwrite-partitions")
    assert "2 old files removed" in done.stdout
    assert folders(project) == ["day=2013-01-01", "day=2013-01-02"]


def test_a_bad_row_is_named_and_the_exit_code_is_3(project: Path) -> None:
    (project / "bad.csv").write_text(CSV.replace("\n2,", "\ntwo,"))
    done = write(project, "events", str(project / "bad.csv"))
    assert done.exit_code == 3
    assert "Row 2: 'two' does not fit the column 'id' of type BIGINT" in done.stderr
    assert "Traceback" not in done.stderr
    assert folders(project) == []


def test_a_wrong_declaration_is_shown_and_the_exit_code_is_1(project: Path) -> None:
    (project / "catalog/events.yaml").write_text("table: events\nlocation: s3:///x\n")
    done = write(project, "events", str(project / "events.csv"))
    assert (done.exit_code, "events.yaml:2:1" in done.stderr) == (1, True)


def test_wrong_declarations_of_other_tables_do_not_matter(project: Path) -> None:
    (project / "catalog/other.yaml").write_text("table: [\n")
    assert write(project, "events", str(project / "events.csv")).exit_code == 0


def test_an_unknown_table_is_answered_with_the_nearest_and_the_exit_code_is_3(project: Path) -> None:
    done = write(project, "event", str(project / "events.csv"))
    assert (done.exit_code, "did you mean 'events'" in done.stderr) == (3, True)


def test_a_size_that_is_none_is_refused_and_the_exit_code_is_2(project: Path) -> None:
    done = write(project, "events", "x.csv", "--target-size", "big")
    assert (done.exit_code, "not a size" in done.stderr) == (2, True)


def test_a_store_that_fails_makes_the_exit_code_4(project: Path) -> None:
    (project / "warehouse").write_text("a file where the folder should be")
    assert write(project, "events", str(project / "events.csv")).exit_code == 4


def test_new_files_have_the_last_layout_whatever_older_files_have(project: Path) -> None:
    day = "[{column: day, transform: day, source: ts}]"
    older = DECLARATION.replace("{column: day, transform: day,", "{column: month, transform: month,")
    evolved = older.replace("  - {", "  - [{").replace("ts}", "ts}]") + f"  - {day}\n"
    for declaration in (older, evolved):
        (project / "catalog/events.yaml").write_text(declaration)
        assert write(project, "events", str(project / "events.csv")).exit_code == 0
    assert folders(project) == ["day=2013-01-01", "day=2013-01-02", "month=2013-01"]
    (project / "b.csv").write_text("id,ts,kind,month\n9,2013-01-02T10:00:00,b,2013-01\n")
    assert write(project, "events", str(project / "b.csv")).exit_code != 0


YEAR_MONTH = "{column: year, transform: year, source: ts}, {column: m, transform: month_of_year, source: ts}"
DAY, HOUR = "{column: day, transform: day, source: ts}", "{column: hour, transform: hour, source: ts}"
MONTH, KIND = "{column: month, transform: month, source: ts}", "{column: kind, source: kind}"
BUCKET = "{column: part, transform: 'bucket[4]', source: kind}"


@pytest.mark.parametrize(
    ("older", "newer", "there", "written", "stays"),
    [
        (MONTH, DAY, "month=2013-01", "2013-01-02T10:00:00,b", True),
        (MONTH, DAY, "month=2013-01", "2013-02-01T00:00:00,b", False),
        (YEAR_MONTH, DAY, "year=2013/m=01", "2013-01-31T23:59:00,b", True),
        (YEAR_MONTH, DAY, "year=2013/m=01", "2013-02-01T00:00:00,b", False),
        (DAY, MONTH, "day=2013-01-31", "2013-01-02T10:00:00,b", True),
        (DAY, MONTH, "day=2013-02-01", "2013-01-02T10:00:00,b", False),
        (HOUR, f"{YEAR_MONTH}, {DAY}", "hour=2013-01-02-23", "2013-01-02T10:00:00,b", True),
        (HOUR, f"{YEAR_MONTH}, {DAY}", "hour=2013-01-03-00", "2013-01-02T10:00:00,b", False),
        (DAY, f"{DAY}, {KIND}", "day=2013-01-02", "2013-01-02T10:00:00,b", True),
        (DAY, f"{DAY}, {KIND}", "day=2013-01-03", "2013-01-02T10:00:00,b", False),
        (f"{DAY}, {KIND}", DAY, "day=2013-01-02/kind=a", "2013-01-02T10:00:00,b", False),
        (BUCKET, KIND, "part=3", "2013-01-02T10:00:00,b", True),
        (BUCKET, KIND, "part=2", "2013-01-02T10:00:00,b", False),
        (KIND, DAY, "kind=a", "2013-01-02T10:00:00,b", True),
        (MONTH, DAY, "month=2013-01", ",b", False),
        (MONTH, DAY, "month=__HIVE_DEFAULT_PARTITION__", ",b", True),
        (MONTH, DAY, "somewhere", "2013-01-02T10:00:00,b", True),
    ],
)
def test_partitions_of_which_rows_lie_in_other_folders_are_not_replaced(
    project: Path, older: str, newer: str, there: str, written: str, stays: bool
) -> None:
    declaration = DECLARATION.partition("partitioned_by")[0] + f"partitioned_by: [[{older}], [{newer}]]\n"
    (project / "catalog/events.yaml").write_text(declaration)
    old = project / "warehouse/events" / there / "a.parquet"
    old.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1], "ts": pa.array([None], pa.timestamp("us")), "kind": ["a"]}), old)
    (project / "a.csv").write_text(f"id,ts,kind\n9,{written}\n")
    done = write(project, "events", str(project / "a.csv"), "--mode", "overwrite-partitions")
    files = [path for path in (project / "warehouse").rglob("*.parquet") if path != old]
    if stays:
        assert (done.exit_code, old.exists(), files) == (3, True, [])
        assert f"{there}/a.parquet may hold rows of the partition" in done.stderr
    else:
        assert (done.exit_code, len(files)) == (0, 1), done.stderr
        assert old.exists() == (older != f"{DAY}, {KIND}")
    assert write(project, "events", str(project / "a.csv"), "--mode", "append").exit_code == 0
