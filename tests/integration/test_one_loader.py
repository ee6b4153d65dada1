"""The command line and the server read a project alike: the same errors, at the same positions, in the same words."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app.application import open_app
from gateway.authoring.watch import Watcher
from gateway.cli.check import command as check
from gateway.cli.test import command as run_tests
from gateway.config import load_settings
from gateway.errors import DefinitionError

TABLE = "table: {name}\nlocation: data/{name}\ncolumns: {{n: BIGINT}}\n"
QUERY = "/*\nsummary: x\nowner: me\nexamples: [{{}}]\n{more}*/\nSELECT n FROM {table}\n"
GOOD = {
    "catalog/planes.yaml": TABLE.format(name="planes"),
    "catalog/flights.yaml": TABLE.format(name="flights"),
    "queries/planes/v1.sql": QUERY.format(table="planes", more=""),
    "queries/flights/v1.sql": QUERY.format(table="flights", more=""),
    "queries/flights/v2.sql": QUERY.format(table="flights", more=""),
}
DEPRECATED = "deprecated: 2020-01-01\nsuccessor: {successor}\n"
Break = Callable[[Path], None]


def text(content: str | bytes) -> Break:
    """Write *content* into the file."""
    data = content.encode() if isinstance(content, str) else content

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def dangling(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere")


BREAKS: Mapping[str, tuple[str, Break]] = {
    "no-yaml": ("catalog/flights.yaml", text("table: flights\nlocation: [")),
    "unknown-key": ("catalog/flights.yaml", text("table: flights\nlocaton: x\n")),
    "two-errors": ("catalog/flights.yaml", text("table: flights\nrefresh: never\ncolumns: {n: NUMBER}\n")),
    "other-name": ("catalog/flights.yaml", text(TABLE.format(name="fligths"))),
    "no-text": ("catalog/flights.yaml", text(b"table: flights\nlocation: \xff\n")),
    "table-is-a-folder": ("catalog/flights.yaml", folder),
    "table-leads-nowhere": ("catalog/flights.yaml", dangling),
    "new-table": ("catalog/airports.yaml", text("table: airports\n")),
    "twice": ("catalog/planes.yml", text(TABLE.format(name="planes").replace("data/", "elsewhere/"))),
    "twice-and-wrong": ("catalog/planes.yml", text("table: planes\n")),
    "another-twice": ("catalog/flights.yml", text(TABLE.format(name="flights"))),
    "no-sql": ("queries/flights/v1.sql", text(GOOD["queries/flights/v1.sql"].replace("SELECT", "SELEC"))),
    "function": ("queries/planes/v2.sql", text(GOOD["queries/planes/v1.sql"].replace("n FROM", "getenv('x') FROM"))),
    "parameter": ("queries/planes/v3.sql", text(GOOD["queries/planes/v1.sql"] + "WHERE n = $n AND n > $m")),
    "no-table": ("queries/planes/v4.sql", text(QUERY.format(table="plane", more=""))),
    "new-table-read": ("queries/planes/v5.sql", text(QUERY.format(table="airports", more=""))),
    "no-front-matter": ("queries/planes/v6.sql", text("SELECT n FROM planes")),
    "front-matter": ("queries/planes/v7.sql", text(QUERY.format(table="planes", more="sumary: y\ncache: {ttl: 1x}\n"))),
    "query-no-text": ("queries/planes/v8.sql", text(b"/*\nsummary: \xff\n*/ SELECT n FROM planes")),
    "too-large": ("queries/planes/v9.sql", text(GOOD["queries/planes/v1.sql"] + "-" * 1_000_000)),
    "no-version": ("queries/planes/latest.sql", text(GOOD["queries/planes/v1.sql"])),
    "no-query": ("queries/My Planes/v1.sql", text(GOOD["queries/planes/v1.sql"])),
    "no-folder": ("queries/v1.sql", text(GOOD["queries/planes/v1.sql"])),
    "query-is-a-folder": ("queries/planes/v10.sql", folder),
    "query-leads-nowhere": ("queries/planes/v11.sql", dangling),
    "lost-successor": (
        "queries/planes/v1.sql",
        text(QUERY.format(table="planes", more=DEPRECATED.format(successor="v99"))),
    ),
    "broken-successor": (
        "queries/flights/v2.sql",
        text(QUERY.format(table="flights", more=DEPRECATED.format(successor="planes/v2"))),
    ),
}


class Told(tuple[str, int | None, int | None, str, str | None, str]):
    """One error: path, line, column, message, hint, rule."""

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Told:
        return cls(item.get(name) for name in ("path", "line", "column", "message", "hint", "rule"))


def errors(diagnostics: list[dict[str, Any]]) -> set[Told]:
    return {Told.of(item) for item in diagnostics if item["severity"] == "error"}


def by_check(project: Path) -> set[Told]:
    result = CliRunner().invoke(check, ["--project", str(project), "--format", "json"], catch_exceptions=False)
    return errors(json.loads(result.stdout)["diagnostics"])


def by_test(project: Path) -> set[Told]:
    """Return what ``gateway test`` says of a project without tests."""
    error = CliRunner().invoke(run_tests, ["--project", str(project)]).exception
    found = error.diagnostics if isinstance(error, DefinitionError) else ()
    return {Told((each.path, each.line, each.column, each.message, each.hint, str(each.rule))) for each in found}


@contextmanager
def served(project: Path) -> Iterator[Any]:
    with open_app(load_settings(project, {})) as app:
        yield app.test_client()


def by_server(client: Any) -> set[Told]:
    broken = client.post("/v1/reload").get_json()["broken"]
    return errors([item for file in broken for item in file["mistakes"]])


def write(project: Path) -> None:
    for name, content in GOOD.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)


def spoil(project: Path, names: list[str]) -> None:
    for name in names:
        place, broken = BREAKS[name]
        (project / place).parent.mkdir(parents=True, exist_ok=True)
        broken(project / place)


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_file_is_told_alike_by_the_command_line_and_the_server(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    with served(tmp_path) as client:
        assert by_server(client) == set()
        spoil(tmp_path, [name])
        told = by_check(tmp_path)
        assert by_server(client) == told
    assert by_test(tmp_path) == told
    with served(tmp_path) as client:
        assert by_server(client) == told != set()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(BREAKS)), min_size=2, max_size=6, unique_by=lambda name: BREAKS[name][0]))
def test_many_broken_files_are_told_alike(names: list[str]) -> None:
    with TemporaryDirectory() as made:
        project = Path(made).resolve()
        write(project)
        with served(project) as client:
            spoil(project, names)
            told = by_check(project)
            assert by_server(client) == told
            shutil.rmtree(project / "queries")
            shutil.rmtree(project / "catalog")
            write(project)
            assert by_server(client) == by_check(project) == set()
            spoil(project, names)
            assert by_server(client) == told == by_test(project)


def described(client: Any) -> str:
    found = client.get("/v1/tables").get_json()["tables"]
    return next(str(table["description"]) for table in found if table["table"] == "planes")


@pytest.mark.parametrize("first", ["planes.yaml", "planes.yml"])
def test_of_two_files_that_declare_a_table_the_first_by_name_is_served(tmp_path: Path, first: str) -> None:
    write(tmp_path)
    twice = tmp_path / "catalog/planes.yml"
    twice.write_text(TABLE.format(name="planes") + "description: the second\n")
    (tmp_path / "data/planes").mkdir(parents=True)
    with served(tmp_path) as client:
        broken = client.post("/v1/reload").get_json()["broken"]
        assert [(file["path"], file["serving"]) for file in broken] == [("catalog/planes.yml", "nothing")]
        assert described(client) == ""
        (tmp_path / "catalog" / first).unlink()
        assert client.post("/v1/reload").get_json()["broken"] == []
        assert described(client) == {"planes.yaml": "the second", "planes.yml": ""}[first]


def test_a_version_whose_successor_is_not_there_is_served_and_told(tmp_path: Path) -> None:
    write(tmp_path)
    spoil(tmp_path, ["lost-successor"])
    with served(tmp_path) as client:
        (file,) = client.post("/v1/reload").get_json()["broken"]
        assert (file["path"], file["serving"]) == ("queries/planes/v1.sql", "current")
        assert [item["rule"] for item in file["mistakes"]] == ["successor"]
        assert client.get("/v1/queries/planes").get_json()["broken"]["v1"]["serving"] == "current"
        metrics = client.get("/metrics").get_data(as_text=True)
        assert 'gateway_declarations_broken{kind="query"} 1.0' in metrics


def test_a_query_over_a_table_with_errors_is_told_as_a_note_of_its_own(tmp_path: Path) -> None:
    write(tmp_path)
    spoil(tmp_path, ["unknown-key"])
    with served(tmp_path) as client:
        broken = client.post("/v1/reload").get_json()["broken"]
        notes = {file["path"] for file in broken if {item["severity"] for item in file["mistakes"]} == {"note"}}
        assert notes == {"queries/flights/v1.sql", "queries/flights/v2.sql"}
        assert client.get("/v1/queries/flights").status_code == 404


def test_a_query_over_a_table_with_errors_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    write(tmp_path)
    spoil(tmp_path, ["unknown-key"])
    query = tmp_path / "queries/flights/v2.sql"
    query.write_text(QUERY.format(table="flights", more="deprecated: 2020-01-01\n").replace("SELECT n", "SELECT *"))
    query.with_suffix(".test.yaml").write_text("tests:\n  - {name: x, tables: {planes: {rows: []}}}\n")
    run = CliRunner().invoke(check, ["--project", str(tmp_path), "--format", "json"], catch_exceptions=False)
    found = {(Path(item["path"]).name, item["rule"]) for item in json.loads(run.stdout)["diagnostics"]}
    assert found == {
        ("flights.yaml", "table"),
        ("v2.sql", "select-star"),
        ("v2.sql", "sunset"),
        ("v2.test.yaml", "test"),
    }


@pytest.mark.parametrize("folder", [".", "queries", "queries/flights", ".."])
def test_paths_of_a_check_are_those_of_the_project_wherever_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    write(tmp_path)
    (tmp_path / "catalog/flights.yaml").write_text("table: flights\nlocaton: x\n")
    (tmp_path / "queries/planes/v1.sql").write_text("SELECT 1")
    (tmp_path / "access.yaml").write_text("nonsense: 1\n")
    monkeypatch.chdir(tmp_path / folder)
    for project in (str(tmp_path), os.path.relpath(tmp_path)):
        paths = {error[0] for error in by_check(Path(project))}
        assert paths == {"catalog/flights.yaml", "queries/planes/v1.sql", "access.yaml"}


def test_who_saves_a_query_over_a_table_with_errors_is_told_so(tmp_path: Path) -> None:
    write(tmp_path)
    spoil(tmp_path, ["unknown-key"])
    watcher = Watcher(load_settings(tmp_path, {}))
    query = tmp_path / "queries/flights/v1.sql"
    query.write_text(query.read_text() + "-- again\n")
    saved = watcher.saved()
    assert saved is not None
    assert [(item.path, item.message) for item in saved.diagnostics] == [
        ("queries/flights/v1.sql", "the table flights has mistakes")
    ]
    assert not saved.broken
    assert saved.ready == ()
