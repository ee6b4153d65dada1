"""The pull-request workflow and the pre-commit hooks, run on a repository made for it: no GitHub is at hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from repositories import commit, git, repository_of
from thorough import first

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "queries.yml"
BIN = Path(sys.executable).parent
ALREADY_DONE = {"Install", "Build the demonstration's data"}
"""Steps whose work the machine and the fixtures of this test have done."""


@pytest.fixture
def project(flights_project: Path, tmp_path: Path) -> Path:
    return repository_of(flights_project, tmp_path / "clone")


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def steps(job: str) -> list[Mapping[str, Any]]:
    document = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return [step for step in document["jobs"][job]["steps"] if "run" in step]


def run_workflow(project: Path, **environment: str) -> tuple[dict[str, subprocess.CompletedProcess[str]], str]:
    """Run the steps as GitHub's shell would; return what each gave, and the summary of the job."""
    summary = project / "summary.md"
    base = git(project, "rev-parse", "main").strip()
    done = {
        step["name"]: run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            project,
            BASE=base,
            GITHUB_STEP_SUMMARY=str(summary),
            **environment,
        )
        for step in steps("report")
        if step["name"] not in ALREADY_DONE
    }
    return done, summary.read_text(encoding="utf-8")


def test_a_pull_request_with_a_new_version_gets_its_report(project: Path) -> None:
    old = project / "queries" / "delays_by_carrier" / "v2.sql"
    old.with_name("v3.sql").write_text(
        old.read_text(encoding="utf-8").replace("GROUP BY", "AND dep_delay < 300\nGROUP BY")
    )
    commit(project)
    done, summary = run_workflow(project)
    assert {name: one.returncode for name, one in done.items()} == {"Check": 0, "Test": 0, "Report": 0}
    assert "| `delays_by_carrier v3` | new version | 🟢 same | 22 of 1096 partitions, 233.9 KiB |" in summary
    assert "The answers differ" in summary
    assert "The answer is computed whole: median() cannot be merged" in summary


@pytest.mark.parametrize(
    ("least", "told"),
    first(
        1,
        [
            ("0", r"The answer is made of \d+ partials\."),
            ("1MiB", r"computed whole: its partitions have [\d.]+ KiB on average"),
        ],
    ),
)
def test_a_pull_request_with_an_aggregation_says_whether_it_is_made_of_partials(
    least: str, told: str, project: Path
) -> None:
    added = project / "queries" / "departures_by_airport" / "v1.sql"
    added.parent.mkdir()
    front = "summary: Departures by airport\nowner: ops-analytics\nparameters: {start: {type: timestamp}}"
    cache = "cache: {ttl: 5m}\nexamples: [{start: 2013-12-29}]"
    added.write_text(
        f"/*\n{front}\n{cache}\n*/\n"
        "SELECT origin, count(*) AS departures FROM flights WHERE time_hour >= $start GROUP BY origin ORDER BY origin\n"
    )
    commit(project)
    _, summary = run_workflow(project, GATEWAY_CACHE_PARTIALS_FROM=least)
    assert re.search(told, summary), summary


@pytest.mark.thorough
def test_a_pull_request_that_changes_a_published_version_fails_with_an_annotation(project: Path) -> None:
    path = project / "queries" / "busiest_days" / "v1.sql"
    path.write_text(path.read_text(encoding="utf-8").replace("count(*) AS", "count(*) + 1 AS"), encoding="utf-8")
    commit(project)
    done, summary = run_workflow(project)
    assert done["Check"].returncode == 1
    assert "::error file=queries/busiest_days/v1.sql,line=" in done["Check"].stdout
    assert "busiest_days v1 is published and has changed: its SQL" in summary


def test_the_workflow_is_one_that_github_accepts() -> None:
    done = run(["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)], ROOT)
    assert done.returncode == 0, done.stdout


def test_code_of_a_pull_request_never_runs_with_a_token_that_can_write() -> None:
    document = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    # YAML reads the key `on` as true.
    assert list(document[True]) == ["pull_request"]
    assert document["permissions"] == {"contents": "read"}
    assert "permissions" not in document["jobs"]["report"]
    assert all("actions/checkout" not in step.get("uses", "") for step in document["jobs"]["comment"]["steps"])


def test_every_folder_of_queries_has_its_reviewers() -> None:
    owners = [line.split() for line in (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()]
    places = {words[0]: words[1:] for words in owners if words and not words[0].startswith("#")}
    assert all(reviewers for reviewers in places.values())
    assert all(place == "*" or (ROOT / place.strip("/")).is_dir() for place in places)


def test_the_hooks_stop_a_commit_with_a_mistake(project: Path) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    # The hooks as they are, but run with what is installed here in place of an environment of their own.
    local = [{**hook, "language": "system"} for hook in hooks]
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": local}]}))
    path = project / "queries" / "busiest_days" / "v1.sql"
    path.write_text(path.read_text(encoding="utf-8").replace("FROM flights", "FROM fligths"), encoding="utf-8")
    git(project, "add", "--all")
    done = run(["pre-commit", "run"], project, PRE_COMMIT_HOME=str(project.parent / "pre-commit"))
    assert done.returncode == 1
    assert "queries/busiest_days/v1.sql:" in done.stdout
    assert "flights" in done.stdout
