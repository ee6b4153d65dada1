from __future__ import annotations

import duckdb
import pytest

from gateway.query.functions import ALLOWED, REASONS, allowed, reviewed
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
