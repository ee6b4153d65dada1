"""Measure the pruning of star joins: of all partitions of the facts of TPC-DS, those that its 99 queries read.

Run it as a script. The facts are cut by ranges of their date key, a month each; each dimension is one file. Beside what
is read, ``--needed`` prints what is needed of it: the partitions from the first to the last without which the answer is
another one, found by running each query over fewer of them, which takes many minutes. Needs duckdb-extension-tpcds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from rich.console import Console
from rich.table import Table as Grid

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import GatewayError
from gateway.model import BoundQuery, Plan, Principal, TypedValue
from gateway.pipeline import Gateway
from gateway.plan.analysis import NOW
from gateway.project.loader import load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import write

SCALE = 0.01
FIRST, LAST, STEP = 2_450_815, 2_453_005, 30
"""The days of the facts, as date keys, and how many of them are in a partition."""
FACTS = {
    "store_sales": "ss_sold_date_sk",
    "store_returns": "sr_returned_date_sk",
    "catalog_sales": "cs_sold_date_sk",
    "catalog_returns": "cr_returned_date_sk",
    "web_sales": "ws_sold_date_sk",
    "web_returns": "wr_returned_date_sk",
    "inventory": "inv_date_sk",
}
CLOCK = {NOW: TypedValue(value=datetime(2024, 3, 11, 6, 30, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query of TPC-DS over the snapshots of its tables."""

    number: int
    bound: BoundQuery


@contextmanager
def opened() -> Iterator[tuple[Gateway, duckdb.DuckDBPyConnection, list[Query]]]:
    """Write the tables, open a gateway over them, and a DuckDB to run its statements."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        root = Path(folder)
        name = Path("extensions") / f"v{duckdb.__version__}" / "tpcds.duckdb_extension"
        connection.load_extension(str(files("duckdb_extension_tpcds").joinpath(str(name))))
        connection.execute(f"SET TimeZone = 'UTC'; CALL dsdgen(sf = {SCALE})")
        (root / "catalog").mkdir()
        (root / "gateway.toml").write_text('title = "TPC-DS"\n')
        names = [str(name) for (name,) in connection.execute("SHOW TABLES").fetchall()]
        for table in names:
            (root / "catalog" / f"{table}.yaml").write_text(_declared(table))
        tables, wrong = load_tables(root)
        assert not wrong
        for table in names:
            write(tables[table], connection.table(table).to_arrow_table(), root=root)
        texts = connection.execute("SELECT query_nr, query FROM tpcds_queries() ORDER BY query_nr").fetchall()
        queries = [_query(number, sql, names) for number, sql in texts]
        with open_gateway(load_settings(root, {}), observe=unobserved, background=False) as gateway:
            yield gateway, connection, queries


def _declared(table: str) -> str:
    declared = f"table: {table}\nlocation: data/{table}\n"
    if table not in FACTS:
        return declared
    bounds = list(range(FIRST, LAST, STEP))
    return declared + f"partitioned_by: [{{column: days, transform: {{range: {bounds}}}, source: {FACTS[table]}}}]\n"


def _query(number: int, sql: str, names: Sequence[str]) -> Query:
    sql = sql.strip().rstrip(";")
    words = set(sql.lower().replace(",", " ").replace("(", " ").replace(")", " ").split())
    tables = tuple(name for name in names if name in words)
    bound = BoundQuery(name="q", version=1, sql=sql, normalised=sql, tables=tables, parameters=CLOCK)
    return Query(number=number, bound=bound)


def needed(gateway: Gateway, connection: duckdb.DuckDBPyConnection, query: Query, plan: Plan, scan: int) -> int:
    """Count the partitions from the first to the last without which the answer is another one."""
    planner, snapshots = gateway.planning.planner, gateway.catalog.pin(query.bound.tables)
    chosen = [each.selection for each in plan.scans]
    parts = list(chosen[scan].each())
    if not parts:
        return 0

    def answer(start: int, stop: int) -> list[str]:
        index = planner.index(snapshots[plan.scans[scan].table])
        left = parts[start].joined(parts[start + 1 : stop]) if start < stop else index.all().without(index.all())
        given = [*chosen[:scan], left, *chosen[scan + 1 :]]
        statement = planner.statement_over(query.bound, given, snapshots, Principal(), lambda file: file.path)
        return sorted(map(repr, connection.execute(statement.sql).fetchall()))

    whole = answer(0, len(parts))
    if answer(0, 0) == whole:
        return 0
    first = _most(len(parts) - 1, lambda count: answer(count, len(parts)) == whole)
    last = _most(len(parts) - 1 - first, lambda count: answer(first, len(parts) - count) == whole)
    return len(parts) - first - last


def _most(limit: int, holds: Callable[[int], bool]) -> int:
    """Find the greatest number for which something holds that holds for all smaller ones."""
    low, high = 0, limit if limit and holds(1) else 0
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def main(beside: bool) -> None:
    """Print the sums over all scans of facts; *beside* them what is needed, and the scans that read more."""
    grid = Grid("query", "scan", "read", "needed", "of", title="Scans of facts that read more than needed")
    read = total = least = 0
    refused = []
    with opened() as (gateway, connection, queries):
        for query in queries:
            try:
                plan = gateway.planning.planner.plan(query.bound, gateway.catalog.pin(query.bound.tables))
            except GatewayError as error:
                refused.append(f"{query.number} ({error.code})")
                continue
            for number, scan in enumerate(plan.scans):
                if scan.table not in FACTS:
                    continue
                many = scan.selection.partitions
                few = needed(gateway, connection, query, plan, number) if beside else 0
                read, total, least = read + many, total + scan.partitions_total, least + few
                if beside and many > few:
                    grid.add_row(*map(str, (query.number, scan.table, many, few, scan.partitions_total)))
    console = Console(width=100)
    if beside:
        console.print(grid)
    if refused:
        console.print(f"Refused: {', '.join(refused)}")
    console.print(f"{read} of {total} scan-partitions are read ({read / total:.3f})")
    if beside:
        console.print(f"{least} are needed ({least / total:.3f})")


if __name__ == "__main__":
    main(beside="--needed" in sys.argv[1:])
