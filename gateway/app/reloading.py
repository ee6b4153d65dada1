"""Opens what puts changed files of a project in service."""

from __future__ import annotations

from collections.abc import Callable

from gateway.app.gateway import Opened
from gateway.app.state import reload_signal
from gateway.pipeline import Gateway
from gateway.project.loader import Project
from gateway.project.reload import Reloader, Stamp
from gateway.settings import Settings
from gateway.telemetry.events import Observer


def reloader_of(
    opened: Opened,
    settings: Settings,
    seen: Stamp,
    serve: Callable[[Gateway, Project], None],
    observe: Observer,
) -> Reloader:
    """Make what puts changed files in service. *seen* is a look at the files from before they were read."""
    return Reloader(
        settings.project,
        reload_signal(settings),
        loader=opened.loader,
        project=opened.project,
        serving=opened.gateway,
        build=opened.build,
        serve=serve,
        observe=observe,
        seen=seen,
    )
