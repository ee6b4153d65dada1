"""A project whose answers clients read: rows of every type that readers guess at, and a long export."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FIRST, DAYS, A_DAY = date(2026, 3, 1), 4, 12
START, END = str(FIRST), str(FIRST + timedelta(days=DAYS))
STATIONS = (
    *("Zürich", "007", "=1+1", 'a "quoted", comma', "two\nlines", "  spaces  "),
    *("NA", "東京 🗼", None, "-5", "@x", "x"),
)
SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "station": pa.string(),
        "day": pa.date32(),
        "taken": pa.timestamp("us"),
        "seen": pa.timestamp("us", "UTC"),
        "level": pa.float64(),
        "price": pa.decimal128(10, 2),
        "ok": pa.bool_(),
    }
)
EXPORTED = 600_000
"""Rows of ``export``: more than 8 MiB, so that they are sent while they are computed the first time."""

FILES = {
    "gateway.toml": "",
    "catalog/readings.yaml": """\
table: readings
location: warehouse/readings
partitioned_by: [{column: taken_day, transform: day, source: taken}]
columns:
  id: BIGINT
  station: VARCHAR
  day: DATE
  taken: TIMESTAMP
  seen: TIMESTAMPTZ
  level: DOUBLE
  price: DECIMAL(10,2)
  ok: BOOLEAN
""",
    "queries/readings/v1.sql": """\
/*
summary: Readings of a time, one row each
owner: tests
parameters:
  start: {type: timestamp, description: first moment}
  end: {type: timestamp, description: first moment left out}
  stations: {type: 'list[varchar]', optional: true, description: only these}
cache: {ttl: 5m}
examples:
  - {start: 2026-03-01, end: 2026-03-02}
*/
SELECT id, station, day, taken, seen, level, price, ok
FROM readings
WHERE taken >= $start AND taken < $end AND ($stations IS NULL OR station IN $stations)
ORDER BY id
""",
    "queries/export/v1.sql": """\
/*
summary: Numbers and what becomes of them
owner: tests
parameters:
  rows: {type: bigint, min: 0, max: 1000000, description: how many}
cache: {ttl: 5m}
examples:
  - {rows: 10}
*/
SELECT id, hash(id) % 1000003 AS mixed, 'reading ' || id AS label
FROM range($rows) AS numbers(id)
ORDER BY id
""",
}


def rows() -> list[dict[str, Any]]:
    """List what ``readings`` answers from START to END, in Python's own values."""
    return [_row(number) for number in range(DAYS * A_DAY)]


def _row(number: int) -> dict[str, Any]:
    at = datetime.combine(FIRST, datetime.min.time()) + timedelta(hours=2 * number, microseconds=number * 1_000)
    absent = number % 7 == 6
    return {
        "id": number + (2**53 if number == DAYS * A_DAY - 1 else 0),
        "station": STATIONS[number % len(STATIONS)],
        "day": at.date(),
        "taken": at,
        "seen": None if absent else at.replace(tzinfo=UTC),
        "level": None if absent else number / 3,
        "price": None if absent else Decimal(number * 1_010).scaleb(-2),
        "ok": None if absent else number % 2 == 0,
    }


def make_project(folder: Path) -> Path:
    """Write the project and its data into *folder*."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for day in sorted({row["day"] for row in rows()}):
        place = folder / "warehouse" / "readings" / f"taken_day={day}"
        place.mkdir(parents=True)
        table = pa.Table.from_pylist([row for row in rows() if row["day"] == day], schema=SCHEMA)
        pq.write_table(table, place / "part.parquet")
    return folder
