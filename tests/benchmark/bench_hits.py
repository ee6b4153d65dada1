"""Hits a second of a 2 kB JSON answer, against bare servers of the same gunicorn; and hits while heavy queries run.

All rows of the table are measured in one run, with ``wrk`` (Debian package) on the same machine: ratios tell, figures
do not. Give seconds a measurement as the first argument.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.parquet as pq

SECONDS = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdigit() else 8
CONNECTIONS = 16
ROWS = 33
"""Rows of the answer, which make about 2 kB of JSON."""
HEAVY = 4
"""Heavy queries that run at the same time."""

TABLE = "table: numbers\nlocation: data\npartitioned_by: [{column: part, transform: identity, source: part}]\n"
SMALL = f"""/*
summary: A small answer
owner: bench
cache: {{ttl: 1h}}
*/
SELECT n AS number, 'name of number ' || n AS name, n * 1.5 AS value FROM numbers ORDER BY n LIMIT {ROWS}"""
LARGE = """/*
summary: Heavy, and another one each time
owner: bench
parameters:
  seed: {type: integer, description: makes the question a new one}
cache: {ttl: 1s}
*/
SELECT count(*) AS pairs, sum(hash(one.n + other.n + $seed) % 7) AS total
FROM numbers AS one, numbers AS other WHERE one.n <= 6000"""

BARE = """
BODY = open(__import__("os").environ["BODY"], "rb").read()
START = {"type": "http.response.start", "status": 200, "headers": [
    (b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]}
REST = {"type": "http.response.body", "body": BODY}

async def app(scope, receive, send):
    await send(START)
    await send(REST)
"""
FLASK = """
from flask import Flask, Response
BODY = open(__import__("os").environ["BODY"], "rb").read()
app = Flask("ready")

@app.get("/")
def ready():
    return Response(BODY, content_type="application/json")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        project = make_project(folder / "project")
        gateway = stack.enter_context(serving_gateway(project))
        answer = f"http://127.0.0.1:{gateway}/v1/queries/small/v1/result"
        body = fetch(answer)
        (folder / "body").write_bytes(body)
        bare = stack.enter_context(serving(folder, "bare", BARE, ["--worker-class", "asgi"]))
        flask = stack.enter_context(serving(folder, "ready", FLASK, ["--worker-class", "gthread", "--threads", "32"]))
        fetch(answer)
        hits = load(answer)
        hello, ready = load(f"http://127.0.0.1:{bare}/"), load(f"http://127.0.0.1:{flask}/")
        again = load(answer)
        with heavy(gateway) as asked:
            busy = load(answer)
        best = max(hits, again, key=lambda run: run.rate)
        print(f"a hit of {len(body)} bytes of JSON, one worker, {CONNECTIONS} connections, {SECONDS} s each\n")
        print("| what | a second | p99, ms | |\n| --- | --- | --- | --- |")
        row("hits", best, "")
        row("bare hello, asgi worker", hello, f"{best.rate / hello.rate:.2f} (at least 0.7)")
        row("Flask with ready bytes, gthread", ready, f"{best.rate / ready.rate:.1f}x (at least 5x)")
        beside = (
            f"{busy.p99 / best.p99:.1f}x the p99 (at most 2x), {busy.rate / best.rate:.2f} of the rate (at least 0.6)"
        )
        row(f"hits while {HEAVY} heavy queries run", busy, beside)
        print(f"\nheavy queries answered meanwhile: {asked[0]}, refused: {asked[1]}")


def row(what: str, run: Run, told: str) -> None:
    print(f"| {what} | {run.rate:,.0f} | {run.p99:.2f} | {told} |")


class Run:
    """What ``wrk`` measured."""

    def __init__(self, text: str) -> None:
        rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
        slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
        assert rate is not None, text
        assert slowest is not None, text
        assert "Non-2xx" not in text, text
        assert "Socket errors" not in text, text
        self.rate = float(rate[1])
        self.p99 = float(slowest[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[slowest[2]]


def load(url: str) -> Run:
    """Ask for *url* over and over, after a short time to get warm."""
    for seconds in (1, SECONDS):
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    return Run(done.stdout)


@contextmanager
def heavy(port: int) -> Iterator[list[int]]:
    """Keep some heavy queries running; yields how many were answered and refused."""
    ended, counts = Event(), [0, 0]

    def ask(number: int) -> None:
        seed = number * 1_000_000
        while not ended.is_set():
            seed += 1
            try:
                fetch(f"http://127.0.0.1:{port}/v1/queries/large/v1/result?seed={seed}")
                counts[0] += 1
            except OSError:
                counts[1] += 1

    threads = [Thread(target=ask, args=(number,)) for number in range(HEAVY)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def make_project(project: Path) -> Path:
    for path, text in {
        "catalog/numbers.yaml": TABLE,
        "queries/small/v1.sql": SMALL,
        "queries/large/v1.sql": LARGE,
    }.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    (project / "data/part=a").mkdir(parents=True)
    pq.write_table(pa.table({"n": pa.array(range(20_000), pa.int64())}), project / "data/part=a/a.parquet")
    return project


@contextmanager
def serving_gateway(project: Path) -> Iterator[int]:
    port = free_port()
    program = str(Path(sysconfig.get_path("scripts")) / "gateway")
    command = [program, "serve", "--project", str(project), "--port", str(port), "--workers", "1"]
    settings = {"GATEWAY_SERVER_DRAIN": "0s", "GATEWAY_ENGINE_SLOTS": str(HEAVY)}
    with running(command, settings, project / "log", f"http://127.0.0.1:{port}/readyz"):
        yield port


@contextmanager
def serving(folder: Path, name: str, program: str, options: list[str]) -> Iterator[int]:
    port = free_port()
    (folder / f"{name}.py").write_text(program)
    command = [sys.executable, "-m", "gunicorn", f"{name}:app", "--bind", f"127.0.0.1:{port}", *options]
    environment = {"BODY": str(folder / "body"), "PYTHONPATH": str(folder)}
    with running(
        [*command, "--log-level", "warning", "--no-control-socket", "--keep-alive", "75"],
        environment,
        folder / name,
        f"http://127.0.0.1:{port}/",
    ):
        yield port


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path, url: str) -> Iterator[None]:
    """Run a server until the context ends; wait until *url* is answered."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output)
    try:
        for _ in range(300):
            try:
                fetch(url)
                break
            except OSError:
                Event().wait(0.1)
        else:
            sys.exit(log.read_text()[-3000:])
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def fetch(url: str) -> bytes:
    with urlopen(url, timeout=120) as response:
        body: bytes = response.read()
    return body


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    if shutil.which("wrk") is None:
        print("not measured, for there is no wrk: apt-get install wrk")
        sys.exit(1 if os.environ.get("CI") else 0)
    main()
