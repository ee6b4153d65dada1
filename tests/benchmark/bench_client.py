"""What reading an answer in splits takes, beside DuckDB over the same files: the goal is 0.7 of its MB/s, memory level.

Both parse all columns into Arrow. Processor time is that of the server and its engines, of the client without its
imports, and of DuckDB. The memory of the client is told after a tenth of the rows, and at its peak.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table as Grid

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from processes import gateway_server

FILES = 10
QUERY = """\
/*
summary: All rows
owner: bench
parameters: {below: {type: bigint, description: bound}}
*/
SELECT id, a, b, c, d FROM f WHERE b < $below
"""
READING = """\
import sys, time
from pathlib import Path
from query_gateway_client import Client
def memory():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
begun, used, size, rows, early = time.monotonic(), time.process_time(), 0, 0, 0
with Client(sys.argv[1], cache=False) as qg:
    for batch in qg.stream("f", below=1000, splits=int(sys.argv[2]), workers=int(sys.argv[3])):
        size, rows = size + batch.nbytes, rows + batch.num_rows
        if not early and rows >= int(sys.argv[4]):
            early = memory()
print(size, time.monotonic() - begun, time.process_time() - used, early, memory())
"""


def prepare(folder: Path, rows: int) -> None:
    """Write a table of so many rows of five columns, and the query."""
    chance, count = np.random.default_rng(1), rows // FILES
    for number in range(FILES):
        target = folder / f"f/part={number}"
        target.mkdir(parents=True)
        columns = {
            "id": np.arange(number * count, (number + 1) * count),
            "a": chance.random(count),
            "b": chance.integers(0, 1000, count).astype("int32"),
            "c": chance.random(count),
            "d": chance.integers(0, 1 << 40, count),
        }
        pq.write_table(pa.table(columns), target / "0.parquet", row_group_size=122_880)
    (folder / "catalog").mkdir()
    partitioned = "partitioned_by: [{column: part, transform: identity, source: part}]"
    (folder / "catalog/f.yaml").write_text(f"table: f\nlocation: f\n{partitioned}\n")
    (folder / "queries/f").mkdir(parents=True)
    (folder / "queries/f/v1.sql").write_text(QUERY)


def local(folder: Path) -> tuple[int, float, float]:
    """Scan the files by DuckDB; return bytes, seconds, and seconds of processors."""
    begun, used, size = time.monotonic(), time.process_time(), 0
    with duckdb.connect() as connection:
        text = f"SELECT id, a, b, c, d FROM read_parquet('{folder}/f/*/*.parquet') WHERE b < 1000"
        for batch in connection.execute(text).to_arrow_reader(100_000):
            size += batch.nbytes
    return size, time.monotonic() - begun, time.process_time() - used


def through(port: int, splits: int, workers: int, early: int) -> tuple[int, float, float, float, float]:
    """Read by the client; return bytes, seconds, its seconds of processors, and its peaks of memory in MB.

    The first peak is that after *early* rows, the other that of the end.
    """
    client = str(Path(__file__).parents[2] / "gateway" / "client")
    command = [sys.executable, "-c", READING, f"http://127.0.0.1:{port}", *map(str, (splits, workers, early))]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": client}, capture_output=True, text=True, check=True)
    size, *figures = done.stdout.split()
    seconds, used, before, peak = map(float, figures)
    return int(size), seconds, used, before, peak


def descendants(process: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from descendants(int(child))


def used_by(process: int) -> float:
    """Return the seconds of processors that a process and all that it started have used."""
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in descendants(process)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / float(os.sysconf("SC_CLK_TCK"))


def main() -> None:
    """Print both, for some numbers of workers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    columns = ("read by", "MB/s", "of DuckDB's", "client s", "server s", "of DuckDB's s", "MB early", "peak MB")
    grid = Grid(*columns, box=None, header_style="bold")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, rows)
        size, seconds, least = min((local(folder) for _ in range(3)), key=lambda each: each[1])
        fastest = size / seconds / 1e6
        grid.add_row("DuckDB", f"{fastest:.0f}", "1.00", f"{least:.2f}", "", "1.00", "", "")
        with gateway_server(folder, {"STATE": folder / "state"}) as server:
            for workers in (1, 2, 4):
                before = used_by(server.process.pid)
                size, seconds, used, early, peak = through(server.port, 4 * FILES, workers, rows // 10)
                rate, spent = size / seconds / 1e6, used_by(server.process.pid) - before
                figures = [rate, rate / fastest, used, spent, (used + spent) / least, early, peak]
                texts = [f"{value:.{digits}f}" for value, digits in zip(figures, (0, 2, 2, 2, 2, 0, 0), strict=True)]
                grid.add_row(f"{workers} workers", *texts)
    Console().print(grid)


if __name__ == "__main__":
    main()
