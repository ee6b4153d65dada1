"""Measure the manifest of a table of a million files: how long it takes to make, keep and open, and how much memory.

Run it as a script; an argument is another number of files.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table as Grid

from gateway.catalog.manifest import build, splice
from gateway.catalog.snapshot_store import SnapshotStore
from gateway.catalog.table import Table, parse_table
from gateway.model import Column

Made = TypeVar("Made")

TEXT = """
table: events
location: s3://warehouse/events
partitioned_by:
  - {column: day, transform: day, source: at}
  - {column: bucket, transform: "bucket[256]", source: user_id}
"""
COLUMNS = (Column(name="at", type="TIMESTAMP"), Column(name="user_id", type="BIGINT"))
ROOT = "s3://warehouse/events/"
WORKERS = 4
OPEN = """
import sys
from pathlib import Path
from time import perf_counter
from gateway.catalog.snapshot_store import SnapshotStore
from gateway.catalog.table import parse_table
table = parse_table(sys.argv[2], "events.yaml")
def held():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
before, started = held(), perf_counter()
snapshot = SnapshotStore(Path(sys.argv[1])).load(table, sys.argv[3])
seconds = perf_counter() - started
print(seconds, flush=True)
sys.stdin.readline()
after = held()
print(after["Pss"] - before["Pss"], after["Private_Dirty"] - before["Private_Dirty"], flush=True)
sys.stdin.readline()
"""


def listing(files: int) -> pa.Table:
    """Make a listing in no order: 256 buckets a day, one file each."""
    first = date(2014, 1, 1)
    days = [str(first + timedelta(number)) for number in range(files // 256 + 1)]
    paths = [f"day={days[number // 256]}/bucket={number % 256}/part-{number:08x}.parquet" for number in range(files)]
    Random(1).shuffle(paths)
    return pa.table(
        {
            "path": paths,
            "size": pa.array(np.arange(files, dtype=np.int64) % 10_000 + 1),
            "etag": [f'"{number:032x}"' for number in range(files)],
            "last_modified": pa.array(np.full(files, 1_600_000_000_000_000), pa.timestamp("us", "UTC")),
        }
    )


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    started = perf_counter()
    made = work()
    return made, perf_counter() - started


def opened(folder: Path, table: Table) -> tuple[float, list[tuple[int, int]]]:
    """Open the manifest in several processes at once: slowest time, and (share, own) memory of each in KiB."""
    command = [sys.executable, "-c", OPEN, str(folder), TEXT, ROOT]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(WORKERS)
    ]
    pipes = [(worker.stdin, worker.stdout) for worker in workers if worker.stdin and worker.stdout]
    slowest = max(float(out.readline()) for _, out in pipes)
    memory = []
    for line, out in pipes:
        line.write("\n")
        line.flush()
        share, own = out.readline().split()
        memory.append((int(share), int(own)))
    for worker in workers:
        worker.communicate("\n")
    return slowest, memory


def main(files: int) -> None:
    table = parse_table(TEXT, "events.yaml")
    found = listing(files)
    grid = Grid("what", "measured", "goal", title=f"A manifest of {files:,} files")
    with TemporaryDirectory() as folder:
        snapshot, seconds = timed(lambda: build(table, ROOT, found, COLUMNS, 0.0))
        grid.add_row("build from a listing", f"{seconds:.2f} s", "")
        part = found.filter(pc.starts_with(found["path"], "day=2014-01-01/"))
        merged, seconds = timed(lambda: splice(snapshot, ["day=2014-01-01"], part))
        grid.add_row("splice one day in", f"{seconds:.2f} s, then build", "")
        assert merged.num_rows == files
        snapshots = SnapshotStore(Path(folder))
        grid.add_row("write to disk", f"{timed(lambda: snapshots.put(snapshot))[1]:.2f} s", "")
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        grid.add_row("size on disk", f"{size / 2**20:.0f} MiB", "")
        slowest, memory = opened(Path(folder), table)
        grid.add_row(f"open, the slowest of {WORKERS} processes at once", f"{slowest:.2f} s", "2 s, no LIST")
        total = sum(share for share, _ in memory) / 2**10
        grid.add_row(f"memory of {WORKERS} processes together", f"{total:.0f} MiB", "300 MB a machine")
        grid.add_row("of it private to one", f"{max(own for _, own in memory) / 2**10:.1f} MiB", "")
    Console().print(grid)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
