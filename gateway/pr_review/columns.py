"""Result columns of a query, from the declarations of its tables alone: no file is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from gateway.catalog.manifest import complete
from gateway.catalog.table import Table
from gateway.errors import GatewayError
from gateway.model import Column
from gateway.project.binding import SchemaBinder
from gateway.query.template import Template


class DeclaredColumns:
    """Finds the result columns of templates over tables that declare theirs; made by ``open``."""

    def __init__(self, binder: SchemaBinder) -> None:
        self._binder = binder

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[DeclaredColumns]:
        """Bind in a process of its own, for as long as the context lasts."""
        with closing(SchemaBinder()) as binder:
            yield cls(binder)

    def of(self, template: Template, tables: Mapping[str, Table]) -> tuple[Column, ...] | None:
        """Return the result columns of *template*; None where a table declares none, or the query does not fit it."""
        for name in template.tables:
            columns = _declared(tables[name]) if name in tables else None
            if columns is None:
                return None
            self._binder.declare(name, columns)
        try:
            return self._binder.bind(template).columns
        except GatewayError:
            return None


def _declared(table: Table) -> tuple[Column, ...] | None:
    """Return the columns of a table with those of its folders."""
    if table.columns is None:
        return None
    try:
        return complete(table, [Column(name=name, type=type_) for name, type_ in table.columns.items()])
    except GatewayError:
        return None
