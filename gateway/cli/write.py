"""``gateway write``: rows from files into a table, as partitioned Parquet."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click
import orjson
from rich.console import Console
from rich.filesize import decimal

from gateway.app.written import announce_written
from gateway.catalog.table import Table
from gateway.cli.bars import write_bars
from gateway.cli.names import TableName
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.declaration import parse_size
from gateway.errors import GatewayError, MalformedRequest, TableInvalid, TableNotFound
from gateway.project.loader import load_tables
from gateway.settings import Settings
from gateway.suggestions import did_you_mean
from gateway.writer import Files, InputFormat, Mode, Options, WriteSummary, write
from gateway.writer.base import Compression
from gateway.writer.encodings import known_encoding


class _Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            size = parse_size(int(value) if str(value).isdigit() else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return size if size > 0 else self.fail("a size is above 0", param, ctx)


def _names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Split ``a,b`` and join repeated options."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def _encoding(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    try:
        return None if name is None else known_encoding(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("write")
@click.argument("table", type=TableName())
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@project_option
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in InputFormat]),
    help="Format of the input; else its name tells.",
)
@click.option(
    "--mode",
    type=click.Choice([each.value for each in Mode]),
    default=Mode.APPEND.value,
    show_default=True,
    help="What happens to rows that are there: kept, replaced in the partitions that get rows, all replaced.",
)
@click.option("--select", multiple=True, callback=_names, metavar="COLUMNS", help="Write only these: a,b,c.")
@click.option("--exclude", multiple=True, callback=_names, metavar="COLUMNS", help="Leave these out: a,b,c.")
@click.option("--sort", multiple=True, callback=_names, metavar="COLUMNS", help='Order in the files: "a,b desc".')
@click.option("--null", metavar="TEXT", help="Text that means NULL in CSV; else an empty field without quotes.")
@click.option("--delimiter", metavar="TEXT", help="Between the fields of CSV; else a comma, or a tab in .tsv files.")
@click.option(
    "--encoding", callback=_encoding, help="Of CSV and JSON, such as latin-1 or cp1252; else as a mark says, or UTF-8."
)
@click.option("--target-size", type=_Size(), default="128MiB", show_default=True, help="Largest size of a file, about.")
@click.option(
    "--compression", type=click.Choice(get_args(Compression)), default="zstd", show_default=True, help="Of the files."
)
@click.option("--memory", type=_Size(), default="1GiB", show_default=True, help="What exceeds it goes to disk.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    table: str,
    inputs: tuple[str, ...],
    project: Path,
    form: str | None,
    mode: str,
    null: str | None,
    delimiter: str | None,
    encoding: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Write CSV, Parquet or JSON files into TABLE, partitioned as catalog/TABLE.yaml declares.

    INPUT is a file or a quoted wildcard, e.g. 'exports/*.csv'; CSV has a header. Nothing is visible before every
    file is complete: a row that does not fit ends the write with its number, and the table is as before.
    """
    settings = load_settings(project.resolve())
    with write_bars() as on_progress:
        summary = write(
            _declared(settings.project, table),
            Files(
                paths=inputs,
                format=InputFormat(form) if form else None,
                null=null,
                delimiter=delimiter,
                encoding=encoding,
            ),
            root=settings.project,
            s3=settings.writing,
            options=Options(mode=Mode(mode), **choices),
            on_progress=on_progress,
        )
    _announce(settings, summary)
    _print(summary, as_json)


def _announce(settings: Settings, summary: WriteSummary) -> None:
    """Let those see the new files who have listed the table before; the files are there, whatever comes of it."""
    try:
        announce_written(settings, summary.table, summary.paths if summary.mode is Mode.APPEND else None)
    except GatewayError as error:
        click.echo(f"The files are there, and are not announced: {error.detail}", err=True)


def _declared(project: Path, name: str) -> Table:
    """Find the declaration of a table; those of other tables may be wrong."""
    tables, diagnostics = load_tables(project)
    if name in tables:
        if tables[name].query is not None:
            raise MalformedRequest(f"{name} is a dataset, which only its build writes: gateway build {name}.")
        return tables[name]
    if diagnostics:
        raise TableInvalid(diagnostics)
    hint = did_you_mean(name, tables) or f"declare it in {project / 'catalog' / name}.yaml"
    raise TableNotFound(f"There is no table {name!r}: {hint}.", available=sorted(tables))


def _print(summary: WriteSummary, as_json: bool) -> None:
    if as_json:
        document = {name: value for name, value in asdict(summary).items() if name != "paths"}
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{summary.table}[/] ← {_count(summary.rows, 'row')} in {summary.seconds:.1f} s", end="")
    console.print(f" ({_count(round(summary.rows / max(summary.seconds, 0.001)), 'row')}/s)")
    console.print(
        f"  {_count(summary.partitions, 'partition')}, {_count(summary.files, 'file')}, {decimal(summary.bytes)}"
        + (f", {_count(summary.removed, 'old file')} removed" if summary.removed else "")
    )
    console.print(f"  {summary.location}", markup=False)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
