"""How many partitions each scan reads, over the fewest that could do: those with a row that passes its filters.

The fewest are counted by DuckDB, which runs the filters of each scan, as ``tightness.sql`` states them by hand, over
all files. Every partition is full (its first and last moment, each carrier, each country and so on), so that what a
partition may hold it does hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from rich.console import Console
from rich.table import Table as Grid

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import BoundQuery, TypedValue
from gateway.pipeline import Gateway
from gateway.project.loader import load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import write

WHOLE_SET = 1.05
DAYS = 60
START = datetime(2024, 1, 1)
ORIGINS = ("EWR", "JFK", "LGA")
COUNTRIES = ("US", "CA", "DE", "FR", "JP", "UA")
PARTITIONED_BY = {
    "flights": ["{column: day, transform: day, source: ts}", "{column: origin, source: origin}"],
    "weather": [
        "{column: year, transform: year, source: ts}",
        '{column: month, transform: month_of_year, source: ts, format: "%m"}',
        '{column: dom, transform: day_of_month, source: ts, format: "%d"}',
    ],
    "users": [
        '{column: region, transform: {lookup: {US: am, CA: am, DE: eu, FR: eu, "*": other}}, source: country}',
        "{column: slot, transform: {bucket: 8}, source: user_id}",
    ],
    "sales": [
        "{column: prefix, transform: {truncate: 2}, source: code}",
        "{column: size, transform: {range: [0, 100, 1000]}, source: amount}",
    ],
    "logs": ["{column: day, transform: day, source: z, zone: America/New_York}"],
    "airports": [],
}


def rows() -> dict[str, pa.Table]:
    """Make the rows of all tables: dense, and a few NULLs."""
    hours = [START + timedelta(hours=hour) for hour in range(24 * DAYS)]
    hours += [hour + timedelta(hours=1, microseconds=-1) for hour in hours]
    flights = [(ts, origin, f"C{ts.hour % 4}", ts.hour * 10) for ts in hours for origin in ORIGINS]
    flights += [(None, origin, "C0", 0) for origin in ORIGINS]
    users = [(number, country, f"U{number}") for number in range(160) for country in COUNTRIES]
    sales = [
        (f"{a}{b}{c}", Decimal(amount), START + timedelta(days=amount % DAYS))
        for a in "abc"
        for b in "xy"
        for c in "123"
        for amount in (-5, 0, 50, 100, 500, 1000, 5000)
    ]
    return {
        "flights": _table(flights, ts=pa.timestamp("us"), origin=pa.string(), carrier=pa.string(), delay=pa.int32()),
        "weather": _table(
            [(ts, origin, ts.hour) for ts in hours for origin in ORIGINS],
            ts=pa.timestamp("us"),
            origin=pa.string(),
            wind=pa.int32(),
        ),
        "users": _table(users, user_id=pa.int64(), country=pa.string(), name=pa.string()),
        "sales": _table(sales, code=pa.string(), amount=pa.decimal128(9, 2), day=pa.timestamp("us")),
        "logs": _table(
            [(ts.replace(tzinfo=UTC), ts.hour) for ts in hours], z=pa.timestamp("us", tz="UTC"), level=pa.int32()
        ),
        "airports": _table(
            [("EWR", "Newark", 1), ("JFK", "New York", 2), ("LGA", "New York", 1)],
            faa=pa.string(),
            city=pa.string(),
            runways=pa.int32(),
        ),
    }


def _table(values: list[tuple[Any, ...]], **columns: pa.DataType) -> pa.Table:
    lists = zip(*values, strict=True)
    return pa.table({name: pa.array(items, kind) for (name, kind), items in zip(columns.items(), lists, strict=True)})


@dataclass(frozen=True, slots=True)
class Case:
    """A query, and the filters that each of its scans could use, in text order; ``exact``: no partition too many."""

    sql: str
    filters: list[tuple[str, str]]
    parameters: dict[str, TypedValue]
    exact: bool


def read_cases() -> list[Case]:
    text = (Path(__file__).parent / "tightness.sql").read_text()
    blocks = [block.splitlines() for block in text.split("\n\n") if "-->" in block and "SELECT" in block]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return [_case(lines, connection) for lines in blocks]


def _case(lines: list[str], connection: duckdb.DuckDBPyConnection) -> Case:
    marked = {mark: [line[4:] for line in lines if line.startswith(mark)] for mark in ("-->", "--$", "--~")}
    filters = [one.partition(": ") for one in marked["-->"]]
    parameters = [one.partition(" = ") for one in marked["--$"]]
    return Case(
        sql=" ".join(line for line in lines if not line.startswith("--")).removesuffix(";"),
        filters=[(table, condition) for table, _, condition in filters],
        parameters={name: _value(value, connection) for name, _, value in parameters},
        exact=not marked["--~"],
    )


def _value(text: str, connection: duckdb.DuckDBPyConnection) -> TypedValue:
    found = connection.execute(f"SELECT {text}").fetchone()
    assert found is not None
    value = found[0].astimezone(UTC) if isinstance(found[0], datetime) and found[0].tzinfo else found[0]
    return TypedValue(value=value, type=text.rpartition("::")[2])


@dataclass(frozen=True, slots=True)
class Found:
    case: Case
    chosen: list[int]
    fewest: list[int]

    @property
    def tight(self) -> bool:
        return self.chosen == self.fewest


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    project = tmp_path_factory.mktemp("tightness")
    (project / "catalog").mkdir()
    (project / "gateway.toml").write_text('title = "tightness"\n')
    for name, fields in PARTITIONED_BY.items():
        text = f"table: {name}\nlocation: data/{name}\npartitioned_by: [{', '.join(fields)}]\n"
        (project / "catalog" / f"{name}.yaml").write_text(text)
    tables, wrong = load_tables(project)
    assert not wrong
    for name, given in rows().items():
        write(tables[name], given, root=project)
    with open_gateway(load_settings(project, {}), observe=unobserved, background=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def found(gateway: Gateway) -> list[Found]:
    return [measured(gateway, one) for one in read_cases()]


def measured(gateway: Gateway, one: Case) -> Found:
    names = tuple(sorted({table for table, _ in one.filters}))
    snapshots = gateway.catalog.pin(names)
    query = BoundQuery(name="q", version=1, sql=one.sql, normalised=one.sql, tables=names, parameters=one.parameters)
    plan = gateway.planning.planner.plan(query, snapshots)
    assert [scan.table for scan in plan.scans] == [table for table, _ in one.filters], one.sql
    return Found(
        one,
        [scan.selection.partitions for scan in plan.scans],
        [fewest(gateway, table, condition) for table, condition in one.filters],
    )


def fewest(gateway: Gateway, table: str, condition: str) -> int:
    """Count the files (one a partition) that hold a row for which a condition is TRUE."""
    root = Path(gateway.catalog.pin([table])[table].root)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        source = f"read_parquet('{root}/**/*.parquet', hive_partitioning = false, filename = true)"
        counted = connection.execute(f"SELECT count(DISTINCT filename) FROM {source} WHERE {condition}").fetchone()
    return 0 if counted is None else int(counted[0])


def test_conjunctions_over_declared_transforms_read_the_fewest_partitions(found: list[Found]) -> None:
    loose = [(one.case.sql, one.chosen, one.fewest) for one in found if one.case.exact and not one.tight]
    assert loose == []


def test_the_whole_set_reads_hardly_more_than_the_fewest_partitions(found: list[Found]) -> None:
    grid = Grid("query", "chosen", "fewest", "ratio", title="Partitions that each scan reads, over the fewest possible")
    for one in found:
        ratio = sum(one.chosen) / max(1, sum(one.fewest))
        texts = (", ".join(map(str, counts)) for counts in (one.chosen, one.fewest))
        grid.add_row(one.case.sql, *texts, f"{ratio:.2f}" if ratio != 1 else "1")
    chosen, least = sum(sum(one.chosen) for one in found), sum(sum(one.fewest) for one in found)
    grid.add_row(f"{len(found)} queries", str(chosen), str(least), f"{chosen / least:.3f}")
    Console(width=150).print(grid)
    assert all(few <= many for one in found for many, few in zip(one.chosen, one.fewest, strict=True))
    assert chosen <= WHOLE_SET * least
