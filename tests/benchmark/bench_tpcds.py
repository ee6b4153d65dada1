"""Measure the pruning of star joins: of all partitions of the facts of TPC-DS, those that its 99 queries read.

Run it as a script. The facts are cut by ranges of their date key, a month each; each dimension is one file. Beside what
is read, ``--needed`` prints what is needed of it, and the scans that read more, the loosest first.

A partition is *needed* by a scan if it holds a row that the SELECT around the scan keeps: one that its joins and its
WHERE let through, with what is read by itself (common table expressions, subqueries) as it is. What a query around that
SELECT leaves out of its rows is not looked at, so that of some scans fewer partitions are enough. At a small scale many
conditions hold of no row at all, and nothing is needed: ``--scale 1`` is fairer, and slower. Each scan is one query,
which is given up after ``PATIENCE``: all that it reads counts as needed then. Needs duckdb-extension-tpcds.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

import duckdb
import sqlglot
from rich.console import Console
from rich.table import Table as Grid
from sqlglot import exp

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import GatewayError
from gateway.model import BoundQuery, TypedValue
from gateway.pipeline import Gateway
from gateway.plan.analysis import NOW
from gateway.plan.analysis.structure import scans_in
from gateway.project.loader import load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import write

SCALE = 0.01
FIRST, LAST, STEP = 2_450_815, 2_453_005, 30
"""The days of the facts, as date keys, and how many of them are in a partition."""
PARTS = len(range(FIRST, LAST, STEP))
PATIENCE = 20.0
"""Seconds that are waited for what one scan needs."""
FACTS = {
    "store_sales": "ss_sold_date_sk",
    "store_returns": "sr_returned_date_sk",
    "catalog_sales": "cs_sold_date_sk",
    "catalog_returns": "cr_returned_date_sk",
    "web_sales": "ws_sold_date_sk",
    "web_returns": "wr_returned_date_sk",
    "inventory": "inv_date_sk",
}
PRESENT = {
    "store_sales": "ss_item_sk",
    "store_returns": "sr_item_sk",
    "catalog_sales": "cs_item_sk",
    "catalog_returns": "cr_item_sk",
    "web_sales": "ws_item_sk",
    "web_returns": "wr_item_sk",
    "inventory": "inv_item_sk",
}
"""A column of each that is never NULL."""
CLOCK = {NOW: TypedValue(value=datetime(2024, 3, 11, 6, 30, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query of TPC-DS over the snapshots of its tables."""

    number: int
    bound: BoundQuery


@contextmanager
def opened(scale: float = SCALE) -> Iterator[tuple[Gateway, duckdb.DuckDBPyConnection, list[Query]]]:
    """Write the tables, open a gateway over them, and a DuckDB to run its statements."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        texts = write_tables(Path(folder), connection, scale)
        names = [path.stem for path in sorted(Path(folder, "catalog").iterdir())]
        queries = [_query(number, sql, names) for number, sql in texts]
        with open_gateway(load_settings(Path(folder), {}), observe=unobserved, background=False) as gateway:
            yield gateway, connection, queries


def write_tables(root: Path, connection: duckdb.DuckDBPyConnection, scale: float) -> list[tuple[int, str]]:
    """Write the tables of a scale factor as a project at *root*; return the queries by their numbers."""
    name = Path("extensions") / f"v{duckdb.__version__}" / "tpcds.duckdb_extension"
    connection.load_extension(str(files("duckdb_extension_tpcds").joinpath(str(name))))
    connection.execute(f"SET TimeZone = 'UTC'; CALL dsdgen(sf = {scale})")
    (root / "catalog").mkdir()
    (root / "gateway.toml").write_text('title = "TPC-DS"\n')
    names = [str(name) for (name,) in connection.execute("SHOW TABLES").fetchall()]
    for table in names:
        (root / "catalog" / f"{table}.yaml").write_text(_declared(table))
    tables, wrong = load_tables(root)
    assert not wrong
    for table in names:
        write(tables[table], connection.table(table).to_arrow_table(), root=root)
    return connection.execute("SELECT query_nr, query FROM tpcds_queries() ORDER BY query_nr").fetchall()


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


def needed(connection: duckdb.DuckDBPyConnection, query: Query, scan: int) -> int | None:
    """Count the partitions with a row that the SELECT around a scan keeps; None where that is not known."""
    tree = sqlglot.parse_one(query.bound.sql, read="duckdb")
    node = scans_in(tree, set(query.bound.tables))[scan]
    select = node.find_ancestor(exp.Select)
    assert select is not None
    key = exp.column(FACTS[node.name.lower()], table=node.alias_or_name)
    kept = exp.select(
        f"count(DISTINCT least(greatest(({key.sql()} - {FIRST}) // {STEP}, -1), {PARTS}))", dialect="duckdb"
    )
    kept = kept.select(f"max(({key.sql()} IS NULL AND {_present(node)})::INTEGER)", dialect="duckdb")
    for clause in ("from_", "joins", "where"):
        kept.set(clause, select.args.get(clause))
    tables = [each for each in tree.find_all(exp.CTE) if select not in each.walk() and _is_before(each, node)]
    kept.set("with_", exp.With(expressions=tables) if tables else None)
    stop = Timer(PATIENCE, connection.interrupt)
    stop.start()
    try:
        found = connection.execute(kept.sql(dialect="duckdb")).fetchone()
    except duckdb.Error:  # it takes too long, or looks at the query around it
        return None
    finally:
        stop.cancel()
    assert found is not None
    return int(found[0]) + int(found[1] or 0)


def _present(node: exp.Table) -> str:
    """Write that a row of a table is there, and not what an outer join puts in the place of one."""
    return f"{node.alias_or_name}.{PRESENT[node.name.lower()]} IS NOT NULL"


def _is_before(cte: exp.CTE, node: exp.Table) -> bool:
    return int(cte.args["alias"].this.meta["start"]) < int(node.this.meta["start"])


def main(beside: bool, scale: float) -> None:
    """Print the sums over all scans of facts; *beside* them what is needed, and the scans that read more."""
    scans: list[tuple[int, str, int, int, int]] = []
    refused, unknown = [], 0
    with opened(scale) as (gateway, connection, queries):
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
                few = needed(connection, query, number) if beside else 0
                unknown += few is None
                scans.append((query.number, scan.table, many, many if few is None else few, scan.partitions_total))
    console = Console(width=100)
    read, least, total = (sum(scan[at] for scan in scans) for at in (2, 3, 4))
    if beside:
        grid = Grid("query", "scan", "read", "needed", "of", title="Scans of facts that read more than needed")
        for scan in sorted(scans, key=lambda scan: scan[3] - scan[2]):
            if scan[2] > scan[3]:
                grid.add_row(*map(str, scan))
        console.print(grid)
    if refused:
        console.print(f"Refused: {', '.join(refused)}")
    console.print(f"{read} of {total} scan-partitions are read ({read / total:.3f})")
    if beside:
        ratio = read / max(1, least)
        console.print(f"{least} are needed ({least / total:.3f}): {ratio:.2f} times as many are read")
        console.print(f"Of {unknown} of {len(scans)} scans it is not known; what they read counts as needed")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--needed", action="store_true", help="print what is needed of it too")
    parser.add_argument("--scale", type=float, default=SCALE, help="how large TPC-DS is; 1: a gigabyte")
    options = parser.parse_args()
    main(options.needed, options.scale)
