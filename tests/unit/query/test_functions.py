from __future__ import annotations

from contextlib import closing

import duckdb
import pytest

from gateway.query.functions import ALLOWED, CLOCK_WORDS, REASONS, SESSION_WORDS, allowed, reviewed
from gateway.query.keywords import RESERVED


@pytest.fixture(scope="module")
def functions() -> dict[str, set[str]]:
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT lower(function_name), stability FROM duckdb_functions()").fetchall()
    found: dict[str, set[str]] = {}
    for name, stability in rows:
        found.setdefault(name, set()).add(stability)
    return {name: stabilities for name, stabilities in found.items() if name.replace("_", "a").isalnum()}


def test_every_function_of_the_engine_is_reviewed(functions: dict[str, set[str]]) -> None:
    assert sorted(functions.keys() - reviewed().keys() - {"!__postfix"}) == []


def test_every_allowed_function_exists(functions: dict[str, set[str]]) -> None:
    # unnest is grammar for the engine, and listed among its table functions only.
    assert sorted(set(allowed()) - functions.keys()) == []


def test_functions_that_the_engine_calls_volatile_are_not_pure(functions: dict[str, set[str]]) -> None:
    moving = {name for name, found in functions.items() if found & {"VOLATILE", "CONSISTENT_WITHIN_QUERY"}}
    # error() is called volatile so that it is not folded; it depends on its argument alone.
    assert {name for name in moving if reviewed()[name] == "pure"} == {"error"}


def test_every_section_is_either_allowed_or_has_a_reason() -> None:
    assert set(reviewed().values()) == {*ALLOWED, *REASONS}


def test_reserved_words_are_those_of_the_engine() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'")
        assert {name for (name,) in rows.fetchall()} == RESERVED


def test_every_name_that_the_engine_reads_as_a_call_where_no_column_has_it_is_known() -> None:
    with closing(duckdb.connect()) as connection:
        lists = (
            "SELECT function_name FROM duckdb_functions()",
            "SELECT keyword_name FROM duckdb_keywords()",
            "SELECT name FROM duckdb_settings()",
        )
        names = {row[0] for text in lists for row in connection.execute(text).fetchall()} - {"true", "false", "null"}
        read = {name for name in names if _binds(connection, name)}
    assert read <= SESSION_WORDS | CLOCK_WORDS
    assert SESSION_WORDS | {"current_date"} <= read


def _binds(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    quoted = name.replace('"', '""')
    try:
        connection.execute(f'DESCRIBE SELECT "{quoted}"')
    except duckdb.Error:
        try:
            connection.execute(f"DESCRIBE SELECT {name}")
        except duckdb.Error:
            return False
    return True
