"""Files of a project with one typing error, cut off, or damaged in one place: one message, where the error is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from misspelt import one_edit
from whole_files import Kind, kinds

from gateway.config import KEY, load_settings, settings_table
from gateway.errors import SettingsInvalid

NAMES = ("table", "query", "tests", "owners", "access", "settings")
SLOW = ("query", "settings")
"""Kinds of which only every third damage is tried, for they take longer to read."""
MOST = 3
"""Messages that a text may have which is damaged in one place."""
_KEY = re.compile(r"""(?:(?<=[{,] )|(?<=[{])|^ *(?:- )?)(\[)?([a-z_]+)(?=:(?: |$)| = |\])""", re.MULTILINE)
_SIGNS = "{}[]:'\"\t,-#&*%!|>@`="


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    [found] = [each for each in kinds(tmp_path) if each.name == request.param]
    return found


def keys(kind: Kind) -> Iterator[tuple[int, str]]:
    """List the keys of a text with their positions; names that authors choose are no keys."""
    for match in _KEY.finditer(kind.text):
        if match[2] not in kind.free:
            yield match.start(2), match[2]


def place(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_the_whole_text_of_a_kind_has_no_errors(kind: Kind) -> None:
    assert kind.errors(kind.text) == []
    assert len(list(keys(kind))) > 2


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_a_key_misspelt_by_one_edit_is_told_once_at_its_place_with_the_one_that_is_meant(kind: Kind) -> None:
    every = {name for _, name in keys(kind)}
    for position, name in keys(kind):
        for wrong in list(one_edit(name, every))[:: 3 if kind.name in SLOW else 1]:
            damaged = kind.text[:position] + wrong + kind.text[position + len(name) :]
            found = kind.errors(damaged)
            assert len(found) == 1, (wrong, list(map(str, found)))
            [error] = found
            line, column = place(kind.text, position)
            assert (error.line, error.column or column) == (line, column), (wrong, str(error))
            assert re.search(rf"did you mean .*'(\w+\.)?{name}'", str(error)), (wrong, str(error))


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_a_text_that_is_cut_off_anywhere_has_few_messages(kind: Kind) -> None:
    for length in range(0, len(kind.text), 2 if kind.name in SLOW else 1):
        found = kind.errors(kind.text[:length])
        assert len(found) <= MOST, (kind.text[:length][-60:], list(map(str, found)))


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_a_character_too_much_or_too_little_has_few_messages(kind: Kind) -> None:
    for position in range(0, len(kind.text), 3 if kind.name in SLOW else 1):
        before, after = kind.text[:position], kind.text[position:]
        for damaged in (before + after[1:], before + _SIGNS[position % len(_SIGNS)] + after):
            found = kind.errors(damaged)
            assert len(found) <= MOST, (damaged[max(0, position - 30) : position + 30], list(map(str, found)))
            assert all(error.line is None or error.line <= damaged.count("\n") + 1 for error in found)


@pytest.mark.parametrize("kind", ["table", "query", "tests", "owners", "access"], indirect=True)
def test_windows_line_ends_change_nothing_and_tabs_are_told_at_their_line(kind: Kind) -> None:
    assert kind.errors(kind.text.replace("\n", "\r\n")) == []
    lines = kind.text.split("\n")
    for number, line in enumerate(lines):
        if not line.startswith("  ") or "SELECT" in "".join(lines[: number + 1]) or "|" in lines[number - 1]:
            continue
        [error] = kind.errors("\n".join([*lines[:number], f"\t{line.lstrip()}", *lines[number + 1 :]]))
        assert (error.line, "a tab" in error.message) == (number + 1, True), str(error)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("GATEWAY_PORT", ["GATEWAY_SERVER_PORT"]),
        ("GATEWAY_PROT", ["GATEWAY_SERVER_PORT"]),
        ("GATEWAY_PROJECTS", ["GATEWAY_PROJECT"]),
        ("GATEWAY_STAT", ["GATEWAY_STATE"]),
    ],
)
def test_a_misspelt_variable_is_answered_with_the_one_that_is_meant(
    variable: str, meant: list[str], tmp_path: Path
) -> None:
    assert suggested(variable, tmp_path) == meant


def test_a_variable_without_its_section_is_answered_with_those_that_have_one(tmp_path: Path) -> None:
    variables = {variable: name.rpartition(".") for name, variable, *_ in settings_table()}
    named: dict[str, list[str]] = {}
    for variable, (section, _, name) in variables.items():
        if section:
            named.setdefault(f"GATEWAY_{name.upper()}", []).append(variable)
    for short in named.keys() - variables.keys() - {KEY}:
        assert sorted(suggested(short, tmp_path)) == sorted(named[short])


def suggested(variable: str, project: Path) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(project, {variable: "1"})
    return re.findall(r"'(\w+)'", str(caught.value))
