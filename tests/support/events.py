"""A small project of one table, a row a day for a year, that tests write and rewrite day by day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from gateway.project.loader import load_tables
from gateway.writer import Mode, Options, write

FIRST, DAYS = date(2013, 1, 1), 365
TABLE = """\
table: events
location: warehouse/events
partitioned_by: [{column: day, transform: day, source: ts}]
columns: {ts: TIMESTAMP, amount: BIGINT}
refresh: {refresh}
"""
QUERY = """\
/*
summary: Amount between two days
parameters:
  start: {type: date}
  end: {type: date}
FRONT
*/
SELECT count(*) AS events, sum(amount) AS amount FROM events WHERE ts >= $start AND ts < $end
"""


def make_project(folder: Path, front: str, *, refresh: str = "1h") -> Path:
    """Declare the table and the query ``amount``, whose front matter also holds *front*."""
    texts = {
        "catalog/events.yaml": TABLE.replace("{refresh}", refresh),
        "queries/amount/v1.sql": QUERY.replace("FRONT", front),
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    return folder


def put(project: Path, days: Iterable[int], amount: int) -> None:
    """Write one row for each of the days, in place of what is there."""
    tables, _ = load_tables(project)
    start, places = datetime.combine(FIRST, datetime.min.time()), list(days)
    rows = pa.table(
        {
            "ts": pa.array([start + timedelta(days=day, hours=5) for day in places], pa.timestamp("us")),
            "amount": pa.array([amount] * len(places), pa.int64()),
        }
    )
    write(tables["events"], rows, root=project, options=Options(mode=Mode.OVERWRITE_PARTITIONS))


def between(start: int, end: int) -> dict[str, str]:
    """Spell the parameters of the query for the days from *start* up to *end*."""
    return {"start": str(FIRST + timedelta(days=start)), "end": str(FIRST + timedelta(days=end))}


def folder_of(day: int) -> str:
    """Name the partition of a day."""
    return f"day={FIRST + timedelta(days=day)}"
