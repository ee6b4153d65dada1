"""Sums of floating-point numbers that are folded: the same bytes in every order of the rows, and right."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

import duckdb
import pyarrow as pa
import pytest
from folding import Texts, content
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.plan.fold.parts import Split

LARGEST = 1.7976931348623157e308
ODD = (0.0, -0.0, 0.1, -0.1, 5e-324, -5e-324, 2.0**-1022, 1e308, -1e308, LARGEST, -LARGEST, 2.0**-20, 2.0**-83)
EDGES = (*ODD, 2.0**53, 2.0**53 + 2, 2.0**54, -(2.0**54), 2.0**54 - 2, 1 - 2.0**-53, 2.0**-9, 2.0**-10, 3 * 2.0**-10)
usual = st.one_of(
    st.floats(2.0**-83, 2.0**53),
    st.floats(-1e6, 1e6).filter(lambda x: abs(x) >= 2.0**-83),
    st.decimals(-1000, 1000, places=2).map(float),
    st.sampled_from([0.0, -0.0, 0.1, -0.1, 1 / 3]),
)
any_ = st.one_of(usual, st.floats(), st.sampled_from(EDGES), st.sampled_from([math.inf, -math.inf, math.nan]))
QUERY = "SELECT sum(f) AS s, avg(f) AS m, sum(g) FILTER (WHERE i > 0) AS g FROM facts AS t"


@pytest.fixture(scope="module")
def texts() -> Iterator[Texts]:
    with duckdb.connect(config={"threads": 1}) as connection:
        texts = Texts(connection, {"i": "INTEGER", "part": "INTEGER", "f": "DOUBLE", "g": "FLOAT"})
        texts.load([])
        yield texts


@pytest.fixture(scope="module")
def made(texts: Texts) -> Split:
    return texts.split(QUERY)


def load(texts: Texts, values: Sequence[float | None], parts: Sequence[int]) -> None:
    numbers = pa.array(values, pa.float64())
    columns = {
        "i": pa.array(range(len(values)), pa.int32()),
        "part": pa.array(parts[: len(values)], pa.int32()),
        "f": numbers,
        "g": numbers.cast(pa.float32(), safe=False),
    }
    texts.connection.register("given", pa.table(columns))
    texts.connection.execute("CREATE OR REPLACE TABLE facts AS FROM given")


def answers(texts: Texts, made: Split) -> list[pa.Table]:
    """Answer over all rows, in their order and turned around, and as folds over parts in two orders."""
    found = [texts.table(made.whole)]
    found.append(texts.folded(made, [f"part = {part}" for part in range(4)]))
    found.append(texts.folded(made, [f"part = {part}" for part in (2, 0, 3, 1)]))
    texts.reverse()
    return [*found, texts.table(made.whole)]


@settings(max_examples=max(10, settings().max_examples // 3), deadline=None)
@given(values=st.lists(st.one_of(st.none(), any_), max_size=10), parts=st.lists(st.integers(0, 3), min_size=10))
def test_neither_the_order_nor_the_cut_of_the_rows_shows(
    texts: Texts, made: Split, values: list[float | None], parts: list[int]
) -> None:
    load(texts, values, parts)
    assert len({content(answer) for answer in answers(texts, made)}) == 1


def test_no_number_of_threads_shows_where_groups_outgrow_a_thread_s_table(texts: Texts, made: Split) -> None:
    digests = set()
    for threads in (1, 2, 8):
        with duckdb.connect(config={"threads": threads}) as connection:
            columns = "i % 60000 AS i, sin(i) * 1e3 AS f, cos(i)::FLOAT AS g"
            connection.execute(f"CREATE TABLE facts AS SELECT {columns} FROM range(500000) AS r(i)")
            grouped = made.whole.replace("SELECT", "SELECT i,", 1)
            digests.add(content(connection.sql(f"{grouped} GROUP BY i ORDER BY i").to_arrow_table()))
    assert len(digests) == 1


@given(values=st.lists(usual, min_size=1, max_size=12), turned=st.integers(0, 12))
def test_a_sum_of_usual_numbers_is_rounded_once(texts: Texts, made: Split, values: list[float], turned: int) -> None:
    values = [*values, *(-value for value in values[:turned])]  # so that digits are lost by adding in an order
    load(texts, values, [0] * len(values))
    (row,) = texts.table(made.whole).to_pylist()
    assert bits(row["s"]) == bits(math.fsum(values) + 0.0)
    assert bits(row["m"]) == bits((math.fsum(values) + 0.0) / len(values))


@given(values=st.lists(any_, min_size=1, max_size=12))
def test_a_sum_of_any_numbers_is_near_and_odd_where_the_engines_is(
    texts: Texts, made: Split, values: list[float]
) -> None:
    load(texts, values, [0] * len(values))
    found = texts.table(made.whole)["s"][0].as_py()
    odd = sum(value for value in values if not math.isfinite(value))
    if any(not math.isfinite(value) for value in values):
        event("odd")
        assert str(found) == str(odd)
        return
    exact = sum(map(Fraction, values), Fraction())
    if math.isfinite(found):
        assert abs(Fraction(found) - exact) <= sum((abs(Fraction(value)) for value in values), Fraction()) / 2**51
    else:
        event("too large")
        assert abs(exact) > Fraction(LARGEST)
        assert (exact > 0) == (found > 0)


def bits(value: float) -> bytes:
    return struct.pack("<d", value)
