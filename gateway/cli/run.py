"""``gateway run``: answer a query without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.table import Table as Grid

from gateway.cli.project import opened, project_option
from gateway.cli.question import bound_question, question_options
from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.model import Answer, Principal

_SHOWN = 50
"""Rows that a terminal is shown; the other formats write all."""


@click.command("run")
@question_options
@project_option
@click.option(
    "--format", "form", type=click.Choice(["table", *FORMATS]), help="Format; a table on a terminal, else JSON."
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write to.")
def command(project: Path, form: str | None, output: Path | None, **question: Any) -> None:
    """Run the query NAME and write its answer."""
    with opened(project) as gateway:
        answer = gateway.ask(bound_question(gateway, **question), principal=Principal())
    chosen = form or (output.suffix.lstrip(".") if output is not None else _default())
    if chosen == "table":
        _show(answer)
        return
    if chosen not in FORMATS:
        raise click.BadParameter(f"no format is named {chosen!r}: give --format", param_hint="--output")
    meta = {"query": answer.query.name, "version": answer.query.version, "rows": answer.result.table.num_rows}
    chunks = encode(FORMATS[chosen], Rows.of(answer.result.table), answer.result.columns, meta=meta)
    if output is None:
        _write(chunks, sys.stdout.buffer)
        return
    with output.open("wb") as file:
        _write(chunks, file)


def _default() -> str:
    return "table" if sys.stdout.isatty() else "json"


def _write(chunks: Iterable[bytes], file: BinaryIO) -> None:
    for chunk in chunks:
        file.write(chunk)
    file.flush()


def _show(answer: Answer) -> None:
    """Print the first rows as a table, and what they cost."""
    result = answer.result
    grid = Grid(*(column.name for column in result.columns), box=None, header_style="bold")
    rows = result.table.slice(0, _SHOWN).to_pydict() if result.columns else {}
    for values in zip(*rows.values(), strict=True):
        grid.add_row(*("" if value is None else str(value) for value in values))
    console = Console()
    console.print(grid)
    left = result.table.num_rows - _SHOWN
    if left > 0:
        console.print(f"… and {left} more rows: --format or --output writes all")
    console.print(f"[dim]{_cost(answer)}[/]")


def _cost(answer: Answer) -> str:
    result = answer.result
    read = sum(reading.partitions for reading in result.readings)
    total = sum(reading.partitions_total for reading in result.readings)
    made = "from the cache" if answer.status.hit else f"{result.seconds * 1000:.0f} ms"
    return f"{result.table.num_rows} rows, {read} of {total} partitions, {made}"
