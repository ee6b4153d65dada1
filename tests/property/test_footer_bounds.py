"""Bounds of footers never lose a row: files of any casing, dotted names, structs and types, with and without them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from warehouse import bag, rows_of

from gateway.catalog.catalog import Catalog
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import Table
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.engine.rows import one_row
from gateway.errors import GatewayError
from gateway.model import BoundQuery, Plan
from gateway.plan.dynamic import DimensionReader
from gateway.plan.planner import Planner

NAMES = ("x", "X", "a.b", "A.b", "a", "x_1")
KINDS: Mapping[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "whole": (
        (pa.int8(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()),
        (0, 1, 2, 3, 100),
    ),
    "broken": ((pa.float32(), pa.float64()), (0.0, -0.0, 1.0, 2.5, 1e300, float("nan"), float("inf"))),
    "exact": (
        (pa.decimal128(5, 2), pa.decimal128(9, 2), pa.decimal128(18, 4), pa.decimal128(30, 2)),
        tuple(map(Decimal, ("0.00", "1.50", "-1.50", "2.00"))),
    ),
    "text": ((pa.string(), pa.large_string()), ("", "a", "b", "é", "z" * 70, "ab", "\U0001f600")),
    "moment": (
        tuple(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        (datetime(1970, 1, 1), datetime(2024, 1, 1), datetime(1969, 12, 31, 23, 59, 59), datetime(2024, 1, 2)),
    ),
}
DECLARED = {
    "whole": ("TINYINT", "INTEGER", "BIGINT", "UINTEGER", "DOUBLE", "VARCHAR"),
    "broken": ("FLOAT", "DOUBLE", "BIGINT"),
    "exact": ("DECIMAL(5,2)", "DECIMAL(9,2)", "DECIMAL(18,4)", "DECIMAL(9,1)", "DOUBLE"),
    "text": ("VARCHAR", "BLOB"),
    "moment": ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"),
}
LITERALS = {
    "whole": ("0", "1", "2", "3", "100"),
    "broken": ("0.0::DOUBLE", "1.0::DOUBLE", "2.5::DOUBLE", "'nan'::DOUBLE", "'inf'::DOUBLE"),
    "exact": ("0", "1.5", "-1.5", "2", "1.25"),
    "text": ("''", "'a'", "'b'", "'é'", "'ab'"),
    "moment": ("TIMESTAMP '1970-01-01'", "TIMESTAMP '2024-01-01'", "TIMESTAMP '2024-01-01 00:00:00.5'"),
}
FORMS = (
    *("{0} = {1}", "{0} < {1}", "{0} >= {1}", "{0} <> {1}", "{0} IN ({1}, {2})", "{0} BETWEEN {1} AND {2}"),
    *("{0} IS NULL", "{0} IS NOT NULL", "{0} IS DISTINCT FROM {1}", "NOT ({0} > {1})", "{0} = {1} OR {0} IS NULL"),
)


@dataclass(frozen=True)
class World:
    """The files of a table, what it declares, and a filter on one of its columns."""

    files: tuple[tuple[pa.Table, dict[str, Any]], ...]
    columns: dict[str, str] | None
    condition: str


@st.composite
def worlds(draw: st.DrawFn) -> World:
    kind = draw(st.sampled_from(sorted(KINDS)))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique_by=str.lower))
    files = tuple(draw(st.lists(files_of(kind, names), min_size=1, max_size=3)))
    declared = {name: draw(st.sampled_from(DECLARED[kind])) for name in names}
    name, form = draw(st.sampled_from(names)), draw(st.sampled_from(FORMS))
    first, second = (draw(st.sampled_from(LITERALS[kind])) for _ in range(2))
    condition = form.format(f'"{name}"', first, second)
    return World(files, declared if draw(st.booleans()) else None, condition)


@st.composite
def files_of(draw: st.DrawFn, kind: str, needed: Sequence[str]) -> tuple[pa.Table, dict[str, Any]]:
    types, values = KINDS[kind]
    count = draw(st.integers(1, 4))
    cased = [draw(st.sampled_from([name, name, name.upper(), name.lower()])) for name in needed]
    more = draw(st.lists(st.sampled_from(NAMES), max_size=3))
    names = draw(st.permutations(list(dict.fromkeys([*cased, *more]))))
    arrays = []
    for name in names:
        column = pa.array(draw(st.lists(st.none() | st.sampled_from(values), min_size=count, max_size=count)))
        try:
            column = column.cast(draw(st.sampled_from(types)))
        except pa.ArrowInvalid:
            event("a value that its type does not have")
        if (name == "a" and "a" not in needed) or draw(st.integers(0, 29)) == 0:
            column = pa.StructArray.from_arrays([column], ["b"])
        arrays.append(column)
    options = {
        "row_group_size": draw(st.sampled_from([1, 2, 10])),
        "version": draw(st.sampled_from(["1.0", "2.6"])),
        "use_deprecated_int96_timestamps": draw(st.booleans()),
        "store_decimal_as_integer": draw(st.booleans()),
        "store_schema": draw(st.booleans()),
    }
    return pa.table(arrays, names=names), options


class Bench:
    """An engine, and the two ways to plan a query: with and without what the footers say."""

    def __init__(self, folder: Path, engine: DuckDBEngine) -> None:
        self.folder, self.engine = folder, engine
        self.planner = Planner(engine.evaluate, DimensionReader.over(one_row(engine, seconds=60), engine.address))

    def snapshots(self, world: World, folder: Path) -> list[Snapshot]:
        for number, (table, options) in enumerate(world.files):
            pq.write_table(table, folder / f"{number}.parquet", **options)
        return [self.listed(world, folder, statistics=statistics) for statistics in (False, True)]

    def listed(self, world: World, folder: Path, *, statistics: bool) -> Snapshot:
        table = Table.model_validate(
            {
                "table": "t",
                "location": f"file://{folder}",
                "statistics": statistics,
                "columns": world.columns,
                "union_by_name": True,
            }
        )
        catalog = Catalog(
            {"t": table},
            folder / f"state-{statistics}",
            open_store=lambda location: open_store(location, S3Settings(), self.folder),
            describe=self.engine.describe,
        )
        refresher = catalog.refresher()
        for _ in range(3):
            refresher.tick()
        refresher.close()
        return catalog.pin()["t"]

    def answer(self, snapshot: Snapshot, sql: str) -> tuple[Plan, Counter[str]]:
        query = BoundQuery(name="q", version=1, sql=sql, normalised=sql, tables=("t",), parameters={})
        plan = self.planner.plan(query, {"t": snapshot})
        stream = self.engine.execute(plan.statement(self.engine.address))
        try:
            return plan, bag(rows_of(pa.Table.from_batches(list(stream), schema=stream.schema)))
        finally:
            stream.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bounds")
    options = DuckDBSettings(locations=[str(folder)], temp_directory=str(folder / "tmp"), threads=1)
    engine = DuckDBEngine.open(options)
    yield Bench(folder, engine)
    engine.close()


EXAMPLES = max(300, settings.default.max_examples if settings.default is not None else 0)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds())
def test_a_filter_finds_the_same_rows_with_bounds_as_without(bench: Bench, world: World) -> None:
    note(f"{world.columns}: {world.condition}")
    for table, options in world.files:
        note(f"{table.schema} {table.to_pylist()} {options}")
    try:
        (plan, found), expected = compared(bench, world)
    except GatewayError as error:
        event(f"no answer to compare with: {error.code}")
        return
    event("prunes" if plan.scans[0].selection.files < plan.scans[0].files_total else "reads everything")
    assert found == expected


def compared(bench: Bench, world: World) -> tuple[tuple[Plan, Counter[str]], Counter[str]]:
    """Return the plan and the answer with what the footers say, and the answer without."""
    sql = f"SELECT * FROM t WHERE {world.condition}"
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        bare, informed = bench.snapshots(world, Path(folder))
        _, expected = bench.answer(bare, sql)
        return bench.answer(informed, sql), expected


def file_of(columns: dict[str, Any], **options: Any) -> tuple[pa.Table, dict[str, Any]]:
    return pa.table(columns), options


STRUCT = pa.array([{"b": 1}])
CASES: dict[str, tuple[Sequence[tuple[pa.Table, dict[str, Any]]], dict[str, str], str]] = {
    "the first of two names that differ in case is meant": (
        [file_of({"X": [5], "x": [9]}), file_of({"x": [7]})],
        {"x": "BIGINT"},
        "x = 5",
    ),
    "a dotted name is not a field of a struct": (
        [file_of({"a.b": [100], "a": STRUCT}), file_of({"a.b": [7], "a": STRUCT})],
        {"a.b": "BIGINT"},
        '"a.b" = 100',
    ),
    "a name that the engine gives to another column": (
        [file_of({"x": [1], "X": [5], "x_1": [9]}), file_of({"x": [1], "x_1": [7]})],
        {"x_1": "BIGINT"},
        "x_1 = 5",
    ),
}


@pytest.mark.parametrize(("files", "columns", "condition"), CASES.values(), ids=CASES)
def test_a_row_is_found_by_the_column_that_the_engine_reads(
    bench: Bench, files: Sequence[tuple[pa.Table, dict[str, Any]]], columns: dict[str, str], condition: str
) -> None:
    (_, found), expected = compared(bench, World(tuple(files), columns, condition))
    assert (found, expected.total()) == (expected, 1)


@pytest.mark.parametrize(
    ("stored", "declared", "condition"),
    [
        (pa.timestamp("ms"), "TIMESTAMP", "x = TIMESTAMP '1970-01-01 00:00:05'"),
        (pa.timestamp("ns"), "TIMESTAMP", "x = TIMESTAMP '1970-01-01 00:00:00.000005'"),
        (pa.int8(), "BIGINT", "x = 5"),
        (pa.uint32(), "BIGINT", "x = 5"),
        (pa.decimal128(22, 2), "DECIMAL(18,4)", "x = 5"),
        (pa.float32(), "DOUBLE", "x < 6"),
        (pa.string(), "VARCHAR", "x = '5'"),
    ],
)
def test_bounds_of_other_types_prune_where_their_values_compare_alike(
    bench: Bench, stored: pa.DataType, declared: str, condition: str
) -> None:
    column = pa.array([5_000, 90_000_000] if pa.types.is_temporal(stored) else [5, 90])
    files = tuple(file_of({"x": column.slice(place, 1).cast(stored)}) for place in (0, 1))
    (plan, found), expected = compared(bench, World(files, {"x": declared}, condition))
    assert (found, plan.scans[0].selection.files) == (expected, 1)


@pytest.mark.parametrize("writer", ["someone version 1.0", "", "parquet-mr compatible Photon version 0.2"])
def test_texts_of_writers_that_are_not_known_to_order_them_are_no_bounds(bench: Bench, writer: str) -> None:
    found = []
    for made_by in (b"parquet-cpp-arrow version", writer.encode()[:25].ljust(25)):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            sink = pa.BufferOutputStream()
            pq.write_table(pa.table({"x": ["a"], "n": [1]}), sink)
            content = sink.getvalue().to_pybytes()
            assert content.count(b"parquet-cpp-arrow version") == 1
            (Path(folder) / "a.parquet").write_bytes(content.replace(b"parquet-cpp-arrow version", made_by))
            files = bench.listed(World((), {"x": "VARCHAR", "n": "BIGINT"}, ""), Path(folder), statistics=True).files
            found.append((files["min:x"].to_pylist(), files["min:n"].to_pylist()))
    assert found == [(["a"], [1]), ([None], [1])]


@pytest.mark.parametrize(
    ("stored", "declared", "condition", "bounds"),
    [
        (pa.array([7, 9]), "BIGINT", "x = 100", "x from 7 to 9"),
        (pa.array([1.5, -2.5]), "DOUBLE", "x < -100", "x from -2.5"),
        (pa.array(["b", "c"]), "VARCHAR", "x = 'a'", "x from 'b' to 'c'"),
        (pa.array([0, 1], pa.date32()), "DATE", "x > CAST('2024-01-01' AS DATE)", "x from 1970-01-01 to 1970-01-02"),
        (
            pa.array([0, 1], pa.timestamp("us")),
            "TIMESTAMP",
            "x > CAST('2024-01-01' AS TIMESTAMP)",
            "x from 1970-01-01 00:00:00.000000 to 1970-01-01 00:00:00.000001",
        ),
        (pa.array(["1.50", "2.00"]).cast(pa.decimal128(9, 2)), "DECIMAL(9,2)", "x = 7", "x from 1.50 to 2.00"),
        (pa.array([1, 2]), "BIGINT", "x IS NULL", "x from 1 to 2"),
    ],
)
def test_an_explanation_names_the_filter_and_the_bounds_that_left_every_file_out(
    bench: Bench, stored: pa.Array, declared: str, condition: str, bounds: str
) -> None:
    files = tuple(file_of({"x": stored.slice(place, 1)}) for place in (0, 1))
    (plan, found), expected = compared(bench, World(files, {"x": declared}, condition))
    details = plan.scans[0].details()
    assert (found, plan.scans[0].selection.files) == (expected, 0)
    assert [(one.sql, one.projected) for one in details.used] == [
        (condition, f"0 of 2 files by the bounds in their footers ({bounds})")
    ]
    assert details.unused == ()
