"""A table of days in files, planned and folded as a server does, but piece by piece and without what keeps answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from folded import FOLDED

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import BoundQuery, Plan, Principal, Statement, TypedValue
from gateway.pipeline import Gateway
from gateway.plan.analysis import NOW
from gateway.plan.fold.fold import NUMBER, Branch, Fold, together
from gateway.plan.fold.narrow import narrowed
from gateway.plan.fold.parts import Whole
from gateway.query.adhoc import Adhoc
from gateway.telemetry.events import unobserved


@dataclass(frozen=True, slots=True)
class Days:
    """The table ``t`` of a project, others of single files, and what folds queries over it."""

    folder: Path
    gateway: Gateway
    clock: Mapping[str, TypedValue]

    def plan(self, sql: str, given: Mapping[str, Any] | None = None) -> tuple[BoundQuery, Plan, Fold | Whole]:
        """Plan a query, and fold it where it can be."""
        gateway = self.gateway
        adhoc = Adhoc(sql, "q.sql", gateway.catalog.tables)
        snapshots = gateway.catalog.pin(adhoc.tables)
        query = adhoc.bind(dict(given or {}), {name: one.columns for name, one in snapshots.items()})
        query = replace(query, parameters={**query.parameters, **self.clock})
        plan = gateway.planning.planner.plan(query, snapshots)
        return query, plan, gateway.planning.folds.fold(plan, snapshots, Principal())

    def rows(self, statement: Statement) -> pa.Table:
        stream = self.gateway.engine.execute(statement)
        return pa.Table.from_batches(stream, schema=stream.schema)

    def whole(self, fold: Fold) -> pa.Table:
        return self.rows(fold.whole(self.gateway.engine.address))

    def folded(self, fold: Fold, *, at_once: bool = False) -> pa.Table:
        """Compute the partials one by one, or in one statement, and finish them."""
        partials = [self.partials(branch, at_once=at_once) for branch in fold.branches]
        return self.rows(fold.finish(fold.together(partials)))

    def partials(self, branch: Branch, *, at_once: bool = False) -> list[pa.Table]:
        address, pieces = self.gateway.engine.address, branch.pieces
        if not at_once or not pieces:
            made = [self.rows(together([piece], address)) for piece in pieces]
        else:
            found = self.rows(together(pieces, address))
            numbers = found[NUMBER].to_numpy()
            made = [found.filter(pa.array(numbers == number)) for number in range(len(pieces))]
        return [narrowed(rows.drop([NUMBER]), branch.states) for rows in made]

    def scanned(self, sql: str, files: Sequence[str] | None = None) -> pa.Table:
        """Answer a text by one thread of a plain DuckDB that reads the files themselves, all of them or some."""
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for table, snapshot in self.gateway.catalog.pin(self.gateway.catalog.tables).items():
                found = list(map(str, sorted((self.folder / table).rglob("*.parquet"))))
                paths = list(files) if files is not None and table == "t" else found
                nulls = ", ".join(f'CAST(NULL AS {column.type}) AS "{column.name}"' for column in snapshot.columns)
                scan = f"SELECT * FROM read_parquet({paths!r}, hive_partitioning = false, union_by_name = true)"
                empty = f"SELECT {nulls} WHERE false"
                connection.execute(f"CREATE VIEW {table} AS {f'{empty} UNION ALL BY NAME {scan}' if paths else empty}")
            return connection.sql(sql).to_arrow_table()


@contextmanager
def opened_each(
    temporary: pytest.TempPathFactory, build: Callable[[Path, int], object], count: int
) -> Iterator[list[Days]]:
    """Open so many projects, which *build* makes in folders, by seeds."""
    with ExitStack() as held:
        made = []
        for seed in range(count):
            folder = temporary.mktemp("warehouse") / "project"
            build(folder, seed)
            made.append(held.enter_context(opened(folder)))
        yield made


@contextmanager
def opened(folder: Path, environment: Mapping[str, str] = FOLDED) -> Iterator[Days]:
    """Open the project in a folder, whose table is ``t``."""
    with open_gateway(load_settings(folder, environment), observe=unobserved, background=False) as gateway:
        for table in gateway.catalog.tables:
            gateway.catalog.refresh(table)
        now = TypedValue(value=datetime(2024, 1, 15, 12, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE")
        yield Days(folder, gateway, {NOW: now})
