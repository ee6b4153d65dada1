"""The pruned answer is the unpruned answer, over real Parquet files of every layout, by the planner and the engine.

The other properties look at one part each: the analysis (``test_soundness``), the selection (``test_projection``).
Here all of it runs: ``gateway write``, the listing, the planner, its rewritten statement, the engine. What it answers
is compared with the author's text as it stands, run by a plain DuckDB on the same rows in unpartitioned tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from restriction import Database
from warehouse import TYPES, Warehouse, bag, build, rows_of

from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.engine.rows import one_row
from gateway.model import BoundQuery, Plan, TypedValue
from gateway.plan.analysis import NOW
from gateway.plan.dynamic import DimensionReader
from gateway.plan.planner import Planner
from queries import LITERALS, Generator, parameters

EXAMPLES = max(400, settings.default.max_examples if settings.default is not None else 0)
WAREHOUSES = max(24, EXAMPLES // 40)
INSTANT, INSTANTS = datetime(2024, 2, 1, 12, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE"
WITH_PARTITION_COLUMNS = {
    **LITERALS,
    "INTEGER": (*LITERALS["INTEGER"], "2024"),
    "VARCHAR": (*LITERALS["VARCHAR"], "'2024-01'", "'2024-02'", "'2024-01-31-15'", "'..0'", "'rest'", "'NULL'"),
    "TIMESTAMP WITH TIME ZONE": (
        "TIMESTAMPTZ '2024-01-31 12:00:00+00'",
        "TIMESTAMPTZ '2024-02-01 00:00:00-05'",
        "DATE '2024-01-31'",
        "'2024-01-31 09:00:00'",
        "now() - INTERVAL 1 DAY",
    ),
    "DATE": (*LITERALS["DATE"], "current_date", "current_date - 1"),
    "TIMESTAMP": (*LITERALS["TIMESTAMP"], "now()::TIMESTAMP", "date_trunc('month', now())::TIMESTAMP"),
    "BIGINT": (*LITERALS["BIGINT"], "9007199254740993", "9007199254740992.0::DOUBLE", "-1.5", "'1'"),
    "TIMESTAMP_NS": (*LITERALS["TIMESTAMP"], "TIMESTAMP_NS '2024-01-31 23:59:59.999999'"),
    "FLOAT": ("0", "0.5", "1.5", "'nan'::FLOAT", "1.25::DOUBLE", "'inf'::FLOAT"),
    "UTINYINT": ("0", "1", "2", "-1", "300", "1.5", "'2'"),
    "UUID": (f"'{UUID(int=1)}'", f"UUID '{UUID(int=2**127)}'", f"'{UUID(int=2**128 - 1)}'::UUID"),
    "DOUBLE": ("0", "1.5", "-1.5", "'nan'::DOUBLE", "'inf'::DOUBLE", "1e0"),
}


_OF_TEXTS = (("coalesce({}, 'a')", "VARCHAR"), ("upper({})", "VARCHAR"), ("{} || 'b'", "VARCHAR"))
_OF_TIMES = (
    ("make_date(year({0}), month({0}), 1)", "DATE"),
    ("({} + INTERVAL 1 MONTH)::TIMESTAMP", "TIMESTAMP"),
    ("greatest({}::TIMESTAMP, TIMESTAMP '2024-01-31')", "TIMESTAMP"),
    ("time_bucket(INTERVAL '7 days', {}::TIMESTAMP)", "TIMESTAMP"),
    ("date_diff('day', DATE '2024-01-31', {}::DATE)", "BIGINT"),
)
WRAPPED = {
    "INTEGER": (("{}::BIGINT", "BIGINT"), ("{} + 1", "INTEGER"), ("-{}", "INTEGER"), ("{}::VARCHAR", "VARCHAR")),
    "UTINYINT": (("{}::INTEGER", "INTEGER"), ("{}::DOUBLE", "DOUBLE")),
    "BIGINT": (("{}::DOUBLE", "DOUBLE"), ("TRY_CAST({} AS INTEGER)", "INTEGER")),
    "VARCHAR": (("lower({})", "VARCHAR"), ("left({}, 1)", "VARCHAR"), ("{} COLLATE NOCASE", "VARCHAR"), *_OF_TEXTS),
    "DECIMAL(6,2)": (("{}::INTEGER", "INTEGER"), ("{}::DECIMAL(8,3)", "DECIMAL(8,3)"), ("{}::DOUBLE", "DOUBLE")),
    "DOUBLE": (("TRY_CAST({} AS INTEGER)", "INTEGER"), ("abs({})", "DOUBLE")),
    "FLOAT": (("{}::DOUBLE", "DOUBLE"),),
    "TIMESTAMP WITH TIME ZONE": (
        ("{}::DATE", "DATE"),
        ("{}::TIMESTAMP", "TIMESTAMP"),
        ("date_trunc('day', {})", "TIMESTAMP WITH TIME ZONE"),
        ("year({})", "BIGINT"),
        ("hour({})", "BIGINT"),
        ("{} AT TIME ZONE 'America/New_York'", "TIMESTAMP"),
        *_OF_TIMES,
    ),
    "TIMESTAMP": _OF_TIMES,
    "DATE": (("last_day({})", "DATE"), ("coalesce({}, DATE '2024-01-31')", "DATE"), *_OF_TIMES),
    "TIMESTAMP_NS": (("{}::DATE", "DATE"), ("{}::TIMESTAMP", "TIMESTAMP"), ("date_trunc('month', {})", "TIMESTAMP")),
    "UUID": (("{}::VARCHAR", "VARCHAR"),),
}
"""What the columns of a type are put under now and then, with the type that this gives."""


@dataclass(slots=True)
class Questions(Generator):
    """Writes queries over the columns of a warehouse."""

    def wrapped(self, text: str, kind: str) -> tuple[str, str]:
        if kind in WRAPPED and self.chance(20):
            form, kind = self.pick(WRAPPED[kind])
            return form.format(text), kind
        return Generator.wrapped(self, text, kind)


class Bench:
    """An engine, a plain DuckDB beside it, and the warehouses made so far."""

    def __init__(self, folder: Path, engine: DuckDBEngine, plain: duckdb.DuckDBPyConnection) -> None:
        self.folder = folder
        self.engine = engine
        self.plain = plain
        self.warehouses: dict[int, tuple[Warehouse, Planner, Database]] = {}

    def warehouse(self, number: int) -> tuple[Warehouse, Planner, Database]:
        if number not in self.warehouses:
            self.warehouses[number] = self._made(number)
        return self.warehouses[number]

    def _made(self, number: int) -> tuple[Warehouse, Planner, Database]:
        """Make a warehouse; its tables are copied whole into a database that knows no partitions."""
        made = build(number, self.folder, self.engine)
        planner = Planner(
            self.engine.evaluate, DimensionReader.over(one_row(self.engine, seconds=60), self.engine.address)
        )
        self.plain.execute(f"ATTACH IF NOT EXISTS ':memory:' AS w{number}")
        cursor = self.plain.cursor()
        cursor.execute(f"USE w{number}")
        for name in made.snapshots:
            everything = self.run(planner.plan(asked(f"SELECT * FROM {name}", {}), made.snapshots))
            assert bag(rows_of(everything.select(list(TYPES)))) == made.rows[name], str(made)
            cursor.register("rows_of_table", everything)
            columns = ", ".join(
                f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in made.columns[name].items()
            )
            cursor.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {columns} FROM rows_of_table")
            cursor.unregister("rows_of_table")
        return made, planner, Database(connection=cursor)

    def run(self, plan: Plan, deadline: float | None = None) -> pa.Table:
        stream = self.engine.execute(plan.statement(self.engine.address), deadline=deadline)
        try:
            return pa.Table.from_batches(list(stream), schema=stream.schema)
        finally:
            stream.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("warehouses")
    options = DuckDBSettings(locations=[str(folder)], temp_directory=str(folder / "tmp"), threads=1)
    engine = DuckDBEngine.open(options)
    with duckdb.connect(config={"threads": 1}) as plain:
        plain.execute("SET TimeZone = 'UTC'")
        yield Bench(folder, engine, plain)
    engine.close()


def asked(sql: str, given_parameters: dict[str, TypedValue]) -> BoundQuery:
    return BoundQuery(name="q", version=1, sql=sql, normalised=sql, tables=("a", "b", "c"), parameters=given_parameters)


Values = dict[str, TypedValue]
Data = st.DataObject


@st.composite
def questions(draw: st.DrawFn, tables: dict[str, dict[str, str]]) -> tuple[str, Values]:
    """A query over *tables*, and a value for every parameter that it may name."""
    sql = Questions(draw, tables=tables, literals=WITH_PARTITION_COLUMNS, positional=False).statement(2)
    return sql, draw(parameters())


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(number=st.integers(0, WAREHOUSES - 1), data=st.data())
def test_a_plan_answers_like_plain_duckdb_over_unpartitioned_rows(
    bench: Bench, number: int, data: st.DataObject
) -> None:
    made, planner, database = bench.warehouse(number)
    note(str(made))
    sql, values = data.draw(questions(made.columns))
    expected = whole(database, at_the_instant(sql), values)
    if expected is None:
        event("no answer to compare with")
        return
    plan = planner.plan(asked(sql, {**values, NOW: TypedValue(value=INSTANT, type=INSTANTS)}), made.snapshots)
    pruned = any(scan.selection.files < scan.files_total for scan in plan.scans)
    event("prunes" if pruned else "reads everything")
    if any(lookup.skipped is None for scan in plan.scans for lookup in scan.details().lookups):
        event("reads a dimension first")
    if bag(rows_of(bench.run(plan))) != expected:
        check_without_optimiser(bench, database, plan, sql, {**values, NOW: TypedValue(value=INSTANT, type=INSTANTS)})


def at_the_instant(sql: str) -> str:
    """Write the instant of the request where a query reads the clock."""
    return sql.replace("now()", f"{INSTANTS} '{INSTANT}'").replace("current_date", f"DATE '{INSTANT:%Y-%m-%d}'")


def whole(database: Database, sql: str, values: Values) -> Counter[str] | None:
    try:
        return bag(database.rows(sql, values))
    except duckdb.Error as error:
        event(str(error).split(":")[0])
        return None


def check_without_optimiser(bench: Bench, database: Database, plan: Plan, sql: str, values: Values) -> None:
    """Compare again where the engine folds nothing: DuckDB 1.5.5 has optimiser bugs of its own."""
    statement = plan.statement(bench.engine.address).sql
    database.connection.execute("PRAGMA disable_optimizer")
    try:
        expected, found = (bag(database.rows(text, values)) for text in (at_the_instant(sql), statement))
    finally:
        database.connection.execute("PRAGMA enable_optimizer")
    event("optimiser bug")
    assert found == expected
