"""``gateway apart``: list the queries that run in a process apart, and let some run with the others again."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
import orjson
from rich.table import Table as Grid

from gateway.app.engine_processes import escapes_file
from gateway.cli.grids import grid_console
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.errors import Diagnostic, SettingsInvalid
from gateway.processes.escapes import Escape, Escapes

REASONS = {
    "deadline": "it went on past its time limit",
    "memory": "it took more memory than the engine may use",
    "hang": "it kept the engine from answering",
    "crash": "it crashed the engine",
}


@click.command("apart")
@project_option
@click.option("--clear", metavar="QUERY[/vN]", help="Let this query, or this version, run with the others again.")
@click.option("--all", "everything", is_flag=True, help="Let all of them run with the others again.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, clear: str | None, everything: bool, form: str) -> None:
    """List the queries that ended the engine's process, and that run one at a time in a process apart since then.

    They do until their text changes, or until they are cleared here: running servers of this machine notice within a
    second.
    """
    escapes = Escapes(escapes_file(load_settings(project.resolve()).state))
    if clear is not None and everything:
        raise click.UsageError("Say --clear QUERY or --all, not both.")
    if clear is not None or everything:
        _clear(escapes, clear)
    elif form == "json":
        rows = [_row(text, escape) for text, escape in escapes.known.items()]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif escapes.known:
        _print(escapes.known)
    else:
        click.echo("No query runs apart.")


def _clear(escapes: Escapes, given: str | None) -> None:
    """Clear the texts of the query, or of its version, that is *given*; None: all."""
    names = {text: text.rpartition("/")[0] for text in escapes.known}  # query/vN
    if given is not None and given not in {*names.values(), *(name.rpartition("/")[0] for name in names.values())}:
        known = f"these do: {', '.join(sorted(set(names.values())))}" if names else "no query does"
        raise click.BadParameter(f"{given} does not run apart; {known}", param_hint="--clear")
    try:
        cleared = escapes.clear(lambda text: given is None or text.startswith(f"{given}/"))
    except OSError as error:
        message = f"apart.json in the state folder cannot be written ({error.strerror})"
        raise SettingsInvalid([Diagnostic(path="state", message=message)]) from error
    for name in dict.fromkeys(map(_said, cleared)):
        click.echo(f"{name} runs with the others again")
    if not cleared:
        click.echo("No query runs apart.")


def _print(known: Mapping[str, Escape]) -> None:
    grid = Grid("query", "since", "because", box=None, header_style="bold")
    for text, escape in known.items():
        since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(escape.since))
        grid.add_row(_said(text), since, REASONS.get(escape.reason, escape.reason))
    grid_console().print(grid)


def _row(text: str, escape: Escape) -> dict[str, str | int | float]:
    name, version, _ = text.split("/")
    return {
        "query": name,
        "version": int(version.removeprefix("v")),
        "reason": escape.reason,
        "since": escape.since,
    }


def _said(text: str) -> str:
    """Name a query and its version as the other commands do.

    >>> _said("finance.revenue/v3/60e6b55ff57fdf38")
    'finance.revenue v3'
    """
    name, version, _ = text.split("/")
    return f"{name} {version}"
