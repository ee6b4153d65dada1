"""Measure selection: CPU from parameters to selected files, by number of partitions. Run it as a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from resource import RUSAGE_SELF, getrusage
from time import process_time

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table as Grid

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.table import Table
from gateway.model import Column, Value
from gateway.plan.select import PartitionIndex
from gateway.predicate import Comparison, Function, Membership, Operator, Predicate, Term, all_of

TS = Term("ts", "TIMESTAMP")
USER = Term("user_id", "BIGINT")
MONTH = Term("ts", "TIMESTAMP", (Function("date_trunc", ("month",), "TIMESTAMP"),))
EPOCH = datetime(1970, 1, 1)
WEEK: Predicate = all_of(Comparison(TS, Operator.GE, 0), Comparison(TS, Operator.LT, 1))
QUERIES: dict[str, Predicate] = {
    "7 days": WEEK,
    "7 days, one user": all_of(WEEK, Comparison(USER, Operator.EQ, 2)),
    "one user": Comparison(USER, Operator.EQ, 2),
    "a month by date_trunc": Comparison(MONTH, Operator.EQ, 3),
    "one of 20 users in 7 days": all_of(WEEK, Membership(USER, (4,), is_list=True)),
    "everything": all_of(),
}


class View:
    """A snapshot of days and buckets, as many as asked for, one file each."""

    def __init__(self, days: int, buckets: int) -> None:
        count = days * buckets
        fields = (
            PartitionField(column="day", transform="day", source="ts"),
            PartitionField(column="bucket", transform=f"bucket[{buckets}]", source="user_id"),
        )
        self.table = Table(table="events", location="events", partitioned_by=fields)
        self.file_columns = (Column(name="ts", type="TIMESTAMP"), Column(name="user_id", type="BIGINT"))
        self.columns = (*self.file_columns, Column(name="day", type="DATE"), Column(name="bucket", type="INTEGER"))
        texts = np.datetime_as_string(np.arange(days).astype("datetime64[D]"))
        ones = np.ones(count, dtype=np.int64)
        self.partitions = pa.table(
            {
                "day": pa.array(np.repeat(texts, buckets).tolist(), pa.string()),
                "bucket": pa.array([str(number) for number in range(buckets)] * days, pa.string()),
                "first_file": np.arange(count),
                "file_count": ones,
                "bytes": ones * 1000,
                "known": np.ones(count, dtype=np.bool_),
                "levels": ones * 3,
            }
        )
        raw = np.random.default_rng(7).bytes(16 * count)
        self.files = pa.table(
            {
                "path": [f"{place}.parquet" for place in range(count)],
                "size": ones * 1000,
                "etag": [str(place) for place in range(count)],
                "version": pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(raw)]),
                "row_count": pa.nulls(count, pa.int64()),
            }
        )

    def address(self, path: str) -> str:
        return f"s3://bucket/{path}"


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the CPU seconds of the fastest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = process_time()
        for _ in range(10):
            work()
        best = min(best, (process_time() - start) / 10)
    return best


def main() -> None:
    """Print the table."""
    start = EPOCH + timedelta(days=40)
    values: list[Value] = [start, start + timedelta(days=7), 4711, datetime(1970, 2, 1), list(range(20))]
    grid = Grid(title="CPU in ms: select, count and digest")
    for heading in ("query", "1,000", "10,000", "1,000,000", "selected of 1,000,000", "1,000,000 / 10,000"):
        grid.add_column(heading, justify="left" if heading == "query" else "right")
    indexes = []
    for days, buckets in ((250, 4), (625, 16), (15_625, 64)):
        view = View(days, buckets)
        before, began = getrusage(RUSAGE_SELF).ru_maxrss, process_time()
        indexes.append(PartitionIndex.build(view))
        grown = (getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024
        Console().print(
            f"{days * buckets:,} partitions: indexed in {process_time() - began:.3f} s, {grown:.0f} MiB more"
        )
    for name, predicate in QUERIES.items():

        def ask(index: PartitionIndex, predicate: Predicate = predicate) -> int:
            chosen = index.select(predicate, values)
            chosen.digest()
            return chosen.files + chosen.size

        for index in indexes:
            ask(index)
        found = [seconds(lambda index=index: ask(index), 7) * 1000 for index in indexes]  # type: ignore[misc]
        chosen = indexes[-1].select(predicate, values).partitions
        grid.add_row(name, *(f"{one:.3f}" for one in found), f"{chosen:,}", f"{found[2] / found[1]:.1f}")
    Console().print(grid)


if __name__ == "__main__":
    main()
