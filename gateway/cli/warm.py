"""``gateway warm``: prepare answers once."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.names import QueryName
from gateway.cli.project import opened, project_option
from gateway.counted import counted
from gateway.errors import GatewayError
from gateway.model import Request
from gateway.pipeline import Gateway
from gateway.warm import ANYBODY, questions


@click.command("warm")
@click.argument("names", metavar="[NAME]...", nargs=-1, type=QueryName())
@project_option
def command(project: Path, names: tuple[str, ...]) -> None:
    """Prepare the answers that templates name under warm:, all or those of some queries."""
    console = Console(stderr=True, highlight=False)
    counts: Counter[str] = Counter()
    with opened(project) as gateway:
        for name in names:
            gateway.registry.template(name)
        every = questions(gateway.registry, gateway.recent).values()
        chosen = [request for request, query in every if not names or query.name in names]
        with _progress(console) as progress:
            bar = progress.add_task("", total=len(chosen))
            for request in chosen:
                progress.update(bar, description=f"{request.query} v{request.version}")
                counts[_prepare(gateway, request, progress.console)] += 1
                progress.advance(bar)
    console.print(
        f"{counted(len(chosen), 'answer')}: {counts['computed']} computed, {counts['kept']} were kept already"
    )
    if counts["failed"]:
        console.print(f"[bold red]{counts['failed']} failed[/]")
        sys.exit(4)


def _prepare(gateway: Gateway, request: Request, console: Console) -> str:
    try:
        return "kept" if gateway.renew(request, principal=ANYBODY).status.hit else "computed"
    except GatewayError as error:
        console.print(f"{request.query} v{request.version} {dict(request.parameters)}: {error.detail}", markup=False)
        return "failed"


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
