from __future__ import annotations

from pathlib import Path

import pytest

from gateway.query.validate import validate

CASES = [
    tuple(part.strip("\n") for part in block.split("\n--->\n"))
    for block in (Path(__file__).parent / "cases" / "normalised.sql").read_text(encoding="utf-8").split("\n====\n")
]


def normalised(sql: str) -> str:
    known, mistakes = validate(sql, ["flights"], ["start", "end"])
    assert known is not None, mistakes
    return known.normalised


@pytest.mark.parametrize(("before", "after"), CASES)
def test_the_normalised_text_is_that_of_the_golden_file(before: str, after: str) -> None:
    assert normalised(before) == after


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1 AS a", "SELECT 1 AS A"),
        ("SELECT 1 AS a", "SELECT 1.0 AS a"),
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("SELECT 'A'", "SELECT 'a'"),
        ("SELECT {'a': 1}", "SELECT {'A': 1}"),
        ("SELECT {first: 1}", "SELECT {First: 1}"),
        ("SELECT struct_pack(last := 1)", "SELECT struct_pack(LAST := 1)"),
        ("SELECT 1 AS desc", "SELECT 1 AS Desc"),
        ("SELECT carrier FROM flights WHERE time_hour < $start", "SELECT carrier FROM flights WHERE time_hour < $end"),
        ("SELECT (1 - 2) - 3", "SELECT 1 - (2 - 3)"),
        ("SELECT - -1", "SELECT 1 -- -1"),
    ],
)
def test_texts_that_answer_differently_are_normalised_differently(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)
