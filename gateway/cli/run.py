"""``gateway run``: answer a query without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
import pyarrow as pa
from rich.table import Table as Grid

from gateway.answer import Answer, Export, Unread
from gateway.cli.grids import grid_console
from gateway.cli.project import opened, project_option
from gateway.cli.question import bound_question, question_options
from gateway.counted import noun
from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.execution.work import StreamOptions
from gateway.model import Principal

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
    """Run the query NAME, or NAME/v2, and write its answer."""
    chosen = form or (output.suffix.lstrip(".") if output is not None else _default())
    if chosen not in ("table", *FORMATS):
        raise click.BadParameter(f"no format is named {chosen!r}: give --format", param_hint="--output")
    with opened(project) as gateway:
        query = bound_question(gateway, **question)
        if chosen == "table":
            first = gateway.answer(query, principal=Principal(), stream=StreamOptions(limit=_SHOWN))
            assert not isinstance(first, Unread)  # nobody said that a summary is enough
            _show(first)
            return
        answer = gateway.answer(query, principal=Principal(), stream=StreamOptions())
        assert not isinstance(answer, Unread)  # likewise
        with _opened(output) as file:
            _write(answer, chosen, file)


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """Open the file to write to; what breaks off leaves none, for it would look like a whole one."""
    if output is None:
        yield sys.stdout.buffer
        return
    draft = output.with_name(f".{output.name}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(output)
    finally:
        draft.unlink(missing_ok=True)


def _default() -> str:
    return "table" if sys.stdout.isatty() else "json"


def _write(answer: Answer | Export, chosen: str, file: BinaryIO) -> None:
    meta: dict[str, Any] = {"query": answer.query.name, "version": answer.query.version}
    if isinstance(answer, Answer):
        rows = Rows.of(answer.result.table)
        meta["rows"] = answer.result.table.num_rows
    else:
        rows = Rows(schema=answer.result.schema, batches=answer.result.batches)
    try:
        for chunk in encode(FORMATS[chosen], rows, answer.result.columns, meta=meta):
            file.write(chunk)
        file.flush()
    finally:
        if isinstance(answer, Export):
            answer.result.close()


def _show(answer: Answer | Export) -> None:
    """Print the first rows as a table, and what they cost."""
    result = answer.result
    table = _first_rows(answer)
    grid = Grid(*(column.name for column in result.columns), box=None, header_style="bold")
    rows = table.slice(0, _SHOWN).to_pydict() if result.columns else {}
    for values in zip(*rows.values(), strict=True):
        grid.add_row(*("" if value is None else str(value) for value in values))
    console = grid_console()
    console.print(grid)
    left = table.num_rows - _SHOWN
    if left > 0:
        console.print(f"… and {left} more rows: --format or --output writes all")
    if isinstance(answer, Export):
        console.print("… and more rows, too many to be kept: --format or --output writes all")
        return
    console.print(f"[dim]{_cost(answer)}[/]")


def _first_rows(answer: Answer | Export) -> pa.Table:
    if isinstance(answer, Answer):
        return answer.result.table
    with closing(answer.result):
        return pa.Table.from_batches(answer.result.batches, answer.result.schema)


def _cost(answer: Answer) -> str:
    result, rows = answer.result, answer.result.table.num_rows
    read = sum(reading.partitions for reading in result.readings)
    total = sum(reading.partitions_total for reading in result.readings)
    made = "from the cache" if answer.status.hit else f"{result.seconds * 1000:.0f} ms"
    return f"{rows} {noun(rows, 'row')}, {read} of {total} {noun(total, 'partition')}, {made}"
