"""``gateway cache``: list the results kept on this machine and in Redis, and purge some."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import orjson
from rich.table import Table as Grid

from gateway.app.result_tiers import open_cache, open_spool
from gateway.cache.results import ResultCache
from gateway.cache.tier import Entry, Purge
from gateway.cli.grids import grid_console
from gateway.cli.names import QueryName, TableName
from gateway.cli.project import project_option
from gateway.config import load_settings
from gateway.declaration import parse_duration
from gateway.errors import StorageFailed
from gateway.plan.explain import readable
from gateway.telemetry.events import Event, TierFailed

_LISTED = 1_000


@click.group("cache")
def command() -> None:
    """Look at kept results, and drop some. The memory of each worker holds copies of the newest of them."""


@command.command("stats")
@project_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def stats(project: Path, form: str) -> None:
    """Count what is kept, by tier and query: answers, and the partials of which answers are put together."""
    with _opened(project) as results:
        kept = {"answers": results.entries(), "partials": results.partials.entries()}
    rows = [
        {"kind": kind, **row}
        for kind, by_tier in kept.items()
        for tier, found in by_tier.items()
        if tier != "memory"
        for row in _sums(tier, found)
    ]
    if form == "json":
        _write(rows)
        return
    grid = Grid("kind", "tier", "query", "kept", "size", "newest", box=None, header_style="bold")
    for row in rows:
        name = f"{row['query']} v{row['version']}"
        size, newest = readable(int(row["bytes"])), _ago(float(row["newest"]))
        grid.add_row(str(row["kind"]), str(row["tier"]), name, str(row["results"]), size, newest)
    grid_console().print(grid)


@command.command("list")
@project_option
@click.option("--query", type=QueryName(), help="Results of this query only.")
@click.option("--table", type=TableName(), help="Results that read this table only.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def entries(project: Path, query: str | None, table: str | None, form: str) -> None:
    """List what is kept, newest first."""
    which = Purge(query=query, table=table)
    with _opened(project) as results:
        found = [(tier, entry) for tier, every in results.entries().items() for entry in every if which.matches(entry)]
    found.sort(key=lambda item: item[1].created_at, reverse=True)
    if form == "json":
        _write([{"tier": tier, **_row(entry)} for tier, entry in found])
        return
    grid = Grid("tier", "key", "query", "tables", "size", "made", box=None, header_style="bold")
    for tier, entry in found[:_LISTED]:
        name, tables = f"{entry.query} v{entry.version}", ", ".join(entry.tables)
        grid.add_row(tier, entry.key[:12], name, tables, readable(entry.size), _ago(entry.created_at))
    console = grid_console()
    console.print(grid)
    if len(found) > _LISTED:
        console.print(f"… and {len(found) - _LISTED} more: --format json lists all")


@command.command("drop")
@project_option
@click.option("--query", type=QueryName(), help="Results of this query.")
@click.option("--table", type=TableName(), help="Results that read this table.")
@click.option("--older", metavar="DURATION", help="Results made longer ago than this, such as 1h.")
@click.option("--all", "everything", is_flag=True, help="All results.")
def drop(project: Path, query: str | None, table: str | None, older: str | None, everything: bool) -> None:
    """Drop results; all that is given must hold. Running servers of this machine forget them too."""
    if not everything and query is None and table is None and older is None:
        raise click.UsageError("Say what to drop: --query, --table, --older, or --all.")
    try:
        before = None if older is None else time.time() - parse_duration(older)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older") from error
    with _opened(project) as results:
        dropped: Mapping[str, int] = {}
        which = Purge(query=query, table=table, before=before)
        with suppress(StorageFailed):  # the tier that failed is reported at the end
            dropped = results.drop(which)
    for tier, count in dropped.items():
        if tier != "memory":
            click.echo(f"{tier}: {count} dropped")
    spool = open_spool(load_settings(project.resolve()))
    if spool is not None and (of_splits := spool.drop(which)):
        click.echo(f"{spool.name}: {of_splits} dropped")


@contextmanager
def _opened(project: Path) -> Iterator[ResultCache]:
    """Open the tiers of a project. One that fails is reported, and sets the exit code."""
    failed: list[TierFailed] = []

    def observe(event: Event) -> None:
        if isinstance(event, TierFailed):
            failed.append(event)

    settings = load_settings(project.resolve())
    settings.state.mkdir(parents=True, exist_ok=True)
    results = open_cache(settings, observe)
    try:
        yield results
    finally:
        results.close()
    for event in failed:
        click.echo(f"{event.tier} failed: {event.error}", err=True)
    if failed:
        sys.exit(4)


def _sums(tier: str, entries: list[Entry]) -> Iterator[dict[str, str | int | float]]:
    by_query: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries:
        by_query.setdefault((entry.query, entry.version), []).append(entry)
    for (query, version), found in sorted(by_query.items()):
        yield {
            "tier": tier,
            "query": query,
            "version": version,
            "results": len(found),
            "bytes": sum(entry.size for entry in found),
            "newest": max(entry.created_at for entry in found),
        }


def _row(entry: Entry) -> dict[str, object]:
    return {
        "key": entry.key,
        "query": entry.query,
        "version": entry.version,
        "tables": entry.tables,
        "bytes": entry.size,
        "created_at": entry.created_at,
    }


def _write(rows: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _ago(instant: float) -> str:
    seconds = max(0.0, time.time() - instant)
    for unit, width in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= width:
            return f"{seconds / width:.0f}{unit} ago"
    return f"{seconds:.0f}s ago"
