"""Measure the shipped nginx configuration: hits from its cache against a static file of the same size, in one run.

Run it as a script; a goal that is missed ends it with 1. Both are asked by wrk over kept connections, in turns.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from events import between, make_project, put
from nginx import Box, Reply, find_nginx, running, wait_for

GOAL = 0.7
DAILY = "SELECT ts, amount FROM events WHERE ts >= $start AND ts < $end ORDER BY ts"
STATIC = """\
server {{
    listen 127.0.0.1:{port} backlog=4096;
    access_log {folder}/static.log query_gateway buffer=64k flush=1s;
    keepalive_requests 100000;
    location / {{ root {folder}; default_type application/json; }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rate(wrk: str, port: int, target: str, seconds: float) -> float:
    """Return requests a second. An answer that is none ends the script."""
    command = [wrk, "-t1", "-c32", f"-d{max(1, round(seconds))}s", f"http://127.0.0.1:{port}{target}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if found is None or "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"errors under load:\n{text}")
    return float(found[1])


def prepared(folder: Path) -> Path:
    """Make a project whose one query answers with a row a day."""
    project = make_project(folder / "project", "cache: {ttl: 1h}")
    path = project / "queries/amount/v1.sql"
    path.write_text(path.read_text().partition("*/")[0] + f"*/\n{DAILY}\n")
    put(project, range(365), amount=1)
    return project


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--seconds", default=12.0, show_default=True, help="Time of all runs of one server together.")
def main(seconds: float) -> None:
    """Measure, and print the ratio."""
    nginx, wrk = find_nginx(), shutil.which("wrk")
    if nginx is None or wrk is None:
        sys.exit("nginx and wrk are needed: apt-get install nginx-light wrk")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nginx").mkdir()
        gateway = Box(prepared(folder), folder, free_port())
        port, static = free_port(), free_port()
        more = STATIC.format(port=static, folder=folder / "nginx")
        target = f"/v1/queries/amount/v1/result?{urlencode(between(0, 38))}"
        try:
            with running(nginx, folder / "nginx", port=port, gateways=[gateway.port], more=more):
                body = Reply(port, target).body
                wait_for(lambda: "nginx; hit" in Reply(port, target)["Cache-Status"])
                (folder / "nginx" / "body.json").write_bytes(body)
                hits, files = in_turns(
                    lambda: rate(wrk, port, target, seconds / 3), lambda: rate(wrk, static, "/body.json", seconds / 3)
                )
        finally:
            gateway.kill()
    ratio = hits / files
    print(f"body of {len(body)} bytes, wrk -t1 -c32, one nginx worker, medians of 3 turns")
    print(f"hits from proxy_cache   {hits:10,.0f}/s")
    print(f"static file             {files:10,.0f}/s")
    print(f"ratio                   {ratio:10.2f}    goal: at least {GOAL}: {'reached' if ratio >= GOAL else 'missed'}")
    sys.exit(0 if ratio >= GOAL else 1)


def in_turns(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """Measure the two by turns, so that what else the machine does falls on both."""
    pairs = [(first(), second()) for _ in range(3)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


if __name__ == "__main__":
    main()
