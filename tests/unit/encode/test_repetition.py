"""Which columns of a Parquet file get a dictionary."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.encode import FORMATS, encode
from gateway.encode.repetition import repetitive_columns
from gateway.encode.rows import Rows
from gateway.model import Column

COUNT = 1_000
TYPES: list[pa.DataType] = [
    pa.int64(),
    pa.string(),
    pa.float64(),
    pa.date32(),
    pa.timestamp("us", "UTC"),
    pa.time64("us"),
    pa.decimal128(38, 2),
    pa.binary(),
]


def values(kind: pa.DataType, different: int) -> Any:
    numbers = pa.array([number % different for number in range(COUNT)], pa.int64())
    if pa.types.is_binary(kind):
        return numbers.cast(pa.string()).cast(kind)
    return numbers.cast(pa.int32()).cast(kind) if pa.types.is_date32(kind) else numbers.cast(kind)


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_values_that_come_again_have_a_dictionary(kind: pa.DataType) -> None:
    table = pa.table({"again": values(kind, COUNT // 2), "a.new": values(kind, COUNT), "once": values(kind, COUNT - 1)})
    assert repetitive_columns(table) == ["again"]


def test_nulls_are_no_values_that_come_again() -> None:
    assert repetitive_columns(pa.table({"n": pa.array([1, 2, *[None] * 98], pa.int64()), "none": pa.nulls(100)})) == []


def test_columns_within_others_are_chosen_one_by_one() -> None:
    new, again = values(pa.int64(), COUNT), values(pa.string(), 3)
    offsets = pa.array(range(COUNT + 1), pa.int32())
    pair = pa.StructArray.from_arrays([new, again], ["x", "y"])
    table = pa.table(
        {
            "list": pa.ListArray.from_arrays(offsets, again),
            "pair": pair,
            "pairs": pa.ListArray.from_arrays(offsets, pair),
            "map": pa.MapArray.from_arrays(offsets, again, new),
            "two": pa.FixedSizeListArray.from_arrays(pa.concat_arrays([new, new]), 2),
        }
    )
    assert repetitive_columns(table) == [
        "list.list.element",
        "pair.y",
        "pairs.list.element.y",
        "map.key_value.key",
        "two.list.element",
    ]


def test_a_file_has_dictionaries_of_the_columns_chosen() -> None:
    table = pa.table({"new": values(pa.int64(), COUNT), "again": values(pa.string(), 3)})
    named = [Column(name=name, type="any") for name in table.column_names]
    content = b"".join(encode(FORMATS["parquet"], Rows.of(table), named))
    group = pq.read_metadata(BytesIO(content)).row_group(0)
    assert [group.column(index).has_dictionary_page for index in range(2)] == [False, True]
    assert pq.read_table(BytesIO(content)) == table


def test_no_rows_have_no_dictionaries() -> None:
    assert repetitive_columns(pa.schema([("a", pa.int64()), ("b", pa.list_(pa.string()))]).empty_table()) == []
