"""How the selected files of a snapshot take the place of a table."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow.compute as pc

from gateway.catalog.manifest import Snapshot
from gateway.model import FileVersion
from gateway.plan.rewrite import Address, Layout, source


def layout(snapshot: Snapshot, *, shield: bool = False) -> Layout:
    """Tell how the files of a snapshot become the columns of its table."""
    held = frozenset(column.name for column in snapshot.file_columns)
    return Layout(
        columns=snapshot.columns,
        held=held,
        folders={field.column: field.function for field in snapshot.table.partitioned_by},
        union_by_name=snapshot.table.union_by_name,
        shield=shield,
    )


def reading(snapshot: Snapshot, files: Sequence[FileVersion], address: Address, *, shield: bool = False) -> str:
    """Write what a scan reads; apart from the others, the files whose folders cannot be relied on.

    *shield* keeps every filter above the scan, see ``plan.shield``.
    """
    read_as = layout(snapshot, shield=shield)
    strangers = _strangers(snapshot) if len(read_as.held) < len(read_as.columns) else frozenset()
    placed = [address(file) for file in files if file.path not in strangers]
    return source(read_as, placed, [address(file) for file in files if file.path in strangers])


def _strangers(snapshot: Snapshot) -> frozenset[str]:
    """Name the files that lie in no partition."""
    unknown = snapshot.partitions.filter(pc.invert(snapshot.partitions["known"]))
    found = [
        snapshot.files["path"].slice(row["first_file"], row["file_count"])
        for row in unknown.select(["first_file", "file_count"]).to_pylist()
    ]
    return frozenset(snapshot.address(str(path)) for paths in found for path in paths.to_pylist())
