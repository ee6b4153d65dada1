"""Misspelt commands, options and folders: what was meant is said, and nothing is done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from misspelt import one_edit

from gateway.cli import main

ROOT = click.Context(main)
COMMANDS = main.list_commands(ROOT)
ANYWHERE = {"init", "demo", "completion"}
"""Commands that need no project."""


def leaves() -> Iterator[tuple[list[str], click.Command]]:
    """List every command with the words that call it."""
    for name in COMMANDS:
        command = main.get_command(ROOT, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (([name, below], command.commands[below]) for below in command.commands)
        else:
            yield [name], command


LEAVES = list(leaves())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_misspelt_by_one_edit_is_answered_with_the_one_that_is_meant(name: str) -> None:
    for wrong in one_edit(name, COMMANDS):
        result = CliRunner().invoke(main, [wrong])
        assert (result.exit_code, f"{name!r}" in result.output) == (2, True), (wrong, result.output)
        assert "did you mean" in result.output


@pytest.mark.parametrize(
    ("words", "command"), LEAVES, ids=lambda value: "-".join(value) if isinstance(value, list) else ""
)
def test_an_option_misspelt_by_one_edit_is_answered_with_the_one_that_is_meant(
    words: list[str], command: click.Command
) -> None:
    options = [
        option for each in command.params if isinstance(each, click.Option) and not each.hidden for option in each.opts
    ]
    for option in (option for option in options if option.startswith("--")):
        for wrong in one_edit(option[2:], [each[2:] for each in options]):
            result = CliRunner().invoke(main, [*words, f"--{wrong}"])
            assert (result.exit_code, f"'{option}'" in result.output) == (2, True), (wrong, result.output)


@pytest.mark.parametrize(
    "words", [words for words, _ in LEAVES if words[0] not in ANYWHERE], ids=lambda words: "-".join(words)
)
def test_a_folder_that_is_no_project_is_refused_by_every_command(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    result = CliRunner().invoke(main, [*words, "--project", str(tmp_path), *_needed(words)])
    assert (result.exit_code, "is no project" in result.output) == (2, True), result.output
    assert "gateway init" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def _needed(words: list[str]) -> list[str]:
    [command] = [command for found, command in LEAVES if found == words]
    return ["x" for each in command.params if isinstance(each, click.Argument) and each.required]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("catalogue", "it has catalogue: is catalog meant?"),
        ("query", "it has query: is queries meant?"),
        ("Queries", "it has Queries: is queries meant?"),
        ("gatway.toml", "it has gatway.toml: is gateway.toml meant?"),
        ("shop/gateway.toml", "did you mean --project {folder}/shop?"),
    ],
)
def test_what_is_near_a_folder_that_is_no_project_is_named(made: str, said: str, tmp_path: Path) -> None:
    (tmp_path / made).mkdir(parents=True)
    result = CliRunner().invoke(main, ["check", "--project", str(tmp_path)])
    assert (result.exit_code, said.format(folder=tmp_path) in result.output) == (2, True), result.output


QUERY = "/*\nsummary: One\nowner: me\nexamples: [{}]\n*/\nSELECT 1 AS one\n"
TABLE = "table: events\nlocation: data\ncolumns: {id: BIGINT}\n"
WHOLE = {"gateway.toml": "", "catalog/events.yaml": TABLE, "queries/q/v1.sql": QUERY}


def strays(project: Path, files: Mapping[str, str]) -> list[tuple[str, str]]:
    """Write a project and return what its check says of files and folders that are not read."""
    for place, text in files.items():
        (project / place).parent.mkdir(parents=True, exist_ok=True)
        (project / place).write_text(text)
    result = CliRunner().invoke(main, ["check", "--format", "json", "--project", str(project)])
    found = json.loads(result.output)["diagnostics"]
    return [(item["path"], item["hint"]) for item in found if item["message"].startswith("nothing reads this")]


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        *((part, wrong) for part in ("gateway.toml", "catalog", "queries") for wrong in one_edit(part)),
        *(("catalog", wrong) for wrong in ("catalogue", "Catalog", "catalogs")),
        *(("queries", wrong) for wrong in ("query", "QUERIES", "querys")),
        *(("gateway.toml", wrong) for wrong in ("Gateway.toml", "gateway.tml")),
    ],
)
def test_a_part_of_a_project_that_is_misspelt_beside_right_ones_is_told(part: str, wrong: str, tmp_path: Path) -> None:
    files = {wrong + place.removeprefix(part) if place.startswith(part) else place: WHOLE[place] for place in WHOLE}
    assert strays(tmp_path, files) == [(wrong, f"is {part} meant?")]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"query/r/v1.sql": QUERY}, [("query", "is queries meant?")]),
        ({"catalogue/more.yaml": TABLE}, [("catalogue", "is catalog meant?")]),
        ({"gateway.tml": "[server]\nport = 9000\n"}, [("gateway.tml", "is gateway.toml meant?")]),
        ({"query/notes.md": "", "catalogue/cover.png": ""}, []),
        ({"gateway.py": "", "gateway.log": "", "gateway.toml~": "", "gateway/main.py": "", "data/x": ""}, []),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_beside_the_part_that_it_is_named_like_is_told_where_it_holds_what_is_read(
    files: dict[str, str], told: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert strays(tmp_path, {**WHOLE, **files}) == told


def test_a_link_to_a_part_is_no_misspelt_part_and_a_link_to_nothing_is_one(tmp_path: Path) -> None:
    (tmp_path / "query").symlink_to("queries")
    (tmp_path / "gateway.tml").symlink_to("gateway.toml")
    assert strays(tmp_path, WHOLE) == []
    (tmp_path / "gateway.tom").symlink_to("nowhere")
    assert strays(tmp_path, WHOLE) == [("gateway.tom", "is gateway.toml meant?")]


def test_a_command_in_a_folder_of_a_project_is_told_where_the_project_is(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").touch()
    (tmp_path / "catalog").mkdir()
    result = CliRunner().invoke(main, ["serve", "--project", str(tmp_path / "catalog")])
    assert (result.exit_code, f"did you mean --project {tmp_path}?" in result.output) == (2, True), result.output
