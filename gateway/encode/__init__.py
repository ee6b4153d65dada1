"""Encoders of results, by format."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import orjson
import pyarrow as pa

from gateway.encode.binary import encode_arrow, encode_parquet
from gateway.encode.csv import PLAIN, encode_csv
from gateway.encode.json import encode_json, encode_ndjson
from gateway.encode.rows import Rows
from gateway.model import Column
from gateway.streaming import Chunk, CsvDialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format: its name, which is also the suffix of files and URLs, and its media type."""

    name: str
    media_type: str
    library: str = ""
    """What its bytes depend on beside all that those of every format do."""
    max_rows: int | None = None
    """How many rows it can have; None: any number."""
    compact: bool = False
    """Whether its bytes are far fewer than those of the rows."""


def _xlsx() -> Any:
    """Return the module that writes workbooks; None where its library, an extra, is not installed."""
    try:
        return import_module("gateway.encode.xlsx")
    except ModuleNotFoundError as error:
        if error.name != "xlsxwriter":
            raise
        return None


_WORKBOOKS = _xlsx()
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WORKBOOK = (
    []
    if _WORKBOOKS is None
    else [
        Format(name="xlsx", media_type=_SPREADSHEET, library=_WORKBOOKS.LIBRARY, max_rows=_WORKBOOKS.MAX_ROWS),
    ]
)
EXTRAS = ("xlsx",)
"""Formats that are there only where their library is installed."""
FORMATS: Mapping[str, Format] = {
    known.name: known
    for known in (
        Format(name="json", media_type="application/json"),
        Format(name="csv", media_type="text/csv; charset=utf-8; header=present"),
        Format(name="ndjson", media_type="application/x-ndjson"),
        Format(name="arrow", media_type="application/vnd.apache.arrow.stream"),
        Format(name="parquet", media_type="application/vnd.apache.parquet", compact=True),
        *_WORKBOOK,
    )
}

VERSION = 4
"""Version of what the encoders make of equal rows, and how it is compressed; raise it with every change of bytes."""
ENCODERS = f"{VERSION}/pyarrow {pa.__version__}/orjson {orjson.__version__}"
"""All that the bytes of a format depend on beside the rows and what is asked."""

_WRITERS = {"ndjson": encode_ndjson, "arrow": encode_arrow, "parquet": encode_parquet}
if _WORKBOOKS is not None:
    _WRITERS["xlsx"] = _WORKBOOKS.encode_xlsx


def encode(
    form: Format,
    rows: Rows,
    columns: Sequence[Column],
    *,
    shape: str = "objects",
    meta: Mapping[str, Any] | None = None,
    dialect: CsvDialect = PLAIN,
    threads: int = 1,
) -> Generator[Chunk]:
    """Encode *rows* as *form*, some thousand at a time; *shape* and *meta* are for JSON, see ``encode_json``, *dialect*
    is for CSV.

    *threads* work at once on some thousand rows each, which changes no byte; the batches are taken, and the first rows
    encoded, by the thread that iterates. Where the batches end with an error, so does the iteration, and what was
    written has no mark of its end. Raises ``QueryFailed``, before the first byte, for columns that the format cannot
    tell apart.
    """
    if form.name == "json":
        return encode_json(rows, columns, shape=shape, meta=meta, threads=threads)
    if form.name == "csv":
        return encode_csv(rows, columns, dialect=dialect, threads=threads)
    return _WRITERS[form.name](rows, columns, threads=threads)
