"""A manifest is what its listing says, however it came together."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.announce import folders
from gateway.catalog.layout import HIVE_NULL
from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build, splice
from gateway.catalog.table import parse_table
from gateway.model import Column

TABLE = parse_table(
    """
table: events
location: s3://bucket/events
partitioned_by:
  - {column: n, transform: identity, source: n}
  - {column: city, transform: identity, source: city}
""",
    "events.yaml",
)
COLUMNS = (Column(name="n", type="INTEGER"), Column(name="city", type="VARCHAR"))
ROOT = "s3://bucket/events/"

numbers = st.one_of(st.integers(-20, 120).map(str), st.integers(0, 9).map("0{}".format), st.just(HIVE_NULL))
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), max_size=4).map(
        lambda text: quote(text, safe=" +ü=")
    ),
    st.sampled_from(["a", "a b", "%61", HIVE_NULL, "NULL", "A"]),
)
names = st.sampled_from(["a.parquet", "b.parquet", "c.PARQUET", "_SUCCESS", "notes.txt"])
good = st.tuples(numbers, texts, names).map(lambda parts: f"n={parts[0]}/city={parts[1]}/{parts[2]}")
broken = st.sampled_from(
    ["x.parquet", "n=1/x.parquet", "n=x/city=a/x.parquet", "n=1/city=a/city=b/x.parquet", "k=1/x.parquet"]
)
files = st.dictionaries(st.one_of(good, good, broken), st.integers(1, 3), max_size=25)


def listing(found: dict[str, int]) -> pa.Table:
    when = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [{"path": path, "size": size, "etag": f"e{size}", "last_modified": when} for path, size in found.items()]
    return pa.Table.from_pylist(rows, SCHEMA)


def snapshot(found: dict[str, int]) -> Snapshot:
    return build(TABLE, ROOT, listing(found), COLUMNS, 0.0)


def assert_same(one: Snapshot, other: Snapshot) -> None:
    assert one.id == other.id
    assert one.files.equals(other.files)
    assert one.partitions.equals(other.partitions)
    assert one.problem_count == other.problem_count
    assert set(one.problems) == set(other.problems)


def strings(column: Any) -> list[str]:
    return [str(text) for text in column.to_pylist()]


def below(path: str, prefixes: list[str]) -> bool:
    return any(path.startswith(f"{prefix}/") for prefix in prefixes)


@given(before=files, after=files, announced=st.lists(st.one_of(numbers, st.just("1"), st.just("10")), max_size=3))
def test_listing_announced_partitions_again_is_listing_all_again_where_nothing_else_changed(
    before: dict[str, int], after: dict[str, int], announced: list[str]
) -> None:
    previous = snapshot({path: size for path, size in before.items() if not path.startswith("k=")})
    known = {path: before[path] for path in before if not path.startswith("k=")}
    prefixes = folders(previous, [f"n={value}" for value in announced]) if _folders_as_declared(previous) else []
    now = {path: size for path, size in known.items() if not below(path, prefixes)}
    now |= {path: size for path, size in after.items() if below(path, prefixes)}
    fresh = listing({path: size for path, size in now.items() if below(path, prefixes)})
    spliced = build(TABLE, ROOT, splice(previous, prefixes, fresh), COLUMNS, 0.0)
    assert_same(snapshot(now), spliced)


def _folders_as_declared(previous: Snapshot) -> bool:
    return not previous.files.num_rows or strings(previous.files["path"])[0].startswith("n=")


@given(files)
def test_every_data_file_is_in_exactly_one_partition_and_a_known_one_has_the_values_of_its_folders(
    found: dict[str, int],
) -> None:
    made = snapshot(found)
    listed: list[str] = strings(made.files["path"])
    data = sorted(path for path in found if path.lower().endswith(".parquet"))
    assert sorted(listed) == data
    covered = 0
    for row in made.partitions.to_pylist():
        assert row["first_file"] == covered
        covered += row["file_count"]
        paths = listed[row["first_file"] : covered]
        assert paths == sorted(paths)
        assert row["bytes"] == sum(found[path] for path in paths)
        if row["known"]:
            assert all(_values(path) == (row["n"], row["city"]) for path in paths)
    assert covered == len(data)


def _values(path: str) -> tuple[str | None, str | None]:
    """Read the two folders of a path the plain way."""
    n, city = (part.partition("=")[2] for part in path.split("/")[:2])
    return None if n == HIVE_NULL else n, None if city == HIVE_NULL else unquote(city)


@given(files)
def test_partitions_stand_in_the_order_of_their_values_null_after_them_and_then_what_is_unknown(
    found: dict[str, int],
) -> None:
    rows = snapshot(found).partitions.to_pylist()
    keys = [
        (
            (not row["levels"] & 1, row["n"] is None, int(row["n"] or 0), row["n"] or ""),
            (not row["levels"] & 2, row["city"] is None, (row["city"] or "").encode()),
        )
        for row in rows
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@given(files, st.randoms())
def test_the_order_of_a_listing_does_not_matter(found: dict[str, int], random: Random) -> None:
    shuffled = list(found.items())
    random.shuffle(shuffled)
    assert_same(snapshot(found), snapshot(dict(shuffled)))
