"""Replacing partitions leaves none of their rows behind, whatever layouts the files of a table have, or is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.table import Table, parse_table
from gateway.errors import InputInvalid
from gateway.writer.base import Mode, Options
from gateway.writer.partitions import encode_text
from gateway.writer.write import write

TYPES = {"id": "BIGINT", "ts": "TIMESTAMP", "name": "VARCHAR", "n": "INTEGER"}
_ARROW: dict[str, pa.DataType] = {"id": pa.int64(), "ts": pa.timestamp("us"), "name": pa.string(), "n": pa.int32()}
SCHEMA = pa.schema(_ARROW)
FIELDS = {
    "year": ("year", "ts"),
    "month": ("month", "ts"),
    "day": ("day", "ts"),
    "moy": ("month_of_year", "ts"),
    "name": ("identity", "name"),
    "initial": ("truncate[1]", "name"),
    "bucket": ("bucket[3]", "name"),
    "n": ("identity", "n"),
    "tens": ("truncate[10]", "n"),
    "part": ("range[0, 50]", "n"),
    "kind": ("lookup{aa: x, '*': y}", "name"),
}
LAYOUTS = st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1, max_size=2).map(
    lambda names: ["year", *names] if "moy" in names and "year" not in names else names
)
ROWS = st.fixed_dictionaries(
    {
        "ts": st.sampled_from([None, *(datetime(2023, 12, 31) + timedelta(hours=hours) for hours in (0, 23, 24, 900))]),
        "name": st.sampled_from([None, "", "aa", "ab", "b/c"]),
        "n": st.sampled_from([None, -1, 0, 9, 10, 50]),
    }
)


def declared(layouts: Sequence[Sequence[str]]) -> Table:
    lines = ["table: t", "location: t", "columns:", *(f"  {name}: {type_}" for name, type_ in TYPES.items())]
    lines.append("partitioned_by:")
    for layout in layouts:
        levels = [{"column": name, "transform": FIELDS[name][0], "source": FIELDS[name][1]} for name in layout]
        lines.append(f"  - {json.dumps(levels)}")
    return parse_table("\n".join(lines), "t.yaml")


def texts(fields: Sequence[PartitionField], row: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return the folder texts of a row, one a level."""
    values = (pa.array([row[field.source]], SCHEMA.field(field.source).type) for field in fields)
    pairs = zip(fields, values, strict=True)
    return tuple(field.function.apply(value, TYPES[field.source]).to_pylist()[0] for field, value in pairs)


def put(folder: Path, fields: Sequence[PartitionField], row: dict[str, Any]) -> None:
    levels = zip(fields, texts(fields, row), strict=True)
    path = folder.joinpath(*(f"{field.column}={encode_text(text)}" for field, text in levels))
    path.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row], SCHEMA), path / f"{row['id']}.parquet")


@settings(deadline=None, max_examples=150)
@given(st.lists(LAYOUTS, min_size=2, max_size=3), st.data())
def test_no_row_of_a_replaced_partition_stays(layouts: list[list[str]], data: st.DataObject) -> None:
    table = declared(layouts)
    old = data.draw(st.lists(st.tuples(ROWS, st.sampled_from(table.layouts)), max_size=6))
    new = data.draw(st.lists(ROWS, min_size=1, max_size=2))
    before = [{"id": number, **row} for number, (row, _) in enumerate(old)]
    after = [{"id": 100 + number, **row} for number, row in enumerate(new)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row, (_, fields) in zip(before, old, strict=True):
            put(folder / "t", fields, row)
        options = Options(mode=Mode.OVERWRITE_PARTITIONS)
        replaced = {texts(table.written_by, row) for row in after}
        kept = [row for row in before if texts(table.written_by, row) not in replaced]
        try:
            write(table, pa.Table.from_pylist(after, SCHEMA), root=folder, options=options)
        except InputInvalid:
            elsewhere = [fields for _, fields in old if not {*table.written_by} <= {*fields}]
            assert elsewhere
            after, kept = [], before
        paths = sorted((folder / "t").rglob("*.parquet"))
        found = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
    assert sorted(found, key=lambda row: int(row["id"])) == [*kept, *after]
