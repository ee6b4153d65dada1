"""Pipelines announce partitions as the folders that they wrote."""

from __future__ import annotations

import pytest

from gateway.catalog.announce import folders
from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.table import parse_table
from gateway.errors import InvalidParameters
from gateway.model import Column

DECLARATION = """
table: events
location: s3://bucket/events
partitioned_by:
  - {column: day, transform: day, source: at}
  - {column: city, transform: identity, source: city}
"""
COLUMNS = (Column(name="at", type="TIMESTAMP"), Column(name="city", type="VARCHAR"))


def snapshot(*paths: str) -> Snapshot:
    rows = [{"path": path, "size": 1, "etag": "e", "last_modified": 0} for path in paths]
    listing = SCHEMA.empty_table().from_pylist(rows, SCHEMA)
    return build(parse_table(DECLARATION, "events.yaml"), "s3://bucket/events/", listing, COLUMNS, 0.0)


def test_an_announced_partition_is_its_folder_even_where_nothing_is_known_there_yet() -> None:
    assert folders(snapshot(), ["day=2013-06-01"]) == ["day=2013-06-01"]
    assert folders(snapshot(), ["day=2013-06-01/city=JFK"]) == ["day=2013-06-01/city=JFK"]


def test_a_value_is_found_by_every_spelling_of_its_folder() -> None:
    known = snapshot("day=2013-06-01/city=%61%2Fb/x.parquet")
    found = folders(known, ["day=2013-06-01/city=a%2Fb"])
    assert set(found) == {"day=2013-06-01/city=a%2Fb", "day=2013-06-01/city=%61%2Fb"}


def test_a_new_partition_is_found_however_its_columns_are_written() -> None:
    assert folders(snapshot(), ["DAY=2013-06-01/City=JFK"]) == ["day=2013-06-01/city=JFK"]
    known = snapshot("Day=2013-06-01/city=JFK/x.parquet")
    assert folders(known, ["day=2013-06-02"]) == ["Day=2013-06-02"]


def test_the_null_partition_is_announced_by_its_hive_name() -> None:
    null = "day=2013-06-01/city=__HIVE_DEFAULT_PARTITION__"
    assert folders(snapshot(f"{null}/x.parquet"), [null]) == [null]


def test_the_order_of_the_folders_is_that_of_the_files() -> None:
    known = snapshot("city=a/day=2013-06-01/x.parquet")
    assert folders(known, ["city=a"]) == ["city=a"]
    with pytest.raises(InvalidParameters) as caught:
        folders(known, ["day=2013-06-01"])
    assert "the folders are city/day, outermost first" in caught.value.errors[0]["detail"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("dya=2013-06-01", "did you mean 'day'?"),
        ("2013-06-01", "write day=value"),
        ("city=JFK", "the folders are day/city, outermost first"),
        ("day=2013-06-01/", ""),
        ("day=never", "'never'"),
        ("day=2013-06-01/..", "write day=value"),
        ("zzz=1", "its partition columns are day, city"),
        ("day=%ff", "day: "),
    ],
)
def test_what_is_no_partition_is_refused_with_what_would_be(text: str, hint: str) -> None:
    if not hint:
        assert folders(snapshot(), [text]) == ["day=2013-06-01"]
        return
    with pytest.raises(InvalidParameters) as caught:
        folders(snapshot(), [text])
    assert hint in caught.value.errors[0]["detail"]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidParameters) as caught:
        folders(snapshot(), ["a=1", "day=2013-06-01", "day=x"])
    assert len(caught.value.errors) == 2


def test_a_partition_of_any_layout_may_be_announced() -> None:
    text = """
table: events
location: s3://bucket/events
partitioned_by:
  - [{column: month, transform: month, source: at}]
  - [{column: city, source: city}, {column: month, transform: month, source: at}]
  - [{column: day, transform: day, source: at}]
"""
    table = parse_table(text, "events.yaml")
    known = build(table, "s3://bucket/events/", SCHEMA.empty_table(), COLUMNS, 0.0)
    for partition in ("day=2013-06-01", "month=2013-06", "city=JFK"):
        assert folders(known, [partition]) == [partition]
    with pytest.raises(InvalidParameters):
        folders(known, ["month=2013-06/day=2013-06-01"])
