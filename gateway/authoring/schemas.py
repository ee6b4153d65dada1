"""Columns of the declared tables that are known without listing a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from gateway.catalog.manifest import Snapshot, complete
from gateway.catalog.snapshot_store import SnapshotStore, SnapshotUnreadable, snapshot_folder
from gateway.catalog.store import place_of, root_of
from gateway.catalog.table import Table
from gateway.errors import TableInvalid
from gateway.model import Column
from gateway.settings import Settings

Schemas = Mapping[str, tuple[Column, ...]]
"""The columns by the name of the table, those of folders included; tables whose columns are not known are left out."""


def known_schemas(tables: Mapping[str, Table], settings: Settings) -> Schemas:
    """Return the columns that are declared, or that the last listing on this machine has found."""
    found = {name: _known(table, settings) for name, table in tables.items()}
    return {name: columns for name, columns in found.items() if columns is not None}


def newest_values(table: Table, settings: Settings) -> tuple[date | None, Mapping[str, str]]:
    """Return a day and the folder texts of the last partition that was listed on this machine, by source column."""
    snapshot = _listed(table, settings)
    if snapshot is None or not table.partitioned_by:
        return None, {}
    known = snapshot.partitions.filter(snapshot.partitions["known"])
    texts = known.slice(max(known.num_rows - 1, 0)).to_pylist()
    values = {
        field.source: str(texts[0][field.column])
        for field in table.partitioned_by
        if texts and texts[0][field.column] is not None and field.transform == "identity"
    }
    days = [texts[0][field.column] for field in table.partitioned_by if texts and field.transform in _DAYS]
    return next((_day(day) for day in days if day is not None), None), values


_DAYS = ("day", "month", "year", "hour")
"""Transforms whose folder text begins with a year, and may go on with month and day."""


def _day(text: str) -> date | None:
    match = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", text)
    return date(int(match[1]), int(match[2] or 1), int(match[3] or 1)) if match else None


def _known(table: Table, settings: Settings) -> tuple[Column, ...] | None:
    try:
        if table.columns is not None:
            return complete(table, [Column(name=name, type=kind) for name, kind in table.columns.items()])
    except TableInvalid:
        return None
    snapshot = _listed(table, settings)
    return snapshot.columns if snapshot is not None else None


def listed_paths(table: Table, settings: Settings) -> list[str]:
    """Return the path of one file of the last listing on this machine, below the table's location; none: not listed."""
    snapshot = _listed(table, settings)
    return [] if snapshot is None else [str(path) for path in snapshot.files["path"].slice(0, 1).to_pylist()]


def _listed(table: Table, settings: Settings) -> Snapshot | None:
    """Return the last snapshot that was stored on this machine."""
    place = place_of(table.location, settings.storage, settings.project)
    snapshots = SnapshotStore(snapshot_folder(settings.state, table.name, place))
    try:
        return snapshots.load(table, root_of(table.location, settings.project))
    except SnapshotUnreadable:
        return None
