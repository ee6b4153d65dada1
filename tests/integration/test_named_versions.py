"""Versions of queries on the command line: ``NAME/v2`` is ``NAME --version 2``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main

QUERY = "/*\nsummary: A version\nowner: me\nexamples: [{{}}]\n*/\nSELECT {number} AS number\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "queries" / "sales" / "by_day"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"v{number}.sql").write_text(QUERY.format(number=number))
    return tmp_path


def called(project: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*words, "--project", str(project)])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["sales.by_day"], 2),
        (["sales.by_day/v1"], 1),
        (["sales.by_day/v2"], 2),
        (["sales.by_day/v1", "--version", "1"], 1),
        (["sales.by_day/v1", "--params", "{}"], 1),
    ],
)
def test_a_query_is_run_in_the_version_that_its_name_has(words: list[str], number: int, project: Path) -> None:
    assert called(project, "run", *words, "--format", "csv") == (0, f"number\n{number}\n")


def test_a_query_is_explained_in_the_version_that_its_name_has(project: Path) -> None:
    short, long = (called(project, "explain", *words) for words in (["sales.by_day/v1"], ["sales.by_day", "-v", "1"]))
    assert short == long
    assert short[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sales.by_day/v1", "--version", "2"], "sales.by_day/v1 names version 1, and --version 2: give one."),
        (["sales.by_day/v3"], "version"),
        (["sales.by_day/v0"], "There is no query 'sales.by_day/v0'. Did you mean sales.by_day?"),
        (["sales.by_dya/v1"], "There is no query 'sales.by_dya'. Did you mean sales.by_day?"),
    ],
)
def test_a_version_that_is_none_or_another_is_refused(words: list[str], said: str, project: Path) -> None:
    code, output = called(project, "run", *words)
    assert (code in (2, 3), said in output) == (True, True), (code, output)
