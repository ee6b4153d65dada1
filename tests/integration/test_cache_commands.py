"""``gateway cache`` and ``gateway warm`` as operators call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from events import DAYS, between, make_project, put

from gateway.cli import main

WARM = "cache: {{ttl: 1h}}\nwarm: [{sets}]"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sets = ", ".join("{{start: {start}, end: {end}}}".format(**between(day, day + 7)) for day in (0, 100))
    made = make_project(tmp_path_factory.mktemp("cache") / "project", WARM.format(sets=sets))
    put(made, range(DAYS), 1)
    return made


@pytest.fixture
def run(project: Path) -> Any:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--project", str(project)])

    assert run("cache", "drop", "--all").exit_code == 0
    return run


def listed(run: Any, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("cache", "list", "--format", "json", *arguments).stdout)
    return found


def test_warm_prepares_what_templates_name_and_says_what_it_did(run: Any) -> None:
    first, again = run("warm"), run("warm", "amount")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "2 answers: 2 computed, 0 were kept already" in first.stderr
    assert "2 answers: 0 computed, 2 were kept already" in again.stderr


def test_warm_refuses_a_query_that_there_is_not(run: Any) -> None:
    result = run("warm", "amuont")
    assert result.exit_code == 3
    assert "amount" in result.stderr


def test_warm_tells_what_failed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", WARM.format(sets="{start: 2013-01-01, end: 2013-01-02}"))
    result = CliRunner().invoke(main, ["warm", "--project", str(project)])
    assert result.exit_code == 4
    assert "1 failed" in result.stderr
    assert "amount v1 {'start': '2013-01-01', 'end': '2013-01-02'}" in result.stderr


def test_stats_count_results_and_bytes_by_query(run: Any) -> None:
    run("warm")
    (row,) = json.loads(run("cache", "stats", "--format", "json").stdout)
    assert (row["tier"], row["query"], row["version"], row["results"]) == ("disk", "amount", 1, 2)
    assert 500 < row["bytes"] < 50_000
    assert "amount v1" in run("cache", "stats").stdout


def test_the_list_names_what_each_result_read(run: Any) -> None:
    run("warm")
    assert [entry["tables"] for entry in listed(run)] == [["events"], ["events"]]
    assert listed(run, "--query", "other") == []
    assert "events" in run("cache", "list").stdout


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        (["--query", "amount"], 0),
        (["--query", "other"], 2),
        (["--table", "events"], 0),
        (["--table", "events", "--older", "1h"], 2),
        (["--older", "0ms"], 0),
    ],
)
def test_exactly_what_is_meant_is_dropped(run: Any, criteria: list[str], left: int) -> None:
    run("warm")
    result = run("cache", "drop", *criteria)
    assert (result.exit_code, result.stdout) == (0, f"disk: {2 - left} dropped\n")
    assert len(listed(run)) == left


@pytest.mark.parametrize("criteria", [[], ["--older", "soon"]])
def test_a_drop_of_nothing_in_particular_is_refused(run: Any, criteria: list[str]) -> None:
    run("warm")
    assert run("cache", "drop", *criteria).exit_code == 2
    assert len(listed(run)) == 2
