"""Subqueries that are read first prune soundly: what they compute, and the rows that are kept for want of a match."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import assume, event, given, note, settings
from hypothesis import strategies as st
from restriction import Database, answers

from queries import TABLES, Case, created, fill, refused

FAMILIES = (
    ("k", "k", "k", "k + 1", "day(d)", "coalesce(k, 1)", "CASE WHEN f THEN k ELSE 2 END"),
    ("s", "s", "upper(s)", "concat(s, 'a')"),
    ("d", "d", "ts::DATE", "d + 1", "last_day(d)"),
)
FILTERS = (
    "{t}.f",
    "{t}.s = 'a'",
    "{t}.k = 1",
    "{t}.k IS NULL",
    "FALSE",
    "TRUE",
    "{t}.s = {o}.s",
    "{o}.f",
    "f",
    "s = 'ab'",
)
CONDITIONS = (
    *("{here} NOT IN ({query})", "{here} <> ALL ({query})", "NOT {here} = ANY ({query})", "NOT {here} IN ({query})"),
    *("{here} IN ({query})", "{here} = ANY ({query})", "{here} > ALL ({query})", "{here} < ({single})"),
    *("NOT EXISTS ({matching})", "NOT EXISTS ({matching})", "EXISTS ({matching})", "{here} = ({single})"),
)
QUERIES = (
    "SELECT {there} FROM {table} AS {t} WHERE {filter}",
    "SELECT DISTINCT {there} FROM {table} AS {t} WHERE {filter}",
    "SELECT {there} FROM {table} AS {t} GROUP BY ALL HAVING count(*) > 1",
    "SELECT {there} FROM {table} AS {t} WHERE {filter} UNION ALL SELECT {there} FROM c AS {t} WHERE {t}.f",
    "SELECT {there} FROM {table} AS {t} EXCEPT SELECT {there} FROM c AS {t} WHERE {filter}",
    "SELECT {there} FROM {table} AS {t} WHERE {filter} LIMIT 1",
    "SELECT {there} FROM {table} AS {t} SEMI JOIN c ON {t}.k = c.k WHERE {filter}",
    "SELECT {there} FROM (SELECT * FROM {table} WHERE f) AS {t} WHERE {filter}",
)
SINGLE = (
    "SELECT max({there}) FROM {table} AS {t} WHERE {filter}",
    "SELECT DISTINCT {there} FROM {table} AS {t} WHERE {t}.k = 2 AND {t}.f AND {t}.d IS NULL",
)
MATCHING = (
    "SELECT 1 FROM {table} AS {t} WHERE {left} = {right} AND {filter}",
    "SELECT * FROM {table} AS {t} WHERE {filter} AND {right} = {left}",
    "SELECT {t}.k FROM {table} AS {t}, c WHERE {left} = {right} AND c.k = {t}.k AND {filter}",
    "SELECT 1 FROM {table} AS {t} LEFT JOIN c ON c.k = {t}.k WHERE {left} = {right} AND c.k IS NULL",
    "SELECT count(*) FROM {table} AS {t} WHERE {left} = {right} AND {filter}",
    "SELECT 1 FROM {table} AS {t} WHERE {left} = {right} AND {filter} GROUP BY {t}.s HAVING count(*) > 1",
    "SELECT 1 FROM {table} AS {t} WHERE {left} = {right} OR {filter}",
)
SHAPES = (
    "SELECT {o}.* FROM a AS {o} WHERE {one}",
    "SELECT {o}.* FROM a AS {o} WHERE {one} AND {two}",
    "SELECT {o}.* FROM a AS {o} WHERE {one} OR {two}",
    "SELECT {o}.* FROM a AS {o} WHERE {one} AND NOT ({two})",
    "SELECT {o}.* FROM (SELECT * FROM a AS {o} WHERE {one}) AS {o} WHERE {two}",
    "SELECT {o}.* FROM a AS {o} JOIN c ON {o}.k = c.k WHERE {one} AND {two}",
    "SELECT {o}.*, c.s FROM a AS {o} LEFT JOIN c ON {o}.k = c.k AND c.f WHERE {one}",
    "SELECT {o}.* FROM a AS {o} LEFT JOIN (SELECT k, s FROM b WHERE f) AS m ON {o}.k = m.k WHERE m.k IS NULL AND {one}",
    "SELECT {o}.* FROM a AS {o} LEFT JOIN b AS m ON m.k = {o}.k AND m.s = 'a' WHERE m.k IS NULL",
    "SELECT {o}.* FROM a AS {o} ANTI JOIN b AS m ON m.k = {o}.k AND m.s = 'a' "
    "ANTI JOIN c AS n ON n.k = {o}.k AND n.f WHERE {one}",
    "SELECT {o}.* FROM a AS {o} LEFT JOIN b AS m ON m.k = {o}.k LEFT JOIN c AS n ON n.k = m.k AND n.f "
    "WHERE m.k IS NULL OR n.k IS NULL",
    "SELECT {o}.* FROM (a AS {o} LEFT JOIN b AS m ON m.k = {o}.k) RIGHT JOIN c AS n ON n.k = {o}.k WHERE m.k IS NULL",
    "WITH x AS (SELECT * FROM b WHERE s = 'a') SELECT {o}.* FROM a AS {o} "
    "WHERE {o}.k NOT IN (SELECT k FROM x) AND {o}.d IN (SELECT d FROM x) AND {one}",
    "WITH x AS (SELECT * FROM a AS {o} WHERE {one}) SELECT p.* FROM x AS p ANTI JOIN x AS q ON p.k = q.k AND q.f",
    "SELECT count(*), (SELECT count(*) FROM a AS {o} WHERE {one}) FROM a AS {o} WHERE {two}",
    "WITH RECURSIVE r(k) AS (SELECT 1 UNION SELECT r.k + 1 FROM r WHERE r.k < {number}) "
    "SELECT {o}.* FROM a AS {o} JOIN r ON {o}.k {operator} r.k WHERE {one}",
)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield created(connection)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_subquery_that_is_read_first_prunes_no_row_of_the_answer(database: Database, seed: int) -> None:
    case = asked(random.Random(seed))
    fill(database, case)
    note(case.sql)
    assume(refused(database, case) is None)
    prepared = database.prepare(case.sql, {})
    event(f"{len(prepared.subqueries)} read first")
    whole, *restricted = answers(database, case.sql, case.parameters)
    for one in restricted:
        assert one == whole


def asked(chance: random.Random) -> Case:
    outer = chance.choice(("a", "o"))
    sql = chance.choice(SHAPES).format(
        o=outer,
        one=condition(chance, outer),
        two=condition(chance, outer),
        number=chance.randrange(4),
        operator=chance.choice(("=", "=", "<", ">=")),
    )
    return Case(data={table: rows(chance) for table in TABLES}, sql=sql, parameters={})


def condition(chance: random.Random, outer: str) -> str:
    family, table, inner = chance.choice(FAMILIES), chance.choice("abc"), chance.choice(("b", "t"))
    here, there = (qualified(key, name) for key, name in zip(chance.choices(family, k=2), (outer, inner), strict=True))
    if chance.random() < 0.6:
        there = here.replace(f"{outer}.", f"{inner}.")
    kept = chance.choice(FILTERS).format(t=inner, o=outer)
    named = {"t": inner, "table": table, "filter": kept, "there": there, "left": here, "right": there}
    texts = {name: chance.choice(texts).format(**named) for name, texts in PARTS.items()}
    return chance.choice(CONDITIONS).format(here=here, **texts)


PARTS = {"query": QUERIES, "single": SINGLE, "matching": MATCHING}


def qualified(key: str, table: str) -> str:
    """Write an expression with its columns as those of a table: they are the words of one or two small letters."""
    return re.sub(r"\b(k|s|d|ts|f)\b", rf"{table}.\1", key)


def rows(chance: random.Random) -> list[tuple[Any, ...]]:
    values: tuple[Callable[[], Any], ...] = (
        lambda: chance.choice((None, 0, 1, 2, 3)),
        lambda: chance.choice((None, *(date(2024, 1, 30) + timedelta(days=n) for n in range(4)))),
        lambda: chance.choice((None, *(datetime(2024, 1, 30, 6) + timedelta(hours=9 * n) for n in range(8)))),
        lambda: chance.choice((None, "", "a", "ab", "A", "AB")),
        lambda: chance.choice((None, True, False)),
        lambda: None,
    )
    return [tuple(value() for value in values) for _ in range(chance.choice((0, 1, 3, 8)))]
