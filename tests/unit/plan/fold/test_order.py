"""Orders of values give rows one order, and leave their values as they are: DuckDB's sort writes 0.0 for -0.0."""

from __future__ import annotations

import itertools

import duckdb
import pytest

from gateway.model import Column
from gateway.plan.fold.order import floating_terms, in_order_of_values

ZEROS = ("'-0.0'::DOUBLE", "'0.0'::DOUBLE", "'-1.5'::DOUBLE", "'nan'::DOUBLE", "NULL::DOUBLE")
VALUES = {
    "DOUBLE": ZEROS,
    "FLOAT": [f"({zero})::FLOAT" for zero in ZEROS],
    "STRUCT(a DOUBLE)": [f"{{'a': {zero}}}" for zero in ZEROS],
    "FLOAT[]": [f"[({zero})::FLOAT]" for zero in ZEROS],
    "MAP(VARCHAR, DOUBLE)": [f"MAP {{'k': {zero}}}" for zero in ZEROS],
    "INTERVAL": ["INTERVAL 1 MONTH", "INTERVAL 30 DAYS", "INTERVAL 720 HOURS", "NULL"],
    "TIME WITH TIME ZONE": ["'10:00:00+02'::TIMETZ", "'08:00:00+00'::TIMETZ"],
    "VARCHAR[]": ["['a', 'b']", "['a, b']", "NULL"],
    "BIGINT": ["1", "-1", "NULL"],
}


@pytest.mark.parametrize("kind", VALUES)
def test_rows_come_in_one_order_with_the_values_that_they_have(kind: str) -> None:
    columns = [Column(name='a "b"', type=kind), Column(name='a "b"', type=kind)]
    every = list(itertools.product(VALUES[kind], repeat=2))
    answers = []
    for rows in (every, every[::-1]):
        given = ", ".join(f"(({one})::{kind}, ({other})::{kind})" for one, other in rows)
        query = f'SELECT x AS "a ""b""", y AS "a ""b""" FROM (VALUES {given}) AS v(x, y) -- the rows'
        ordered = in_order_of_values(query, columns)
        assert [each[0] for each in duckdb.sql(f"DESCRIBE {ordered}").fetchall()] == ['a "b"', 'a "b"']
        counted, found = (duckdb.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql}\n)") for sql in (query, ordered))
        answers.append(found.fetchall())
        assert sorted(answers[-1], key=repr) == sorted(counted.fetchall(), key=repr)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
def test_terms_that_a_fold_adds_leave_numbers_as_they_are(kind: str) -> None:
    given = ", ".join(f"(({zero})::{kind})" for zero in ZEROS)
    terms = ", ".join(floating_terms('"x"'))
    source = f"FROM (VALUES {given}) AS v(x)"
    for sql in (f"SELECT x {source} ORDER BY {terms}", f"SELECT x, row_number() OVER (ORDER BY {terms}) {source}"):
        found = [str(row[0]) for row in duckdb.execute(sql).fetchall()]
        assert sorted(found) == sorted(["-0.0", "0.0", "-1.5", "nan", "None"])
    assert found == ["-1.5", "0.0", "-0.0", "nan", "None"]
