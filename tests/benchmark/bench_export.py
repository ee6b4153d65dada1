"""Measure large exports over real HTTP from a real worker: rows a second, memory, time to the first byte. A script.

``--rows`` sets the size of the result, whose goals are stated for 50,000,000. Arrow is compared with DuckDB's own Arrow
reader in this process, the other formats with its ``COPY … TO`` a file, each just before the export and with as many
threads. The client drains the bytes and does nothing else. A goal that is missed ends the script with 1.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

import click
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from process_tree import resident
from processes import Server, gateway_server

SEED = 100_000
"""Rows of the file; the query repeats them."""
TABLE = """\
table: numbers
location: data
partitioned_by: [{column: part, transform: identity, source: part}]
"""
SQL = """\
SELECT r.range * 100000 + n AS id, DATE '2020-01-01' + (n % 1000)::INTEGER AS day, n * 0.25 AS amount, name
FROM {source}, range({times}) r
"""
BATCH_ROWS = 50_000
COPIED = {"csv": "FORMAT csv", "ndjson": "FORMAT json", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}
"""How DuckDB is told to write the formats."""
OF_READER, OF_COPY, FIRST, LEVEL = 0.7, 0.5, 0.2, 48
"""Goals: part of the reader's rows a second, part of COPY's, seconds to the first byte, MiB that the second half of
the time may take more than the first."""
PULSE = 0.1
"""Seconds between two looks at the memory."""


@dataclass
class Report:
    """What was measured, beside what was to be reached."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, what: str, measured: str, goal: str = "", reached: bool = True) -> None:
        self.rows.append((what, measured, goal, reached))

    def show(self) -> bool:
        grid = Grid("what", "measured", "goal", "", box=None, header_style="bold")
        for what, measured, goal, reached in self.rows:
            verdict = "" if not goal else "[green]reached[/]" if reached else "[red]missed[/]"
            grid.add_row(what, measured, goal, verdict)
        Console(width=130).print(grid)
        return all(reached for *_, reached in self.rows)


def make_project(folder: Path, rows: int) -> Path:
    """Declare the table, write its file, and the query that repeats it."""
    for part in ("catalog", "data/part=1", "queries/all", "queries/few"):
        (folder / part).mkdir(parents=True)
    (folder / "catalog/numbers.yaml").write_text(TABLE)
    for name, times in (("all", max(1, rows // SEED)), ("few", 1)):
        text = f"/*\nsummary: {name}\n*/\n{SQL.format(source='numbers', times=times)}"
        (folder / f"queries/{name}/v1.sql").write_text(text)
    names = [f"customer {number % 5_000}" for number in range(SEED)]
    pq.write_table(pa.table({"n": pa.array(range(SEED), pa.int64()), "name": names}), data_of(folder))
    return folder


def data_of(project: Path) -> Path:
    return project / "data/part=1/a.parquet"


def by_duckdb(project: Path, rows: int, suffix: str) -> float:
    """Return the rows a second of DuckDB alone, which reads Arrow or writes a file."""
    sql = SQL.format(source=f"read_parquet('{data_of(project)}')", times=max(1, rows // SEED))
    target = project / f"copy.{suffix}"
    with duckdb.connect() as connection:
        began = time.perf_counter()
        if suffix == "arrow":
            connection.execute(sql)
            assert sum(batch.num_rows for batch in connection.to_arrow_reader(BATCH_ROWS)) == rows
        else:
            connection.execute(f"COPY ({sql}) TO '{target}' ({COPIED[suffix]})")
        seconds = time.perf_counter() - began
    target.unlink(missing_ok=True)
    return rows / seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How an answer came: its bytes, the seconds to the first of its body, and to the last."""

    size: int
    first: float
    last: float


def drain(port: int, query: str, suffix: str) -> Drained:
    """Ask for an answer, and read what comes into one buffer."""
    request = f"GET /v1/queries/{query}/v1/result.{suffix} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
    buffer, head = memoryview(bytearray(1 << 20)), b""
    with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
        began = time.perf_counter()
        connection.sendall(request.encode())
        while not head.partition(b"\r\n\r\n")[2]:
            head += (piece := connection.recv(4096))
            assert piece, head
        first = time.perf_counter() - began
        size, tail = len(head.partition(b"\r\n\r\n")[2]), head[-5:]
        while received := connection.recv_into(buffer):
            size += received
            tail = (tail + bytes(buffer[max(0, received - 5) : received]))[-5:]
        last = time.perf_counter() - began
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert tail == b"0\r\n\r\n" or b"chunked" not in head.lower(), "the answer was cut"
    return Drained(size=size, first=first, last=last)


@contextmanager
def memory_of(server: Server) -> Iterator[list[int]]:
    """Note the memory of all processes of a server meanwhile, in bytes."""
    sizes, done = list[int](), Event()

    def look() -> None:
        while not done.wait(PULSE):
            sizes.append(resident(server.process.pid))

    thread = Thread(target=look)
    thread.start()
    try:
        yield sizes
    finally:
        done.set()
        thread.join()


def risen(sizes: list[int]) -> int:
    """Return how many MiB the second half of the time took more than the first, its first tenth left out."""
    settled = sizes[len(sizes) // 10 :]
    half = len(settled) // 2
    return int(median(settled[half:]) - median(settled[:half])) >> 20 if half else 0


def measure(report: Report, server: Server, project: Path, rows: int, suffix: str) -> None:
    """Let DuckDB make the rows alone, then export them."""
    alone = by_duckdb(project, rows, suffix)
    with memory_of(server) as sizes:
        answer = drain(server.port, "all", suffix)
    speed, (against, goal) = rows / answer.last, ("reader", OF_READER) if suffix == "arrow" else ("COPY", OF_COPY)
    megabytes = answer.size / 1e6
    report.add(f"{suffix}: rows/s", f"{speed / 1e6:.2f}M ({megabytes / answer.last:.0f} MB/s, {megabytes:.0f} MB)")
    ratio, more = speed / alone, risen(sizes)
    report.add(
        f"{suffix}: of DuckDB's {against}, {alone / 1e6:.2f}M", f"{ratio:.2f}", f"at least {goal}", ratio >= goal
    )
    report.add(
        f"{suffix}: first byte", f"{answer.first * 1000:.0f} ms", f"under {FIRST * 1000:.0f} ms", answer.first < FIRST
    )
    report.add(
        f"{suffix}: memory, second half against first",
        f"{more:+d} MiB, {max(sizes, default=0) >> 20} at most",
        f"level: {LEVEL}",
        more <= LEVEL,
    )


@click.command()
@click.option("--rows", default=50_000_000, help="Rows of the result, in steps of 100,000.")
@click.option("--format", "formats", multiple=True, default=("arrow", "parquet", "csv", "ndjson", "json"))
def main(rows: int, formats: tuple[str, ...]) -> None:
    """Print how fast exports come, beside what DuckDB does alone."""
    report = Report()
    with TemporaryDirectory() as folder:
        project = make_project(Path(folder), rows)
        with gateway_server(project, {"SERVER_WORKERS": 1}) as server:
            drain(server.port, "few", "json")
            for suffix in formats:
                measure(report, server, project, rows, suffix)
    sys.exit(0 if report.show() else 1)


if __name__ == "__main__":
    main()
