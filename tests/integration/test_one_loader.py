"""The command line and the server read a project alike: the same errors, at the same positions, in the same words."""

from __future__ import annotations

import json
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
