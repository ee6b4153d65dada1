"""How long it takes from a lake of 100 tables of 1,000 files to the first right answer.

Run as a script: ``python tests/benchmark/bench_init.py [tables] [files]``. Tables are cut by days, by year, month and
day, by day and bucket, and by country and day, in turns; each file has twenty columns and a hundred rows.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from datetime import datetime, timedelta
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.transforms import parse_transform
from gateway.project.loader import load_tables

PROGRAM = Path(sysconfig.get_path("scripts")) / "gateway"
ROWS = 100
START = datetime(2022, 1, 1)


def write_table(folder: Path, kind: int, files: int) -> None:
    """Write the files of one table; all have the same columns."""
    ids = pa.array(range(ROWS * 16), pa.int64())
    buckets = parse_transform("bucket[4]").apply(ids, "BIGINT").cast(pa.string())
    by_bucket = [ids.filter(pa.array([text == str(number) for text in buckets.to_pylist()])) for number in range(4)]
    for number in range(files):
        day = START + timedelta(days=number if kind != 2 else number // 4)
        times = pa.array([day + timedelta(seconds=864 * row) for row in range(ROWS)], pa.timestamp("us"))
        columns = {"ts": times, "id": by_bucket[number % 4].slice(0, ROWS)}
        columns |= {f"value_{name}": pa.array([number * name + row for row in range(ROWS)]) for name in range(18)}
        level = (
            f"day={day:%Y-%m-%d}",
            f"year={day.year}/month={day:%m}/day={day:%d}",
            f"day={day:%Y-%m-%d}/bucket={number % 4}",
            f"country={number % 40}/day={day:%Y%m%d}",
        )[kind]
        (folder / level).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / level / "part-0.parquet", compression="none")


def timed(*words: object) -> float:
    started = time.perf_counter()
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - started


def main(tables: int = 100, files: int = 1_000) -> None:
    with TemporaryDirectory() as folder:
        lake, project = Path(folder, "lake"), Path(folder, "project")
        for number in range(tables):
            write_table(lake / f"table_{number:03d}", number % 4, files)
        found = timed("init", lake, project)
        declared = load_tables(project)[0]
        right = sum(any(not level.enforced for level in table.partitioned_by) for table in declared.values())
        asked = timed(
            "run", "table_000", "--param", "start=2022-01-01", "--param", "end=2022-01-03", "--project", project
        )
        used = getrusage(RUSAGE_CHILDREN)
        print(f"{tables} tables of {files} files: init {found:.1f} s, {right} with inferred transforms")
        print(f"first answer after it {asked:.1f} s, {found + asked:.1f} s in all")
        print(f"{used.ru_utime + used.ru_stime:.1f} s of a core")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
