"""``gateway top``: the queries that run and wait, and how full the cache is, as the page ``/status`` shows them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import click
import orjson
from rich.console import Group
from rich.live import Live
from rich.table import Table as Grid

from gateway.cli.grids import grid_console
from gateway.cli.project import project_option
from gateway.config import KEY, load_settings
from gateway.counted import counted
from gateway.errors import StorageFailed
from gateway.plan.explain import readable

_TIMEOUT = 10.0


@click.command("top")
@project_option
@click.option("--url", help="Where the server is; the address of the settings where it is left out.")
@click.option("--every", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once.")
@click.option("--stop", "number", metavar="ID", help="Stop the query of this id.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(project: Path, url: str | None, every: float, once: bool, number: str | None, form: str) -> None:
    """Show which queries run and wait, again and again; stop one of them.

    A server with access control is shown the key in the environment variable GATEWAY_KEY: its owner sees the queries
    of their own, with the grant "stop" all of them.
    """
    server = load_settings(project.resolve()).server
    base = (url or f"http://{_reachable(server.host)}:{server.port}{server.root_path}").rstrip("/")
    if number is not None:
        _asked(f"{base}/v1/running/{quote(number, safe='')}", "DELETE")
        click.echo(f"{number} is being stopped.")
    elif form == "json":
        sys.stdout.buffer.write(orjson.dumps(_look(base), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif once:
        grid_console().print(_shown(_look(base)))
    else:
        _watch(base, every)


def _watch(base: str, every: float) -> None:
    with Live(_shown(_look(base)), screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every)
                live.update(_shown(_look(base)), refresh=True)
        except KeyboardInterrupt:
            return


def _look(base: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(_asked(f"{base}/v1/running", "GET"))
    return found


def _shown(found: dict[str, Any]) -> Group:
    grid = Grid("id", "query", "state", "for", "to read", "asked by", box=None, header_style="bold")
    for each in found["queries"]:
        name, time_of = f"{each['query']} v{each['version']}", f"{each['seconds']:.1f} s"
        asked_by = each["principal"] or "the server itself"
        grid.add_row(each["id"], name, each["state"], time_of, readable(each["bytes"]), asked_by)
    return Group(
        f"{found['running']} of {counted(found['slots'], 'slot')} run, "
        f"{counted(found['waiting'], 'query waits', 'queries wait')}.",
        grid,
        *([_kept(found["cache"])] if "cache" in found else []),
    )


def _kept(tiers: Sequence[Mapping[str, Any]]) -> Grid:
    """Show how full the tiers of the cache are; the memory is that of the worker that answered."""
    grid = Grid("kept", "in", "used", "of", "state", box=None, header_style="bold")
    for each in tiers:
        used, bound = ("" if each[name] is None else readable(each[name]) for name in ("used", "bound"))
        grid.add_row(each["kind"], each["tier"], used, bound, each["status"])
    return grid


def _asked(address: str, method: str) -> bytes:
    """Ask the server. Raises ``ClickException`` for what it refuses, ``StorageFailed`` where it does not answer."""
    headers = {"Authorization": f"Bearer {os.environ[KEY]}"} if KEY in os.environ else {}
    try:
        with urlopen(Request(address, method=method, headers=headers), timeout=_TIMEOUT) as response:
            return bytes(response.read())
    except HTTPError as error:
        with error:
            raise click.ClickException(_detail(error)) from error
    except (URLError, OSError) as error:
        raise StorageFailed(f"{address} does not answer: {getattr(error, 'reason', error)}") from error


def _detail(error: HTTPError) -> str:
    try:
        return str(orjson.loads(error.read())["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"The server answers {error.code}."


def _reachable(host: str) -> str:
    """Return where a server is reached that listens at *host*."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
