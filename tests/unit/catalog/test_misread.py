"""Which columns of a file the engine would read as other values."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.catalog.misread import misread

OLD, NEW = date(1500, 1, 1), date(2024, 1, 1)


def written(column: Any, metadata: dict[str, str] | None = None, **options: Any) -> list[str]:
    sink = BytesIO()
    table = pa.table({"x": column}).replace_schema_metadata(metadata)
    pq.write_table(table, sink, **options)
    return [one.column for one in misread(pq.read_metadata(pa.BufferReader(sink.getvalue())))]


@pytest.mark.parametrize(("precision", "found"), [(38, []), (39, ["x"]), (76, ["x"])])
def test_decimals_of_more_than_38_digits_are_misread(precision: int, found: list[str]) -> None:
    assert written(pa.array([Decimal("1.50")], pa.decimal256(precision, 2))) == found


def test_a_field_of_a_struct_is_named_by_its_path() -> None:
    field = pa.array([Decimal("1.50")], pa.decimal256(50, 2))
    assert written(pa.StructArray.from_arrays([field], ["y"])) == ["x.y"]


@pytest.mark.parametrize(
    ("metadata", "values", "found"),
    [
        ({"org.apache.spark.legacyDateTime": "", "org.apache.spark.version": "3.5.1"}, [NEW, OLD], ["x"]),
        ({"org.apache.spark.version": "2.4.8"}, [OLD, NEW], ["x"]),
        ({"org.apache.spark.version": "2.4.8"}, [date(1582, 10, 14)], ["x"]),
        ({"org.apache.spark.version": "2.4.8"}, [date(1582, 10, 15)], []),
        ({"org.apache.spark.version": "2.4.8"}, [None], []),
        ({"org.apache.spark.version": "3.5.1"}, [OLD], []),
        ({"org.apache.spark.version": "10.0.0"}, [OLD], []),
        ({}, [OLD], []),
    ],
)
def test_days_of_the_legacy_calendar_are_misread(
    metadata: dict[str, str], values: list[date | None], found: list[str]
) -> None:
    assert written(pa.array(values, pa.date32()), metadata) == found


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize(("value", "found"), [(datetime(1899, 12, 31), ["x"]), (datetime(1900, 1, 1), [])])
def test_instants_of_the_legacy_calendar_are_misread(unit: Any, value: datetime, found: list[str]) -> None:
    assert written(pa.array([value], pa.timestamp(unit, "UTC")), {"org.apache.spark.legacyDateTime": ""}) == found


def test_days_without_bounds_are_not_known_to_be_misread() -> None:
    metadata = {"org.apache.spark.legacyDateTime": ""}
    assert written(pa.array([OLD], pa.date32()), metadata, write_statistics=False) == []
