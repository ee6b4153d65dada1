"""What is refused for its spelling only says how it is written here, and that is accepted."""

from __future__ import annotations

import re

import pytest

from gateway.query.foreign import INSTEAD
from gateway.query.functions import reviewed
from gateway.query.validate import validate

TABLES = ("flights",)


def hint_of(sql: str) -> str:
    known, mistakes = validate(sql, TABLES, ())
    assert known is None
    return mistakes[0].hint or ""


def test_no_function_that_there_is_is_called_foreign() -> None:
    assert INSTEAD.keys().isdisjoint(reviewed())


@pytest.mark.parametrize("text", sorted(set(INSTEAD.values())))
def test_what_is_written_instead_is_accepted(text: str) -> None:
    for spelling in re.split(r", or | or (?=\w+\()|, (?=\w+\(x\))", text):
        known, mistakes = validate(f"SELECT {spelling} FROM flights", TABLES, ())
        assert known is not None, (spelling, mistakes)


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_a_function_of_another_database_is_refused_with_what_to_write(name: str) -> None:
    assert hint_of(f"SELECT {name}(carrier) FROM flights") == f"write {INSTEAD[name]}"


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("TABLE flights", "write FROM and the name of the table"),
        ("PIVOT flights ON carrier USING count(*)", "write FROM t PIVOT (sum(x) FOR k IN ('a', 'b') GROUP BY g)"),
        ("FROM (PIVOT flights ON carrier)", "write FROM t PIVOT (sum(x) FOR k IN ('a', 'b') GROUP BY g)"),
        ("UNPIVOT flights ON a, b", "write FROM t UNPIVOT (value FOR name IN (a, b))"),
        ("SUMMARIZE flights", "GET /v1/tables and the page of a table tell its columns"),
        ("EXPLAIN SELECT 1", "gateway explain shows how a query runs"),
        ("SELECT carrier FROM main.flights", "write flights"),
        ("SELECT 0xFF", "write 255"),
        ("SELECT 0b101", "write 5"),
        ("SELECT .5", "write 0.5"),
        ("SELECT x'c3A4'", "write '\\xc3\\xA4'::BLOB"),
        ("SELECT B'101'", "write '101'::BIT"),
        ("SELECT $$text$$", "write a string in single quotes, a parameter as $name"),
        ("SELECT $tag$text$tag$", "write a string in single quotes, and a space between parameters"),
    ],
)
def test_a_spelling_that_templates_do_without_is_refused_with_what_to_write(sql: str, hint: str) -> None:
    assert hint_of(sql) == hint


@pytest.mark.parametrize(
    "sql",
    [
        "FROM flights",
        "FROM flights PIVOT (sum(x) FOR k IN ('a', 'b') GROUP BY g)",
        "FROM flights UNPIVOT (value FOR name IN (a, b))",
        "SELECT '\\xc3\\xA4'::BLOB, '101'::BIT, 0.5",
    ],
)
def test_the_spellings_that_hints_name_are_accepted(sql: str) -> None:
    assert validate(sql, TABLES, ())[0] is not None
