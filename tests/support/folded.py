"""A small project whose answers are put together of partials: sales by day, and queries over windows of days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa

from gateway.project.loader import load_tables
from gateway.writer import Mode, Options, write

FIRST, DAYS = date(2024, 1, 1), 40
FOLDED = {"GATEWAY_CACHE_PARTIALS": "0.2", "GATEWAY_CACHE_PARTIALS_FROM": "0"}
"""The settings with which answers are put together of partials, also of small partitions."""
TABLE = """\
table: sales
location: LOCATION
partitioned_by: [{column: day, transform: day, source: sold}]
columns: {sold: TIMESTAMP, store: VARCHAR, units: INTEGER, big: BIGINT, amount: "DECIMAL(10,2)"}
refresh: REFRESH
"""
FRONT = """\
/*
summary: {summary}
parameters:
  start: {{type: date}}
  end: {{type: date}}
cache: {cache}
warm: {warm}
*/
"""
WHERE = "FROM sales WHERE sold >= $start AND sold < $end"
QUERIES = {
    "exact": f"""\
SELECT store AS shop, count(*) AS sales, sum(units) AS units, sum(amount) AS amount,
    min(sold) AS first, max(big) AS most
{WHERE} GROUP BY store ORDER BY store""",
    "mean": f"""\
SELECT store AS shop, avg(big) AS mean, avg(amount) AS amount, sum(units / 7) AS part, avg(big * 0.1::DOUBLE) AS tenth
{WHERE} GROUP BY store ORDER BY store""",
    "united": f"""\
SELECT store AS shop, count(*) AS sales, sum(amount) AS amount {WHERE} GROUP BY store
UNION ALL SELECT 'all', count(*), sum(amount) {WHERE} AND units > 2 ORDER BY sales LIMIT 4""",
    "minutes": f"""\
SELECT date_trunc('minute', sold) AS minute, count(*) AS sales, max(big) AS most
{WHERE} GROUP BY minute ORDER BY minute""",
    "wide": f"""\
SELECT sold AS at, store AS shop, count(*) AS sales, sum(units) AS units
{WHERE} GROUP BY sold, store ORDER BY sold, store""",
}
"""By name: one of many aggregates, one of means, one of two aggregations, and two of too many groups: beside their
rows, and in bytes."""
TOTAL = """\
/*
summary: Units of all days
parameters: {least: {type: integer}}
cache: CACHE
*/
SELECT store AS shop, sum(units) AS total FROM sales GROUP BY store HAVING sum(units) >= $least ORDER BY store
"""
"""A query whose parameter means nothing to its partials."""


def make_project(
    folder: Path,
    *,
    refresh: str = "1h",
    cache: str = "{ttl: 10m}",
    location: str = "warehouse/sales",
    warm: Sequence[tuple[int, int]] = (),
) -> Path:
    """Declare the table and the queries, of no rows yet; the query ``exact`` is prepared for the windows *warm*."""
    prepared = ", ".join("{{start: {start}, end: {end}}}".format(**between(*window)) for window in warm)
    texts = {
        "catalog/sales.yaml": TABLE.replace("REFRESH", refresh).replace("LOCATION", location),
        "queries/total/v1.sql": TOTAL.replace("CACHE", cache),
    }
    for name, sql in QUERIES.items():
        texts[f"queries/{name}/v1.sql"] = (
            FRONT.format(summary=f"Sales, {name}", cache=cache, warm=f"[{prepared}]" if name == "exact" else "[]")
            + sql
            + "\n"
        )
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    return folder


def put(project: Path, days: Iterable[int], *, seed: int = 0, rows: int = 200) -> None:
    """Write the rows of the days, those of *seed*, in place of what is there."""
    tables, _ = load_tables(project)
    made = rows_of(days, seed=seed, rows=rows)
    write(tables["sales"], made, root=project, options=Options(mode=Mode.OVERWRITE_PARTITIONS))


def rows_of(days: Iterable[int], *, seed: int, rows: int) -> pa.Table:
    """Make so many rows of each of the days, those of *seed*."""
    schema = pa.schema(
        [
            ("sold", pa.timestamp("us")),
            ("store", pa.string()),
            ("units", pa.int32()),
            ("big", pa.int64()),
            ("amount", pa.decimal128(10, 2)),
        ]
    )
    return pa.Table.from_pylist([row for day in days for row in _rows(day, seed, rows)], schema=schema)


def between(start: int, end: int) -> dict[str, str]:
    """Spell the parameters of the queries for the days from *start* up to *end*."""
    return {"start": str(FIRST + timedelta(days=start)), "end": str(FIRST + timedelta(days=end))}


def folder_of(day: int) -> str:
    """Name the partition of a day."""
    return f"day={FIRST + timedelta(days=day)}"


def _rows(day: int, seed: int, count: int) -> Iterable[dict[str, object]]:
    random, midnight = Random(f"{day} {seed}"), datetime.combine(FIRST + timedelta(days=day), time())
    for _ in range(count):
        yield {
            "sold": midnight + timedelta(seconds=random.randrange(86_400)),
            "store": random.choice(["north", "south", "east", None]),
            "units": random.choice([None, *range(9)]),
            "big": random.randrange(2**62),
            "amount": Decimal(random.randrange(10**6)) / 100,
        }
