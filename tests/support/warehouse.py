"""Warehouses at random: tables of every layout, written as Parquet by the product itself, and listed by it.

A warehouse is made from a number, so that many queries can be asked of one. Rows are rich in NULLs, duplicates, ends
of months and days, extremes, NaN and odd texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.catalog.catalog import Catalog
from gateway.catalog.manifest import Snapshot
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import Table
from gateway.engine.base import Engine
from gateway.writer import Mode, Options, write

TYPES = {
    "k": "INTEGER",
    "j": "INTEGER",
    "d": "DATE",
    "e": "DATE",
    "ts": "TIMESTAMP",
    "z": "TIMESTAMP WITH TIME ZONE",
    "s": "VARCHAR",
    "f": "BOOLEAN",
    "m": "DECIMAL(6,2)",
    "x": "DOUBLE",
    "n": "BIGINT",
    "u": "UUID",
    "ns": "TIMESTAMP_NS",
    "r": "FLOAT",
    "w": "UTINYINT",
}
ARROW = {
    "INTEGER": pa.int32(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "DECIMAL(6,2)": pa.decimal128(6, 2),
    "DOUBLE": pa.float64(),
    "BIGINT": pa.int64(),
    "UUID": pa.uuid(),
    "TIMESTAMP_NS": pa.timestamp("ns"),
    "FLOAT": pa.float32(),
    "UTINYINT": pa.uint8(),
}
_TIMES = [
    *(datetime(2024, 1, 30, 6) + timedelta(hours=9 * n) for n in range(8)),
    datetime(2024, 1, 31, 23, 59, 59, 999999),
    datetime(2024, 2, 1),
    datetime(2023, 12, 31, 23),
    datetime(2024, 3, 10, 6, 30),
    datetime(2024, 11, 3, 5, 30),
]
_DAYS = [*(date(2024, 1, 30) + timedelta(days=n) for n in range(4)), date(2023, 12, 31), date(2024, 3, 1)]
_EXTREME_TIMES = [datetime(1, 1, 3), datetime(9999, 12, 29, 23), datetime(1969, 12, 31, 23, 59, 59)]
VALUES: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "INTEGER": ([-1, 0, 1, 1, 2, 2, 3], [2**31 - 1, -(2**31), 2024]),
    "DATE": (_DAYS, [date(1, 1, 2), date(9999, 12, 30), date(1969, 12, 31)]),
    "TIMESTAMP": (_TIMES, _EXTREME_TIMES),
    "TIMESTAMP WITH TIME ZONE": (
        [time.replace(tzinfo=UTC) for time in _TIMES],
        [time.replace(tzinfo=UTC) for time in _EXTREME_TIMES],
    ),
    "VARCHAR": (
        ["", "a", "ab", "abc", "b", "2024-01", "2024-01-31"],
        ["é", "日本", "a=b/c", "%2F", "..", " ", "NULL", "null", "__HIVE_DEFAULT_PARTITION__", "'", '"', "\U0001f600"],
    ),
    "BOOLEAN": ([True, False], [True]),
    "DECIMAL(6,2)": ([Decimal(text) for text in ("0.00", "0.05", "1.00", "1.50", "2.00")], [Decimal("-9999.50")]),
    "BIGINT": ([0, 1, 2, 2024, -1], [2**63 - 1, -(2**63) + 1, 2**53 + 1, 2**31]),
    "TIMESTAMP_NS": (_TIMES, [datetime(1969, 12, 31, 23, 59, 59), datetime(2262, 1, 1)]),
    "FLOAT": ([0.0, 0.5, 1.0, 1.5], [float("nan"), float("inf"), float("-inf"), 1.25]),
    "UTINYINT": ([0, 1, 2, 3], [255, 128]),
    "UUID": ([UUID(int=number).bytes for number in (0, 1, 2)], [UUID(int=2**127).bytes, UUID(int=2**128 - 1).bytes]),
    "DOUBLE": ([0.0, 1.0, 1.5, 2.0, -1.5], [float("nan"), float("inf"), float("-inf"), -0.0, 1e300]),
}
"""Of each type the usual values, and those that are met now and then."""

Level = Mapping[str, str]
"""A partition column without its name and source: ``transform``, and perhaps ``format`` and ``zone``."""


def _plain(*transforms: str, **options: str) -> tuple[Level, ...]:
    return tuple({"transform": transform, **options} for transform in transforms)


_NUMBERS = (
    _plain("identity"),
    _plain("bucket[3]"),
    _plain("truncate[2]"),
    _plain("truncate[2]", "bucket[3]"),
    _plain("range[0, 2]"),
    _plain("lookup{0: zero, 1: one, 2: zero, *: many}"),
    _plain("identity", "bucket[2]"),
)
_CALENDAR = (
    _plain("day"),
    _plain("month"),
    _plain("year"),
    _plain("year", "month_of_year", "day_of_month"),
    _plain("day_of_month", "year", "month_of_year"),
    (*_plain("year"), *_plain("month_of_year", "day_of_month", format="%m")[:1], *_plain("day_of_month", format="%d")),
    _plain("month", "day"),
    _plain("day", format="%Y%m%d"),
    _plain("month", "bucket[2]"),
    _plain("bucket[4]"),
    _plain("identity"),
)
_CLOCK = (
    _plain("hour"),
    _plain("day", "hour_of_day"),
    _plain("hour_of_day", "year", "day_of_month", "month_of_year"),
    _plain("range[2024-01-31 00:00:00, 2024-02-01 12:00:00]"),
)
LAYOUTS: dict[str, Sequence[tuple[Level, ...]]] = {
    "k": _NUMBERS,
    "j": _NUMBERS,
    "d": (*_CALENDAR, _plain("range[2024-01-31, 2024-02-01]")),
    "e": _CALENDAR,
    "ts": (*_CALENDAR, *_CLOCK),
    "z": (
        *_CALENDAR,
        *_CLOCK[:3],
        _plain("day", zone="America/New_York"),
        _plain("hour", zone="Australia/Lord_Howe"),
        _plain("year", "month_of_year", "day_of_month", zone="Asia/Tokyo"),
        _plain("month", zone="Pacific/Apia"),
    ),
    "s": (
        _plain("identity"),
        _plain("truncate[1]"),
        _plain("truncate[2]"),
        _plain("bucket[4]"),
        _plain("truncate[1]", "bucket[2]"),
        _plain("range[a, b]"),
        _plain('lookup{a: x, ab: "x/y", "": "x/y", *: rest}'),
    ),
    "f": (_plain("identity"),),
    "m": (_plain("identity"), _plain("truncate[50]"), _plain("bucket[3]"), _plain("range[0.5, 1.5]")),
    "x": (_plain("identity"), _plain("range[-1.5, 0, 1.5]")),
    "n": (*_NUMBERS[:5], _plain("bucket[5]", "identity")),
    "u": (_plain("identity"), _plain("bucket[3]")),
    "ns": (*_CALENDAR[:7], *_CLOCK[:3], _plain("bucket[4]")),
    "r": (_plain("identity"), _plain("range[0.5, 1.5]")),
    "w": _NUMBERS,
}
"""Of each source column the groups of levels that lay it out."""
UNENFORCED = {"k": "j", "d": "e"}
"""Columns whose levels may be made from another column: the declaration then says ``enforced: false``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warehouse:
    """Written tables with their snapshots, and the rows that were written, without the partition columns."""

    number: int
    snapshots: Mapping[str, Snapshot]
    rows: Mapping[str, Counter[str]]

    @property
    def columns(self) -> dict[str, dict[str, str]]:
        """The columns of each table, as SQL sees them."""
        return {
            name: {column.name: column.type for column in snapshot.columns} for name, snapshot in self.snapshots.items()
        }

    def __str__(self) -> str:
        tables = [
            f"{name}: " + "/".join(f"{f.column}={f.transform}({f.source})" for f in snapshot.table.partitioned_by)
            for name, snapshot in self.snapshots.items()
        ]
        return f"warehouse {self.number}, {'; '.join(tables)}"


def build(number: int, folder: Path, engine: Engine) -> Warehouse:
    """Write and list the warehouse of a number below *folder*, which *engine* may read."""
    chance, root = Random(number), folder / f"warehouse-{number}"
    tables: dict[str, Table] = {}
    rows: dict[str, Counter[str]] = {}
    for name in ("a", "b", "c"):
        written, tables[name] = declarations(chance, name)
        given = make_rows(chance, name)
        rows[name] = bag(rows_of(given))
        half = chance.choice((0, 0, given.num_rows // 2))
        for part in (given.slice(0, half), given.slice(half)):
            if part.num_rows:
                write(written, part, root=root, options=Options(mode=Mode.APPEND))
        _misplace_one(chance, root / name)
        _drop_source(chance, root / name, tables[name])
    catalog = Catalog(
        tables,
        root / "state",
        open_store=lambda location: open_store(location, S3Settings(), root),
        describe=engine.describe,
    )
    refresher = catalog.refresher()
    for _ in range(2):
        refresher.tick()
    refresher.close()
    return Warehouse(number=number, snapshots=catalog.pin(), rows=rows)


def declarations(chance: Random, name: str) -> tuple[Table, Table]:
    """Declare a table: as it is written, and as it is read, which differs where rows lie where they should not."""
    written: list[dict[str, Any]] = []
    read: list[dict[str, Any]] = []
    for source in chance.sample(sorted(LAYOUTS), chance.choice((0, 1, 1, 1, 2, 2, 3))):
        strange = source in UNENFORCED and chance.random() < 0.25
        for level in chance.choice(LAYOUTS[source]):
            own = level["transform"] == "identity" and chance.random() < 0.6 and not strange
            column = source if own else f"p{len(written)}"
            written.append({"column": column, "source": UNENFORCED[source] if strange else source, **level})
            read.append({"column": column, "source": source, "enforced": not strange, **level})
    if chance.random() < 0.3:  # partition columns of several sources interleave
        order = chance.sample(range(len(written)), len(written))
        written, read = [written[at] for at in order], [read[at] for at in order]
    options = {"columns": TYPES if chance.random() < 0.5 else None, "statistics": chance.random() < 0.4}
    return tuple(  # type: ignore[return-value]  # two, of a tuple of two
        Table.model_validate({"table": name, "location": name, "partitioned_by": fields, **options})
        for fields in (written, read)
    )


def make_rows(chance: Random, name: str) -> pa.Table:
    """Make the rows of a table."""
    count = chance.choice((1, 4, 8, 8, 10, 12))
    odd = chance.choice((0.0, 0.1, 0.3))
    columns = {
        column: pa.array([_value(chance, kind, odd) for _ in range(count)], ARROW[kind])
        for column, kind in TYPES.items()
    }
    return pa.table(columns)


def _value(chance: Random, kind: str, odd: float) -> Any:
    usual, unusual = VALUES[kind]
    if chance.random() < 0.15:
        return None
    return chance.choice(unusual if chance.random() < odd else usual)


def _misplace_one(chance: Random, folder: Path) -> None:
    """Put a file where no partition is, now and then."""
    files = sorted(folder.rglob("*.parquet"))
    if chance.random() < 0.15 and files[0].parent != folder:
        files[0].rename(folder / "astray.parquet")


def _drop_source(chance: Random, folder: Path, table: Table) -> None:
    """Leave a column to the names of its folders, as other writers do, now and then."""
    own = [field for field in table.partitioned_by if field.column == "s"]
    others = [field for field in table.partitioned_by if field.source == "s" and field not in own]
    if own and not others and table.columns is None and not list(folder.glob("*.parquet")) and chance.random() < 0.5:
        for path in folder.rglob("*.parquet"):
            with pq.ParquetFile(path) as file:
                rows = file.read()
            pq.write_table(rows.drop_columns(["s"]), path)


def rows_of(table: pa.Table) -> Iterable[Sequence[Any]]:
    """Walk the rows of a table."""
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def bag(rows: Iterable[Sequence[Any]]) -> Counter[str]:
    """Count rows, written the same whether DuckDB's client or Arrow made the values."""
    return Counter(repr([_written(value) for value in row]) for row in rows)


def _written(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float):
        return value + 0.0  # DuckDB reads a file whose only value is -0.0 as 0.0, which it equals
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value
