"""``gateway build``: a new version of a dataset."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from gateway.app.jobs import build_now
from gateway.app.written import announce_written
from gateway.cli.names import DatasetName
from gateway.cli.project import opened, project_option
from gateway.config import load_settings
from gateway.counted import counted
from gateway.datasets.build import BuildProgress, Built, OnProgress
from gateway.datasets.describe import of_build
from gateway.errors import GatewayError
from gateway.plan.explain import readable
from gateway.settings import Settings


@click.command("build")
@click.argument("name", type=DatasetName())
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(name: str, project: Path, as_json: bool) -> None:
    """Compute the dataset NAME by its query, and publish it as a new version.

    Partitions whose sources are as they were are taken over; a build that was ended goes on where it was. The version
    before stays in service until the new one is whole. Nothing is published where nothing has changed.

    It is a job as those over HTTP are: servers with the same records list it, and cancel it. While another process
    builds the dataset, this one waits.
    """
    settings = load_settings(project.resolve())
    with opened(project) as gateway, _bar(name) as on_progress:
        built = build_now(
            settings,
            gateway,
            name,
            on_progress=on_progress,
            waiting=_Said(f"{name} is built by"),
            announce=partial(_announce, settings, name),
        )
    _print(built, as_json)


class _Said:
    """Says who is waited for, once for each."""

    def __init__(self, what: str) -> None:
        self._what, self._last = what, ""

    def __call__(self, who: str) -> None:
        if who != self._last:
            click.echo(f"{self._what} {who} now: this waits for it, and then builds what has changed since.", err=True)
        self._last = who


def _announce(settings: Settings, name: str) -> None:
    try:
        announce_written(settings, name, None)
    except GatewayError as error:
        click.echo(f"The version is there, and is not announced: {error.detail}", err=True)


@contextmanager
def _bar(name: str) -> Iterator[OnProgress]:
    """Show a bar of partitions, on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.completed:,} of {task.total} partitions"))
    with Bars(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task(name, total=None)

        def show(progress: BuildProgress) -> None:
            bars.update(task, completed=progress.done, total=progress.total)

        yield show


def _print(built: Built, as_json: bool) -> None:
    version = built.version
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(of_build(built), option=orjson.OPT_APPEND_NEWLINE))
        return
    console = Console(highlight=False, soft_wrap=True)
    made = "" if built.published else ", as it was"
    console.print(f"[bold]{version.dataset}[/] v{version.version}{made} ← {version.query} in {built.seconds:.1f} s")
    console.print(f"  {built}", markup=False)
    console.print(
        f"  {counted(version.rows, 'row')}, {counted(len(version.files), 'file')}, {readable(version.size)}",
        markup=False,
    )
