"""The columns of the declared tables, as far as they are known without listing a store."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.catalog.manifest import complete
from gateway.catalog.shelf import Shelf, Unreadable
from gateway.catalog.store import root_of
from gateway.catalog.table import Table
from gateway.config import Settings
from gateway.errors import TableInvalid
from gateway.model import Column

Schemas = Mapping[str, tuple[Column, ...]]
"""The columns by the name of the table, those of folders included; tables whose columns are not known are left out."""


def known_schemas(tables: Mapping[str, Table], settings: Settings) -> Schemas:
    """Return the columns that are declared, or that the last listing on this machine has found."""
    found = {name: _known(table, settings) for name, table in tables.items()}
    return {name: columns for name, columns in found.items() if columns is not None}


def _known(table: Table, settings: Settings) -> tuple[Column, ...] | None:
    try:
        if table.columns is not None:
            return complete(table, [Column(name=name, type=kind) for name, kind in table.columns.items()])
        return (
            Shelf(settings.state / "tables" / table.name).take(table, root_of(table.location, settings.project)).columns
        )
    except (Unreadable, TableInvalid):
        return None
