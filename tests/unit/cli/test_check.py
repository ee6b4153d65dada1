from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.check import command

TABLE = "table: flights\nlocation: data/flights\ncolumns: {carrier: VARCHAR}\n"
QUERY = "/*\nsummary: x\nowner: me\nexamples: [{}]\n*/\nSELECT carrier FROM flights\n"
WRONG = "/*\nsummary: x\n*/\n\tSELECT getenv('HOME')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, "catalog/flights.yaml", TABLE)
    write(tmp_path, "queries/good/v1.sql", QUERY)
    return tmp_path


def write(project: Path, place: str, text: str) -> None:
    path = project / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--project", str(project), *arguments])


def test_a_project_without_mistakes_ends_with_zero(project: Path) -> None:
    result = run(project)
    assert (result.exit_code, result.output) == (0, "1 table, 1 template: no mistakes\n")


def test_a_mistake_is_shown_with_its_line_and_a_caret(project: Path) -> None:
    write(project, "queries/bad/v1.sql", WRONG)
    result = run(project)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "queries/bad/v1.sql:4:9: the function getenv is not allowed: it tells about the server, not about the data",
        "        SELECT getenv('HOME')",
        "               ^",
        "1 table, 1 template: 1 mistake in 1 file",
    ]


def test_mistakes_of_settings_tables_and_queries_are_shown_together(project: Path) -> None:
    write(project, "gateway.toml", "[server]\nprot = 1\n")
    write(project, "catalog/weather.yaml", "table: weather\nlocaton: x\n")
    write(project, "queries/bad/v1.sql", WRONG)
    document = json.loads(run(project, "--format", "json").output)
    places = {(item["path"], item["line"]) for item in document["diagnostics"]}
    assert {("gateway.toml", 2), ("catalog/weather.yaml", 2), ("queries/bad/v1.sql", 4)} <= places
    assert (document["tables"], document["templates"]) == (1, 1)


def test_a_query_is_not_blamed_for_the_declaration_of_its_table(project: Path) -> None:
    write(project, "catalog/flights.yaml", "table: flights\nlocaton: x\n")
    document = json.loads(run(project, "--format", "json").output)
    assert {item["path"] for item in document["diagnostics"]} == {"catalog/flights.yaml"}


def test_only_what_lies_in_the_given_paths_is_shown(project: Path) -> None:
    write(project, "queries/bad/v1.sql", WRONG)
    assert run(project, str(project / "queries" / "good")).exit_code == 0
    assert run(project, str(project / "queries")).exit_code == 1
    assert run(project, str(project / "queries" / "bad" / "v1.sql")).exit_code == 1


def test_warnings_fail_a_strict_check_only(project: Path) -> None:
    write(project, "queries/bare/v1.sql", "/*\nsummary: x\n*/\nSELECT carrier FROM flights\n")
    assert (run(project).exit_code, run(project, "--strict").exit_code) == (0, 1)


def test_a_folder_that_is_no_project_is_a_usage_error(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 2


def test_a_path_that_does_not_exist_is_a_usage_error(project: Path) -> None:
    assert run(project, "nowhere.sql").exit_code == 2


def test_the_names_of_files_are_not_read_as_markup(project: Path) -> None:
    write(project, "queries/[red]x/v1.sql", QUERY)
    assert "queries/[red]x/v1.sql: the folder '[red]x' cannot name a query" in run(project).output


def test_a_grant_on_a_query_that_does_not_exist_is_shown_at_its_place(project: Path) -> None:
    write(project, "access.yaml", "grants:\n  - to: [ana]\n    queries: [god]\n")
    [found] = json.loads(run(project, "--format", "json").output)["diagnostics"]
    assert (found["path"], found["line"], found["column"], found["rule"]) == ("access.yaml", 3, 15, "access")
    assert found["hint"] == "did you mean 'good'?"


def test_a_grant_is_not_blamed_for_the_mistakes_of_its_query(project: Path) -> None:
    write(project, "queries/bad/v1.sql", WRONG)
    write(project, "access.yaml", "grants:\n  - to: [ana]\n    queries: [bad, good]\n")
    found = json.loads(run(project, "--format", "json").output)["diagnostics"]
    assert [one["path"] for one in found] == ["queries/bad/v1.sql"]


def test_grants_are_missed_where_they_are_required(project: Path) -> None:
    write(project, "gateway.toml", "[access]\nrequired = true\n")
    [found] = json.loads(run(project, "--format", "json").output)["diagnostics"]
    assert (found["path"], found["rule"]) == ("access.yaml", "access")


@pytest.mark.parametrize("place", ["queries/good/v1.test.yaml", "catalog/owners.yaml"])
def test_a_file_of_tests_or_owners_that_cannot_be_read_is_an_error_with_its_position(project: Path, place: str) -> None:
    (project / place).write_bytes(b"tests:\n  - \xff\n")
    told = json.loads(run(project, "--format", "json").output)["diagnostics"]
    found = [(error["path"], error["line"], error["column"], error["message"]) for error in told]
    assert found == [(place, 2, 5, "is not UTF-8 text")]
    (project / place).unlink()
    (project / place).mkdir()
    told = json.loads(run(project, "--format", "json").output)["diagnostics"]
    assert [(error["path"], error["message"]) for error in told] == [(place, "cannot be read: Is a directory")]


def test_settings_that_are_no_text_are_a_mistake_with_its_place(project: Path) -> None:
    (project / "gateway.toml").write_bytes(b'title = "caf\xe9"\n')
    result = run(project)
    assert result.exit_code == 1
    assert result.output.startswith("gateway.toml:1:13: is not UTF-8 text\n")


def test_settings_that_cannot_be_read_are_a_mistake(project: Path) -> None:
    (project / "gateway.toml").mkdir()
    result = run(project)
    assert result.exit_code == 1
    assert result.output.startswith("gateway.toml: cannot be read: Is a directory\n")
