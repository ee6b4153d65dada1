"""``gateway apart``: an operator sees which queries run apart and why, and lets them run with the others again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.model import origin_of
from gateway.processes.escapes import Escapes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    escapes = Escapes(file_of(tmp_path), clock=lambda: 1_767_225_600.25)
    escapes.add(origin_of("shop.spine", 1, "SELECT 1"), "deadline")
    escapes.add(origin_of("shop.spine", 2, "SELECT 2"), "memory")
    escapes.add(origin_of("shop", 2, "SELECT 3"), "hang")
    escapes.add(origin_of("tower", 12, "SELECT 4"), "crash")
    return tmp_path


def file_of(project: Path) -> Path:
    return project / ".gateway" / "apart.json"


def run(project: Path, *arguments: str) -> Result:
    (project / "gateway.toml").touch()
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["apart", "--project", str(project), *arguments])


def apart(project: Path) -> list[tuple[str, int]]:
    """List what runs apart, as a server reads it."""
    return [
        (name, int(version[1:])) for name, version, _ in (text.split("/") for text in Escapes(file_of(project)).known)
    ]


def test_what_runs_apart_is_listed_with_the_reason_and_the_time(project: Path) -> None:
    result = run(project)
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.output.splitlines()] == [
        "query since because",
        "shop.spine v1 2026-01-01 00:00:00Z it went on past its time limit",
        "shop.spine v2 2026-01-01 00:00:00Z it took more memory than the engine may use",
        "shop v2 2026-01-01 00:00:00Z it kept the engine from answering",
        "tower v12 2026-01-01 00:00:00Z it crashed the engine",
    ]


def test_a_program_gets_names_numbers_and_seconds_since_the_epoch(project: Path) -> None:
    rows = json.loads(run(project, "--format", "json").output)
    assert [(row["query"], row["version"], row["reason"]) for row in rows] == [
        ("shop.spine", 1, "deadline"),
        ("shop.spine", 2, "memory"),
        ("shop", 2, "hang"),
        ("tower", 12, "crash"),
    ]
    assert {row["since"] for row in rows} == {1_767_225_600.25}


def test_where_none_does_the_list_says_so(tmp_path: Path) -> None:
    for arguments in ((), ("--all",)):
        result = run(tmp_path, *arguments)
        assert (result.exit_code, result.output) == (0, "No query runs apart.\n")
    assert json.loads(run(tmp_path, "--format", "json").output) == []
    assert not file_of(tmp_path).exists()


@pytest.mark.parametrize(
    ("given", "said", "left"),
    [
        ("tower", ["tower v12"], [("shop.spine", 1), ("shop.spine", 2), ("shop", 2)]),
        ("shop.spine", ["shop.spine v1", "shop.spine v2"], [("shop", 2), ("tower", 12)]),
        ("shop.spine/v2", ["shop.spine v2"], [("shop.spine", 1), ("shop", 2), ("tower", 12)]),
        ("shop", ["shop v2"], [("shop.spine", 1), ("shop.spine", 2), ("tower", 12)]),
        ("shop/v2", ["shop v2"], [("shop.spine", 1), ("shop.spine", 2), ("tower", 12)]),
    ],
)
def test_a_query_or_a_version_is_cleared_and_no_other(
    project: Path, given: str, said: list[str], left: list[tuple[str, int]]
) -> None:
    result = run(project, "--clear", given)
    assert result.exit_code == 0
    assert result.output.splitlines() == [f"{name} runs with the others again" for name in said]
    assert apart(project) == left


def test_a_version_whose_text_changed_and_escaped_again_is_said_once(project: Path) -> None:
    Escapes(file_of(project)).add(origin_of("tower", 12, "SELECT 5"), "memory")
    assert run(project, "--clear", "tower").output == "tower v12 runs with the others again\n"
    assert ("tower", 12) not in apart(project)


def test_all_are_cleared(project: Path) -> None:
    result = run(project, "--all")
    assert result.exit_code == 0
    assert result.output.count("runs with the others again\n") == 4
    assert apart(project) == []
    assert run(project).output == "No query runs apart.\n"


@pytest.mark.parametrize(
    "given", ["nothere", "tower/v1", "tower/12", "tower/v12/", "spine", "tow", "SHOP", "*", "/", ""]
)
def test_what_does_not_run_apart_is_refused_with_what_does(project: Path, given: str) -> None:
    result = run(project, "--clear", given)
    assert result.exit_code == 2
    assert f"{given} does not run apart; these do: shop.spine/v1, shop.spine/v2, shop/v2, tower/v12" in result.output
    assert len(apart(project)) == 4


def test_clearing_a_query_where_none_runs_apart_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "--clear", "tower")
    assert (result.exit_code, "tower does not run apart; no query does" in result.output) == (2, True)


def test_one_query_and_all_are_not_both_cleared(project: Path) -> None:
    result = run(project, "--clear", "tower", "--all")
    assert (result.exit_code, len(apart(project))) == (2, 4)
    assert "--clear QUERY or --all, not both" in result.output


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_said_to_be_cleared(project: Path) -> None:
    (file_of(project).parent / f"apart.json.{os.getpid()}").mkdir()
    result = run(project, "--all")
    assert result.exit_code == 1
    assert "runs with the others again" not in result.output
    assert "apart.json in the state folder cannot be written (Is a directory)" in result.output
    assert len(apart(project)) == 4
