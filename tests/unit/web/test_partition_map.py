"""What the partitions of a table have, summed by time and by value, and drawn."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.table import Table
from gateway.model import Column
from gateway.web.layout_words import in_words
from gateway.web.partition_amounts import Amounts
from gateway.web.partition_map import drawn_bars, drawn_calendar

COLUMNS = [Column(name="ts", type="TIMESTAMP"), Column(name="id", type="BIGINT"), Column(name="region", type="VARCHAR")]


def snapshot(fields: list[dict[str, Any]], sizes: dict[str, int], rows: dict[str, int] | None = None) -> Snapshot:
    """Make a snapshot of files by their paths; those of *rows* are counted."""
    table = Table.model_validate({"table": "t", "location": "data", "partitioned_by": fields})
    listing = pa.table(
        {
            "path": list(sizes),
            "size": list(sizes.values()),
            "etag": ["e"] * len(sizes),
            "last_modified": pa.array([0] * len(sizes), pa.timestamp("us", tz="UTC")),
        }
    ).cast(SCHEMA)
    made = build(table, "/data/", listing, COLUMNS, 0.0)
    counts = [(rows or {}).get(path) for path in made.files["path"].to_pylist()]
    place = made.files.schema.get_field_index("row_count")
    object.__setattr__(made, "files", made.files.set_column(place, "row_count", pa.array(counts, pa.int64())))
    return made


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


@pytest.mark.parametrize(
    ("fields", "folder"),
    [
        ([{"column": "dt", "transform": "day", "source": "ts"}], "dt={0:%Y-%m-%d}"),
        ([{"column": "dt", "transform": "day", "source": "ts", "format": "%Y%m%d"}], "dt={0:%Y%m%d}"),
        ([{"column": "hr", "transform": "hour", "source": "ts"}], "hr={0:%Y-%m-%d}-09"),
        (
            [
                {"column": "year", "transform": "year", "source": "ts"},
                {"column": "month", "transform": "month_of_year", "source": "ts"},
                {"column": "day", "transform": "day_of_month", "source": "ts"},
            ],
            "year={0:%Y}/month={0:%m}/day={0:%d}",
        ),
    ],
)
def test_every_layout_of_days_is_summed_by_day(fields: list[dict[str, Any]], folder: str) -> None:
    wanted = days(date(2024, 2, 27), 4)
    sizes = {f"{folder.format(day)}/{part}.parquet": 10 + day.day for day in wanted for part in "ab"}
    found = Amounts(snapshot(fields, sizes)).by_date()
    assert found is not None
    assert (found.unit, found.untold) == ("day", 0)
    assert [(day, amount.files, amount.bytes, amount.rows) for day, amount in found.amounts] == [
        (day, 2, 2 * (10 + day.day), None) for day in wanted
    ]


def test_rows_are_told_where_every_file_was_counted() -> None:
    fields = [{"column": "dt", "transform": "day", "source": "ts"}]
    sizes = {"dt=2024-01-01/a.parquet": 10, "dt=2024-01-01/b.parquet": 10, "dt=2024-01-02/a.parquet": 10}
    found = Amounts(snapshot(fields, sizes, dict(zip(sizes, (1, 2, 3), strict=True)))).by_date()
    assert found is not None
    assert [amount.rows for _, amount in found.amounts] == [3, 3]
    partly = Amounts(snapshot(fields, sizes, {"dt=2024-01-01/a.parquet": 1, "dt=2024-01-02/a.parquet": 3})).by_date()
    assert partly is not None
    assert [amount.rows for _, amount in partly.amounts] == [None, 3]


def test_a_partition_without_a_date_is_told_apart() -> None:
    fields = [{"column": "dt", "transform": "day", "source": "ts"}]
    sizes = {"dt=2024-01-01/a.parquet": 10, "dt=__HIVE_DEFAULT_PARTITION__/a.parquet": 7}
    found = Amounts(snapshot(fields, sizes)).by_date()
    assert found is not None
    assert ([day for day, _ in found.amounts], found.untold) == ([date(2024, 1, 1)], 1)
    drawn = drawn_calendar(Amounts(snapshot(fields, sizes)))
    assert drawn is not None
    assert "1 partition tells no time" in drawn.words


def test_a_table_without_time_has_bars_alone() -> None:
    fields = [{"column": "part", "transform": "bucket[4]", "source": "id"}, {"column": "region", "source": "region"}]
    sizes = {f"part={part}/region={region}/a.parquet": 10 * (part + 1) for part in (1, 0) for region in ("b", "a")}
    amounts = Amounts(snapshot(fields, sizes))
    assert drawn_calendar(amounts) is None
    parts, regions = [drawn_bars(level) for level in amounts.by_value()]
    assert [(line.label, line.amount.bytes, line.part) for line in parts.lines] == [("0", 20, 50), ("1", 40, 100)]
    assert [line.label for line in regions.lines] == ["a", "b"]


def test_of_many_values_the_largest_are_shown() -> None:
    fields = [{"column": "region", "source": "region"}]
    sizes = {f"region=r{number:03}/a.parquet": number + 1 for number in range(100)}
    [drawn] = [drawn_bars(level) for level in Amounts(snapshot(fields, sizes)).by_value()]
    assert (drawn.lines[0].label, len(drawn.lines), drawn.more) == ("r099", 40, 60)


def test_a_day_that_is_missing_is_drawn_and_said() -> None:
    fields = [{"column": "dt", "transform": "day", "source": "ts"}]
    wanted = [day for day in days(date(2023, 12, 30), 5) if day != date(2024, 1, 1)]
    sizes = {f"dt={day}/a.parquet": 100 for day in wanted}
    drawn = drawn_calendar(Amounts(snapshot(fields, sizes)))
    assert drawn is not None
    assert "missing between them: 1" in drawn.words
    squares = [square for grid in drawn.grids for square in grid.squares]
    assert [square.title.partition(":")[0] for square in squares if square.shade == 0] == ["2024-01-01"]
    assert (len(drawn.grids), len(squares)) == (2, 5)


@pytest.mark.parametrize(("years", "unit"), [(3, "day"), (12, "month"), (70, "year")])
def test_a_long_time_is_drawn_by_coarser_units_and_nothing_is_lost(years: int, unit: str) -> None:
    fields = [{"column": "dt", "transform": "day", "source": "ts"}]
    wanted = [date(1940 + year, month, 3) for year in range(years) for month in range(1, 13)]
    drawn = drawn_calendar(Amounts(snapshot(fields, {f"dt={day}/a.parquet": 5 for day in wanted})))
    assert drawn is not None
    assert drawn.unit == unit
    assert sum(line.amount.bytes for line in drawn.lines) == 5 * len(wanted)
    places = [(square.x, square.y) for grid in drawn.grids for square in grid.squares]
    assert unit != "month" or len(set(places)) == len(places) == 12 * years


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"transform": "identity"}, "one folder for each value of id"),
        ({"transform": "range[0, 100]"}, "ranges of id: below 0, 0 to below 100, 100 and more"),
        ({"transform": 'lookup{1: a, "*": b}'}, "declared groups of id: 1 in a, all others in b"),
        ({"transform": "month_of_year"}, "the month of year of id, 1 to 12"),
        (
            {"transform": "month", "enforced": False},
            "one folder for each month of id; rows may lie in others too, so no filter on it leaves folders out",
        ),
    ],
)
def test_a_level_is_told_in_words(declared: dict[str, Any], words: str) -> None:
    table = (
        Table.model_validate(
            {"table": "t", "location": "d", "partitioned_by": [{"column": "x", "source": "id", **declared}]}
        )
        if declared["transform"] != "month_of_year"
        else None
    )
    if table is None:
        fields = [{"column": "y", "transform": "year", "source": "id"}, {"column": "x", "source": "id", **declared}]
        table = Table.model_validate({"table": "t", "location": "d", "partitioned_by": fields})
    assert in_words(table.partitioned_by[-1]) == words
