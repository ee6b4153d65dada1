"""``gateway check --against``: a branch of a real git repository, over the real warehouse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from repositories import commit, git, repository_of

from gateway.cli import main

Check = Callable[..., Result]


@pytest.fixture
def project(flights_project: Path, tmp_path: Path) -> Path:
    """The demo's project below the top of a git repository, on a branch of its own."""
    return repository_of(flights_project, tmp_path / "repository", below="warehouse")


@pytest.fixture
def check(project: Path) -> Check:
    """Run ``gateway check`` in the project; test_pull_request.py does it in a process of its own."""

    def run(*arguments: str) -> Result:
        with chdir(project):
            return CliRunner().invoke(main, ["check", *arguments])

    return run


def edit(project: Path, query: str, before: str, after: str) -> None:
    path = project / "queries" / query
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def copy(project: Path, old: str, new: str) -> None:
    shutil.copy(project / "queries" / old, project / "queries" / new)


def test_a_branch_that_changes_no_query_has_nothing_to_report(check: Check) -> None:
    done = check("--against", "main", "--format", "markdown")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "None."


def test_a_published_version_that_answers_otherwise_is_refused(project: Path, check: Check) -> None:
    edit(project, "busiest_days/v1.sql", "count(*) AS departures", "count(*) + 1 AS departures")
    done = check("--against", "main")
    assert done.exit_code == 1
    assert "busiest_days v1 is published and has changed: its SQL" in done.stdout
    assert "put the old text back, and write the new one as v2.sql beside it" in done.stdout


def test_a_published_version_whose_table_is_declared_otherwise_is_refused(project: Path, check: Check) -> None:
    path = project / "catalog" / "planes.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("seats: SMALLINT", "seats: INTEGER"), encoding="utf-8")
    done = check("--against", "main")
    assert done.exit_code == 1
    assert "plane_history v1 is published and has changed: the column seats is INTEGER, and was SMALLINT" in done.stdout


def test_comments_and_freshness_of_a_published_version_may_change(project: Path, check: Check) -> None:
    edit(project, "busiest_days/v1.sql", "SELECT", "-- the days\nSELECT")
    done = check("--against", "main")
    assert (done.exit_code, "busiest_days v1: edited" in done.stdout) == (0, True)


def test_what_others_published_meanwhile_is_not_taken_for_removed(project: Path, check: Check) -> None:
    git(project, "checkout", "--quiet", "main")
    copy(project, "busiest_days/v1.sql", "busiest_days/v2.sql")
    commit(project)
    git(project, "checkout", "--quiet", "change")
    assert check("--against", "main").exit_code == 0


def test_a_version_is_removed_only_after_its_sunset(project: Path, check: Check) -> None:
    (project / "queries" / "worst_routes" / "v1.sql").unlink()
    done = check("--against", "main")
    assert done.exit_code == 1
    assert "worst_routes v1 is published and cannot be removed yet: it has no sunset" in done.stdout


def test_a_new_version_is_planned_run_and_compared_with_the_one_before(project: Path, check: Check) -> None:
    copy(project, "delays_by_carrier/v2.sql", "delays_by_carrier/v3.sql")
    edit(project, "delays_by_carrier/v3.sql", "GROUP BY", "AND dep_delay < 300\nGROUP BY")
    done = check("--against", "main", "--data", "--format", "json")
    assert done.exit_code == 0, done.stdout + done.stderr
    (change,) = json.loads(done.stdout)["changes"]
    first = change["examples"][0]
    reads = {read["table"]: (read["partitions"], read["partitions_total"]) for read in first["new"]["reads"]}
    assert (change["change"], change["contract"], change["differences"]) == ("new version", "same", [])
    assert reads == {"flights": (21, 1095), "airlines": (1, 1)}
    assert first["new"]["seconds"] > 0
    assert first["new"]["kept"] > 0
    assert first["compared"]["only_old"] == first["compared"]["only_new"] > 0


def test_the_report_shows_what_breaks_what_is_read_and_which_rows_differ(project: Path, check: Check) -> None:
    copy(project, "delays_by_carrier/v2.sql", "delays_by_carrier/v3.sql")
    edit(project, "delays_by_carrier/v3.sql", "GROUP BY", "AND dep_delay < 300\nGROUP BY")
    edit(
        project,
        "delays_by_carrier/v3.sql",
        '"list[varchar]", optional: true',
        '"list[varchar]"',
    )
    edit(
        project,
        "delays_by_carrier/v3.sql",
        "{start: 2013-01-01, end: 2013-01-08}",
        "{start: 2013-01-01, end: 2013-01-08, carriers: [AA]}",
    )
    report = check("--against", "main", "--data", "--format", "markdown").stdout
    assert "- 🟠 the parameter carriers is required now (breaking)" in report
    assert "+  AND dep_delay < 300" in report
    assert "v2  flights          ▒·······································  21 of 1095 partitions, 21 files" in report
    assert "The answers differ" in report
    assert "- AA, American Airlines Inc., 639, 17, 8.4, -2.0, 33.0" in report


def test_without_data_the_report_needs_no_warehouse(project: Path, check: Check) -> None:
    (project / "demo").unlink()
    copy(project, "delays_by_carrier/v2.sql", "delays_by_carrier/v3.sql")
    done = check("--against", "main", "--format", "markdown")
    assert done.exit_code == 0, done.stderr
    assert "Columns: `carrier` VARCHAR, `airline` VARCHAR" in done.stdout
    assert "What it reads is not shown: the files of its tables are not known here." in done.stdout


def test_an_unknown_revision_says_how_to_fetch_it(check: Check) -> None:
    done = check("--against", "origin/main")
    assert done.exit_code == 2
    assert "git fetch origin main" in done.stderr


def test_a_folder_without_git_is_told_so(flights_project: Path) -> None:
    command = [str(Path(sys.executable).with_name("gateway")), "check", "--against", "main"]
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(flights_project.parent)}
    done = subprocess.run(command, cwd=flights_project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not in a git repository" in done.stderr
