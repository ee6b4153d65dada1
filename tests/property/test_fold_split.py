"""A fold of partials over any partitioning is the query over all rows: in columns, in order, in every byte."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from foldable import (
    ANYTHING,
    BESIDE,
    CONDITIONS,
    KEYS,
    NUMBERS,
    TYING,
    aggregates,
    beside,
    joined_queries,
    nested_queries,
    united_queries,
)
from folding import Texts, content
from hypothesis import event, given, note
from hypothesis import strategies as st

from gateway.plan.fold.parts import Refused, Split

COLUMNS = {
    "part": "INTEGER",
    "k": "VARCHAR",
    "j": "INTEGER",
    "ts": "TIMESTAMP",
    "i": "INTEGER",
    "b": "BIGINT",
    "m": "DECIMAL(9,2)",
    "w": "DECIMAL(38,3)",
    "h": "HUGEINT",
    "t": "BOOLEAN",
    "u": "UUID",
    "c": "TIME",
    "z": "TIMESTAMP WITH TIME ZONE",
    "o": "BLOB",
    "f": "DOUBLE",
    "g": "FLOAT",
}
WIDEST, HUGEST = Decimal(10) ** 35 - Decimal("0.001"), 2**127 - 1

values = st.fixed_dictionaries(
    {
        "part": st.integers(0, 3),
        "k": st.sampled_from([None, "a", "b", "", "A"]),
        "j": st.sampled_from([None, 0, 1, 2]),
        "ts": st.sampled_from([None, "2024-01-01", "2024-01-02 03:00:00", "2024-01-02 23:59:59.999999", "infinity"]),
        "i": st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
        "b": st.one_of(st.none(), st.integers(-(2**62), 2**62)),
        "m": st.one_of(st.none(), st.decimals(Decimal("-9999999.99"), Decimal("9999999.99"), places=2)),
        "w": st.sampled_from([None, 0, WIDEST, -WIDEST, WIDEST / 3 * 2, Decimal("0.001")]),
        "h": st.sampled_from([None, 0, 1, HUGEST, -HUGEST, HUGEST // 2 + 1, 10**38]),
        "t": st.sampled_from([None, True, False]),
        "u": st.sampled_from([None, "00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        "c": st.sampled_from([None, "00:00:00", "24:00:00", "12:30:00.000001"]),
        "z": st.sampled_from([None, "2024-01-01 00:00:00+02", "2023-12-31 22:00:00+00", "-infinity"]),
        "o": st.sampled_from([None, b"", b"\x00", b"\xff\x00"]),
        "f": st.sampled_from([None, 0.0, -0.0, 1.5, float("nan"), -float("nan"), float("inf")]),
        "g": st.sampled_from([None, 0.0, -0.0, 1.5, float("nan"), -float("inf")]),
    }
)


@pytest.fixture(scope="module")
def texts() -> Iterator[Texts]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield Texts(connection, COLUMNS, BESIDE)


AGGREGATES = aggregates(NUMBERS, (*ANYTHING, "f", "g", "f + i"), ("i", "b", "h"))
QUERIES = st.one_of(
    joined_queries(
        "facts AS t", KEYS, aggregates(NUMBERS, (*ANYTHING, "f", "g", "f + i"), ("i", "b", "h")), CONDITIONS
    ),
    nested_queries("facts AS t", NUMBERS),
    united_queries(["facts AS t"], NUMBERS),
)


@given(query=QUERIES, rows=st.lists(values, max_size=12), seed=st.integers(0, 99))
def test_a_fold_is_the_query_over_all_rows(texts: Texts, query: str, rows: list[dict[str, Any]], seed: int) -> None:
    texts.load(rows)
    for table, others in beside(Random(seed)).items():
        texts.load(others, table)
    try:
        made = texts.split(query)
    except duckdb.BinderException:
        return  # a result that has the name of a column made GROUP BY another one
    except Refused as refused:
        event(refused.reason)
        return
    note("\n".join([query, *(part.partial() for part in made.parts), made.finish, made.whole]))
    event("split" if len(made.parts) == 1 else "split in several parts")
    whole = outcome(texts, made.whole)
    folded = outcome_of_fold(texts, made)
    if isinstance(whole, pa.Table) and isinstance(folded, pa.Table):
        assert content(folded) == content(whole), (folded, whole)
        assert folded.schema == whole.schema
        texts.reverse()
        assert content(texts.table(made.whole)) == content(whole)
        if not any(word in query for word in (" LIMIT ", " OVER ", *TYING)):
            assert texts.near(made.whole) == texts.near(query)
    else:
        # An intermediate sum may overflow in one order and not in another; execution then runs the query whole.
        # What does not fit into the common type of a union fails in both.
        said = (str(whole), str(folded))
        assert any("Overflow" in one for one in said) or all("Could not cast" in one for one in said), said


def outcome(texts: Texts, sql: str) -> pa.Table | str:
    try:
        return texts.table(sql)
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        return str(error)


def outcome_of_fold(texts: Texts, made: Split) -> pa.Table | str:
    try:
        return texts.folded(made, [f"part = {part}" for part in range(4)])
    except (duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        return str(error)
