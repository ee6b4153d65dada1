"""``gateway new``: what it writes passes the check, and copies start where the newest version ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.authoring.checked import check_project
from gateway.cli.new import command
from gateway.errors import Severity, TemplateInvalid
from gateway.project.loader import load_project

FLIGHTS = """table: flights
location: data/flights
columns: {carrier: VARCHAR, time_hour: TIMESTAMP, origin: VARCHAR, "dep delay": SMALLINT, seen: TIMESTAMPTZ}
partitioned_by:
  - {column: day, transform: day, source: time_hour}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "flights.yaml").write_text(FLIGHTS)
    (tmp_path / "catalog" / "airlines.yaml").write_text("table: airlines\nlocation: a\ncolumns: {code: VARCHAR}\n")
    return tmp_path


def new(project: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(command, ["--project", str(project), *arguments], input=typed)


def test_what_is_likely_passes_the_check(project: Path) -> None:
    result = new(project, "finance.revenue", "--yes")
    assert (result.exit_code, check_project(project, load_project(project)).diagnostics) == (0, ())
    text = (project / "queries/finance/revenue/v1.sql").read_text()
    assert "WHERE time_hour >= $start\n  AND time_hour < $end\nORDER BY time_hour" in text


def test_what_is_not_given_is_asked_for(project: Path) -> None:
    result = new(project, "finance.revenue", typed="flights\ncarrier origin?\nfleet\nWho flies\n")
    assert "Table (airlines, flights) [flights]:" in result.output
    text = (project / "queries/finance/revenue/v1.sql").read_text()
    assert "owner: fleet\n" in text
    assert "summary: Who flies\n" in text
    assert "WHERE carrier = $carrier\n  AND ($origin IS NULL OR origin = $origin)\n" in text


@pytest.mark.parametrize(
    "parameters",
    [
        ["start", "end?"],
        ["carrier:list[varchar]"],
        ["carrier", "origin:list[varchar]?"],
        ["seen"],
        ["since", "until"],
        ["time_hour:date"],
    ],
    ids=" ".join,
)
def test_parameters_of_every_kind_make_a_query_that_passes(project: Path, parameters: list[str]) -> None:
    options = [word for name in parameters for word in ("-p", name)]
    result = new(project, "q", "--table", "flights", "--yes", "--summary", 'Say: "no"', *options)
    assert check_project(project, load_project(project)).of(Severity.ERROR) == []
    assert result.exit_code == 0


def test_the_next_version_is_a_copy_without_the_dates_of_the_old_one(project: Path) -> None:
    new(project, "q", "--yes")
    old = project / "queries/q/v1.sql"
    text = old.read_text()
    old.write_text(text.replace("cache:", "deprecated: 2026-01-01\nsuccessor: v2\ncache:"))
    old.with_name("v1.test.yaml").write_text("tests: []\n")
    assert new(project, "q", "--version").exit_code == 0
    assert old.with_name("v2.sql").read_text() == text
    assert old.with_name("v2.test.yaml").read_text() == "tests: []\n"


def test_the_next_version_follows_the_highest_number(project: Path) -> None:
    new(project, "q", "--yes")
    (project / "queries/q/v1.sql").rename(project / "queries/q/v10.sql")
    new(project, "q", "--version")
    assert (project / "queries/q/v11.sql").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Finance.x"], "'Finance.x' is no name of a query"),
        (["q", "--table", "flight"], "there is no table 'flight': did you mean 'flights'?"),
        (["q", "-p", "carier"], "flights has no column 'carier': did you mean 'carrier'?"),
        (["q", "-p", "carrier:txt"], "unknown type 'txt'"),
        (["q", "-p", "carrier=1"], "'carrier=1' is no parameter"),
        (["q", "--version"], "q has no version yet"),
    ],
)
def test_what_cannot_be_made_is_explained_and_nothing_is_written(
    project: Path, arguments: list[str], message: str
) -> None:
    result = new(project, "--yes", *arguments)
    assert (result.exit_code, message in result.output) == (2, True)
    assert not list(project.glob("queries/**/*.sql"))


def test_a_query_that_is_there_is_not_written_over(project: Path) -> None:
    new(project, "q", "--yes")
    result = new(project, "q", "--yes")
    assert (result.exit_code, "gateway new q --version" in result.output) == (2, True)


def test_a_table_whose_columns_are_not_known_is_named(project: Path) -> None:
    (project / "catalog" / "flights.yaml").write_text("table: flights\nlocation: data/flights\n")
    result = new(project, "q", "--table", "flights", "--yes")
    assert (result.exit_code, "the columns of flights are not known here" in result.output) == (2, True)


def test_a_version_that_is_no_text_is_not_copied(project: Path) -> None:
    folder = project / "queries/a"
    folder.mkdir(parents=True)
    (folder / "v1.sql").write_bytes(b"/*\nsummary: caf\xe9\n*/\nSELECT 1 AS n\n")
    error = new(project, "a", "--version").exception
    assert isinstance(error, TemplateInvalid)
    assert [str(item) for item in error.diagnostics] == ["queries/a/v1.sql:2:13: is not UTF-8 text (save it as UTF-8)"]
    assert [path.name for path in folder.iterdir()] == ["v1.sql"]
