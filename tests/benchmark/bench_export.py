"""Measure large exports over real HTTP from a real worker: rows a second, memory, time to the first byte. A script.

``--rows`` sets the size of the result, whose goals are stated for 50,000,000. A goal that is missed ends the script
with 1. DuckDB's own Arrow reader runs the same SQL over the same file in this process, before each kind of export.
"""

from __future__ import annotations

import re
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from threading import Event, Thread

import click
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

from gateway.answer import Export, Unread
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.execution.work import StreamOptions
from gateway.model import Principal, Request
from gateway.telemetry.events import unobserved

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
MEMORY, RATIO, FIRST = 200, 0.6, 1.0
"""Goals: MB that the worker grows by, part of the reader's rows a second, seconds to the first byte."""
BATCH_ROWS = 50_000


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
        Console().print(grid)
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


def read_by_duckdb(project: Path, rows: int) -> float:
    """Return the rows a second of DuckDB's own Arrow reader."""
    sql = SQL.format(source=f"read_parquet('{data_of(project)}')", times=max(1, rows // SEED))
    with duckdb.connect() as connection:
        began = time.perf_counter()
        connection.execute(sql)
        count = sum(batch.num_rows for batch in connection.to_arrow_reader(BATCH_ROWS))
        return count / (time.perf_counter() - began)


def export_in_process(project: Path) -> float:
    """Return the rows a second of the gateway's Arrow bodies, made and not sent."""
    request = Request(query="all", version=1, parameters={})
    own = {"GATEWAY_STATE": str(project / "own")}  # what the worker knows of the question is its own
    with open_gateway(load_settings(project, own), observe=unobserved, background=False) as gateway:
        began, size = time.perf_counter(), 0
        answer = gateway.answer(request, principal=Principal(), stream=StreamOptions())
        assert not isinstance(answer, Unread)
        result = answer.result
        counted = _Counted(result.batches if isinstance(answer, Export) else answer.result.table.to_batches())
        schema = result.schema if isinstance(answer, Export) else answer.result.table.schema
        for piece in encode(FORMATS["arrow"], Rows(schema=schema, batches=counted), result.columns):
            size += len(piece)
        return counted.rows / (time.perf_counter() - began)


@dataclass
class _Counted:
    batches: object
    rows: int = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self.batches:  # type: ignore[attr-defined]  # either kind of batches
            self.rows += batch.num_rows
            yield batch


@dataclass(frozen=True)
class Worker:
    """The one worker of a running gateway."""

    port: int
    process_id: int

    def resident(self) -> int:
        """Return its memory, in bytes."""
        return int(Path(f"/proc/{self.process_id}/statm").read_text().split()[1]) * 4096

    def get(self, query: str, suffix: str) -> tuple[int, float, float]:
        """Return the bytes of an answer, the seconds to the first of them, and to the last."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=600)) as connection:
            began = time.perf_counter()
            connection.request("GET", f"/v1/queries/{query}/v1/result.{suffix}")
            response = connection.getresponse()
            assert response.status == 200, response.read()
            size = len(response.read(1))
            first = time.perf_counter() - began
            while piece := response.read(1 << 20):
                size += len(piece)
            return size, first, time.perf_counter() - began


@contextmanager
def serving(project: Path) -> Iterator[Worker]:
    program = str(Path(sysconfig.get_path("scripts")) / "gateway")
    command = [program, "serve", "--project", str(project), "--port", "0", "--workers", "1"]
    with (project / "log").open("wb") as log, Popen(command, stdout=PIPE, stderr=log, text=True) as process:
        try:
            assert process.stdout is not None
            address = next(found for line in process.stdout if (found := re.search(r"http://127.0.0.1:(\d+)", line)))
            Thread(target=process.stdout.read, daemon=True).start()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield Worker(int(address[1]), int(children[0]))
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def watched(worker: Worker, peaks: list[int]) -> Iterator[None]:
    """Note the highest memory of the worker meanwhile, in bytes beyond what it had before."""
    before, done, peak = worker.resident(), Event(), [0]

    def look() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], worker.resident() - before)

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        peaks.append(peak[0])


def measure(report: Report, worker: Worker, suffix: str, rows: int, *, again: bool) -> float:
    """Export once; return the rows a second."""
    peaks: list[int] = []
    with watched(worker, peaks):
        size, first, last = worker.get("all", suffix)
    what = f"{suffix}, {'known to be large' if again else 'asked the first time'}"
    speed, grown = rows / last, peaks[0] / 1e6
    report.add(f"{what}: rows/s", f"{speed / 1e6:.2f}M ({size / last / 1e6:.0f} MB/s, {size / 1e6:.0f} MB)")
    report.add(f"{what}: first byte", f"{first * 1000:.0f} ms", f"under {FIRST:.0f} s", first < FIRST)
    report.add(f"{what}: memory", f"+{grown:.0f} MB", f"under {MEMORY} MB", grown < MEMORY)
    return speed


@click.command()
@click.option("--rows", default=50_000_000, help="Rows of the result, in steps of 100,000.")
@click.option("--format", "formats", multiple=True, default=("arrow", "parquet", "csv", "ndjson"))
def main(rows: int, formats: tuple[str, ...]) -> None:
    report = Report()
    with TemporaryDirectory() as folder:
        project = make_project(Path(folder), rows)
        reader = read_by_duckdb(project, rows)
        report.add("DuckDB's Arrow reader: rows/s", f"{reader / 1e6:.2f}M")
        inside = median(export_in_process(project) / read_by_duckdb(project, rows) for _ in range(3))
        report.add("arrow, made in this process: of the reader", f"{inside:.2f}", f"at least {RATIO}", inside >= RATIO)
        with serving(project) as worker:
            worker.get("few", "json")
            for number, suffix in enumerate(formats):
                speed = measure(report, worker, suffix, rows, again=number > 0)
                if suffix == "arrow":
                    again = read_by_duckdb(project, rows)
                    ratio = speed / max(reader, again)
                    report.add("arrow over HTTP: of the reader", f"{ratio:.2f}", f"at least {RATIO}", ratio >= RATIO)
    sys.exit(0 if report.show() else 1)


if __name__ == "__main__":
    main()
