"""Joins by expressions prune soundly: of several columns, of NULL, and under functions that keep values apart."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from restriction import Database, answers

from queries import TABLES, Case, created, fill, refused

NUMBERS = ("{t}.k", "{t}.k + 1", "{t}.k - 1", "1 - {t}.k", "{t}.k * 2", "-{t}.k", "{t}.k % 2", "{t}.k * 0")
NUMBERS += ("{t}.k + day({t}.d)", "coalesce({t}.k, 1)", "coalesce({t}.k, day({t}.d), 2)", "length({t}.s)")
NUMBERS += ("CASE WHEN {t}.f THEN {t}.k ELSE 1 END", "{t}.k * 10 + length({t}.s)", "day({t}.d) - {t}.k")
TEXTS = ("{t}.s", "'a' || {t}.k", "'a' || {t}.s", "{t}.s || {t}.k", "concat('a', {t}.s)", "concat({t}.s, {t}.k)")
TEXTS += ("coalesce({t}.s, 'ab')", "{t}.k::VARCHAR", "{t}.d::VARCHAR", "upper({t}.s)", "left('a' || {t}.s, 2)")
DAYS = ("{t}.d", "{t}.d + 1", "{t}.ts::DATE", "make_date(2024, 1 + {t}.k % 2, 1 + day({t}.d) % 2)", "{t}.d - {t}.k")
DAYS += ("coalesce({t}.d, DATE '2024-01-31')", "coalesce({t}.d, {t}.ts::DATE)", "last_day({t}.d)")
FAMILIES = (NUMBERS, TEXTS, DAYS)
FILTERS = ("b.s = 'a'", "upper(b.s) = 'AB'", "b.k * 10 + day(b.d) > 12", "b.k = 1", "b.d IS NULL OR b.k = 2", "b.f")
FILTERS += ("coalesce(b.s, 'b') = 'b'", "b.ts::DATE = DATE '2024-01-31'", "dayname(b.ts) <> 'Tuesday'", "b.k IS NULL")
SHAPES = (
    "SELECT a.* FROM a JOIN b ON {on} WHERE {where}",
    "SELECT a.* FROM a LEFT JOIN b ON a.k = b.k WHERE {on} AND ({where})",
    "SELECT a.*, b.k FROM a LEFT JOIN b ON {on} AND ({where})",
    "SELECT a.*, b.k FROM a RIGHT JOIN b ON {on} WHERE {where}",
    "SELECT a.*, b.k FROM a FULL JOIN b ON a.k = b.k WHERE {on} AND ({where})",
    "SELECT a.* FROM a SEMI JOIN b ON {on} AND ({where})",
    "SELECT a.* FROM a ANTI JOIN b ON {on} AND ({where})",
    "SELECT a.* FROM a WHERE EXISTS (SELECT 1 FROM b WHERE {on} AND ({where}))",
    "SELECT a.* FROM a WHERE EXISTS (SELECT 1 FROM c LEFT JOIN b ON b.k = c.k WHERE {on} AND ({where}))",
    "SELECT a.* FROM a WHERE {left} IN (SELECT {right} FROM b WHERE {where})",
    "SELECT a.* FROM a WHERE {left} = ANY (SELECT {right} FROM b WHERE {where})",
    "SELECT a.* FROM a WHERE {left} NOT IN (SELECT {right} FROM b WHERE {where})",
    "SELECT a.* FROM a JOIN (SELECT {right} AS x FROM b WHERE {where}) AS t ON {left} {operator} t.x",
    "SELECT a.* FROM a JOIN (SELECT k, d, s, f, ts FROM b WHERE {where}) AS b ON {on}",
    "SELECT a.* FROM a JOIN (SELECT k, s, d, f, any_value(ts) AS ts FROM b WHERE {where} "
    "GROUP BY ROLLUP (k, s, d, f)) AS b ON {on}",
    "SELECT a.* FROM a JOIN b ON {on} JOIN c ON c.k = a.k AND c.s = 'a' WHERE {where}",
    "SELECT a.* FROM a JOIN b ON {on} LEFT JOIN c ON c.k = b.k AND c.s = 'a' WHERE {where}",
    "SELECT a.* FROM c LEFT JOIN (a JOIN b ON {on}) ON c.k = a.k WHERE {where}",
)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield created(connection)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_join_by_expressions_prunes_no_row_of_its_answer(database: Database, seed: int) -> None:
    case = joined(random.Random(seed))
    fill(database, case)
    note(case.sql)
    assume(refused(database, case) is None)
    whole, *restricted = answers(database, case.sql, case.parameters)
    for one in restricted:
        assert one == whole


def joined(chance: random.Random) -> Case:
    family: Sequence[str] = chance.choice(FAMILIES)
    left, right = (chance.choice(family).format(t=table) for table in "ab")
    if chance.random() < 0.4:
        right = left.replace("a.", "b.")
    operator = chance.choice(("=", "=", "=", "=", "<=", ">", "<>"))
    on = f"{left} {operator} {right}" if chance.random() < 0.5 else f"{right} {operator} {left}"
    sql = chance.choice(SHAPES).format(
        on=on, left=left, right=right, operator=operator, where=chance.choice((*FILTERS, "TRUE"))
    )
    return Case(data={table: rows(chance) for table in TABLES}, sql=sql, parameters={})


def rows(chance: random.Random) -> list[tuple[Any, ...]]:
    values: tuple[Callable[[], Any], ...] = (
        lambda: chance.choice((None, 0, 1, 2, 3)),
        lambda: chance.choice((None, *(date(2024, 1, 30) + timedelta(days=n) for n in range(4)))),
        lambda: chance.choice((None, *(datetime(2024, 1, 30, 6) + timedelta(hours=9 * n) for n in range(8)))),
        lambda: chance.choice((None, "", "a", "ab", "a1", "1", "2024-01-31")),
        lambda: chance.choice((None, True, False)),
        lambda: None,
    )
    return [tuple(value() for value in values) for _ in range(chance.choice((0, 1, 3, 8)))]
