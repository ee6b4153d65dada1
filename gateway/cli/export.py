"""``gateway export``: the result of a query, as partitioned Parquet."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from gateway.app.exports import open_exporter
from gateway.cli.bars import write_bars
from gateway.cli.project import opened, project_option
from gateway.cli.question import bound_question, question_options
from gateway.concurrency.cancellation import Cancellation
from gateway.config import load_settings
from gateway.counted import counted
from gateway.datasets.export import ExportQuestion, described
from gateway.datasets.export_target import fields_of
from gateway.model import Principal
from gateway.plan.explain import readable

_COMMA = re.compile(r",(?![^\[{(]*[\]})])")
"""A comma that stands in no brackets."""


def _listed(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Split ``a,range[0, 9](b)`` and join repeated options."""
    return [text.strip() for value in values for text in _COMMA.split(value) if text.strip()]


@click.command("export")
@question_options
@project_option
@click.option("--to", required=True, metavar="LOCATION", help="Folder, or s3://bucket/folder: without files.")
@click.option(
    "--partition-by",
    multiple=True,
    callback=_listed,
    metavar="FIELDS",
    help='Columns, and transforms of them: "origin,day(time_hour)", "b=bucket[16](user_id)".',
)
@click.option("--sort", multiple=True, callback=_listed, metavar="COLUMNS", help='Order in the files: "a,b desc".')
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(project: Path, to: str, partition_by: list[str], sort: list[str], as_json: bool, **question: Any) -> None:
    """Write the result of the query NAME, or NAME/v2, as Parquet files into a folder that has none.

    The folder is below one of the prefixes that [export] allow names. When `_export.json` is there, all files are; it
    says what they are of.
    """
    settings = load_settings(project.resolve())
    fields = fields_of(partition_by)
    with opened(project) as gateway, write_bars() as on_progress:
        asked = ExportQuestion(
            query=bound_question(gateway, **question),
            to=to,
            partition_by=fields,
            sort=tuple(sort),
            parameters=_given(**question),
        )
        exported = open_exporter(settings, gateway).export(
            asked, principal=Principal(), cancellation=Cancellation(), on_progress=on_progress
        )
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(described(exported), option=orjson.OPT_APPEND_NEWLINE))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{asked.query.name}[/] v{asked.query.version} → {counted(exported.rows, 'row')}", end="")
    console.print(f" in {exported.seconds:.1f} s")
    size = readable(exported.bytes)
    console.print(
        f"  {counted(exported.partitions, 'partition')}, {counted(exported.files, 'file')}, {size}", markup=False
    )
    console.print(f"  {exported.location}", markup=False)


def _given(*, pairs: tuple[str, ...], document: str | None, **_: Any) -> dict[str, Any]:
    """Return the parameters as they were given: as JSON, or as texts."""
    if document is not None:
        found: dict[str, Any] = json.loads(document)
        return found
    given: dict[str, Any] = {}
    for pair in pairs:
        name, _sign, value = pair.partition("=")
        given.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}
