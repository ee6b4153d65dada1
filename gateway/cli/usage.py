"""``gateway usage``: who calls which version of a query."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from rich.table import Table as Grid

from gateway.app.state import calls_folder
from gateway.cli.grids import grid_console
from gateway.cli.names import QueryName
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.declaration import parse_duration
from gateway.project.loader import load_project
from gateway.query.registry import Registry, unknown_query
from gateway.telemetry.usage import CallCount, read_calls


@click.command("usage")
@project_option
@click.argument("name", required=False, type=QueryName())
@click.option(
    "--since", default="30d", show_default=True, metavar="DURATION", help="How far back, in whole days (UTC)."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, name: str | None, since: str, form: str) -> None:
    """Show who asked for results of each version of the query NAME, or of all queries, and when last.

    Counted on this machine, with up to five seconds of delay.
    """
    settings = load_settings(project.resolve())
    try:
        first = datetime.fromtimestamp(time.time() - parse_duration(since), UTC).date()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error
    registry = load_project(settings.project).registry
    found = read_calls(calls_folder(settings), since=first, query=name)
    if name is not None and not found and name not in registry.queries():
        raise unknown_query(name, registry.queries())
    if form == "json":
        rows = [asdict(called) | {"state": _state(registry, called)} for called in found]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    if not found:
        click.echo(f"Nobody asked for {name or 'a result'} since {first}.")
        return
    grid = Grid("query", "state", "caller", "requests", "refused", "last", box=None, header_style="bold")
    for called in found:
        last = datetime.fromtimestamp(called.last, UTC).strftime("%Y-%m-%d %H:%M")
        name_of = f"{called.query} v{called.version}"
        grid.add_row(
            name_of, _state(registry, called), called.principal, str(called.requests), str(called.refused), last
        )
    grid_console().print(grid)


def _state(registry: Registry, called: CallCount) -> str:
    template = registry.queries().get(called.query, {}).get(called.version)
    return "removed" if template is None else registry.state(template).value
