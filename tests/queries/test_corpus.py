"""Texts that templates may hold, each run on DuckDB, and hostile ones, each refused at its place.

``accepted.sql`` and ``hostile.sql`` hold one case after each line of three equals signs; a refusal is written below its
text as ``--> line:column message``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gateway.query.functions import ALLOWED, reviewed
from gateway.query.validate import ValidSql, validate

TABLES = ("flights", "weather", "airlines")
VALUES: dict[str, Any] = {"origin": "JFK", "other": "LGA", "carriers": ["AA", "UA"], "top": 3}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    sql: str
    expected: str = ""


def cases(file: str) -> Iterator[Case]:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    for block in text.removeprefix("=== ").rstrip("\n").split("\n=== "):
        name, _, rest = block.partition("\n")
        sql, _, expected = rest.partition("\n--> ")
        yield Case(name, sql, expected)


ACCEPTED = list(cases("accepted.sql"))
HOSTILE = list(cases("hostile.sql"))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            """
            CREATE TABLE flights AS SELECT ['AA', 'UA', 'DL'][1 + i % 3] AS carrier, i::INTEGER AS flight,
              ['JFK', 'LGA'][1 + i % 2] AS origin, ['SFO', 'ORD', 'LGA'][1 + (i // 2) % 3] AS dest,
              CASE WHEN i % 7 > 0 THEN (i * 37 % 60 - 10)::DOUBLE END AS dep_delay, (i * 11 % 50)::DOUBLE AS arr_delay,
              TIMESTAMP '2013-01-01' + to_hours(i) AS time_hour, (i * 100)::INTEGER AS distance, 'N' || i AS tailnum
            FROM range(1, 25) AS t(i);
            CREATE TABLE weather AS SELECT ['JFK', 'LGA'][1 + i % 2] AS origin,
              TIMESTAMP '2013-01-01' + to_hours(i) AS time_hour FROM range(1, 25) AS t(i);
            CREATE TABLE airlines AS SELECT unnest(['AA', 'UA']) AS carrier, unnest(['American', 'United']) AS name;
            """
        )
        yield connection


def run(connection: duckdb.DuckDBPyConnection, sql: str, known: ValidSql) -> str:
    found = connection.execute(sql, {name: VALUES[name] for name in known.parameters})
    return repr(([column[0] for column in found.description], found.fetchall()))


def accept(case: Case) -> ValidSql:
    known, mistakes = validate(case.sql, TABLES, VALUES)
    assert mistakes == []
    assert known is not None
    return known


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_an_accepted_text_runs_and_its_normalised_form_answers_the_same(
    case: Case, connection: duckdb.DuckDBPyConnection
) -> None:
    known = accept(case)
    assert run(connection, known.sql, known) == run(connection, known.normalised, known)


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_normalising_twice_changes_nothing(case: Case) -> None:
    normalised = accept(case).normalised
    assert accept(Case(case.name, normalised)).normalised == normalised


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_the_engine_finds_no_other_tables_and_functions_in_an_accepted_text(
    case: Case, connection: duckdb.DuckDBPyConnection
) -> None:
    known = accept(case)
    row = connection.execute("SELECT json_serialize_sql($sql::VARCHAR)", {"sql": known.sql}).fetchone()
    assert row is not None
    document = json.loads(row[0])
    assert document["error"] is False, document
    names: set[str] = set()
    tables: set[str] = set()
    functions: set[str] = set()
    for node in nodes(document):
        functions.add(node.get("function_name") or "")
        tables.add(node.get("table_name", "").lower() if node.get("type") == "BASE_TABLE" else "")
        names.update(entry["key"].lower() for entry in node.get("cte_map", {}).get("map", ()))
    assert tables - {""} - names <= set(known.tables) <= tables
    made_by_grammar = {"list_comprehension", "ifnull", "grouping", "row", "columns", "", "timezone", "construct_array"}
    words = {name for name in functions if name.replace("_", "a").isalnum()} - made_by_grammar
    assert {name for name in words if reviewed().get(name) not in ALLOWED} <= {"like_escape", "not_like_escape"}


def nodes(document: Any) -> Iterator[dict[str, Any]]:
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: " ".join(case.sql.split())[:50])
def test_a_hostile_text_is_refused_at_its_place(case: Case) -> None:
    known, mistakes = validate(case.sql, TABLES, ("a", "b"))
    assert known is None
    place = min(mistakes[0].offset, len(case.sql))
    line, column = case.sql.count("\n", 0, place) + 1, place - case.sql.rfind("\n", 0, place)
    assert f"{line}:{column} {mistakes[0].message}" == case.expected


DEEP = {
    "brackets": "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "lists": "SELECT " + "[" * 5_000 + "1" + "]" * 5_000,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 5_000 + "flights" + ")" * 5_000,
    "case": "SELECT " + "CASE WHEN true THEN " * 5_000 + "1" + " END" * 5_000,
    "not": "SELECT " + "NOT " * 5_000 + "true",
    "minus": "SELECT " + "- " * 5_000 + "1",
    "or": "SELECT " + " OR ".join(["true"] * 5_000),
    "casts": "SELECT 1" + "::INTEGER" * 5_000,
    "indices": "SELECT a" + "[1]" * 5_000,
    "lambdas": "SELECT list_transform([1], " + "x -> " * 5_000 + "x)",
    "joins": "SELECT 1 FROM " + "flights JOIN " * 5_000 + "flights " + "ON true " * 5_000,
    "unions": " UNION ALL ".join(["SELECT 1"] * 5_000),
    "from": "FROM " * 5_000 + "flights",
    "types": "SELECT NULL::INTEGER" + "[]" * 5_000,
    "intervals": "SELECT " + "INTERVAL " * 5_000 + "1 DAY",
    "tilde": "SELECT " + "~ " * 5_000 + "1",
    "mixed signs": "SELECT " + "- ~ NOT " * 5_000 + "1",
    "dots": "SELECT a" + ".b" * 5_000,
    "arrows": "SELECT a" + "->'b'" * 5_000,
    "tables in tables": "SELECT 1 FROM " + "flights, LATERAL (FROM " * 70 + "flights" + ")" * 70,
}


@pytest.mark.parametrize("name", DEEP)
def test_a_text_that_nests_too_deep_is_refused(name: str) -> None:
    known, [mistake] = validate(DEEP[name], TABLES, ())
    assert known is None
    assert "nests too deep" in mistake.message


def test_a_text_of_a_megabyte_is_refused() -> None:
    known, [mistake] = validate("SELECT " + "1, " * 400_000 + "1", TABLES, ())
    assert known is None
    assert mistake.message == "the query is longer than 256000 characters"
