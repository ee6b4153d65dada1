"""Typographic quotes and unusual spaces in the files of a project: told at their place, with what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from whole_files import Kind, kinds

from gateway.errors import Diagnostic

TABLE = "table: events\nlocation: x\n"
YAML = ("table", "query", "tests", "owners", "access")
KEY = re.compile(r"(?:(?<=^)|(?<=[ {]))\w+(?=:(?: |$))", re.MULTILINE)
QUOTES = ("“”", "„“", "‘’", "«»", "’’")
SPACES = ("\xa0", "\u2003", "\u3000", "\u200b", "\u00ad")


@pytest.fixture
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    [found] = [each for each in kinds(tmp_path) if each.name == request.param]
    return found


def place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")


def texts_of(kind: Kind) -> Iterator[tuple[int, int]]:
    """Walk the keys of a text of YAML, by their places in it."""
    end = kind.text.index("*/") if kind.name == "query" else len(kind.text)
    yield from (found.span() for found in KEY.finditer(kind.text, 0, end))


@pytest.mark.parametrize("kind", YAML, indirect=True)
@pytest.mark.parametrize("quotes", QUOTES)
def test_a_key_in_typographic_quotes_is_told_once_with_the_plain_ones(kind: Kind, quotes: str) -> None:
    for start, end in texts_of(kind):
        text = f"{kind.text[:start]}{quotes[0]}{kind.text[start:end]}{quotes[1]}{kind.text[end:]}"
        assert seen(kind.errors(text)) == [(place(text, start), f'write "{kind.text[start:end]}"')]


@pytest.mark.parametrize("kind", YAML, indirect=True)
@pytest.mark.parametrize("space", SPACES)
def test_an_unusual_space_before_or_after_a_key_or_its_colon_is_told_once_at_its_place(kind: Kind, space: str) -> None:
    for start, end in texts_of(kind):
        for at in (start, end):
            text = f"{kind.text[:at]}{space}{kind.text[at:]}"
            assert seen(kind.errors(text)) == [(place(text, at), "write a plain space, or remove it")], text
    for _, end in texts_of(kind):
        if kind.text[end + 1] == " ":
            text = f"{kind.text[: end + 1]}{space}{kind.text[end + 2 :]}"
            assert seen(kind.errors(text)) == [(place(text, end + 1), "write a plain space, or remove it")], text


def seen(errors: list[Diagnostic]) -> list[tuple[tuple[int | None, int | None], str | None]]:
    return [((error.line, error.column), error.hint) for error in errors]


@pytest.mark.parametrize("kind", ["table"], indirect=True)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("partitioned_by:\n  - {column: day, source: ts, transform: “day”}\n", [((4, 42), 'write "day"')]),
        ("partitioned_by:\n  - column: day\n    source: ‘ts’\n", [((5, 13), 'write "ts"')]),
        ("columns: {id: “BIGINT”}\n", [((3, 15), 'write "BIGINT"')]),
        ("files: [“*.parquet”, 'x']\n", [((3, 9), 'write "*.parquet"')]),
        ('refresh: “60s"\n', [((3, 10), 'write "60s"')]),
        ("refresh: “60s\n", [((3, 10), 'write "60s"')]),
        ("statistics: '“true”'\n", [((3, 1), 'write "true"')]),
        ("description: “All: of them”\n", [((3, 14), 'write "All: of them"')]),
        ("limits:\n  max_files: 5\xa0\n", [((4, 15), "write a plain space, or remove it")]),
        ("columns:\n\xa0\xa0id: BIGINT\n\xa0\xa0n: BIGINT\n", [((4, 1), "write a plain space, or remove it")]),
        ("partitioned_by:\n\xa0 - {column: c, source: c}\n", [((4, 1), "write a plain space, or remove it")]),
    ],
)
def test_values_and_indentation_are_told_at_their_place(kind: Kind, text: str, told: object) -> None:
    assert seen(kind.errors(TABLE + text)) == told


@pytest.mark.parametrize("kind", ["query"], indirect=True)
@pytest.mark.parametrize(
    ("entry", "told"),
    [("type: “bigint”", 'write "bigint"'), ("type: bigint, choices: [1], default: “1”", 'write "1"')],
)
def test_values_of_a_parameter_are_told_where_its_type_cannot_hold_them(kind: Kind, entry: str, told: str) -> None:
    text = f"/*\nsummary: x\nparameters:\n  n: {{{entry}, description: x}}\n*/\nSELECT $n AS n\n"
    assert [(error.line, error.hint) for error in kind.errors(text)][:1] == [(4, told)]


@pytest.mark.parametrize("kind", ["table"], indirect=True)
@pytest.mark.parametrize(
    "text",
    [
        "description: “Events”\n",
        "description: “Best” of all, it’s\xa0said\xa0\n",
        "description: |\n  “Events”\n  \xa0 of all\n",
        "partitioned_by:\n  - {column: c, source: '“c”'}\n",
        "columns: {l’âge: BIGINT, 'a b': BIGINT}\n",
    ],
)
def test_prose_and_quoted_texts_may_hold_them(kind: Kind, text: str) -> None:
    assert kind.errors(TABLE + text) == []


@pytest.mark.parametrize("kind", ["query"], indirect=True)
def test_other_mistakes_of_prose_are_told_as_they_are(kind: Kind) -> None:
    [found] = kind.errors(f"/*\nsummary: “{'a' * 200}”\n*/\nSELECT 1 AS n\n")
    assert ("200 characters" in found.message, found.hint) == (True, None)


@pytest.mark.parametrize("kind", ["settings"], indirect=True)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title = “Lake”\n", [((1, 9), 'write "Lake"')]),
        ("\xa0title = 'Lake'\n", [((1, 1), "write a plain space, or remove it")]),
        ("title =\xa0'Lake'\n", [((1, 8), "write a plain space, or remove it")]),
    ],
)
def test_settings_tell_them_too(kind: Kind, text: str, told: object) -> None:
    assert seen(kind.errors(text)) == told
