"""Names in the queries that are written for authors: quoted where SQL needs it, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.authoring.checked import check_project
from gateway.authoring.scaffold import quoted
from gateway.catalog.stored import KEYWORDS
from gateway.discovery.names import CLOCKS, SPECIAL, plain_name
from gateway.errors import Severity
from gateway.project.loader import load_project
from gateway.query.keywords import FOLDED

QUERY = """/*
summary: Rows
owner: me
parameters:
  p: {{type: integer, description: the number}}
examples:
  - {{p: 1}}
*/
SELECT {column}, count(*) AS n FROM {table} WHERE {column} = $p GROUP BY {column} ORDER BY {column}
"""


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_every_word_of_the_grammar_can_be_a_column_and_a_folder(tmp_path: Path) -> None:
    for word in sorted(KEYWORDS | FOLDED):
        table = plain_name(word)
        declaration = f'table: "{table}"\nlocation: data/{word}\ncolumns: {{"{word}": INTEGER}}\n'
        put(tmp_path / f"catalog/{table}.yaml", declaration)
        put(tmp_path / f"queries/of_{word}/v1.sql", QUERY.format(column=quoted(word), table=table))
    found = check_project(tmp_path, load_project(tmp_path))
    assert [str(item) for item in found.of(Severity.ERROR)] == []


@pytest.mark.parametrize("word", ["day", "month", "name", "type", "value", "carrier"])
def test_ordinary_words_stay_without_quotes(word: str) -> None:
    assert (quoted(word), plain_name(word)) == (word, word)


def test_names_of_the_clock_are_no_plain_names() -> None:
    assert CLOCKS <= SPECIAL
