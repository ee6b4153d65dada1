"""Intervals carried through a function hold what DuckDB makes of every value in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.transforms.keys import key_range, key_type, keys, ordinals
from gateway.plan.functions import PARTS, REPEATING, TRUNCATIONS, carry, supported
from gateway.predicate import Function

TEMPORAL = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "UINTEGER", "BIGINT", "DECIMAL(9,2)", "DECIMAL(18,6)", "DOUBLE", "FLOAT")
FORMATS = ("%Y", "%Y-%m", "%Y%m%d", "%Y-%m-%d", "%Y-%m-%d %H:%M", "y%Y/%m/%d %H-%M-%S")


def cast(target: str) -> tuple[Function, str]:
    return Function("cast", (target,), target), f"x::{target}"


def functions_of(source: str) -> list[tuple[Function, str]]:
    """List functions of a type with the SQL they stand for."""
    if source not in TEMPORAL:
        found = [cast(target) for target in (*NUMBERS, "HUGEINT")]
        return [*found, (Function("add", (7,), source), f"(x + 7)::{source}")]
    same = source if source != "DATE" else "TIMESTAMP"
    found = [
        cast(target) for target in (*TEMPORAL, "TIMESTAMP_S", "TIMESTAMP_MS", "VARCHAR") if target != "TIMESTAMP_NS"
    ]
    found += [(Function("date_trunc", (part,), same), f"date_trunc('{part}', x)") for part in sorted(TRUNCATIONS)]
    found += [(Function("date_trunc", (part,), "DATE"), f"date_trunc('{part}', x)::DATE") for part in ("week", "month")]
    found += [(Function(name, (), "BIGINT"), f"{name}(x)") for name in sorted(PARTS | REPEATING) if name != "epoch"]
    found += [
        (Function("date_part", (part,), "BIGINT"), f"date_part('{part}', x)") for part in ("year", "month", "hour")
    ]
    found += [
        (Function("add_months", (months,), "TIMESTAMP"), f"x + INTERVAL ({months}) MONTHS")
        for months in (1, -1, 11, 48)
    ]
    found += [
        (Function("add_months_to_time", (months,), "TIMESTAMP"), f"x + INTERVAL ({months}) MONTHS")
        for months in (1, -1, 11, 48)
    ]
    found += [(Function("epoch", (), "DOUBLE"), "epoch(x)")]
    found += [(Function("strftime", (pattern,), "VARCHAR"), f"strftime(x, '{pattern}')") for pattern in FORMATS]
    return found


CASES = [
    (source, function, sql)
    for source in (*TEMPORAL, *NUMBERS[:-2], "BOOLEAN")
    for function, sql in functions_of(source)
    if supported(function, source) and not (source == "BOOLEAN" and function.name == "add")
]
KEYS = {
    "DATE": st.one_of(
        st.integers(15_000, 17_000),
        st.integers(-719_162, 2_932_896),
        st.integers(-735_526, -718_000),  # years 44 BC to 4
        st.integers(-(2**31) + 1, 2**31 - 1),
    ),
    "TINYINT": st.integers(-128, 120),
    "SMALLINT": st.integers(-(2**15), 2**15 - 8),
    "INTEGER": st.integers(-(2**31), 2**31 - 8),
    "UINTEGER": st.integers(0, 2**32 - 8),
    "BIGINT": st.one_of(st.integers(-(2**63) + 2, 2**63 - 9), st.integers(-300, 300)),
    "DECIMAL(9,2)": st.integers(-(10**9) + 1, 10**9 - 1),
    "DECIMAL(18,6)": st.integers(-(10**18) + 1, 10**18 - 1),
    "BOOLEAN": st.integers(0, 1),
}
MICROS = st.one_of(
    st.integers(1_300_000_000_000_000, 1_500_000_000_000_000),
    st.integers(-3_000_000, 3_000_000),
    st.integers(-62_135_596_800_000_000, 253_402_214_400_000_000),
    st.integers(-63_517_824_000_000_000, -62_000_000_000_000_000),  # years 44 BC to 5
    st.integers(-(2**63) + 1, 2**63 - 1),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def array(source: str, found: list[int]) -> pa.Array:
    """Make an Arrow array of a type from order keys."""
    kind = key_type(source)
    assert kind is not None
    if source.startswith("DECIMAL"):
        words = np.zeros((len(found), 2), dtype=np.int64)
        words[:, 0] = found
        words[:, 1] = np.sign(np.array(found)) >> 1
        words[:, 1] = np.where(words[:, 0] < 0, -1, 0)
        return pa.Array.from_buffers(kind.arrow, len(found), [None, pa.py_buffer(words.tobytes())])
    if source == "DATE":
        return pa.array(found, pa.int32()).cast(kind.arrow)
    return pa.array(found, pa.int64()).cast(kind.arrow)


@given(data=st.data(), case=st.sampled_from(CASES))
def test_values_between_two_ends_map_between_the_mapped_ends(
    data: st.DataObject, case: tuple[str, Function, str], engine: duckdb.DuckDBPyConnection
) -> None:
    source, function, sql = case
    found = data.draw(st.lists(KEYS.get(source, MICROS), min_size=1, max_size=6))
    engine.register("t", pa.table({"x": array(source, found)}))
    try:
        values = engine.execute(f"SELECT TRY({sql}) AS y FROM t").to_arrow_table()["y"].combine_chunks()
    finally:
        engine.unregister("t")
    lo, hi = np.array([min(found)]), np.array([max(found)])
    target = key_type(function.returns)
    assert target is not None
    intervals = carry(function, source, lo, hi)
    if intervals.texts is not None:
        first, last = intervals.texts[0][0], intervals.texts[1][0]
        for text in values.drop_null().to_pylist():
            assert first is None or first <= text
            assert last is None or text <= last
        return
    mapped = keys(values.drop_null().cast(target.arrow), target)
    assert all(intervals.lo[0] <= key <= intervals.hi[0] for key in mapped), (intervals, mapped)


# Rounded outwards on purpose: casts to coarser types, and the epoch as a DOUBLE.
EXACT = [
    case
    for case in CASES
    if case[1].name not in ("epoch", "add_months_to_time")
    and (case[1].name != "cast" or case[1].returns in ("DATE", "TIMESTAMP", "DOUBLE", "BIGINT"))
]


@given(data=st.data(), case=st.sampled_from([case for case in EXACT if not case[0].startswith("DECIMAL")]))
def test_one_value_maps_to_exactly_what_duckdb_makes_of_it(
    data: st.DataObject, case: tuple[str, Function, str], engine: duckdb.DuckDBPyConnection
) -> None:
    source, function, sql = case
    key = data.draw(KEYS.get(source, MICROS))
    engine.register("t", pa.table({"x": array(source, [key])}))
    try:
        values = engine.execute(f"SELECT TRY({sql}) AS y FROM t").to_arrow_table()["y"].combine_chunks().drop_null()
    finally:
        engine.unregister("t")
    target = key_type(function.returns)
    assert target is not None
    intervals = carry(function, source, np.array([key]), np.array([key]))
    for value in (
        values.cast(target.arrow).to_pylist()
        if intervals.texts is not None
        else keys(values.cast(target.arrow), target)
    ):
        ends = intervals.texts if intervals.texts is not None else (intervals.lo.tolist(), intervals.hi.tolist())
        known = [end[0] for end in ends if end[0] is not None and bounded(end[0])]
        assert known == [value] * len(known)


def bounded(end: int | str) -> bool:
    return isinstance(end, str) or abs(end) < 2**63 - 1


def test_an_interval_that_crosses_a_period_of_a_repeating_function_is_unbounded() -> None:
    found = carry(Function("month", (), "BIGINT"), "DATE", np.array([0, 0]), np.array([40, 400]))
    assert [(int(found.lo[0]), int(found.hi[0]))] == [(1, 2)]
    assert (found.lo[1], found.hi[1]) == (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


def test_infinite_constants_have_no_place() -> None:
    kind = key_type("TIMESTAMP")
    assert kind is not None
    assert key_range(datetime.max, kind) is None
    assert ordinals(pa.array([date(1970, 1, 2)]), key_type("DATE")).tolist() == [1]  # type: ignore[arg-type]
