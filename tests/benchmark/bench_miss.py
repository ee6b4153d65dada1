"""Measure misses over HTTP against a hand-made server: 30 lines of Flask with DuckDB over the right files. A script.

Both answer questions of which no two are alike, over 7 files of 200 kB of a table of 1,461, in one run by turns of
``--seconds``, over 1 connection and over 8, with as many workers as the machine has cores. The hand-made server keeps
nothing, and its author wrote the list of files by hand. Ratios tell, figures do not; each is the median over the
turns. CPU time a miss counts all processes of a server; on a machine with other work it tells more than the rate. A
goal that is missed ends the script with 1.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from bench_export import Report
from process_tree import cpu_seconds, resident, tree
from processes import gateway_server
from waiting import wait_for

DAYS, ROWS, WIDTH = 1_461, 12_000, 7
"""Files of the table, rows of each (about 200 kB), and how many of them a question is about."""
FIRST = datetime(2021, 1, 1)
WORKERS = os.cpu_count() or 1
CONNECTIONS = (1, 8)
VARIATIONS = 1_000
RATE, KEEPING = 0.9, 0.3
"""Goals: the rate of misses against the hand-made server, and the ms that a request waits for its answer to be kept."""
TABLE = """\
table: sales
location: data
partitioned_by: [{column: day, transform: day, source: ts}]
"""
SELECT = """\
SELECT store, count(*) AS n, sum(amount) AS total FROM {source}
WHERE ts >= $start AND ts < $end AND amount >= $least GROUP BY store ORDER BY store
"""
TEMPLATE = """\
/*
summary: Sales by store
parameters:
  start: {type: timestamp}
  end: {type: timestamp}
  least: {type: double}
cache: {ttl: 1h}
*/
"""
BY_HAND = '''
"""What a careful person would write for this one question."""
import os
import threading
from datetime import datetime, timedelta

import duckdb
from flask import Flask, jsonify, request

app = Flask(__name__)
database = duckdb.connect()
database.execute("SET GLOBAL parquet_metadata_cache = true")
local = threading.local()
DATA, SQL = os.environ["DATA"], os.environ["SQL"]


@app.get("/sales")
def sales():
    start, end = (datetime.fromisoformat(request.args[name]) for name in ("start", "end"))
    least = float(request.args["least"])
    days = [(start + timedelta(days=day)).date() for day in range((end - start).days)]
    files = ", ".join(f"'{DATA}/day={day}/a.parquet'" for day in days)
    if not hasattr(local, "cursor"):
        local.cursor = database.cursor()
    found = local.cursor.execute(
        SQL.format(source=f"read_parquet([{files}])"), {"start": start, "end": end, "least": least}
    )
    names = [column[0] for column in found.description]
    return jsonify(data=[dict(zip(names, row)) for row in found.fetchall()])
'''


@dataclass(kw_only=True)
class Contestant:
    """A server, and what was measured of it: misses a second and CPU ms a miss, turn by turn, by connections."""

    name: str
    port: int
    pid: int
    path: str
    rates: dict[int, list[float]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)
    timings: list[dict[str, float]] = field(default_factory=list)

    def turn(self, connections: int, seconds: float, numbers: Iterator[int]) -> None:
        """Ask new questions over so many connections, each as soon as the one before is answered."""
        before, began = self._taken(), time.perf_counter()
        until = began + seconds
        with ThreadPoolExecutor(connections) as pool:
            answered = sum(pool.map(lambda _: self._asked(until, numbers), range(connections)))
        self.rates.setdefault(connections, []).append(answered / (time.perf_counter() - began))
        self.cpu.setdefault(connections, []).append(1000 * (self._taken() - before) / answered)

    def _taken(self) -> float:
        return sum(cpu_seconds(process.pid) for process in tree(self.pid))

    def _asked(self, until: float, numbers: Iterator[int]) -> int:
        answered = 0
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            while time.perf_counter() < until:
                head = ask(connection, f"{self.path}?{question(next(numbers))}")
                if found := re.search(r"(?i)server-timing: (.*)\r", head):
                    self.timings.append(stages(found[1]))
                answered += 1
        return answered


def question(number: int) -> str:
    """Return the parameters of a question that no other number has; neighbours are about other weeks."""
    start = FIRST + timedelta(days=number * 37 % (DAYS - WIDTH))
    end = start + timedelta(days=WIDTH)
    return f"start={start:%Y-%m-%dT%H:%M:%S}&end={end:%Y-%m-%dT%H:%M:%S}&least={number * 0.0001:.4f}"


def ask(connection: socket.socket, path: str) -> str:
    """Ask over a connection that stays open; read the whole answer, and return its head."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += (piece := connection.recv(65_536))
        assert piece, received
    head, _, body = received.partition(b"\r\n\r\n")
    text = head.decode() + "\r\n"
    assert text.startswith("HTTP/1.1 200 "), received
    found = re.search(r"(?i)content-length: (\d+)", text)
    assert found is not None, text
    left = int(found[1]) - len(body)
    while left > 0:
        left -= len(piece := connection.recv(65_536))
        assert piece
    return text


def stages(timing: str) -> dict[str, float]:
    """Read ``Server-Timing``, in ms."""
    return {name: float(ms) for name, ms in re.findall(r"([\w-]+);dur=([\d.]+)", timing)}


def make_project(folder: Path) -> Path:
    """Write the table and the query."""
    (folder / "catalog").mkdir(parents=True)
    (folder / "queries/sales").mkdir(parents=True)
    (folder / "catalog/sales.yaml").write_text(TABLE)
    (folder / "queries/sales/v1.sql").write_text(TEMPLATE + SELECT.format(source="sales"))
    numbers, generator = np.arange(ROWS), np.random.default_rng(7)
    seconds = (numbers * 86_400 // ROWS).astype("timedelta64[s]")
    columns = {
        "store": pa.array([f"store {number}" for number in numbers % 20]),
        "amount": pa.array(generator.uniform(0, 1_000, ROWS).round(2)),
        "customer": pa.array(generator.integers(0, 1_000_000, ROWS)),
    }
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        path = folder / f"data/day={day:%Y-%m-%d}/a.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"ts": pa.array(np.datetime64(day, "us") + seconds), **columns}), path)
    return folder


@contextmanager
def served_by_hand(project: Path) -> Iterator[tuple[int, int]]:
    """Run the hand-made server; yield its port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (project / "by_hand.py").write_text(BY_HAND)
    options = ["--worker-class", "gthread", "--threads", "8", "--workers", str(WORKERS), "--keep-alive", "75"]
    command = [sys.executable, "-m", "gunicorn", "by_hand:app", "--bind", f"127.0.0.1:{port}", *options]
    environment = {"DATA": str(project / "data"), "SQL": SELECT, "PYTHONPATH": str(project)}
    with (project / "by_hand.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--log-level", "warning", "--no-control-socket"],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: process.poll() is not None or _listens(port), (project / "by_hand.log").read_text)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(60)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            ask(connection, f"/sales?{question(0)}")
    except OSError:
        return False
    return True


def measure(report: Report, gateway: Contestant, by_hand: Contestant, turns: int, seconds: float) -> None:
    """Let both answer by turns; a first turn of each, to get warm, does not count."""
    numbers = count(1)
    for connections in CONNECTIONS:
        for number in range(turns + 1):
            for server in (gateway, by_hand) if number % 2 else (by_hand, gateway):
                server.turn(connections, seconds, numbers)
        for server in (gateway, by_hand):
            rate, cpu = median(server.rates[connections][1:]), median(server.cpu[connections][1:])
            report.add(f"{server.name}, {connections} connections", f"{rate:.0f} misses/s, {cpu:.2f} ms of CPU each")
        ratio = ratio_of(gateway.rates[connections], by_hand.rates[connections])
        report.add(f"rate, {connections} connections", f"{ratio:.2f}", f"at least {RATE}", ratio >= RATE)
        ratio = ratio_of(gateway.cpu[connections], by_hand.cpu[connections])
        report.add(f"CPU a miss, {connections} connections", f"{ratio:.2f}x")


def ratio_of(ours: list[float], others: list[float]) -> float:
    return median(one / other for one, other in zip(ours[1:], others[1:], strict=True))


def stage_times(report: Report, server: Contestant) -> None:
    """Ask over one connection, and print the median of each stage."""
    server.timings.clear()
    server.turn(1, 2.0, count(1_000_000))
    for name in dict.fromkeys(name for each in server.timings for name in each if name != "deadline"):
        ms = median(each.get(name, 0.0) for each in server.timings)
        keeping = name == "keep"
        goal = f"under {KEEPING} ms" if keeping else ""
        report.add(f"stage {name}", f"{ms:.2f} ms", goal, not keeping or ms < KEEPING)


def variations(report: Report, server: Contestant) -> None:
    """Ask one question in a thousand variations; compare the last hundred with the first, in time and memory."""
    times, sizes = list[float](), list[int]()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for number in range(VARIATIONS):
            began = time.perf_counter()
            ask(connection, f"{server.path}?{question(0).partition('&least')[0]}&least={2_000 + number * 0.001:.3f}")
            times.append(time.perf_counter() - began)
            if number in (100, VARIATIONS - 1):
                sizes.append(resident(server.pid))
    ratio, more = median(times[-100:]) / median(times[:100]), (sizes[1] - sizes[0]) >> 20
    report.add(f"variation {VARIATIONS} against the first", f"{ratio:.2f}x the time, {more:+d} MiB")


@click.command()
@click.option("--seconds", default=2.0, show_default=True, help="How long a turn lasts.")
@click.option("--turns", default=5, show_default=True, help="Turns of each server.")
def main(seconds: float, turns: int) -> None:
    """Print misses a second beside those of the hand-made server, and what a miss is made of."""
    report = Report()
    with TemporaryDirectory() as place, ExitStack() as stack:
        project = make_project(Path(place))
        port, pid = stack.enter_context(served_by_hand(project))
        by_hand = Contestant(name="by hand", port=port, pid=pid, path="/sales")
        server = stack.enter_context(gateway_server(project, {"SERVER_WORKERS": WORKERS}))
        gateway = Contestant(
            name="gateway", port=server.port, pid=server.process.pid, path="/v1/queries/sales/v1/result.json"
        )
        measure(report, gateway, by_hand, turns, seconds)
        stage_times(report, gateway)
        variations(report, gateway)
    sys.exit(0 if report.show() else 1)


if __name__ == "__main__":
    main()
