"""What ``gateway init`` infers of folders, over generated layouts whose rules are written anew here, in real files.

A proposal is wrong where it puts a row, of those stored or of as many others of the same kind, into another folder than
the layout does.
"""

from __future__ import annotations

import random
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import mmh3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.store import S3Settings, open_store
from gateway.discovery.discover import discover
from gateway.discovery.foreign_hashes import spark
from gateway.discovery.found import FoundTable

Row = dict[str, Any]
TYPES: dict[str, Any] = {
    "ts": pa.timestamp("us"),
    "seen_at": pa.timestamp("us"),
    "stamped": pa.timestamp("us", tz="UTC"),
    "due": pa.date32(),
    "user_id": pa.int64(),
    "small": pa.int32(),
    "country": pa.string(),
    "name": pa.string(),
    "price": pa.decimal128(10, 2),
    "constant": pa.int64(),
    "half": pa.float64(),
}


@dataclass(frozen=True)
class Level:
    """A level of a layout: the text of a row's folder, and whether it derives from a column at all."""

    name: str
    text: Callable[[Row], str]
    derives: bool = True


def a_row(chance: random.Random, days: int) -> Row:
    """Make a row; some columns go together, as they do in real tables."""
    ts = datetime(2023, 11, 3) + timedelta(seconds=chance.randrange(days * 86_400))
    return {
        "ts": ts,
        "seen_at": ts + timedelta(hours=chance.randrange(60)),
        "stamped": (datetime(2024, 2, 1) + timedelta(seconds=chance.randrange(days * 86_400))).replace(tzinfo=UTC),
        "due": date(2024, 1, 1) + timedelta(days=chance.randrange(days)),
        "user_id": chance.randrange(10**6),
        "small": chance.randrange(40),
        "country": chance.choice(["DE", "FR", "Île", "a/b", "x y", "NO"]),
        "name": chance.choice(["ada", "bob", "eva", "jo"]) + str(chance.randrange(10_000)),
        "price": Decimal(chance.randrange(1_000_000)) / 100,
        "constant": 7,
        "half": chance.random(),
    }


def murmur(value: Any) -> int:
    raw = value.encode() if isinstance(value, str) else struct.pack("<q", value)
    return mmh3.hash(raw, 0) & 0x7FFFFFFF


def times(column: str) -> list[list[Level]]:
    """List the ways of cutting time that are inferred, in the spellings that people use."""

    def by(form: str, name: str) -> Level:
        return Level(name, lambda row: row[column].strftime(form))

    def plain(part: str, name: str) -> Level:
        return Level(name, lambda row: str(getattr(row[column], part)))

    years = [by("%Y", "year")]
    return [
        [by("%Y-%m-%d", "day")],
        [by("%Y%m%d", "dt")],
        [by("%d.%m.%Y", "dt")],
        [by("%Y_%m_%d", "load")],
        [by("%Y-%m", "month")],
        [by("%Y%m", "month")],
        [by("%Y-%m-01", "month_start")],
        years,
        [*years, by("%m", "month")],
        [*years, plain("month", "month")],
        [*years, by("%m", "month"), by("%d", "day")],
        [*years, plain("month", "m"), plain("day", "d")],
    ]


def hours(column: str) -> list[list[Level]]:
    def by(form: str, name: str) -> Level:
        return Level(name, lambda row: row[column].strftime(form))

    return [[by("%Y-%m-%d-%H", "hour")], [by("%Y%m%d%H", "h")], [by("%Y-%m-%d", "day"), by("%H", "hour")]]


def others() -> list[list[Level]]:
    """List the other ways of cutting, and levels that derive from nothing in the files."""
    free = random.Random(1)
    return [
        [Level("c", lambda row: row["country"])],
        [Level("code", lambda row: str(row["small"]))],
        [Level("first", lambda row: row["name"][:1])],
        [Level("prefix", lambda row: row["name"][:3])],
        [Level("thousand", lambda row: str(row["user_id"] // 100_000 * 100_000))],
        [Level("decade", lambda row: str(row["small"] // 10 * 10))],
        *([Level("bucket", lambda row, n=n: str(murmur(row["user_id"]) % n))] for n in (4, 7, 16)),  # type: ignore[misc]
        [Level("shard", lambda row: f"{murmur(row['name']) % 10:03d}")],
        [Level("bucket", lambda row: str(free.randrange(8)), derives=False)],
        [Level("region", lambda row: free.choice(["eu", "us"]), derives=False)],
        [Level("loaded", lambda row: f"2024-01-{free.randrange(1, 9):02d}", derives=False)],
        [Level("year", lambda row: str(free.randrange(2023, 2025)), derives=False)],
    ]


def a_layout(chance: random.Random) -> list[Level]:
    column = chance.choice(["ts", "seen_at", "stamped", "due"])
    ways = times(column) + ([] if column == "due" else hours(column))
    levels = list(chance.choice(ways)) if chance.random() < 0.7 else []
    if not levels or chance.random() < 0.4:
        levels = [
            level for level in chance.choice(others()) if level.name not in {each.name for each in levels}
        ] + levels
    return levels


def stored(folder: Path, rows: Sequence[Row], levels: Sequence[Level], chance: random.Random) -> None:
    """Write rows as the layout has them, in one or two files a folder, some without statistics."""
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        parts["/".join(f"{level.name}={quote(level.text(row), safe=' ')}" for level in levels)].append(row)
    statistics = chance.random() < 0.85
    for path, held in parts.items():
        (folder / path).mkdir(parents=True, exist_ok=True)
        for number in range(chance.choice([1, 1, 2])):
            some = held[number::2] if number else held
            if some:
                columns = {name: pa.array([row[name] for row in some], type_) for name, type_ in TYPES.items()}
                target = folder / path / f"{number}.parquet"
                pq.write_table(pa.table(columns), target, write_statistics=statistics)


def proposed(found: FoundTable) -> dict[str, PartitionField]:
    return {
        level.column: PartitionField(
            column=level.column, transform=level.transform, source=level.source, format=level.format
        )
        for level in found.levels
        if level.evidence is not None
    }


def lies_in(field: PartitionField, found: FoundTable, rows: Sequence[Row], texts: Sequence[str]) -> bool:
    """Return whether a proposal puts every row where the layout does."""
    type_ = {column.name: column.type for column in found.columns}[field.source]
    values = pa.array([row[field.source] for row in rows], TYPES[field.source])
    function = field.function
    made = function.decode(function.apply(values, type_).cast(pa.string()), type_)
    return bool(made.equals(function.decode(pa.array(texts, pa.string()), type_)))


class Told(Enum):
    """What is proposed for one level."""

    RIGHT = "right"
    WRONG = "wrong"
    NOTHING = "nothing"
    UNDECIDED = "nothing, for the rows do not tell two columns apart"
    NOTHING_TO_TELL = "nothing, for the level derives from nothing"


def told(
    level: Level, field: PartitionField | None, found: FoundTable, rows: Sequence[Row], more: Sequence[Row]
) -> Told:
    if field is not None:
        every = [*rows, *more]
        return Told.RIGHT if lies_in(field, found, every, [level.text(row) for row in every]) else Told.WRONG
    if not level.derives:
        return Told.NOTHING_TO_TELL
    [plain] = [each for each in found.levels if each.column == level.name]
    return Told.UNDECIDED if len({level.text(row) for row in rows}) == 1 or plain.remark else Told.NOTHING


def inferred(seed: int) -> list[Told]:
    """Return what is proposed for each level of the layout of a seed."""
    chance = random.Random(seed)
    levels, days = a_layout(chance), chance.choice([1, 3, 40, 400])
    rows = [a_row(chance, days) for _ in range(chance.choice([40, 100]))]
    with TemporaryDirectory() as folder:
        stored(Path(folder), rows, levels, chance)
        store = open_store(Path(folder).as_uri(), S3Settings(), Path(folder))
        [found] = discover(store, lambda what, done, total: None).tables
    fields = proposed(found)
    fresh = [a_row(chance, days) for _ in range(400)]
    return [told(level, fields.get(level.name), found, rows, fresh) for level in levels]


@pytest.mark.parametrize(
    ("folder_of", "words"),
    [
        (lambda number: spark(number, "BIGINT") % 8, "Spark's hash of user_id modulo 8"),
        (lambda number: number % 8, "Hive's hash, or the remainder of user_id modulo 8"),
        (lambda number: murmur(number) % 8, None),
    ],
    ids=["Spark", "Hive", "Iceberg"],
)
def test_buckets_of_other_hashes_are_told_apart(
    folder_of: Callable[[int], int], words: str | None, tmp_path: Path
) -> None:
    chance = random.Random(7)
    level = Level("bucket", lambda row: str(folder_of(row["user_id"])))
    stored(tmp_path, [a_row(chance, 3) for _ in range(200)], [level], chance)
    [found] = discover(open_store(tmp_path.as_uri(), S3Settings(), tmp_path), lambda what, done, total: None).tables
    [told] = found.levels
    if words is None:
        assert (told.transform, told.source, told.remark) == ("bucket[8]", "user_id", None)
    else:
        assert (told.transform, told.source, told.enforced) == ("identity", "bucket", True)
        assert told.remark == f"unknown: buckets by {words}, which no transform is; not used"


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_no_wrong_transform_is_proposed(seed: int) -> None:
    assert Told.WRONG not in inferred(seed)


def test_nearly_all_true_transforms_are_proposed() -> None:
    found = Counter(answer for seed in range(40) for answer in inferred(seed))
    assert found[Told.WRONG] == 0
    assert found[Told.RIGHT] >= 0.95 * (found[Told.RIGHT] + found[Told.NOTHING]), found
    assert found[Told.RIGHT] >= 40, found
