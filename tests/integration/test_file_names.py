"""Which files of its folders a table takes, by their names: the declared patterns, and what is said of the others."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from folders import Files
from hypothesis import given
from hypothesis import strategies as st
from waiting import wait_for

from gateway.catalog.file_names import PARQUET, suggested, takes
from gateway.cli import main
from tests.integration.conftest import Serve

DECLARED = "columns: {id: BIGINT, day: VARCHAR}\npartitioned_by: [{column: day, source: day}]\n"
NAMES = ["000000_0", "000001_0_copy_1", "part-00000", "part-r-00000.snappy", "a.parquet", "B.PARQ", "c.pq", "d.data"]
QUERY = "/*\nsummary: ids\nowner: tests\ncache: {ttl: 0s}\nexamples: [{}]\n*/\nSELECT id FROM t ORDER BY id\n"


def filled(folder: Path, declared: str, names: list[str] = NAMES) -> Files:
    """Make a table of a file by each name; the row of the n-th has the id n."""
    files = Files(folder)
    files.declare(DECLARED + declared)
    for number, name in enumerate(names):
        files.put(f"day={number % 2}/{name}", {"id": [number]})
    (folder / "queries" / "ids").mkdir(parents=True)
    (folder / "queries" / "ids" / "v1.sql").write_text(QUERY)
    return files


def command(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--project", str(folder)])


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        ("", ["a.parquet", "B.PARQ"]),
        ('files: "*"', NAMES),
        ('files: "000000_0"', ["000000_0"]),
        ('files: "[0-9]*_[0-9]*"', ["000000_0", "000001_0_copy_1"]),
        ('files: "part-*"', ["part-00000", "part-r-00000.snappy"]),
        ('files: "PART-0000?"', ["part-00000"]),
        ('files: ["*.parquet", "*.pq"]', ["a.parquet", "c.pq"]),
        ('files: "[!0-9]*"', NAMES[2:]),
    ],
)
def test_files_are_taken_by_their_names(tmp_path: Path, declared: str, names: list[str]) -> None:
    files = filled(tmp_path, declared)
    wanted = [NAMES.index(name) for name in names]
    assert files.rows("SELECT id FROM t ORDER BY id") == [(number,) for number in wanted]
    assert files.rows("SELECT id FROM t WHERE day = '1' ORDER BY id") == [(n,) for n in wanted if n % 2]
    assert len(files.problems()) == len(NAMES) - len(names)


def test_hidden_and_empty_files_are_no_data_whatever_the_pattern(tmp_path: Path) -> None:
    files = filled(tmp_path, 'files: "*"', ["000000_0"])
    for name in ("_SUCCESS", ".000000_0.crc", "_temporary/0/part-0", ".hive-staging/a"):
        files.put(f"day=0/{name}", {"id": [9]})
    (files.folder / "t/day=0/000001_0").touch()  # a bucket without rows
    (files.folder / "t/day=0_$folder$").touch()
    assert files.rows("SELECT id FROM t") == [(0,)]
    assert "no mistakes" in command(tmp_path, "check", "--data").output


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["000000_0", "000001_0"], "files: '[0-9]*_[0-9]*'"),
        (["part-00000", "part-00001"], "files: 'part-*'"),
        (["a.pq", "b.pq"], "files: '*.pq'"),
        (["a", "b"], "files: '*'"),
        (["a.csv", "b.csv.gz"], "gateway write takes rows from CSV and JSON"),
    ],
)
@pytest.mark.parametrize("columns", [True, False])
def test_a_table_that_takes_none_of_its_files_says_so(
    tmp_path: Path, names: list[str], said: str, columns: bool
) -> None:
    files = filled(tmp_path, "", names)
    if not columns:
        files.declare("partitioned_by: [{column: day, source: day}]")
    checked = command(tmp_path, "check", "--data")
    told = " ".join(checked.output.split())
    assert checked.exit_code == 1
    assert f"none of its {len(names)} files is read, for no name matches *.parquet, *.parq; e.g. day=0/" in told
    assert said in told
    explained = command(tmp_path, "explain", "ids")
    assert f"none of its {len(names)} files is read" in explained.output + explained.stderr
    assert said in explained.output + explained.stderr


def test_the_suggested_pattern_takes_the_files(tmp_path: Path) -> None:
    files = filled(tmp_path, 'files: "[0-9]*_[0-9]*"', ["000000_0", "000001_0"])
    assert files.rows("SELECT id FROM t ORDER BY id") == [(0,), (1,)]
    assert "no mistakes" in command(tmp_path, "check", "--data").output


@pytest.mark.gunicorn
def test_a_server_logs_once_that_a_table_takes_none_of_its_files(tmp_path: Path, serve: Serve) -> None:
    filled(tmp_path, "refresh: 1s", ["000000_0"])
    gateway = serve(tmp_path, workers=1)
    assert gateway.get("/v1/queries/ids/v1/result").json()["data"] == []
    explained = gateway.get("/v1/queries/ids/v1/explain").json()
    assert "files: '[0-9]*_[0-9]*'" in explained["scans"][0]["nothing_read"]

    def told() -> list[dict[str, Any]]:
        lines = [line for line in gateway.log.read_text().splitlines() if line.startswith("{")]
        return [event for line in lines if (event := json.loads(line)).get("event") == "no-files-taken"]

    wait_for(lambda: bool(told()), gateway.log.read_text)
    ages = []
    wait_for(lambda: _listed_again(gateway, ages), gateway.log.read_text)
    [event] = told()
    assert (event["table"], event["files"], event["level"]) == ("t", 1, "warning")


def _listed_again(gateway: Any, ages: list[float]) -> bool:
    """Return whether the table was listed since the first call: its manifest is younger than it was."""
    ages.append(gateway.get("/v1/tables/t").json()["snapshot_age"])
    return len(ages) > 1 and ages[-1] < ages[-2]


def test_files_that_the_table_would_not_read_are_not_written(tmp_path: Path) -> None:
    filled(tmp_path, 'files: "part-*"', ["part-0"])
    (tmp_path / "rows.csv").write_text("id,day\n1,0\n")
    refused = command(tmp_path, "write", "t", str(tmp_path / "rows.csv"))
    assert (refused.exit_code, "add '*.parquet' to its files" in refused.output) == (3, True)
    assert [path.name for path in (tmp_path / "t").rglob("*") if path.is_file()] == ["part-0"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("**/*.parquet", "write '*.parquet'"),
        ("data/", "write '*'"),
        ("*.{parquet,pq}", "write a list"),
        ("", "a pattern has"),
        ("_data*", "hidden"),
    ],
)
def test_a_pattern_that_is_none_is_refused_with_what_to_write(tmp_path: Path, pattern: str, hint: str) -> None:
    filled(tmp_path, f'files: "{pattern}"', [])
    checked = command(tmp_path, "check")
    assert (checked.exit_code, hint in " ".join(checked.output.split())) == (1, True), checked.output


def test_an_answer_of_other_files_is_not_kept_under_another_pattern(tmp_path: Path) -> None:
    files = filled(tmp_path, 'files: "part-*"')
    before = files.rows("SELECT count(*) FROM t")
    files.declare(DECLARED + 'files: "*"')
    assert [*before, *files.rows("SELECT count(*) FROM t")] == [(2,), (8,)]


@given(
    st.text("aAz09-_.^]&|", min_size=1, max_size=5),
    st.lists(st.sampled_from(["*", "?", "[a-z]", "[!0]", "[0-9]", "[]]", "[^a]", "a", ".", "+", "(", "$"]), min_size=1),
)
def test_patterns_are_those_of_a_shell_in_any_case(name: str, parts: list[str]) -> None:
    pattern = "".join(parts)
    assert takes([pattern], f"day=1/{name}") == fnmatchcase(name.lower(), pattern)


@given(st.lists(st.text("ab01_-.", min_size=1).filter(lambda name: name[0] not in "._"), min_size=1))
def test_what_is_suggested_takes_every_file(names: list[str]) -> None:
    pattern = suggested([f"x=1/{name}" for name in names])
    assert pattern is not None
    assert all(takes([pattern], name) for name in names) or any(takes(PARQUET, name) for name in names)
