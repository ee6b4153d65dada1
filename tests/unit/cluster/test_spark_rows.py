"""Rows of Spark are brought to DuckDB's columns, or are an error."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from gateway.errors import EngineFailed

stream = pytest.importorskip("gateway.cluster.spark_stream", reason="the client of Spark is not installed")


@pytest.mark.parametrize(
    ("given", "wanted", "value"),
    [
        (pa.int32(), pa.int64(), 5),
        (pa.int64(), pa.decimal128(38, 0), Decimal(5)),
        (pa.decimal128(20, 2), pa.decimal128(38, 2), Decimal("1.50")),
        (pa.timestamp("us", "UTC"), pa.timestamp("us", "Etc/UTC"), None),
        (pa.null(), pa.string(), None),
        (pa.timestamp("us"), pa.timestamp("us"), datetime(2024, 1, 2)),
    ],
)
def test_values_that_are_the_same_are_taken(given: pa.DataType, wanted: pa.DataType, value: Any) -> None:
    table = stream.as_asked(pa.table({"x": pa.array([value, None], given)}), pa.schema([("y", wanted)]))
    assert table.schema == pa.schema([("y", wanted)])
    assert table["y"].to_pylist() == [value, None]


@pytest.mark.parametrize(
    ("given", "wanted", "value"),
    [
        (pa.int64(), pa.int32(), 2**40),
        (pa.decimal128(20, 3), pa.decimal128(20, 2), Decimal("1.505")),
        (pa.decimal128(20, 2), pa.float64(), Decimal("1.50")),
        (pa.string(), pa.int64(), "5"),
        (pa.timestamp("us", "UTC"), pa.timestamp("us"), None),
        (pa.float64(), pa.int64(), 5.0),
    ],
)
def test_values_that_would_lose_something_are_errors(given: pa.DataType, wanted: pa.DataType, value: Any) -> None:
    with pytest.raises(EngineFailed):
        stream.as_asked(pa.table({"x": pa.array([value], given)}), pa.schema([("x", wanted)]))


def test_another_number_of_columns_is_an_error() -> None:
    with pytest.raises(EngineFailed):
        stream.as_asked(pa.table({"x": [1], "y": [2]}), pa.schema([("x", pa.int64())]))
