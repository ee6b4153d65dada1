"""Result columns of a query, from the declarations of its tables alone: no file is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.table import Table
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.engine.rows import one_row
from gateway.errors import GatewayError
from gateway.model import Column
from gateway.plan.dynamic import DimensionReader
from gateway.plan.planner import Planner
from gateway.query.template import Template


class DeclaredColumns:
    """Finds the result columns of templates over tables that declare theirs; made by ``open``."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self._engine = engine
        self._planner = Planner(engine.evaluate, DimensionReader.over(one_row(engine, seconds=10), engine.address))

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[DeclaredColumns]:
        """Start an engine that can read nothing, for as long as the context lasts."""
        with TemporaryDirectory(prefix="gateway-columns-") as folder:
            engine = DuckDBEngine.open(DuckDBSettings(locations=(), temp_directory=folder, threads=1))
            try:
                yield cls(engine)
            finally:
                engine.close()

    def of(self, template: Template, tables: Mapping[str, Table]) -> tuple[Column, ...] | None:
        """Return the result columns of *template*; None where a table declares none, or the query does not fit it."""
        known = {name: tables[name].columns for name in template.tables if name in tables}
        if len(known) < len(template.tables) or None in known.values():
            return None
        try:
            snapshots = {name: _empty(tables[name], columns or {}) for name, columns in known.items()}
            return self._engine.columns(self._planner.over_nothing(template.bound_to_nothing(), snapshots))
        except GatewayError:
            return None


def _empty(table: Table, columns: Mapping[str, str]) -> Snapshot:
    """Make the snapshot of a table without files."""
    declared = [Column(name=name, type=type_) for name, type_ in columns.items()]
    return build(table, "", SCHEMA.empty_table(), declared, 0.0)
