"""``gateway schema``: JSON Schemas of the files of a project, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.authoring.json_schemas import FOLDER, NAMES, text, write_schemas
from gateway.cli.project import project_option


@click.command("schema")
@project_option
@click.argument("name", required=False, type=click.Choice(NAMES))
def command(project: Path, name: str | None) -> None:
    """Print the JSON Schema NAME; without a name, write all of them into .schemas/ of the project.

    Editors find them by the first line of a file: "# yaml-language-server: $schema=../.schemas/table.json" in YAML,
    "#:schema ./.schemas/settings.json" in gateway.toml. Write them again after an upgrade.
    """
    if name is not None:
        click.echo(text(name), nl=False)
        return
    written = write_schemas(project)
    click.echo(f"wrote {len(written)} schemas into {project / FOLDER}")
