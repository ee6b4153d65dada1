"""Measure the shipped nginx configuration: hits from its cache against a static file of the same size, in one run.

Run it as a script; a goal that is missed ends it with 1. One worker of one nginx answers both, with the same log and
``pcre_jit on``, over connections that wrk keeps; the turns are short and alternate, and each pair of turns gives a
ratio. Beside the rates it tells the CPU time of the worker a request, which other work on the machine changes less.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from events import between, make_project, put
from nginx import Box, Reply, find_nginx, running
from waiting import wait_for

GOAL = 0.7
DAILY = "SELECT ts, amount FROM events WHERE ts >= $start AND ts < $end ORDER BY ts"
STATIC = """\
server {{
    listen 127.0.0.1:{port} backlog=4096;
    access_log {folder}/static.log query_gateway buffer=64k flush=1s;
    keepalive_requests 100000;
    {more}
    location / {{ root {folder}; default_type application/json; }}
}}
"""
HITS, FILE, OPEN_FILE = "hits from proxy_cache", "static file", "static file, kept open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one turn of wrk measured: requests a second, and microseconds of the worker's CPU a request."""

    rate: float
    cpu: float


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def turn(wrk: str, worker: Path, port: int, target: str) -> Turn:
    """Load a server for a second. An answer that is none ends the script."""
    command = [wrk, "-t1", "-c32", "-d1s", f"http://127.0.0.1:{port}{target}"]
    before = cpu(worker)
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = cpu(worker) - before
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", text), re.search(r"(\d+) requests in", text)
    if rate is None or count is None or "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"errors under load:\n{text}")
    return Turn(rate=float(rate[1]), cpu=spent / int(count[1]) * 1e6)


def cpu(process: Path) -> float:
    """Return the seconds of CPU that a process has used, its system calls included."""
    return int((process / "schedstat").read_text().split()[0]) / 1e9


def worker_of(folder: Path) -> Path:
    """Find the one worker of the nginx that runs in *folder*."""
    master = (folder / "pid").read_text().strip()
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    [worker] = [Path(f"/proc/{each}") for each in children if "worker" in Path(f"/proc/{each}/cmdline").read_text()]
    return worker


def prepared(folder: Path) -> Path:
    """Make a project whose one query answers with a row a day."""
    project = make_project(folder / "project", "cache: {ttl: 1h}")
    path = project / "queries/amount/v1.sql"
    path.write_text(path.read_text().partition("*/")[0] + f"*/\n{DAILY}\n")
    put(project, range(365), amount=1)
    return project


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--turns", default=8, show_default=True, help="Turns of each server, of a second each.")
def main(turns: int) -> None:
    """Measure, and print the ratios."""
    nginx, wrk = find_nginx(), shutil.which("wrk")
    if nginx is None or wrk is None:
        sys.exit("nginx and wrk are needed: apt-get install nginx-light wrk")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nginx").mkdir()
        gateway = Box(prepared(folder), folder, free_port())
        try:
            size, seen = measured(nginx, wrk, folder / "nginx", gateway.port, turns)
        finally:
            gateway.kill()
    sys.exit(0 if report(size, seen) else 1)


def measured(nginx: str, wrk: str, folder: Path, gateway: int, turns: int) -> tuple[int, dict[str, list[Turn]]]:
    """Return the size of the body, and what each server did in its turns."""
    port, static, kept_open = free_port(), free_port(), free_port()
    target = f"/v1/queries/amount/v1/result?{urlencode(between(0, 38))}"
    more = STATIC.format(port=static, folder=folder, more="")
    more += STATIC.format(port=kept_open, folder=folder, more="open_file_cache max=10000 inactive=60s;")
    with running(nginx, folder, port=port, gateways=[gateway], more=more):
        wait_for(lambda: "nginx; hit" in Reply(port, target)["Cache-Status"])
        body = Reply(port, target).body
        (folder / "body.json").write_bytes(body)
        asked = {HITS: (port, target), FILE: (static, "/body.json"), OPEN_FILE: (kept_open, "/body.json")}
        worker = worker_of(folder)
        for each in asked.values():  # wrk's own headers are a variant of their own: the first of it is stored here
            turn(wrk, worker, *each)
        seen: dict[str, list[Turn]] = {each: [] for each in asked}
        for _ in range(turns):
            for each, address in asked.items():
                seen[each].append(turn(wrk, worker, *address))
    return len(body), seen


def report(size: int, seen: dict[str, list[Turn]]) -> bool:
    """Print medians; tell whether the goal is reached, by rate, against a static file as nginx serves it by default."""
    print(f"body of {size} bytes, wrk -t1 -c32, one nginx worker, medians of {len(seen[HITS])} turns")
    print(f"{'':24}{'requests/s':>12}{'ratio':>8}{'CPU, us':>10}{'ratio':>8}")
    for name, turns in seen.items():
        rates = median(hit.rate / other.rate for hit, other in zip(seen[HITS], turns, strict=True))
        cpus = median(other.cpu / hit.cpu for hit, other in zip(seen[HITS], turns, strict=True))
        rate, spent = median(each.rate for each in turns), median(each.cpu for each in turns)
        print(f"{name:24}{rate:12,.0f}{rates:8.2f}{spent:10.1f}{cpus:8.2f}")
        if name == FILE:
            reached = rates >= GOAL
    print(f"goal: hits at least {GOAL} of the static file's rate: {'reached' if reached else 'missed'}")
    return reached


if __name__ == "__main__":
    main()
