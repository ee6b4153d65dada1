"""The pruned answer is the unpruned answer, over real Parquet files of every layout, by the planner and the engine.

The other properties look at one part each: the analysis (``test_soundness``), the selection (``test_projection``).
Here all of it runs: ``gateway write``, the listing, the planner, its rewritten statement, the engine. What it answers
is compared with the author's text as it stands, run by a plain DuckDB on the same rows in unpartitioned tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from restriction import Database
from warehouse import TYPES, Warehouse, build

from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import EngineSettings
from gateway.model import BoundQuery, Plan, TypedValue
from gateway.plan.planner import Planner
from queries import LITERALS, Generator, parameters

EXAMPLES = max(400, settings.default.max_examples if settings.default is not None else 0)
WAREHOUSES = max(24, EXAMPLES // 40)
WITH_PARTITION_COLUMNS = {
    **LITERALS,
    "INTEGER": (*LITERALS["INTEGER"], "2024"),
    "VARCHAR": (*LITERALS["VARCHAR"], "'2024-01'", "'2024-02'", "'2024-01-31-15'", "'..0'", "'rest'", "'NULL'"),
    "TIMESTAMP WITH TIME ZONE": (
        "TIMESTAMPTZ '2024-01-31 12:00:00+00'",
        "TIMESTAMPTZ '2024-02-01 00:00:00-05'",
        "DATE '2024-01-31'",
        "'2024-01-31 09:00:00'",
    ),
    "DOUBLE": ("0", "1.5", "-1.5", "'nan'::DOUBLE", "'inf'::DOUBLE", "1e0"),
}


@dataclass(repr=False)
class Bench:
    """An engine, a plain DuckDB beside it, and the warehouses made so far."""

    folder: Path
    engine: DuckDBEngine
    plain: duckdb.DuckDBPyConnection
    warehouses: dict[int, tuple[Warehouse, Planner, Database]] = field(default_factory=dict)

    def warehouse(self, number: int) -> tuple[Warehouse, Planner, Database]:
        if number not in self.warehouses:
            self.warehouses[number] = self._made(number)
        return self.warehouses[number]

    def _made(self, number: int) -> tuple[Warehouse, Planner, Database]:
        """Make a warehouse; its tables are copied whole into a database that knows no partitions."""
        made, planner = build(number, self.folder, self.engine), Planner(self.engine.evaluate)
        self.plain.execute(f"ATTACH IF NOT EXISTS ':memory:' AS w{number}")
        cursor = self.plain.cursor()
        cursor.execute(f"USE w{number}")
        for name in made.snapshots:
            everything = self.run(planner.plan(asked(f"SELECT * FROM {name}", {}), made.snapshots))
            held = everything.select(list(TYPES))
            assert Counter(repr(tuple(row.values())) for row in held.to_pylist()) == made.rows[name], str(made)
            cursor.register("rows_of_table", everything)
            cursor.execute(f"CREATE OR REPLACE TABLE {name} AS FROM rows_of_table")
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
    options = EngineSettings(locations=[str(folder)], temp_directory=str(folder / "tmp"), threads=1)
    engine = DuckDBEngine.open(options)
    with duckdb.connect(config={"threads": 1}) as plain:
        plain.execute("SET TimeZone = 'UTC'")
        yield Bench(folder=folder, engine=engine, plain=plain)
    engine.close()


def asked(sql: str, given_parameters: dict[str, TypedValue]) -> BoundQuery:
    return BoundQuery(name="q", version=1, sql=sql, normalised=sql, tables=("a", "b", "c"), parameters=given_parameters)


def rows_of(table: pa.Table) -> Iterable[Sequence[Any]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def bag(rows: Iterable[Sequence[Any]]) -> Counter[str]:
    """Count rows, written the same whether DuckDB's client or Arrow made the values."""
    return Counter(repr([written(value) for value in row]) for row in rows)


def written(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value


Values = dict[str, TypedValue]
Data = st.DataObject


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(number=st.integers(0, WAREHOUSES - 1), data=st.data())
def test_a_plan_answers_like_plain_duckdb_over_unpartitioned_rows(
    bench: Bench, number: int, data: st.DataObject
) -> None:
    made, planner, database = bench.warehouse(number)
    generator = Generator(data.draw, tables=made.columns, literals=WITH_PARTITION_COLUMNS)
    sql, values = generator.statement(2), data.draw(parameters())
    note(f"{made}\n{sql}\n{ {name: typed.value for name, typed in values.items()} }")
    expected = whole(database, sql, values)
    if expected is None:
        event("no answer to compare with")
        return
    plan = planner.plan(asked(sql, values), made.snapshots)
    pruned = any(scan.selection.files < scan.files_total for scan in plan.scans)
    event("prunes" if pruned else "reads everything")
    if bag(rows_of(bench.run(plan))) != expected:
        check_without_optimiser(bench, database, plan, sql, values)


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
        expected, found = (bag(database.rows(text, values)) for text in (sql, statement))
    finally:
        database.connection.execute("PRAGMA enable_optimizer")
    event("optimiser bug")
    assert found == expected
