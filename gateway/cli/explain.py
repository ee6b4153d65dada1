"""``gateway explain``: what a query would read, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.cli.project import opened, project_option
from gateway.cli.question import bound_question, question_options
from gateway.model import Principal


@click.command("explain")
@question_options
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, form: str, **question: Any) -> None:
    """Show which partitions and files the query NAME, or NAME/v2, would read, without running it."""
    with opened(project) as gateway:
        explanation = gateway.explain_bound(bound_question(gateway, **question), principal=Principal())
    if form == "text":
        click.echo(explanation.as_text())
        return
    sys.stdout.buffer.write(orjson.dumps(explanation.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
