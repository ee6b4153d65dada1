"""``gateway keys``: make API keys, list them, and take them back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from rich.table import Table as Grid

from gateway.access.keys import PREFIX, Key, KeyFile
from gateway.cli.grids import grid_console
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.declaration import parse_duration
from gateway.errors import AccessInvalid, Diagnostic


@click.group("keys")
def command() -> None:
    """Make API keys, list them, and take them back. Running servers of this machine notice within a second."""


@command.command("add")
@project_option
@click.argument("name")
@click.option("--group", "groups", multiple=True, help="A group that its owner belongs to; may be given several times.")
@click.option("--expires", metavar="DURATION", help="How long the key is valid, such as 90d; else until it is revoked.")
def add(project: Path, name: str, groups: tuple[str, ...], expires: str | None) -> None:
    """Make a key for NAME and print it: it is shown this once, and kept nowhere."""
    try:
        lifetime = None if expires is None else parse_duration(expires)
        with _file(project) as file:
            key = file.add(name, groups=groups, lifetime=lifetime)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"Made for {name}. Keep it now: it is not shown again.", err=True)
    click.echo(key)


@command.command("list")
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def listed(project: Path, form: str) -> None:
    """List all keys, by what of them is public."""
    now = datetime.now(UTC)
    with _file(project) as file:
        keys = file.keys()
    if form == "json":
        rows = [key.model_dump(mode="json", exclude={"digest"}) | {"state": key.state(now)} for key in keys]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    grid = Grid("key", "name", "groups", "made", "until", "state", box=None, header_style="bold")
    for key in keys:
        grid.add_row(
            f"{PREFIX}{key.id}", key.name, " ".join(key.groups), _day(key.created), _until(key), key.state(now)
        )
    grid_console(highlight=False, markup=False).print(grid)


@command.command("revoke")
@project_option
@click.argument("key")
def revoke(project: Path, key: str) -> None:
    """Make KEY (its id: what is before the second underscore) invalid from now on."""
    with _file(project) as file:
        found = file.revoke(key)
    if found is None:
        raise click.UsageError("There is no such key: gateway keys list shows all.")
    click.echo(f"{PREFIX}{found.id} of {found.name} is revoked.")


@contextmanager
def _file(project: Path) -> Iterator[KeyFile]:
    path = project / load_settings(project.resolve()).access.keys
    try:
        yield KeyFile(path)
    except OSError as error:
        raise AccessInvalid([Diagnostic(path=str(path), message=f"cannot be written: {error.strerror}")]) from error


def _day(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d")


def _until(key: Key) -> str:
    return "" if key.expires is None else key.expires.strftime("%Y-%m-%d %H:%M")
