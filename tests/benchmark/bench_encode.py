"""Measure the encoders beside DuckDB's own ``COPY … TO`` the same format with as many threads. A script.

Both read the same table by the same query: the encoders get it from DuckDB's own Arrow reader, so that making the rows
is part of either time. Both write to nowhere. Of several runs in turn the median ratio counts; the ratio of processor
time is beside it, because it says the same on a machine that has other work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import click
import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table as Grid

from gateway.encode import FORMATS, encode
from gateway.encode.rows import Rows
from gateway.model import Column

MIXES = {
    "plain": """i AS id, (i * 7919) % 1000003 AS other, (i * 0.37 / 3)::DOUBLE AS amount,
        'customer ' || (i % 5000) AS name, TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS ts""",
    "texts": """i AS id, 'say "' || i || '", é' AS quoted, 'Größe, ' || (i % 977) || ' – 日本' AS letters,
        CASE WHEN i % 50 = 0 THEN 'two' || chr(10) || 'lines' ELSE 'one line' END AS lines, 'a' || (i % 7) AS short""",
    "decimals": """(i * 0.25)::DECIMAL(12, 2) AS a, (i * 0.001 - 900)::DECIMAL(18, 3) AS b,
        (i / 7)::DECIMAL(38, 10) AS c, i::HUGEINT AS d, (i % 1000)::DECIMAL(4, 0) AS e""",
    "dates": """DATE '1990-01-01' + (i % 20000)::INTEGER AS day, i AS id,
        TIME '00:00:00' + INTERVAL (i % 86400) SECOND AS hour,
        TIMESTAMP '2020-01-01' + INTERVAL (i * 1001) MILLISECOND AS ms,
        TIMESTAMPTZ '2020-01-01 00:00:00Z' + INTERVAL (i * 7) MICROSECOND AS us""",
    "nested": """i AS id, [i, i + 1, NULL] AS numbers, ['a' || i, 'b'] AS words, {'a': i, 'b': 'x' || (i % 10)} AS pair,
        MAP {'k' || (i % 3): i} AS entries""",
    "nulls": """i % 3 = 0 AS yes, CASE WHEN i % 4 <> 0 THEN i END AS some,
        CASE WHEN i % 5 = 0 THEN 'word ' || i END AS few, CASE WHEN i % 2 = 0 THEN i / 8 END AS half,
        CASE WHEN i % 9 <> 0 THEN DATE '2020-01-01' + (i % 99)::INTEGER END AS day""",
}
"""Columns of the table, by name of the mix."""
COPIES = {
    "csv": "FORMAT csv, HEADER",
    "ndjson": "FORMAT json",
    "json": "FORMAT json, ARRAY",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "arrow": "",
}
"""Options of ``COPY``; Arrow is compared with DuckDB's own Arrow reader."""
BATCH_ROWS = 50_000
GOALS = {"arrow": 0.7}
GOAL, FIRST = 0.5, 0.2
"""Part of COPY's rows a second (of the reader's, for Arrow), and seconds to the first byte."""


@dataclass(frozen=True)
class Run:
    """One run: seconds, seconds of processors, seconds to the first byte, bytes, most bytes held by Arrow."""

    wall: float
    cpu: float
    first: float = 0.0
    size: int = 0
    held: int = 0


def encoded(connection: duckdb.DuckDBPyConnection, columns: list[Column], form: str, threads: int) -> Run:
    """Encode all rows, and drop the bytes."""
    wall, cpu, first, size, held = time.perf_counter(), time.process_time(), 0.0, 0, 0
    reader = connection.execute("FROM rows").to_arrow_reader(BATCH_ROWS)
    for piece in encode(FORMATS[form], Rows(schema=reader.schema, batches=reader), columns, threads=threads):
        first = first or time.perf_counter() - wall
        size += len(piece)
        held = max(held, pa.total_allocated_bytes())
    return Run(time.perf_counter() - wall, time.process_time() - cpu, first, size, held)


def copied(connection: duckdb.DuckDBPyConnection, form: str) -> Run:
    """Have DuckDB write all rows to nowhere, or read them as Arrow."""
    wall, cpu = time.perf_counter(), time.process_time()
    if form == "arrow":
        for _ in connection.execute("FROM rows").to_arrow_reader(BATCH_ROWS):
            pass
    else:
        connection.execute(f"COPY (FROM rows) TO '/dev/null' ({COPIES[form]}, USE_TMP_FILE false)")
    return Run(time.perf_counter() - wall, time.process_time() - cpu)


def in_turn(one: Callable[[], Run], other: Callable[[], Run], times: int) -> Iterator[tuple[Run, Run]]:
    for _ in range(times):
        yield one(), other()


def compare(
    grid: Grid, connection: duckdb.DuckDBPyConnection, mix: str, form: str, rows: int, threads: int, times: int
) -> bool:
    """Add a line about one mix in one format; tell whether it reached its goals."""
    described = connection.execute("DESCRIBE rows").fetchall()
    columns = [Column(name=name, type=kind) for name, kind, *_ in described]
    runs = list(in_turn(lambda: copied(connection, form), lambda: encoded(connection, columns, form, threads), times))
    ratio = median(copy.wall / own.wall for copy, own in runs)
    effort = median(copy.cpu / own.cpu for copy, own in runs)
    own, copy = min((own for _, own in runs), key=lambda run: run.wall), min(copy.wall for copy, _ in runs)
    first, held = median(run.first for _, run in runs), max(run.held for _, run in runs)
    reached = ratio >= GOALS.get(form, GOAL) and first < FIRST
    grid.add_row(
        mix,
        form,
        f"{rows / copy / 1e6:.2f}M",
        f"{rows / own.wall / 1e6:.2f}M",
        f"[{'green' if reached else 'red'}]{ratio:.2f}[/]",
        f"{effort:.2f}",
        f"{first * 1000:.0f} ms",
        f"{own.size / 1e6:.0f} MB",
        f"{held / 1e6:.0f} MB",
    )
    return reached


@click.command()
@click.option("--rows", default=2_000_000)
@click.option("--threads", default=2)
@click.option("--times", default=3)
@click.option("--mix", "mixes", multiple=True, type=click.Choice(list(MIXES)), default=tuple(MIXES))
@click.option("--format", "formats", multiple=True, type=click.Choice(list(COPIES)), default=tuple(COPIES))
def main(rows: int, threads: int, times: int, mixes: tuple[str, ...], formats: tuple[str, ...]) -> None:
    grid = Grid("mix", "format", "COPY rows/s", "rows/s", "ratio", "of CPU", "first byte", "size", "held", box=None)
    reached = True
    for mix in mixes:
        with duckdb.connect() as connection:
            connection.execute(f"SET threads = {threads}")
            connection.execute(f"CREATE TABLE rows AS SELECT {MIXES[mix]} FROM range({rows}) r(i)")
            for form in formats:
                reached &= compare(grid, connection, mix, form, rows, threads, times)
    Console(width=140).print(grid)
    sys.exit(0 if reached else 1)


if __name__ == "__main__":
    main()
