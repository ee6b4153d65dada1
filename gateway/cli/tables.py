"""``gateway tables``: the declared tables and what lies in them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.table import Table as Grid

from gateway.catalog.catalog import Catalog
from gateway.catalog.manifest import Snapshot
from gateway.cli.diagnostics import print_diagnostics
from gateway.cli.grids import grid_console
from gateway.cli.project import opened, project_option
from gateway.errors import TableInvalid
from gateway.plan.explain import readable


@click.command("tables")
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--snapshots", is_flag=True, help="List the snapshots that are kept, see [snapshots] of gateway.toml.")
def command(project: Path, form: str, snapshots: bool) -> None:
    """List the tables: partitioning, partitions, files, bytes, problems; or their kept snapshots."""
    with opened(project) as gateway:
        catalog = gateway.catalog
        names = _without_unbuilt(catalog)
        if snapshots:
            rows = [{"table": name, **kept.as_dict()} for name in names for kept in catalog.kept(name)]
        else:
            rows = [_row(snapshot) for snapshot in catalog.pin(names).values()]
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif snapshots:
        _print_snapshots(rows)
    else:
        _print_tables(rows)


def _without_unbuilt(catalog: Catalog) -> list[str]:
    """List the names of the tables, but of the datasets that cannot be read yet: these are told."""
    found = []
    for name, table in sorted(catalog.tables.items()):
        try:
            if table.query is not None:
                catalog.pin([name])
        except TableInvalid as error:
            print_diagnostics(error.diagnostics)
        else:
            found.append(name)
    return found


def _print_snapshots(rows: Sequence[Mapping[str, Any]]) -> None:
    grid = Grid("table", "snapshot", "named at", "size", "kept as", box=None, header_style="bold")
    for row in rows:
        kind = "whole" if row["whole"] else "difference"
        grid.add_row(row["table"], row["snapshot"], row["named_at"], readable(row["bytes"]), kind)
    grid_console().print(grid)


def _print_tables(rows: Sequence[Mapping[str, Any]]) -> None:
    grid = Grid("table", "partitioned by", "partitions", "files", "size", "problems", box=None, header_style="bold")
    for row in rows:
        by = ", ".join(f"{column} = {rule}" for column, rule in row["partitioned_by"].items()) or "-"
        counts = (str(row["partitions"]), str(row["files"]), readable(row["bytes"]), str(row["problems"]))
        grid.add_row(row["table"], by, *counts)
    grid_console().print(grid)


def _row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "table": snapshot.table.name,
        "partitioned_by": {item.column: f"{item.transform}({item.source})" for item in snapshot.table.partitioned_by},
        "partitions": snapshot.partitions.num_rows,
        "files": snapshot.files.num_rows,
        "bytes": snapshot.size,
        "problems": snapshot.problem_count,
        "snapshot": snapshot.id,
    }
