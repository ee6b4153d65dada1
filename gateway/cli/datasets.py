"""``gateway datasets``: what was built, from what, and under which names."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson
from rich.table import Table as Grid

from gateway.app.datasets import declared_datasets, open_versions
from gateway.catalog.store import place_of
from gateway.catalog.table import Table
from gateway.catalog.versions import Versions
from gateway.cli.grids import grid_console
from gateway.cli.names import DatasetName
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.datasets.describe import described, lineage, summary
from gateway.datasets.tags import number_of, readers_of, tag, untag, version_of
from gateway.errors import MalformedRequest
from gateway.plan.explain import readable
from gateway.settings import Settings

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("datasets", invoke_without_command=True)
@project_option
@json_option
@click.pass_context
def command(context: click.Context, project: Path, as_json: bool) -> None:
    """List the datasets with their newest versions; see the commands for one of them."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(project.resolve())
    rows = [described(table, open_versions(settings, table)) for table in declared_datasets(settings).values()]
    if as_json:
        _print_json(rows)
        return
    grid = Grid("dataset", "query", "version", "built", "partitions", "rows", "size", "tags", box=None)
    for row in rows:
        newest = row["newest"] or {}
        tags = ", ".join(f"{name} (v{number})" for name, number in row["tags"].items())
        grid.add_row(row["dataset"], row["query"], *_cells(newest), tags)
    grid_console().print(grid)


@command.command("versions")
@click.argument("name", type=DatasetName())
@project_option
@json_option
def versions_command(name: str, project: Path, as_json: bool) -> None:
    """List the versions of the dataset NAME, the newest first."""
    _, versions = _dataset(project, name)
    tags = versions.tags()
    found = [version for number in reversed(versions.numbers()) if (version := versions.read(number)) is not None]
    rows = [summary(version) for version in found]
    if as_json:
        _print_json(rows)
        return
    grid = Grid("version", "built", "partitions", "rows", "size", "new", "tags", box=None)
    for row in rows:
        names = ", ".join(each for each, number in tags.items() if number == row["version"])
        grid.add_row(*_cells(row), str(row["new"]), names)
    grid_console().print(grid)


@command.command("lineage")
@click.argument("name", type=DatasetName())
@click.argument("version", required=False)
@project_option
def lineage_command(name: str, version: str | None, project: Path) -> None:
    """Print, as JSON, what VERSION (v7, or a tag; else the newest) of the dataset NAME was made of."""
    _, versions = _dataset(project, name)
    _print_json(lineage(version_of(versions, version)))


@command.command("tag")
@click.argument("name", type=DatasetName())
@click.argument("version")
@click.argument("label", metavar="TAG")
@project_option
@click.option("--move", is_flag=True, help="Give the tag to this version if another has it.")
def tag_command(name: str, version: str, label: str, project: Path, move: bool) -> None:
    """Name VERSION (v7, or a tag) of the dataset NAME: it is kept for as long as it has the name."""
    table, versions = _dataset(project, name)
    number = number_of(versions, version)
    tag(versions, table.keep, label, number, now=time.time(), move=move)
    click.echo(f"{name} v{number} is {label}")


@command.command("untag")
@click.argument("name", type=DatasetName())
@click.argument("label", metavar="TAG")
@project_option
@click.option("--force", is_flag=True, help="Remove it though a declaration names it.")
def untag_command(name: str, label: str, project: Path, force: bool) -> None:
    """Remove TAG of the dataset NAME; its version is kept for as long as others are."""
    settings = load_settings(project.resolve())
    declared = declared_datasets(settings, name)
    place = partial(place_of, s3=settings.storage, base=settings.project)
    readers = readers_of(label, declared[name], declared.values(), place)
    untag(_built(settings, declared[name]), label, readers=[] if force else readers)


def _dataset(project: Path, name: str) -> tuple[Table, Versions]:
    settings = load_settings(project.resolve())
    table = declared_datasets(settings, name)[name]
    return table, _built(settings, table)


def _built(settings: Settings, table: Table) -> Versions:
    versions = open_versions(settings, table)
    if versions is None:
        raise MalformedRequest(f"{table.name} has no version yet: gateway build {table.name}.")
    return versions


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    if not row:
        return ("-", "", "", "", "")
    built = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
    counts = (f"{row['partitions']:,}", f"{row['rows']:,}", readable(row["bytes"]))
    return (f"v{row['version']}", f"{built:%Y-%m-%d %H:%M} UTC", *counts)


def _print_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
