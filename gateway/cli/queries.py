"""``gateway queries``: the registered queries and their parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson
from rich.table import Table as Grid

from gateway.cli.grids import grid_console
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.project.loader import load_project
from gateway.query.template import Template


@click.command("queries")
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, form: str) -> None:
    """List the queries: versions, parameters, what they answer."""
    templates = list(load_project(load_settings(project.resolve()).project).registry.templates())
    if form == "json":
        rows = [_row(template) for template in templates]
        sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return
    grid = Grid("query", "version", "parameters", "summary", box=None, header_style="bold")
    for template in templates:
        grid.add_row(template.name, f"v{template.version}", " ".join(template.parameters), template.front.summary)
    grid_console().print(grid)


def _row(template: Template) -> dict[str, object]:
    return {
        "query": template.name,
        "version": template.version,
        "summary": template.front.summary,
        "tables": list(template.tables),
        "parameters": list(template.parameters),
    }
