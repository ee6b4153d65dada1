"""What exact sums of floating-point numbers rest on in the engine (gateway/plan/fold/exact.py)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

integers = st.integers(-(2**120), 2**120)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def ask(engine: duckdb.DuckDBPyConnection, sql: str, *values: object) -> object:
    row = engine.execute(sql, list(values)).fetchone()
    assert row is not None
    return row[0]


@given(number=st.floats(-(2.0**62), 2.0**62))
def test_a_cast_to_an_integer_is_at_most_a_half_away(engine: duckdb.DuckDBPyConnection, number: float) -> None:
    found = ask(engine, "SELECT TRY_CAST($1::DOUBLE AS BIGINT)", number)
    assert isinstance(found, int)
    assert abs(found - Fraction(number)) <= Fraction(1, 2)


@pytest.mark.parametrize("number", ["2.0 ** 63", "-2.0 ** 64", "'inf'::DOUBLE", "'-inf'::DOUBLE", "'nan'::DOUBLE"])
def test_what_is_no_integer_of_64_bits_is_null(engine: duckdb.DuckDBPyConnection, number: str) -> None:
    assert ask(engine, f"SELECT TRY_CAST({number} AS BIGINT)") is None


@pytest.mark.parametrize("number", ["'inf'::DOUBLE", "'-inf'::DOUBLE", "'nan'::DOUBLE"])
def test_what_is_not_finite_is_no_bignum(engine: duckdb.DuckDBPyConnection, number: str) -> None:
    assert ask(engine, f"SELECT TRY_CAST({number} AS BIGNUM)") is None


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False).map(lambda x: float(int(x))), min_size=1))
def test_a_sum_of_bignums_is_exact(engine: duckdb.DuckDBPyConnection, numbers: list[float]) -> None:
    sql = "SELECT sum(CAST(x AS BIGNUM))::VARCHAR FROM (SELECT unnest($1::DOUBLE[]) AS x)"
    assert ask(engine, sql, numbers) == str(sum(map(int, numbers)))


@given(number=integers)
def test_a_text_of_an_integer_is_rounded_once(engine: duckdb.DuckDBPyConnection, number: int) -> None:
    assert ask(engine, "SELECT CAST(CAST($1::HUGEINT AS VARCHAR) AS DOUBLE)", number) == float(number)


@given(number=integers)
def test_the_halves_of_an_integer_make_it(engine: duckdb.DuckDBPyConnection, number: int) -> None:
    sql = "SELECT $1::HUGEINT // 9007199254740992 * 9007199254740992 + $1::HUGEINT % 9007199254740992 = $1::HUGEINT"
    assert ask(engine, sql, number) is True
