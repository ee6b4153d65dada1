"""What of a project is in service while its files change: right files at once, broken ones as they were when right."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import Diagnostic
from gateway.project.loader import Project, ProjectLoader

TABLE = "table: {name}\nlocation: {location}\n"
QUERY = "/*\nsummary: {summary}\n*/\nSELECT n FROM {table}"


class Folder:
    """A project folder, and the declarations that are read from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.declarations = ProjectLoader(path)
        (path / "catalog").mkdir()
        (path / "queries").mkdir()

    def table(self, name: str, location: str = "data") -> None:
        self.write(f"catalog/{name}.yaml", TABLE.format(name=name, location=location))

    def query(self, name: str, table: str = "events", summary: str = "x", version: int = 1) -> None:
        self.write(f"queries/{name}/v{version}.sql", QUERY.format(table=table, summary=summary))

    def write(self, name: str, text: str) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def read(self) -> Project:
        project = self.declarations.read()
        self.declarations.accept(project)
        return project


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.table("events")
    folder.query("totals")
    folder.read()
    return folder


def served(project: Project) -> dict[str, list[int]]:
    return {name: list(versions) for name, versions in project.registry.queries().items()}


def broken(project: Project) -> dict[str, str]:
    return {file.path: file.serving for file in project.broken}


def test_a_new_file_is_a_new_query(folder: Folder) -> None:
    folder.query("totals", version=2)
    folder.query("other")
    project = folder.read()
    assert served(project) == {"totals": [1, 2], "other": [1]}
    assert project.broken == ()


def test_a_file_that_is_removed_is_a_version_less(folder: Folder) -> None:
    folder.query("totals", version=2)
    folder.read()
    folder.remove("queries/totals/v1.sql")
    assert served(folder.read()) == {"totals": [2]}


def test_what_did_not_change_is_not_parsed_again(folder: Folder) -> None:
    before = folder.read().registry.template("totals")
    folder.query("other")
    assert folder.read().registry.template("totals") is before


def test_a_broken_template_keeps_its_last_good_version_in_service(folder: Folder) -> None:
    folder.write("queries/totals/v1.sql", "/*\nsummary: y\n*/\nSELEC n FROM events")
    project = folder.read()
    assert project.registry.template("totals").front.summary == "x"
    (one,) = project.broken
    assert (one.path, one.serving, one.diagnostics[0].line) == ("queries/totals/v1.sql", "last-good", 4)
    assert project.registry.broken["totals", 1] == one


def test_a_template_that_is_put_right_is_in_service_again(folder: Folder) -> None:
    folder.write("queries/totals/v1.sql", "nothing")
    folder.read()
    folder.query("totals", summary="z")
    project = folder.read()
    assert project.registry.template("totals").front.summary == "z"
    assert project.broken == ()


def test_a_new_file_that_is_broken_is_not_served(folder: Folder) -> None:
    folder.write("queries/totals/v2.sql", "nothing")
    project = folder.read()
    assert served(project) == {"totals": [1]}
    assert broken(project) == {"queries/totals/v2.sql": "nothing"}


def test_a_template_that_is_broken_at_the_start_is_not_served_and_the_rest_is(folder: Folder) -> None:
    folder.write("queries/other/v1.sql", "nothing")
    project = ProjectLoader(folder.path).read()
    assert served(project) == {"totals": [1]}
    assert broken(project) == {"queries/other/v1.sql": "nothing"}


def test_a_broken_table_stays_as_it_was_and_so_do_its_queries(folder: Folder) -> None:
    folder.write("catalog/events.yaml", "table: events\nlocation: [")
    project = folder.read()
    assert project.tables["events"].location == "data"
    assert served(project) == {"totals": [1]}
    assert broken(project) == {"catalog/events.yaml": "last-good"}


def test_queries_over_a_table_that_was_never_right_are_not_served_until_it_is(folder: Folder) -> None:
    folder.write("catalog/more.yaml", "table: more")
    folder.query("other", table="more")
    project = folder.read()
    assert served(project) == {"totals": [1]}
    assert broken(project) == {"catalog/more.yaml": "nothing", "queries/other/v1.sql": "nothing"}
    folder.table("more")
    assert served(folder.read()) == {"totals": [1], "other": [1]}


def test_a_table_whose_file_is_gone_stays_while_a_query_in_service_reads_it(folder: Folder) -> None:
    folder.remove("catalog/events.yaml")
    project = folder.read()
    assert list(project.tables) == ["events"]
    assert served(project) == {"totals": [1]}
    assert broken(project) == {"queries/totals/v1.sql": "last-good"}
    folder.query("late")
    assert served(folder.read()) == {"totals": [1]}
    folder.remove("queries/totals/v1.sql")
    project = folder.read()
    assert (dict(project.tables), served(project)) == ({}, {})


def test_a_whole_folder_that_is_gone_takes_nothing_away(folder: Folder) -> None:
    (folder.path / "queries").rename(folder.path / "elsewhere")
    project = folder.read()
    assert served(project) == {"totals": [1]}
    assert broken(project) == {"queries": "last-good"}


def test_a_file_that_is_refused_keeps_what_it_declared_before(folder: Folder) -> None:
    folder.query("totals", summary="z")
    folder.declarations.read()
    project = folder.declarations.refuse([Diagnostic(path="queries/totals/v1.sql", message="no column n")])
    assert project.registry.template("totals").front.summary == "x"
    assert [str(one) for one in project.diagnostics] == ["queries/totals/v1.sql: no column n"]


def test_a_file_that_was_refused_is_considered_again_the_next_time(folder: Folder) -> None:
    folder.query("totals", summary="z")
    folder.declarations.read()
    folder.declarations.accept(folder.declarations.refuse([Diagnostic(path="queries/totals/v1.sql", message="no")]))
    assert folder.read().registry.template("totals").front.summary == "z"


def test_mistakes_name_files_as_the_project_does(folder: Folder) -> None:
    folder.write("catalog/more.yaml", "table: [")
    folder.write("queries/totals/v2.sql", "nothing")
    assert all(not Path(one.path).is_absolute() for one in folder.read().diagnostics)


def test_folders_that_kubernetes_and_git_hide_hold_no_queries(folder: Folder) -> None:
    folder.write("queries/..data/totals/v3.sql", "nothing")
    assert folder.read().broken == ()
