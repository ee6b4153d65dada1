"""``gateway init``: a new project."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.authoring.starting import parts_of, start_project


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def command(folder: Path) -> None:
    """Start a project in FOLDER (by default here): settings, a table with a few rows, a query with its tests."""
    if found := parts_of(folder):
        raise click.UsageError(f"{folder} has {', '.join(found)}: it is a project already, or a part of one.")
    start_project(folder)
    _say_what_next(folder)


def _say_what_next(folder: Path) -> None:
    click.echo(f"A project is in {folder}. From there:\n")
    click.echo("  gateway check        # every mistake, with file, line and column")
    click.echo("  gateway test         # the tests beside the queries")
    click.echo("  gateway serve        # http://127.0.0.1:8080/docs")
    click.echo("  gateway new NAME     # your first query")
    click.echo("\nTables are declared in catalog/, queries are written in queries/.")
