from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.catalog.partition_field import PartitionField
from gateway.errors import InputInvalid
from gateway.writer.partitions import Partitions, encode_text, folder

DAY = PartitionField(column="day", transform="day", source="ts")
ORIGIN = PartitionField(column="origin", source="origin")
REGION = PartitionField(column="region", transform="lookup{FR: europe, US: america}", source="country")


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("JFK", "JFK"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("a=b", "a%3Db"),
        ("a b", "a b"),
        ("Zürich", "Zürich"),
        ("\x00\n", "%00%0A"),
        ("x*?[y]", "x%2A%3F%5By%5D"),
        ("..", ".."),
    ],
)
def test_folder_texts_are_escaped_as_hive_does(text: str, encoded: str) -> None:
    assert encoded == encode_text(text)


def test_null_is_the_default_partition() -> None:
    assert encode_text(None) == "__HIVE_DEFAULT_PARTITION__"


def test_the_empty_text_is_not_null() -> None:
    assert encode_text("") == ""


@pytest.mark.parametrize("text", ["__HIVE_DEFAULT_PARTITION__", "__hive_default_partition__"])
def test_a_text_that_looks_like_the_default_partition_is_escaped(text: str) -> None:
    assert "%5F" + text[1:] == encode_text(text)


def test_folders_are_nested_in_the_declared_order() -> None:
    assert folder(["day", "origin"], ("2013-01-01", "JFK")) == "day=2013-01-01/origin=JFK/"


def test_a_table_without_partition_columns_has_no_folder() -> None:
    assert folder([], ()) == ""


def test_a_value_too_long_for_a_folder_is_refused() -> None:
    with pytest.raises(InputInvalid, match="too long"):
        folder(["origin"], ("é" * 200,))


def test_rows_are_assigned_to_numbered_partitions_and_counted() -> None:
    partitions = Partitions([DAY, ORIGIN], {"ts": "TIMESTAMP", "origin": "VARCHAR"})
    seconds = pa.array([0, 86_400, 0, None], pa.timestamp("s"))
    batch = pa.table({"ts": seconds.cast(pa.timestamp("us")), "origin": ["JFK", "JFK", "JFK", None]})
    assert _in_first_seen_order(partitions.assign(batch, 1).tolist()) == [0, 1, 0, 2]
    assert dict(zip(partitions.texts, partitions.rows, strict=True)) == {
        ("1970-01-01", "JFK"): 2,
        ("1970-01-02", "JFK"): 1,
        (None, None): 1,
    }


def _in_first_seen_order(numbers: list[int]) -> list[int]:
    seen: dict[int, int] = {}
    return [seen.setdefault(number, len(seen)) for number in numbers]


def test_a_partition_keeps_its_number_in_later_batches() -> None:
    partitions = Partitions([ORIGIN], {"origin": "VARCHAR"})
    first = partitions.assign(pa.table({"origin": ["JFK", "JFK"]}), 1).tolist()
    second = partitions.assign(pa.table({"origin": ["LGA", "JFK"]}), 3).tolist()
    assert first == [0, 0]
    assert second == [1, 0]
    assert partitions.rows == [3, 1]


def test_without_partition_columns_all_rows_are_one_partition() -> None:
    partitions = Partitions([], {})
    assert partitions.assign(pa.table({"x": [1, 2]}), 1).tolist() == [0, 0]
    assert partitions.texts == [()]


def test_no_rows_make_no_partition() -> None:
    partitions = Partitions([ORIGIN], {"origin": "VARCHAR"})
    partitions.assign(pa.table({"origin": pa.array([], pa.string())}), 1)
    assert len(partitions) == 0


def test_a_row_without_a_partition_is_named_by_its_number() -> None:
    partitions = Partitions([REGION], {"country": "VARCHAR"})
    with pytest.raises(InputInvalid, match=r"Row 103: 'country' has no partition in 'region'.*'XX'"):
        partitions.assign(pa.table({"country": ["FR", "US", None, "XX", "FR"]}), 100)


def test_a_transform_that_does_not_fit_its_source_is_refused() -> None:
    with pytest.raises(InputInvalid, match=r"'day'.*not VARCHAR"):
        Partitions([DAY], {"ts": "VARCHAR"})


def test_a_value_with_a_nul_is_refused_for_no_query_could_read_it() -> None:
    with pytest.raises(InputInvalid, match="NUL"):
        folder(["name"], ("a\0b",))
