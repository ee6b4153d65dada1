"""The ``--project`` option, and the gateway opened over that project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.pipeline import Gateway
from gateway.telemetry.events import unobserved

Command = Callable[..., Any]


def project_option(command: Command) -> Command:
    """Give a command ``--project``: the folder with gateway.toml, catalog/ and queries/."""
    return click.option(
        "--project",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        show_default=True,
        envvar="GATEWAY_PROJECT",
        help="Folder that holds gateway.toml, catalog/ and queries/.",
    )(command)


@contextmanager
def opened(project: Path) -> Iterator[Gateway]:
    """Open the gateway of a project for one command, without background work."""
    with open_gateway(load_settings(project.resolve()), observe=unobserved, background=False) as gateway:
        yield gateway
