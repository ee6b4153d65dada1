"""``gateway builder``: the process that does builds and exports, and alone holds the keys that write."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.app.builder import run_builder
from gateway.cli.project import project_option
from gateway.config import load_settings


@click.command("builder")
@project_option
def command(project: Path) -> None:
    """Do the builds and exports that are asked for or due, until interrupted; answer no requests.

    Servers with `jobs.run = false` and the same records leave them to it. The keys of [builder] write, and only they;
    its queries read with those of [storage], in processes that do not get the others.
    """
    run_builder(load_settings(project.resolve()))
