"""What ``gateway write`` has written is in the next answer: of commands, and of servers with the same state folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from thorough import first

from gateway.cli import main
from tests.integration.conftest import Serve

TABLE = """\
table: {name}
location: {location}
refresh: 1h
columns: {{id: BIGINT, ts: TIMESTAMP, site: VARCHAR}}
partitioned_by:
  - {{column: day, transform: day, source: ts}}
  - {{column: site, source: site}}
"""
QUERY = "/*\nsummary: the sum\nowner: tests\ncache: {{ttl: 1h}}\nexamples: [{{}}]\n*/\nSELECT sum(id) AS total FROM {}"
TABLES = {"sales": "data/sales", "again": "data/sales", "part": "data/sales/day=2024-01-01", "other": "data/other"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    for name, location in TABLES.items():
        declared = TABLE.format(name=name, location=location)
        if name == "part":
            declared = declared.replace("  - {column: day, transform: day, source: ts}\n", "")
        (tmp_path / "catalog" / f"{name}.yaml").write_text(declared)
        (tmp_path / "queries" / name).mkdir(parents=True)
        (tmp_path / "queries" / name / "v1.sql").write_text(QUERY.format(name))
    for table in ("sales", "other"):
        write(tmp_path, table, 1, "a")
    return tmp_path


def write(project: Path, table: str, number: int, site: str, *options: str) -> str:
    rows = project / "rows.csv"
    rows.write_text(f"id,ts,site\n{number},2024-01-01 10:00:00,{site}\n")
    done = CliRunner().invoke(main, ["write", table, str(rows), "--project", str(project), *options])
    assert done.exit_code == 0, done.output
    return done.stderr


def run(project: Path, query: str) -> int:
    done = CliRunner().invoke(main, ["run", query, "--project", str(project), "--format", "json"])
    assert done.exit_code == 0, done.output
    total: int = json.loads(done.stdout)["data"][0]["total"]
    return total


@pytest.mark.parametrize("mode", ["append", "overwrite-partitions", "replace"])
@pytest.mark.parametrize("site", ["a", "b/ü%41", "__HIVE_DEFAULT_PARTITION__", ""])
def test_a_command_sees_what_the_one_before_has_written(project: Path, mode: str, site: str) -> None:
    assert run(project, "sales") == 1
    assert write(project, "sales", 10, site, "--mode", mode) == ""
    replaced = mode == "replace" or (mode == "overwrite-partitions" and site == "a")
    assert run(project, "sales") == (10 if replaced else 11)


def test_every_table_over_the_written_files_sees_them(project: Path) -> None:
    assert [run(project, name) for name in TABLES] == [1, 1, 1, 1]
    write(project, "part", 10, "b")
    assert [run(project, name) for name in TABLES] == [11, 11, 11, 1]


@pytest.mark.gunicorn
@pytest.mark.parametrize("worker", first(1, ["asgi", "gthread"]))
def test_a_running_server_sees_what_a_command_has_written(project: Path, serve: Serve, worker: str) -> None:
    gateway = serve(project, {"GATEWAY_SERVER_WORKER": worker})
    for number, total in ((0, 1), (10, 11), (100, 111)):
        if number:
            write(project, "sales", number, "b")
        replies = [gateway.get("/v1/queries/sales/v1/result") for _ in range(20)]
        assert {reply.json()["data"][0]["total"] for reply in replies} == {total}


def test_where_nobody_has_listed_anything_no_state_is_made(project: Path) -> None:
    write(project, "sales", 10, "b")
    assert not (project / ".gateway").exists()


def test_files_that_cannot_be_announced_are_written_all_the_same(project: Path) -> None:
    run(project, "sales")
    state = project / ".gateway" / "tables"
    (state / "refresher.lock").unlink(missing_ok=True)
    (state / "refresher.lock").mkdir()
    assert "are not announced" in write(project, "sales", 10, "b")
    (state / "refresher.lock").rmdir()
    assert len(list((project / "data/sales").rglob("*.parquet"))) == 2
