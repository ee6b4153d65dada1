"""``gateway tables``: the declared tables and what lies in them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table as Grid

from gateway.catalog.manifest import Snapshot
from gateway.cli.project import opened, project_option
from gateway.plan.explain import readable


@click.command("tables")
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, form: str) -> None:
    """List the tables: partitioning, partitions, files, bytes, problems."""
    with opened(project) as gateway:
        rows = [_row(snapshot) for snapshot in gateway.catalog.pin(sorted(gateway.catalog.tables)).values()]
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    grid = Grid("table", "partitioned by", "partitions", "files", "size", "problems", box=None, header_style="bold")
    for row in rows:
        by = ", ".join(f"{column} = {rule}" for column, rule in row["partitioned_by"].items()) or "-"
        counts = (str(row["partitions"]), str(row["files"]), readable(row["bytes"]), str(row["problems"]))
        grid.add_row(row["table"], by, *counts)
    Console().print(grid)


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
