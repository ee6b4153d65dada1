"""What is written is what is read back, each row in the folder that its values imply, for every transform.

The expected folder is computed here from the specification of the transform, not by the code under test.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import duckdb
import mmh3
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.table import Table
from gateway.writer import Mode, Options, WriteSummary, write

NULL = "__HIVE_DEFAULT_PARTITION__"
NEW_YORK = ZoneInfo("America/New_York")

Holds = Callable[[Any, str], bool]
"""Tells whether a value that is not NULL belongs under a decoded folder text."""


@dataclass(frozen=True)
class Case:
    transform: str
    type: pa.DataType
    values: st.SearchStrategy[Any]
    holds: Holds
    options: dict[str, str] | None = None


def texts(expected: Callable[[Any], str]) -> Holds:
    return lambda value, text: text == expected(value)


def bucket(encode: Callable[[Any], bytes], count: int) -> Holds:
    return texts(lambda value: str((mmh3.hash(encode(value), 0, True) & 0x7FFFFFFF) % count))


def as_long(number: int) -> bytes:
    return number.to_bytes(8, "little", signed=True)


def as_decimal(value: Decimal) -> bytes:
    unscaled = int(value.scaleb(2))
    length = next(size for size in range(1, 17) if -(2 ** (8 * size - 1)) <= unscaled < 2 ** (8 * size - 1))
    return unscaled.to_bytes(length, "big", signed=True)


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def month_and_so_on(moment: datetime) -> str:
    return f"{moment.year:04d}-{moment.month:02d}"


ODD = st.sampled_from(
    ["", " ", "/", "%", "%2F", "=", "a=b/c", "..", ".", "_x", "\x00", "\n", "é", "日本", "'", '"', "\\"]
)
WORDS = (
    ODD | st.sampled_from([NULL, NULL.lower()]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
).filter(lambda text: "\0" not in text)  # which is refused
INTEGERS = st.integers(-(2**31), 2**31 - 1) | st.integers(-20, 20)
AMOUNTS = st.decimals(Decimal("-9999999.00"), Decimal("9999999.99"), places=2) | st.decimals(-1, 1, places=2)
DAYS = st.dates(date(1, 1, 2), date(9999, 12, 30)) | st.dates(date(1969, 12, 30), date(1970, 1, 3))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)) | st.datetimes(
    datetime(1969, 12, 31), datetime(1970, 1, 2)
)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)) | st.datetimes(
    datetime(2013, 11, 3, 3), datetime(2013, 11, 3, 9), timezones=st.just(UTC)
)
ZONE = {"zone": "America/New_York"}


def local(expected: Callable[[datetime], str]) -> Holds:
    return texts(lambda value: expected(value.astimezone(NEW_YORK)))


CASES = {
    "identity of texts": Case("identity", pa.string(), WORDS, texts(str)),
    "identity of integers": Case("identity", pa.int32(), INTEGERS, texts(str)),
    "identity of decimals": Case("identity", pa.decimal128(9, 2), AMOUNTS, lambda v, t: Decimal(t) == v),
    "identity of dates": Case("identity", pa.date32(), DAYS, lambda v, t: date.fromisoformat(t) == v),
    "identity of timestamps": Case(
        "identity", pa.timestamp("us"), MOMENTS, lambda v, t: datetime.fromisoformat(t) == v
    ),
    "identity of instants": Case(
        "identity", pa.timestamp("us", tz="UTC"), INSTANTS, lambda v, t: datetime.fromisoformat(t) == v
    ),
    "identity of booleans": Case("identity", pa.bool_(), st.booleans(), texts(lambda v: str(v).lower())),
    "year": Case("year", pa.timestamp("us"), MOMENTS, texts(lambda v: f"{v.year:04d}")),
    "month": Case("month", pa.timestamp("us"), MOMENTS, texts(month_and_so_on)),
    "day": Case("day", pa.timestamp("us"), MOMENTS, texts(lambda v: v.date().isoformat())),
    "hour": Case("hour", pa.timestamp("us"), MOMENTS, texts(lambda v: f"{v.date().isoformat()}-{v.hour:02d}")),
    "month of a date": Case("month", pa.date32(), DAYS, texts(month_and_so_on)),
    "day of an instant": Case("day", pa.timestamp("us", tz="UTC"), INSTANTS, texts(lambda v: v.date().isoformat())),
    "day in New York": Case("day", pa.timestamp("us", tz="UTC"), INSTANTS, local(lambda v: v.date().isoformat()), ZONE),
    "hour in New York": Case(
        "hour", pa.timestamp("us", tz="UTC"), INSTANTS, local(lambda v: f"{v.date().isoformat()}-{v.hour:02d}"), ZONE
    ),
    "day by a format": Case(
        "day", pa.date32(), DAYS, texts(lambda v: v.isoformat().replace("-", "")), {"format": "%Y%m%d"}
    ),
    "bucket of integers": Case("bucket[16]", pa.int32(), INTEGERS, bucket(as_long, 16)),
    "bucket of texts": Case("bucket[7]", pa.string(), WORDS, bucket(str.encode, 7)),
    "bucket of decimals": Case("bucket[5]", pa.decimal128(9, 2), AMOUNTS, bucket(as_decimal, 5)),
    "bucket of dates": Case("bucket[5]", pa.date32(), DAYS, bucket(lambda v: as_long((v - date(1970, 1, 1)).days), 5)),
    "bucket of timestamps": Case("bucket[5]", pa.timestamp("us"), MOMENTS, bucket(lambda v: as_long(micros(v)), 5)),
    "truncate integers": Case("truncate[10]", pa.int64(), INTEGERS, texts(lambda v: str(math.floor(v / 10) * 10))),
    "truncate decimals": Case(
        "truncate[50]",
        pa.decimal128(9, 2),
        AMOUNTS,
        lambda v, t: Decimal(t) <= v < Decimal(t) + Decimal("0.50") and Decimal(t) % Decimal("0.50") == 0,
    ),
    "truncate texts": Case("truncate[2]", pa.string(), WORDS, texts(lambda v: v[:2])),
    "range of integers": Case(
        "range[-5, 0, 7]",
        pa.int32(),
        INTEGERS,
        texts(lambda v: ["..-5", "-5..0", "0..7", "7.."][bisect.bisect_right([-5, 0, 7], v)]),
    ),
    "lookup of texts": Case(
        'lookup{"a=b/c": "x/y", "/": "x/y", "*": rest}',
        pa.string(),
        WORDS,
        texts(lambda v: "x/y" if v in ("a=b/c", "/") else "rest"),
    ),
}


def table_of(*cases: Case) -> Table:
    fields = [
        {"column": f"p{number}", "transform": case.transform, "source": f"s{number}", **(case.options or {})}
        for number, case in enumerate(cases)
    ]
    return Table.model_validate({"table": "t", "location": "t", "partitioned_by": fields})


@st.composite
def written(draw: st.DrawFn) -> tuple[list[Case], pa.Table]:
    names = draw(st.lists(st.sampled_from(sorted(CASES)), min_size=1, max_size=3))
    cases = [CASES[name] for name in names]
    row = st.tuples(*(st.none() | case.values for case in cases))
    rows = draw(st.lists(row, min_size=1, max_size=30))
    columns = {f"s{number}": pa.array([row[number] for row in rows], case.type) for number, case in enumerate(cases)}
    return cases, pa.table({**columns, "note": [f"row {number}" for number in range(len(rows))]})


def files(folder: Path) -> Iterator[tuple[dict[str, str | None], pa.Table]]:
    """Read every file with the values of its folders."""
    for path in sorted(folder.rglob("*.parquet")):
        values: dict[str, str | None] = {}
        for part in path.relative_to(folder).parts[:-1]:
            column, _, text = part.partition("=")
            values[column] = None if text == NULL else unquote(text, errors="strict")
        with pq.ParquetFile(path) as file:
            yield values, file.read().replace_schema_metadata(None)


def rows_of(*tables: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for table in tables for row in table.to_pylist())


def write_in(folder: str, table: Table, rows: pa.Table, options: Options | None = None) -> WriteSummary:
    return write(table, rows, root=Path(folder), options=options)


@settings(max_examples=80, deadline=None)
@given(written())
def test_every_row_is_read_back_from_the_folder_that_it_implies(given_rows: tuple[list[Case], pa.Table]) -> None:
    cases, rows = given_rows
    with TemporaryDirectory() as folder:
        summary = write_in(folder, table_of(*cases), rows)
        found = list(files(Path(folder) / "t"))
    assert rows_of(*(part for _, part in found)) == rows_of(rows)
    assert all(part.schema == rows.schema for _, part in found)
    assert (summary.rows, summary.files, summary.partitions) == (rows.num_rows, len(found), len(found))
    for values, part in found:
        for row in part.to_pylist():
            for number, case in enumerate(cases):
                value, text = row[f"s{number}"], values[f"p{number}"]
                assert (value is None) == (text is None)
                assert value is None or (text is not None and case.holds(value, text)), (value, text)


@settings(max_examples=20, deadline=None)
@given(written())
def test_duckdb_reads_what_was_written(given_rows: tuple[list[Case], pa.Table]) -> None:
    cases, rows = given_rows
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        write_in(folder, table_of(*cases), rows)
        paths = [str(path) for path in (Path(folder) / "t").rglob("*.parquet")]
        connection.execute("SET TimeZone = 'UTC'")
        relation = connection.read_parquet(paths, hive_partitioning=False, union_by_name=False)
        assert rows_of(relation.to_arrow_table().cast(rows.schema)) == rows_of(rows)


@settings(max_examples=15, deadline=None)
@given(written())
def test_writing_the_same_partitions_again_replaces_their_rows(given_rows: tuple[list[Case], pa.Table]) -> None:
    cases, rows = given_rows
    with TemporaryDirectory() as folder:
        first = write_in(folder, table_of(*cases), rows)
        again = write_in(folder, table_of(*cases), rows, Options(mode=Mode.OVERWRITE_PARTITIONS))
        found = [part for _, part in files(Path(folder) / "t")]
    assert rows_of(*found) == rows_of(rows)
    assert again.removed == first.files


@settings(max_examples=10, deadline=None)
@given(written())
def test_the_same_rows_make_the_same_bytes(given_rows: tuple[list[Case], pa.Table]) -> None:
    cases, rows = given_rows
    made = []
    for _ in range(2):
        with TemporaryDirectory() as folder:
            write_in(folder, table_of(*cases), rows)
            made.append(
                sorted(
                    (str(path.parent.relative_to(folder)), path.read_bytes())
                    for path in Path(folder).rglob("*.parquet")
                )
            )
    assert made[0] == made[1]


PARTS = [
    {"column": "year", "transform": "year", "source": "ts"},
    {"column": "month", "transform": "month_of_year", "source": "ts", "format": "%m"},
    {"column": "day", "transform": "day_of_month", "source": "ts"},
    {"column": "hour", "transform": "hour_of_day", "source": "ts"},
]


@settings(max_examples=15, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=20))
def test_the_parts_of_a_timestamp_make_nested_folders(moments: list[datetime]) -> None:
    table = Table.model_validate({"table": "t", "location": "t", "partitioned_by": PARTS})
    with TemporaryDirectory() as folder:
        write_in(folder, table, pa.table({"ts": pa.array(moments, pa.timestamp("us"))}))
        found = list(files(Path(folder) / "t"))
    assert rows_of(*(part for _, part in found)) == Counter((moment,) for moment in moments)
    for values, part in found:
        for (moment,) in rows_of(part):
            expected = (f"{moment.year:04d}", f"{moment.month:02d}", str(moment.day), str(moment.hour))
            assert tuple(values.values()) == expected
