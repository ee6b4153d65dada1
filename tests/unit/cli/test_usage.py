"""``gateway usage``: an owner sees who still calls a version that goes away."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.telemetry.usage import CallCounter

DAY = 86_400


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "catalog/flights.yaml": "table: flights\nlocation: data\n",
        "queries/delays/v1.sql": "/*\nsummary: x\nsunset: 2020-01-01\n*/\nSELECT n FROM flights",
        "queries/delays/v2.sql": "/*\nsummary: x\n*/\nSELECT n FROM flights",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    call(tmp_path, days_ago=40, query="delays", version=1, principal="eve")
    call(tmp_path, days_ago=3, query="delays", version=1, principal="ann", refused=True)
    call(tmp_path, days_ago=0, query="delays", version=2, principal="bob")
    call(tmp_path, days_ago=0, query="gone", version=7, principal="bob")
    return tmp_path


def call(project: Path, *, days_ago: int, query: str, version: int, principal: str, refused: bool = False) -> None:
    calls = CallCounter(project / ".gateway/calls", clock=lambda: time.time() - days_ago * DAY)
    calls.note(query, version, principal, refused=refused)
    calls.close()


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["usage", "--project", str(project), *arguments])


def rows(result: Result) -> list[list[str]]:
    """Split the table of a result into its cells, without the times."""
    return [line.split()[:6] for line in result.output.splitlines()[1:]]


def test_every_version_is_listed_with_its_callers_and_its_state(project: Path) -> None:
    assert rows(run(project)) == [
        ["delays", "v1", "retired", "ann", "1", "1"],
        ["delays", "v2", "current", "bob", "1", "0"],
        ["gone", "v7", "removed", "bob", "1", "0"],
    ]


def test_one_query_and_a_longer_time_can_be_asked_for(project: Path) -> None:
    assert [row[3] for row in rows(run(project, "delays", "--since", "60d"))] == ["ann", "eve", "bob"]
    assert [row[3] for row in rows(run(project, "delays", "--since", "1d"))] == ["bob"]


def test_json_has_the_same_for_programs(project: Path) -> None:
    (first, *_) = json.loads(run(project, "delays", "--format", "json").stdout)
    assert first.pop("last") == pytest.approx(time.time() - 3 * DAY, abs=600)
    assert first == {
        "query": "delays",
        "version": 1,
        "principal": "ann",
        "requests": 1,
        "refused": 1,
        "state": "retired",
    }


def test_a_query_that_nobody_asked_for_is_said_to_be_so(project: Path) -> None:
    (project / "queries/quiet").mkdir()
    (project / "queries/quiet/v1.sql").write_text("/*\nsummary: x\n*/\nSELECT n FROM flights")
    assert run(project, "quiet").output.startswith("Nobody asked for quiet since ")


def test_an_unknown_query_and_a_wrong_duration_are_refused(project: Path) -> None:
    assert run(project, "delay").exit_code == 3
    assert run(project, "delays", "--since", "soon").exit_code == 2


def test_a_row_is_one_line_where_the_output_is_no_terminal(project: Path) -> None:
    caller = "ann of the team " * 20
    call(project, days_ago=1, query="delays", version=2, principal=caller)
    [line] = [line for line in run(project).output.splitlines() if "ann of the team" in line]
    assert caller.strip() in line
