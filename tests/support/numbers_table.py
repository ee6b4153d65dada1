"""A table of numbers, each once, in several files and row groups, and queries split by its files or by their rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SIZES = (30_000, 10, 20_000, 7_500, 42_490)
ROWS = sum(SIZES)
ALL, SOME = 1_000, 300
"""Bounds of ``mixed``: of all rows, and of three in ten."""
TEXTS = {
    "numbers": "SELECT id, mixed, label FROM numbers WHERE mixed < $below",
    "ranked": "SELECT id, mixed FROM numbers WHERE mixed < $below ORDER BY mixed, id",
}
_GROUP = 4_000
_TABLE = """\
table: numbers
location: warehouse/numbers
columns: {id: BIGINT, mixed: INTEGER, label: VARCHAR}
partitioned_by: [{column: part, transform: identity, source: part}]
"""


def make_project(folder: Path) -> Path:
    """Write the table and the queries."""
    for number, rows in enumerate(SIZES):
        write_file(folder, number, sum(SIZES[:number]), rows)
    (folder / "catalog").mkdir()
    (folder / "catalog/numbers.yaml").write_text(_TABLE)
    (folder / "gateway.toml").write_text('[snapshots]\nlocation = "snapshots"\n')
    for name, text in TEXTS.items():
        (folder / f"queries/{name}").mkdir(parents=True)
        declared = "parameters: {below: {type: bigint, description: bound}}\nexamples: [{below: 10}]"
        (folder / f"queries/{name}/v1.sql").write_text(f"/*\nsummary: {name}\nowner: tests\n{declared}\n*/\n{text}\n")
    return folder


def write_file(project: Path, number: int, first: int, rows: int) -> None:
    """Write one file of the table, of so many *rows*."""
    folder = project / f"warehouse/numbers/part={number % 2}"
    folder.mkdir(parents=True, exist_ok=True)
    ids = range(first, first + rows)
    columns = {"id": pa.array(ids, pa.int64()), "mixed": pa.array([each * 7_919 % 1_000 for each in ids], pa.int32())}
    table = pa.table({**columns, "label": [f"row {each}" for each in ids]})
    pq.write_table(table, folder / f"{number}.parquet", row_group_size=_GROUP)


def ids(batches: Iterable[Any]) -> list[int]:
    """List the numbers in some batches of rows."""
    return [number for batch in batches for number in batch["id"].to_pylist()]
