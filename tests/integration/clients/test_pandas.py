"""pandas reads results from their addresses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from readings import EXPORTED, rows

pytestmark = pytest.mark.gunicorn

TYPES = {"id": "int64", "station": "string", "level": "float64", "ok": "boolean"}


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """List a frame's rows in Python's own values, whatever it has for NULL as None."""
    records: list[dict[str, Any]] = frame.astype(object).to_dict("records")
    return [{name: _plain(value) for name, value in record.items()} for record in records]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def test_parquet_has_the_rows_in_their_types(address: Any) -> None:
    frame = pd.read_parquet(address.readings(".parquet"), dtype_backend="pyarrow")
    assert plain(frame) == rows()


def test_a_csv_has_the_rows_when_its_types_are_told(address: Any) -> None:
    frame = pd.read_csv(
        address.readings(".csv"),
        dtype=TYPES,
        parse_dates=["taken", "seen"],
        date_format="ISO8601",
        converters={"price": lambda text: Decimal(text) if text else None},
        keep_default_na=False,
        na_values={name: [""] for name in ("station", "seen", "level", "ok")},
    )
    frame["day"] = pd.to_datetime(frame["day"]).dt.date
    assert plain(frame) == rows()


def test_a_csv_is_read_without_any_option(address: Any) -> None:
    frame = pd.read_csv(address.readings(".csv"))
    assert frame["id"].tolist() == [row["id"] for row in rows()]
    assert frame["level"].sum() == pytest.approx(sum(row["level"] or 0 for row in rows()))


def test_ndjson_has_the_rows_when_its_types_are_told(address: Any) -> None:
    frame = pd.read_json(address.readings(".ndjson"), lines=True, dtype=False, precise_float=True)
    frame["id"] = frame["id"].map(int)  # beyond 2^53 it is a text
    for name in ("taken", "seen"):
        frame[name] = pd.to_datetime(frame[name], format="ISO8601")
    frame["day"] = pd.to_datetime(frame["day"]).dt.date
    frame["price"] = [None if pd.isna(text) else Decimal(text) for text in frame["price"]]
    assert plain(frame) == rows()


def test_the_rows_of_a_json_document_make_a_frame(gateway: Any, address: Any) -> None:
    document = gateway.get(address.readings("").removeprefix(address.base)).json()
    frame = pd.json_normalize(document["data"])
    assert [row["station"] for row in plain(frame)] == [row["station"] for row in rows()]


def test_an_export_is_read_whole(address: Any) -> None:
    frame = pd.read_parquet(address.of("export", ".parquet", rows=EXPORTED))
    assert (len(frame), int(frame["id"].sum())) == (EXPORTED, EXPORTED * (EXPORTED - 1) // 2)


def test_a_csv_comes_in_chunks(address: Any) -> None:
    chunks = pd.read_csv(address.of("export", ".csv", rows=EXPORTED), chunksize=100_000)
    assert [(len(chunk), int(chunk["id"].iloc[0])) for chunk in chunks] == [
        (100_000, first) for first in range(0, EXPORTED, 100_000)
    ]
