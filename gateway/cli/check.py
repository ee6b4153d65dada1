"""``gateway check``: every mistake in the project's files, with its place and what would be right."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.authoring.checked import Checked, check_project
from gateway.authoring.data import check_files
from gateway.cli.formats import FORMATS, write
from gateway.cli.project import opened, project_option
from gateway.config import FILE_NAME, load_settings
from gateway.errors import Severity


@click.command("check")
@project_option
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--data", is_flag=True, help="List the tables too, and check that every row lies in its partition.")
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
@click.option("--format", "form", type=click.Choice([*FORMATS]), default="text", show_default=True)
def command(project: Path, paths: tuple[Path, ...], data: bool, strict: bool, form: str) -> None:
    """Check gateway.toml, the tables of catalog/ and the templates of queries/; only what lies in PATHS, if given.

    Ends with 0 if there is no mistake, with 1 if there are some.
    """
    if not any((project / name).exists() for name in ("catalog", "queries", FILE_NAME)):
        raise click.UsageError(f"{project} holds none of catalog/, queries/ and {FILE_NAME}")
    found = check_project(project)
    if data and not found.of(Severity.ERROR):
        found = check_data(found, project)
    found = found.within(project, paths)
    write(form, found, project)
    if found.of(Severity.ERROR) or (strict and found.of(Severity.WARNING)):
        raise click.exceptions.Exit(1)


def check_data(found: Checked, project: Path) -> Checked:
    """Add what the files of the tables say."""
    with opened(project) as gateway:
        return found.plus(check_files(gateway, load_settings(project.resolve())), project)
