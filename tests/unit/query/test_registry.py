from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from gateway.errors import InvalidParameters, QueryNotFound, VersionNotFound, VersionRetired
from gateway.model import Request
from gateway.project.loader import load_project
from gateway.query.registry import Registry

TODAY = date(2026, 6, 1)
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(place: str, front: str = "", sql: str = "SELECT carrier FROM flights") -> None:
        path = tmp_path / "queries" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/*\nsummary: x\n{front}\n*/\n{sql}\n", encoding="utf-8")

    return write


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], tuple[Registry, list[str]]]:
    def load() -> tuple[Registry, list[str]]:
        (tmp_path / "catalog").mkdir(exist_ok=True)
        (tmp_path / "catalog/flights.yaml").write_text("table: flights\nlocation: data\n")
        project = load_project(tmp_path, today=lambda: TODAY)
        return project.registry, [str(diagnostic) for diagnostic in project.diagnostics]

    return load


Load = Callable[[], tuple[Registry, list[str]]]


def bind(registry: Registry, query: str, version: int | None = None) -> int:
    return registry.bind(Request(query=query, version=version, parameters={})).version


def test_folders_and_files_name_queries_and_versions(write: Write, load: Load) -> None:
    for place in ("delays/v1.sql", "delays/v10.sql", "delays/v2.sql", "finance/revenue/v3.sql"):
        write(place)
    registry, diagnostics = load()
    assert diagnostics == []
    assert {name: list(versions) for name, versions in registry.queries().items()} == {
        "delays": [1, 2, 10],
        "finance.revenue": [3],
    }


def test_a_broken_file_does_not_hide_the_good_ones(write: Write, load: Load) -> None:
    write("good/v1.sql")
    write("bad/v1.sql", sql="SELECT getenv('x')")
    registry, diagnostics = load()
    assert list(registry.queries()) == ["good"]
    assert [item.split(": ")[0] for item in diagnostics] == ["queries/bad/v1.sql:5:8"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("v1.sql", "a version stands in the folder of its query"),
        ("delays.sql", "delays.sql is no version"),
        ("delays/v0.sql", "v0.sql is no version"),
        ("delays/v01.sql", "v01.sql is no version"),
        ("delays/V1.sql", "V1.sql is no version"),
        ("delays/latest.sql", "latest.sql is no version"),
        ("Delays/v1.sql", "the folder 'Delays' cannot name a query"),
        ("my delays/v1.sql", "the folder 'my delays' cannot name a query"),
        ("a.b/v1.sql", "the folder 'a.b' cannot name a query"),
    ],
)
def test_a_misplaced_file_is_told(write: Write, load: Load, place: str, message: str) -> None:
    write(place)
    registry, [diagnostic] = load()
    assert diagnostic.startswith(f"queries/{place}: {message}")
    assert registry.queries() == {}


def test_other_files_are_no_templates(write: Write, load: Load) -> None:
    write("README.md")
    write("delays/v1.test.yaml")
    assert load()[1] == []


def test_bytes_that_are_no_text_have_a_place(tmp_path: Path, load: Load) -> None:
    (tmp_path / "queries" / "q").mkdir(parents=True)
    (tmp_path / "queries" / "q" / "v1.sql").write_bytes(b"/*\nsummary: \xff\n*/ SELECT 1")
    assert load()[1] == ["queries/q/v1.sql:2:10: is not UTF-8 text (save it as UTF-8)"]


def test_no_version_means_the_newest_that_is_not_deprecated(write: Write, load: Load) -> None:
    write("q/v1.sql")
    write("q/v2.sql", "deprecated: 2026-12-31")
    write("q/v3.sql", "deprecated: 2026-05-31")
    assert bind(load()[0], "q") == 2


def test_no_version_means_the_newest_where_all_are_deprecated(write: Write, load: Load) -> None:
    write("q/v1.sql", "deprecated: 2026-01-01")
    write("q/v2.sql", "deprecated: 2026-01-01")
    assert bind(load()[0], "q") == 2


def test_a_named_version_is_bound_although_it_is_deprecated(write: Write, load: Load) -> None:
    write("q/v1.sql", "deprecated: 2026-01-01")
    write("q/v2.sql")
    assert bind(load()[0], "q", 1) == 1


def test_a_version_after_its_sunset_is_retired_and_names_its_successor(write: Write, load: Load) -> None:
    write("q/v1.sql", "sunset: 2026-06-01\nsuccessor: v2")
    write("q/v2.sql", "sunset: 2026-06-02")
    registry, _ = load()
    with pytest.raises(VersionRetired) as caught:
        bind(registry, "q", 1)
    assert caught.value.members == {"successor": "v2"}
    assert bind(registry, "q", 2) == 2


def test_no_version_means_one_that_still_answers_where_all_are_deprecated(write: Write, load: Load) -> None:
    write("q/v1.sql", "deprecated: 2026-01-01")
    write("q/v2.sql", "deprecated: 2026-01-01\nsunset: 2026-06-01")
    assert bind(load()[0], "q") == 1


def test_the_next_day_on_which_a_version_goes_away_is_known(write: Write, load: Load) -> None:
    write("q/v1.sql", "deprecated: 2026-05-31\nsunset: 2026-09-01")
    write("q/v2.sql", "deprecated: 2026-07-01\nsunset: 2026-08-01")
    write("stays/v1.sql", "deprecated: 2026-06-01")
    registry, _ = load()
    assert (registry.next_lifecycle_date("q"), registry.next_lifecycle_date("stays")) == (date(2026, 7, 1), None)


def test_a_successor_must_exist(write: Write, load: Load) -> None:
    write("q/v1.sql", "successor: other/v3")
    assert load()[1] == ["queries/q/v1.sql: the successor other/v3 does not exist, or has mistakes"]


@pytest.mark.parametrize("name", ["DELAYS", "Delays", "dleays", "DLEAYS", "delay"])
def test_a_query_in_other_letters_or_with_one_misspelt_is_suggested(name: str, write: Write, load: Load) -> None:
    write("delays/v1.sql")
    with pytest.raises(QueryNotFound, match="Did you mean delays") as caught:
        load()[0].template(name, None)
    assert caught.value.members == {"suggestions": ["delays"]}


def test_an_unknown_query_suggests_others(write: Write, load: Load) -> None:
    write("delays_by_carrier/v1.sql")
    with pytest.raises(QueryNotFound) as caught:
        bind(load()[0], "delay_by_carrier")
    assert caught.value.members == {"suggestions": ["delays_by_carrier"]}


def test_an_unknown_version_names_those_that_exist(write: Write, load: Load) -> None:
    write("q/v1.sql")
    write("q/v4.sql")
    with pytest.raises(VersionNotFound) as caught:
        bind(load()[0], "q", 3)
    assert caught.value.members == {"available": ["v1", "v4"]}


def test_bad_parameters_of_a_request_are_refused(write: Write, load: Load) -> None:
    write("q/v1.sql", "parameters:\n  day: {type: date}", "SELECT $day")
    with pytest.raises(InvalidParameters):
        bind(load()[0], "q")


def test_a_project_without_queries_has_an_empty_registry(load: Load) -> None:
    registry, diagnostics = load()
    assert (dict(registry.queries()), diagnostics) == ({}, [])
