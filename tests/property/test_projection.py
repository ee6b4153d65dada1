"""Selection never drops a partition that holds a row of the answer; for conjunctions it keeps no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from partitioned import lay_out, view

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.transforms.keys import key_range, key_type
from gateway.model import Value
from gateway.plan.details import partitions_text
from gateway.plan.select import PartitionIndex
from gateway.predicate import (
    Comparison,
    Function,
    Membership,
    NullCheck,
    Operator,
    Predicate,
    StartsWith,
    Term,
    all_of,
    any_of,
)

WORDS = ["", "a", "ab", "abc", "abd", "b", "ba", "éa", "é", "zz", "\U0001f600x", "Z"]
INSTANTS = st.one_of(
    st.integers(0, 96 * 4).map(lambda quarter: datetime(2013, 10, 31) + timedelta(minutes=15 * quarter)),
    st.datetimes(datetime(2011, 12, 30), datetime(2014, 3, 2)),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A type of a source column: its values, and how it can be laid out."""

    type: str
    values: st.SearchStrategy[Value]
    layouts: tuple[tuple[tuple[str, str | None, str | None], ...], ...]
    """Fields as (transform, format, zone)."""


def plain(*texts: str) -> tuple[tuple[str, str | None, str | None], ...]:
    return tuple((text, None, None) for text in texts)


TIMES = (
    plain("day"),
    plain("hour"),
    plain("month"),
    plain("year"),
    plain("year", "month_of_year", "day_of_month"),
    plain("day_of_month", "year", "month_of_year", "hour_of_day"),
    plain("month", "day_of_month"),
    plain("year", "hour_of_day"),
    plain("day", "bucket[4]"),
    plain("month", "day"),
    plain("bucket[3]"),
    plain("month_of_year"),
    (("day", "%Y%m%d", None),),
    (("year", None, None), ("month_of_year", "%m", None)),
    plain("range[2012-01-01 00:00:00, 2013-11-01 00:00:00]"),
)
SOURCES = [
    Source("TIMESTAMP", INSTANTS, (*TIMES, plain("identity"))),
    Source(
        "TIMESTAMP WITH TIME ZONE",
        INSTANTS.map(lambda value: value.replace(tzinfo=UTC)),
        (
            plain("day"),
            (("day", None, "America/New_York"),),
            (("hour", None, "America/New_York"),),
            (("hour", None, "Australia/Lord_Howe"),),
            (("year", None, "Asia/Tokyo"), ("month_of_year", None, "Asia/Tokyo"), ("day_of_month", None, "Asia/Tokyo")),
        ),
    ),
    Source(
        "DATE",
        st.one_of(st.dates(date(2013, 12, 1), date(2014, 2, 1)), st.dates(date(1, 1, 2), date(9999, 12, 30))),
        (plain("day"), plain("month"), plain("year", "month_of_year"), plain("bucket[5]", "year"), plain("identity")),
    ),
    Source(
        "INTEGER",
        st.one_of(st.integers(-12, 12), st.integers(-(2**31) + 50, 2**31 - 1)),
        (
            plain("identity"),
            plain("bucket[4]"),
            plain("truncate[5]"),
            plain("truncate[5]", "bucket[3]"),
            plain("range[-3, 0, 7]"),
            plain("lookup{1: a, 2: b, 3: a, *: z}"),
            plain("identity", "bucket[2]"),
        ),
    ),
    Source(
        "BIGINT", st.integers(-(2**63) + 50, 2**63 - 1), (plain("bucket[4]"), plain("identity"), plain("truncate[9]"))
    ),
    Source(
        "VARCHAR",
        st.one_of(st.sampled_from(WORDS), st.text(alphabet="abzé\uffff\U0001f600", max_size=5)),
        (
            plain("identity"),
            plain("truncate[2]"),
            plain("bucket[4]"),
            plain("truncate[1]", "bucket[2]"),
            plain("range[ab, b]"),
            plain("lookup{a: x, ab: y, *: z}"),
        ),
    ),
    Source(
        "DECIMAL(9,2)",
        st.decimals(-20, 20, places=2),
        (plain("identity"), plain("truncate[50]"), plain("bucket[4]"), plain("range[-1.5, 0, 3.25]")),
    ),
    Source(
        "DOUBLE",
        st.one_of(st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf")]), st.floats()),
        (plain("identity"), plain("range[-1.5, 0, 10]")),
    ),
    Source("BOOLEAN", st.booleans(), (plain("identity"),)),
]


@dataclass(frozen=True, slots=True)
class Case:
    """Rows of one column ``x`` (and an ``id``), a layout, and filters in SQL and as predicates."""

    source: Source
    layout: tuple[tuple[str, str | None, str | None], ...]
    rows: list[Value]
    leaves: list[tuple[Predicate, str]]
    values: list[Value]


def operand(draw: Any, source: Source, rows: Sequence[Value]) -> Value:
    """Draw a constant: often one that stands in a row."""
    present = [row for row in rows if row is not None]
    strategies = [source.values, st.none()] + ([st.sampled_from(present)] * 4 if present else [])
    value: Value = draw(st.one_of(strategies))
    return value


@st.composite
def cases(draw: Any, functions: bool = False) -> Case:
    source = draw(st.sampled_from(SOURCES))
    rows = draw(st.lists(st.one_of(source.values, source.values, source.values, st.none()), min_size=1, max_size=25))
    values: list[Value] = []
    leaves = [leaf(draw, source, rows, values, (0, 0, -1, -40)) for _ in range(draw(st.integers(1, 4)))]
    return Case(source, draw(st.sampled_from(source.layouts)), rows, leaves, values)


def leaf(
    draw: Any, source: Source, rows: Sequence[Value], values: list[Value], steps: Sequence[int] = (0,)
) -> tuple[Predicate, str]:
    """Draw one filter, adding its constants to *values*; it may be on the sum of the column and one of *steps*."""
    term = Term("x", source.type)
    kinds = ["compare"] * 5 + ["in", "not in", "list", "null", "not null"]
    kind = draw(st.sampled_from(kinds + (["like", "not like"] if source.type == "VARCHAR" else [])))
    if kind in ("null", "not null"):
        return NullCheck(term, kind == "not null"), f"x IS {kind.upper()}"
    step = draw(st.sampled_from(steps)) if source.type in ("INTEGER", "BIGINT", "DATE") else 0
    x = f"(x + {step})" if step else "x"
    term = replace(term, functions=(Function("add", (step,), source.type),) if step else ())
    start = len(values)
    if kind == "compare":
        operator = draw(st.sampled_from(list(Operator)))
        values.append(operand(draw, source, rows))
        return Comparison(term, operator, start), f"{x} {operator} $v{start}::{source.type}"
    if kind in ("like", "not like"):
        prefix = draw(st.text(alphabet="abzé", max_size=3))
        values.append(prefix)
        return StartsWith(term, start, kind == "not like"), f"x {kind.upper()} ($v{start} || '%')"
    members = [operand(draw, source, rows) for _ in range(draw(st.integers(1, 4)))]
    if kind == "list":
        values.append(members)
        return Membership(term, (start,), is_list=True), f"list_contains($v{start}::{source.type}[], {x})"
    values.extend(members)
    slots = tuple(range(start, len(values)))
    texts = ", ".join(f"$v{slot}::{source.type}" for slot in slots)
    return Membership(term, slots, negated=kind == "not in"), f"{x} {kind.upper()} ({texts})"


def fields(layout: Sequence[tuple[str, str | None, str | None]]) -> list[PartitionField]:
    return [
        PartitionField(column=f"p{place}", transform=transform, source="x", format=pattern, zone=zone)
        for place, (transform, pattern, zone) in enumerate(layout)
    ]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("PRAGMA disable_optimizer")
        yield connection


def matching(
    engine: duckdb.DuckDBPyConnection, type_name: str, rows: Sequence[Value], condition: str, values: Sequence[Value]
) -> set[int]:
    """Return the places of the rows for which *condition* is TRUE."""
    kind = key_type(type_name)
    assert kind is not None
    engine.register("t", pa.table({"x": pa.array(rows, kind.arrow), "id": pa.array(range(len(rows)), pa.int64())}))
    given = {
        f"v{slot}": value for slot, value in enumerate(values) if f"$v{slot}:" in condition or f"$v{slot} " in condition
    }
    found = engine.execute(f"SELECT id FROM t WHERE {condition}", given).fetchall()
    engine.unregister("t")
    return {row[0] for row in found}


def needed(places: Sequence[int], rows: set[int]) -> set[int]:
    return {places[row] for row in rows}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_every_row_of_a_conjunction_lies_in_a_selected_partition(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    snapshot, places = lay_out(fields(case.layout), {"x": case.source.type}, {"x": case.rows})
    index = PartitionIndex.build(snapshot)
    predicate = all_of(*(part for part, _ in case.leaves))
    rows = matching(engine, case.source.type, case.rows, " AND ".join(sql for _, sql in case.leaves), case.values)
    chosen = set(index.select(predicate, case.values).positions())
    assert needed(places, rows) <= chosen, partitions_text(index, predicate, case.values)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), shape=st.integers(0, 3))
def test_every_row_of_an_and_or_tree_lies_in_a_selected_partition(
    case: Case, shape: int, engine: duckdb.DuckDBPyConnection
) -> None:
    snapshot, places = lay_out(fields(case.layout), {"x": case.source.type}, {"x": case.rows})
    parts, texts = [part for part, _ in case.leaves], [f"({sql})" for _, sql in case.leaves]
    middle = (len(parts) * shape) // 4
    predicate = any_of(all_of(*parts[:middle]), all_of(*parts[middle:])) if middle else any_of(*parts)
    condition = (
        f"({' AND '.join(texts[:middle])}) OR ({' AND '.join(texts[middle:])})" if middle else " OR ".join(texts)
    )
    rows = matching(engine, case.source.type, case.rows, condition, case.values)
    chosen = set(PartitionIndex.build(snapshot).select(predicate, case.values).positions())
    assert needed(places, rows) <= chosen


GRID = [datetime(2013, 10, 31) + timedelta(minutes=30 * step) for step in range(96)]
DOMAINS: dict[str, list[Value]] = {
    "INTEGER": [*range(-200, 200), -(10**6), 10**6, 10**6 + 1, 10**6 + 2],
    "TIMESTAMP": [
        at + timedelta(microseconds=step) for at in [*GRID, GRID[-1] + timedelta(days=99)] for step in (-1, 0, 1)
    ],
}
TIGHT = {
    "INTEGER": [
        plain("identity"),
        plain("bucket[3]"),
        plain("truncate[5]"),
        plain("range[-3, 0, 7]"),
        plain("lookup{1: a, 2: b, 3: a, *: z}"),
        plain("identity", "bucket[2]"),
    ],
    "TIMESTAMP": [
        plain("day"),
        plain("hour"),
        plain("month"),
        plain("year", "month_of_year", "day_of_month"),
        plain("year", "day_of_month", "month_of_year"),
        plain("month", "day"),
        plain("day", "hour_of_day"),
    ],
}


@st.composite
def tight_cases(draw: Any) -> Case:
    type_name = draw(st.sampled_from(sorted(DOMAINS)))
    constants = st.sampled_from(GRID) if type_name == "TIMESTAMP" else st.integers(-12, 12)
    source = Source(type_name, constants, ())
    values: list[Value] = []
    leaves = [leaf(draw, source, [], values) for _ in range(draw(st.integers(1, 4)))]
    return Case(source, draw(st.sampled_from(TIGHT[type_name])), DOMAINS[type_name], leaves, values)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(case=tight_cases())
def test_every_partition_that_a_conjunction_selects_could_hold_a_row_of_the_answer(
    case: Case, engine: duckdb.DuckDBPyConnection
) -> None:
    rows = [*case.rows, None]
    snapshot, places = lay_out(fields(case.layout), {"x": case.source.type}, {"x": rows})
    predicate = all_of(*(part for part, _ in case.leaves))
    # The default of a lookup may hold NULLs in files that were written elsewhere.
    assume(not (isinstance(predicate, NullCheck) and case.layout[0][0].startswith("lookup")))
    found = matching(engine, case.source.type, rows, " AND ".join(sql for _, sql in case.leaves), case.values)
    chosen = set(PartitionIndex.build(snapshot).select(predicate, case.values).positions())
    assert needed(places, found) == chosen


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), size=st.integers(1, 5))
def test_files_that_their_bounds_rule_out_hold_no_row_of_the_answer(
    case: Case, size: int, engine: duckdb.DuckDBPyConnection
) -> None:
    snapshot = view([], {"x": case.source.type}, [[]])
    kind = key_type(case.source.type)
    assert kind is not None
    assume(not kind.wide or case.source.type == "VARCHAR")
    groups = [case.rows[start : start + size] for start in range(0, len(case.rows), size)]
    files = bounded(groups, case.source.type)
    partitions = snapshot.partitions.set_column(1, "file_count", pa.array([len(groups)], pa.int64()))
    snapshot = replace(snapshot, files=files, partitions=partitions)
    parts, texts = [part for part, _ in case.leaves], [f"({sql})" for _, sql in case.leaves]
    for predicate, joiner in ((all_of(*parts), " AND "), (any_of(*parts), " OR ")):
        rows = matching(engine, case.source.type, case.rows, joiner.join(texts), case.values)
        chosen = PartitionIndex.build(snapshot).select(predicate, case.values)
        assert {row // size for row in rows} <= set(chosen.file_positions().tolist())
        assert chosen.files == len(chosen.versions())


def bounded(groups: Sequence[Sequence[Value]], type_name: str) -> pa.Table:
    """Make the files of a snapshot with the bounds that footers would give; every third file has none."""
    kind = key_type(type_name)
    assert kind is not None
    columns: dict[str, list[Any]] = {name: [] for name in ("min:x", "max:x", "nulls:x", "row_count")}
    for place, group in enumerate(groups):
        present = [value for value in group if value is not None and value == value]
        read = place % 3 != 2
        places = [value if kind.wide else key_range(value, kind)[0] for value in present]  # type: ignore[index]
        columns["min:x"].append(min(places) if read and places else None)
        columns["max:x"].append(max(places) if read and places else None)
        columns["nulls:x"].append(sum(value is None for value in group) if read else None)
        columns["row_count"].append(len(group) if read else None)
    end = pa.string() if kind.wide else pa.int64()
    count = len(groups)
    names = [f"{place}.parquet" for place in range(count)]
    return pa.table(
        {
            "path": names,
            "size": pa.array([10] * count, pa.int64()),
            "etag": names,
            "version": pa.array([blake2b(name.encode(), digest_size=16).digest() for name in names], pa.binary(16)),
            "row_count": pa.array(columns["row_count"], pa.int64()),
            "min:x": pa.array(columns["min:x"], end),
            "max:x": pa.array(columns["max:x"], end),
            "nulls:x": pa.array(columns["nulls:x"], pa.int64()),
        }
    )
