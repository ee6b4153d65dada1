"""The ``--project`` option, and the gateway opened over that project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.app.gateway import open_gateway
from gateway.cli.own_memory import bounded_memory
from gateway.concurrency.process_end import wait_for_nobody
from gateway.config import load_settings
from gateway.errors import DeadlineExceeded
from gateway.pipeline import Gateway
from gateway.project.folder import no_project
from gateway.telemetry.events import unobserved

Command = Callable[..., Any]
_LEFT: list[ExitStack] = []
"""What is not closed while a query runs that was given up: the process ends with it."""


def project_option(command: Command) -> Command:
    """Give a command ``--project``: the folder with gateway.toml, catalog/ and queries/; another one is refused."""
    return _with_folder(command, _refuse_other)


def any_folder_option(command: Command) -> Command:
    """Give a command ``--project``, which need not be a project yet."""
    return _with_folder(command, None)


def _refuse_other(context: click.Context, option: click.Parameter, folder: Path) -> Path:
    reason = None if context.resilient_parsing else no_project(folder)
    if reason is not None:
        raise click.UsageError(reason, context)
    return folder


def _with_folder(command: Command, callback: Callable[[click.Context, click.Parameter, Path], Path] | None) -> Command:
    return click.option(
        "--project",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        show_default=True,
        envvar="GATEWAY_PROJECT",
        callback=callback,
        help="Folder that holds gateway.toml, catalog/ and queries/.",
    )(command)


@contextmanager
def opened(project: Path) -> Iterator[Gateway]:
    """Open the gateway of a project for one command, without background work, in bounded memory.

    It is not closed where a query was given up, for that would wait for it: some functions cannot be interrupted.
    """
    settings = load_settings(project.resolve())
    with ExitStack() as stack:
        stack.enter_context(bounded_memory(settings))
        gateway = stack.enter_context(open_gateway(settings, observe=unobserved, background=False))
        try:
            yield gateway
        except (DeadlineExceeded, KeyboardInterrupt):
            _LEFT.append(stack.pop_all())
            wait_for_nobody()
            raise
