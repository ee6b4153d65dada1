"""``gateway dev``: serve the project while an author writes, and report what each save did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import click
import orjson
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from gateway.authoring.checked import Checked
from gateway.authoring.watch import Watcher
from gateway.cli.formats import as_text
from gateway.cli.project import project_option
from gateway.cli.serve import serve, with_server
from gateway.config import load_settings
from gateway.counted import noun
from gateway.engine.binder_process import one_after_another
from gateway.query.template import Template
from gateway.settings import Settings
from gateway.web.describe import example_url
from gateway.web.server import free_port

_LOOK = 0.2
"""Seconds between two looks at the files."""
_START = 60.0
_ANSWER = 20.0
"""Seconds that the server may take to start, and an example to be answered."""
_ROWS = 10
_FILE = "dev.json"


@click.command("dev")
@project_option
@click.option("--host", help="Address to listen on, instead of the setting.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, 0 for a free one.")
@click.option("--serving", is_flag=True, hidden=True)
def command(project: Path, host: str | None, port: int | None, serving: bool) -> None:
    """Serve the project while you write: each save shows the new result, or what is wrong and where.

    The pages of the queries follow by themselves. The server's log is in the state folder, dev.log.
    """
    settings = _for_one(load_settings(project.resolve()), host, port)
    if serving:
        serve(settings, announce=lambda address: None, dev=settings.state / _FILE)
        return
    listening = free_port(settings.server.host, settings.server.port)
    signal.signal(signal.SIGTERM, _end)
    desk = _Desk(settings, f"http://{_bracketed(settings.server.host)}:{listening}")
    with _server(settings, listening) as process, one_after_another():
        desk.wait(process)
        desk.welcome()
        while process.poll() is None:
            time.sleep(_LOOK)
            desk.look()
    raise click.ClickException(f"the server ended: {settings.state / 'dev.log'} says why")


def _end(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: the server is stopped too."""
    raise SystemExit(0)


def _for_one(settings: Settings, host: str | None, port: int | None) -> Settings:
    """Serve one author: one worker, nobody is asked for a key, nothing is prepared ahead."""
    settings = with_server(settings, host=host, port=port, workers=1)
    return settings.model_copy(
        update={
            "access": settings.access.model_copy(update={"required": False}),
            "cache": settings.cache.model_copy(update={"warm": False}),
        }
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def _server(settings: Settings, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server in a process of its own, its log in a file, for as long as the context lasts."""
    settings.state.mkdir(parents=True, exist_ok=True)
    where = ["--project", str(settings.project), "--host", settings.server.host, "--port", str(port)]
    program = [sys.executable, "-c", "from gateway.cli import main; main()", "dev", "--serving", *where]
    with (settings.state / "dev.log").open("wb") as log:
        process = subprocess.Popen(program, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


class _Desk:
    """What the author sees in the terminal, and what is written for the pages."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings, self._address = settings, address
        self._watcher = Watcher(settings)
        self._console = Console(highlight=False, soft_wrap=True)
        self._number = 1
        self._write(Checked(tables=0, templates=0, diagnostics=self._watcher.project.diagnostics))

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server answers. Raises ``ClickException`` where it does not."""
        until = time.monotonic() + _START
        while time.monotonic() < until and process.poll() is None:
            try:
                urlopen(f"{self._address}/healthz", timeout=_ANSWER).close()
            except (URLError, OSError):
                time.sleep(_LOOK)
            else:
                return
        raise click.ClickException(f"the server does not start: {self._settings.state / 'dev.log'} says why")

    def welcome(self) -> None:
        """Say where to look, and what is wrong already."""
        words = "shows the queries. Save a file to see what it does; Ctrl-C ends."
        self._console.print(Text(f"{self._address}/docs {words}"))
        errors = self._watcher.project.diagnostics
        if errors:
            self._report(Checked(tables=0, templates=0, diagnostics=errors))

    def look(self) -> None:
        """Show what was saved since the last look."""
        saved = self._watcher.saved()
        if saved is None:
            return
        found = Checked(tables=0, templates=len(saved.ready), diagnostics=saved.diagnostics)
        if not saved.broken:
            self._call("/v1/reload", method="POST")
        self._number += 1
        self._write(found)  # the pages show what the terminal shows
        self._console.print(Text(f"\n{time.strftime('%H:%M:%S')}  {', '.join(saved.paths)}", style="bold"))
        if saved.diagnostics:
            self._report(found)
        for template in saved.ready:
            self._result(template)
        if not saved.diagnostics and not saved.ready:
            self._console.print(Text("  no mistakes", style="green"))

    def _report(self, found: Checked) -> None:
        lines = as_text(found, self._settings.project, self._console).splitlines()[:-1]
        for line in lines:
            self._console.print(Text.from_ansi(f"  {line}"))

    def _write(self, found: Checked) -> None:
        """Write for the pages what the terminal shows; they load themselves again when a save is right."""
        plain = Console(file=StringIO(), force_terminal=False, highlight=False, soft_wrap=True, width=120)
        lines = as_text(found, self._settings.project, plain).splitlines()[:-1]
        broken = any(item.severity == "error" for item in found.diagnostics)
        reported = {"number": f"{os.getpid()}.{self._number}", "broken": broken, "text": "\n".join(lines)}
        self._settings.state.mkdir(parents=True, exist_ok=True)
        draft = self._settings.state / f"{_FILE}.new"
        draft.write_bytes(orjson.dumps(reported))
        draft.replace(self._settings.state / _FILE)

    def _result(self, template: Template) -> None:
        """Show the first rows of the first example, and what it cost."""
        title = f"{template.name} v{template.version}"
        if not template.examples:
            self._console.print(Text(f"  {title}: no mistakes; an example would show its rows here"))
            return
        url = example_url(template, template.examples[0])
        joint = "&" if "?" in url else "?"
        status, headers, body = self._call(f"{url}{joint}_shape=arrays&_format=json&_limit={_ROWS}")
        if status != 200:
            self._console.print(Text(f"  {title}: {body.get('title', status)}: {body.get('detail', '')}", style="red"))
            return
        names = (column["name"] for column in body["columns"])
        grid = Grid(*names, box=None, header_style="bold", padding=(0, 2, 0, 0))
        for row in body["data"]:
            grid.add_row(*("" if value is None else str(value) for value in row))
        self._console.print(Padding(grid, (0, 0, 0, 2)))
        self._console.print(Text(f"  {title}: {_cost(headers, body)}", style="dim"))
        self._console.print(Text(f"  {self._address}/docs/{template.name}/v{template.version}", style="dim"))

    def _call(self, path: str, *, method: str = "GET") -> tuple[int, Mapping[str, str], Any]:
        request = Request(self._address + path, method=method)
        try:
            with urlopen(request, timeout=_ANSWER) as response:
                return response.status, dict(response.headers), orjson.loads(response.read())
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers), orjson.loads(error.read())
        except OSError as error:
            return 0, {}, {"title": "the server does not answer", "detail": str(error)}


def _cost(headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    rows = headers.get("Gateway-Rows") or str(body.get("rows", len(body["data"])))
    read, _, total = (headers.get("Gateway-Partitions") or "").partition("/")
    partitions = f", {read} of {total} {noun(int(total), 'partition')} read" if total else ""
    return f"{rows} {'row' if rows == '1' else 'rows'}{partitions}"
