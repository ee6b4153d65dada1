"""Polars reads every format of a result from its address, eagerly and lazily."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from readings import EXPORTED, rows

pytestmark = pytest.mark.gunicorn

TYPES = {
    "id": pl.Int64(),
    "station": pl.String(),
    "day": pl.Date(),
    "taken": pl.Datetime("us"),
    "seen": pl.Datetime("us", "UTC"),
    "level": pl.Float64(),
    "price": pl.Decimal(10, 2),
    "ok": pl.Boolean(),
}
AS_TEXT = {
    **TYPES,
    "id": pl.String(),
    "day": pl.String(),
    "taken": pl.String(),
    "seen": pl.String(),
    "price": pl.String(),
}
"""The types in which CSV and NDJSON are read before their texts are cast; integers beyond 2^53 are texts in JSON."""

READERS: dict[str, Callable[[Any], pl.DataFrame]] = {
    "read_parquet": lambda at: pl.read_parquet(at(".parquet")),
    "scan_parquet": lambda at: pl.scan_parquet(at(".parquet")).collect(),
    "read_ipc_stream": lambda at: pl.read_ipc_stream(at(".arrow")),
    "read_csv": lambda at: cast(pl.read_csv(at(".csv"), schema_overrides=AS_TEXT)),
    "scan_csv": lambda at: cast(pl.scan_csv(at(".csv"), schema_overrides=AS_TEXT).collect()),
    "read_ndjson": lambda at: cast(pl.read_ndjson(at(".ndjson"), schema=AS_TEXT)),
    "scan_ndjson": lambda at: cast(pl.scan_ndjson(at(".ndjson"), schema=AS_TEXT).collect()),
}


def cast(frame: pl.DataFrame) -> pl.DataFrame:
    """Give texts the types that they stand for."""
    return frame.with_columns(
        pl.col("id").cast(pl.Int64),
        pl.col("day").str.to_date(),
        pl.col("taken").str.to_datetime(time_unit="us"),
        pl.col("seen").str.to_datetime(time_unit="us", time_zone="UTC"),
        pl.col("price").cast(pl.Decimal(10, 2)),
    )


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_has_the_rows_in_their_types(reader: str, address: Any) -> None:
    frame = READERS[reader](address.readings)
    assert (dict(frame.schema), frame.rows(named=True)) == (TYPES, rows())


def test_a_csv_is_read_without_any_option(address: Any) -> None:
    frame = pl.read_csv(address.readings(".csv"))
    assert frame["id"].to_list() == [row["id"] for row in rows()]
    assert frame["station"].to_list() == [row["station"] for row in rows()]


def test_a_lazy_frame_reads_the_columns_and_rows_that_it_needs(address: Any) -> None:
    found = pl.scan_parquet(address.readings(".parquet")).filter(pl.col("id") > 40).select("station", "price").collect()
    expected = [{"station": row["station"], "price": row["price"]} for row in rows() if row["id"] > 40]
    assert found.rows(named=True) == expected


@pytest.mark.parametrize("reader", [pl.read_parquet, lambda url: pl.scan_parquet(url).collect(), pl.read_ipc_stream])
def test_an_export_is_read_whole(reader: Callable[[str], pl.DataFrame], address: Any) -> None:
    suffix = ".arrow" if reader is pl.read_ipc_stream else ".parquet"
    frame = reader(address.of("export", suffix, rows=EXPORTED))
    assert (frame.height, frame["id"].sum()) == (EXPORTED, EXPORTED * (EXPORTED - 1) // 2)


def test_an_empty_answer_keeps_its_columns(address: Any) -> None:
    frame = pl.read_parquet(address.of("readings", ".parquet", start="2030-01-01", end="2030-01-02"))
    assert (dict(frame.schema), frame.height) == (TYPES, 0)
