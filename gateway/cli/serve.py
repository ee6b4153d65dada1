"""``gateway serve``: the HTTP server, gunicorn workers over one application each."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from typing import Any

import click

from gateway.app.application import open_app
from gateway.app.engine_processes import EngineProcesses
from gateway.app.memory_split import split_memory
from gateway.app.result_tiers import redis_pool
from gateway.app.state import cursor_key, make_state, reload_signal
from gateway.authoring.access import check_access
from gateway.cli.diagnostics import print_diagnostics
from gateway.cli.project import project_option
from gateway.config import FILE_NAME, load_settings
from gateway.engine.instance import before_fork
from gateway.errors import Diagnostic, Rule, SettingsInvalid
from gateway.project.folder import misnamed_parts
from gateway.project.loader import load_project
from gateway.project.reload import touch
from gateway.settings import ServerSettings, Settings
from gateway.telemetry.audit import NO_FILE, open_file
from gateway.telemetry.events import Event, MemoryDivided, ServerListening
from gateway.telemetry.json_log import JsonLog
from gateway.telemetry.text_log import is_json
from gateway.web.server import ServerOptions
from gateway.web.server import serve as run_server

_ROOM = 16 * 2**20
"""Bytes that have to be free where workers keep their metrics: each takes one or two million for them."""


@click.command("serve")
@project_option
@click.option("--host", help="Address to listen on, instead of the setting.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for a free one.")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes, instead of the setting.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Request threads of a worker, instead of the setting.")
def command(project: Path, **given: Any) -> None:
    """Serve the project over HTTP until interrupted."""
    settings = with_server(load_settings(project.resolve()), **given)
    serve(settings, announce=partial(_say, settings))


def with_server(settings: Settings, **given: Any) -> Settings:
    """Replace server settings by those that were given on the command line."""
    changed = {name: value for name, value in given.items() if value is not None}
    server = ServerSettings.model_validate(settings.server.model_dump() | changed)
    return settings.model_copy(update={"server": server})


def serve(settings: Settings, *, announce: Callable[[str], None], dev: Path | None = None) -> None:
    """Serve until a signal; *announce* receives the address. Errors of the project are printed, the rest is served.

    *dev* is the file through which ``gateway dev`` reports saves to the pages.
    """
    _refuse_keys_that_write(settings)
    project = load_project(settings.project)
    print_diagnostics([*misnamed_parts(settings.project), *project.diagnostics])
    if not project.registry.queries():
        click.echo(f"No query of {settings.project} is in service: /readyz answers 503 until one is.", err=True)
    if settings.access.required:
        print_diagnostics(check_access(settings.project, settings.access, project.query_names, project.table_names))
    make_state(settings.state)
    redis_pool(settings)  # errors are reported here rather than by every worker
    if settings.log.audit not in NO_FILE:
        os.close(open_file(settings.project / settings.log.audit))  # likewise
    server = settings.server
    options = ServerOptions(
        host=server.host,
        port=server.port,
        workers=server.workers,
        worker=server.worker,
        threads=server.threads,
        drain=server.drain,
        send_timeout=server.send_timeout,
        receive_timeout=server.receive_timeout,
        grace=server.grace,
        metrics=_metrics_folder(_in_memory(settings.state) or settings.state / "metrics"),
        reload=partial(touch, reload_signal(settings)),
    )
    _tell(settings, MemoryDivided(parts=str(split_memory(settings))), f"Memory: {split_memory(settings)}")
    before_fork()
    server_process = os.getpid()
    processes = EngineProcesses(settings)
    try:
        opened = partial(open_app, settings, dev=dev, processes=processes, key=cursor_key(settings))
        run_server(opened, options, announce=announce, beside=processes)
    finally:
        if os.getpid() == server_process:  # workers end here too
            processes.close()
            _remove(options.metrics)


def _refuse_keys_that_write(settings: Settings) -> None:
    """Raise ``SettingsInvalid`` where the server was given the keys of the builder: its workers would hold them."""
    found = [f"builder.{name}" for name in settings.builder.declared]
    if found:
        message = f"{', '.join(found)}: keys that write are not for gateway serve, whose workers answer everybody"
        hint = "give them to gateway builder alone, in its own environment, and set jobs.run = false here"
        raise SettingsInvalid([Diagnostic(path=FILE_NAME, message=message, hint=hint, rule=Rule.SETTINGS)])


def _in_memory(state: Path, memory: Path = Path("/dev/shm")) -> Path | None:
    """Make a folder in memory for the metrics of those who serve over *state*; None where there is no room for it.

    Workers write metrics through mapped memory: where there is none left, the kernel kills them for it (SIGBUS).
    """
    digest = blake2b(str(state.resolve()).encode(), digest_size=8).hexdigest()
    folder = memory / f"query-gateway-{os.getuid()}-{digest}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found, room = folder.lstat(), os.statvfs(folder)
    except OSError:
        return None
    if room.f_bavail * room.f_frsize < _ROOM:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if own and os.access(folder, os.W_OK) else None


def _metrics_folder(folder: Path) -> Path:
    """Name a folder of this server's own for the metrics of its workers; remove those of servers that are gone."""
    for left in folder.glob("[1-9]*"):
        if not _runs(int(left.name)):
            rmtree(left, ignore_errors=True)
    return folder / str(os.getpid())


def _remove(metrics: Path) -> None:
    rmtree(metrics, ignore_errors=True)
    with suppress(OSError):  # another server over the same state has metrics there too
        metrics.parent.rmdir()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _say(settings: Settings, address: str) -> None:
    text = f"Query Gateway serves {address} (documentation: {address}/docs). Ctrl-C stops it."
    _tell(settings, ServerListening(address=address, documentation=f"{address}/docs"), text)


def _tell(settings: Settings, event: Event, text: str) -> None:
    """Write an event to the log where its lines are JSON, else a *text* for people."""
    if is_json(settings.log.format):
        JsonLog()(event)
    else:
        click.echo(text)
