"""Encoders of results, by format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from gateway.encode.binary import encode_arrow, encode_parquet
from gateway.encode.csv import encode_csv
from gateway.encode.json import encode_json, encode_ndjson
from gateway.encode.rows import Rows
from gateway.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format: its name, which is also the suffix of files and URLs, and its media type."""

    name: str
    media_type: str


FORMATS: Mapping[str, Format] = {
    known.name: known
    for known in (
        Format(name="json", media_type="application/json"),
        Format(name="csv", media_type="text/csv; charset=utf-8; header=present"),
        Format(name="ndjson", media_type="application/x-ndjson"),
        Format(name="arrow", media_type="application/vnd.apache.arrow.stream"),
        Format(name="parquet", media_type="application/vnd.apache.parquet"),
    )
}

VERSION = 1
"""Version of what the encoders make of equal rows, and how it is compressed; raise it with every change of bytes."""
ENCODERS = f"{VERSION}/pyarrow {pa.__version__}/orjson {orjson.__version__}"
"""All that the bytes of a format depend on beside the rows and what is asked."""

_WRITERS = {"csv": encode_csv, "ndjson": encode_ndjson, "arrow": encode_arrow, "parquet": encode_parquet}


def encode(
    form: Format,
    rows: Rows,
    columns: Sequence[Column],
    *,
    shape: str = "objects",
    meta: Mapping[str, Any] | None = None,
) -> Iterator[bytes]:
    """Encode *rows* as *form*, some thousand at a time; *shape* and *meta* are for JSON, see ``encode_json``.

    Where the batches end with an error, so does the iteration, and what was written has no mark of its end. Raises
    ``QueryFailed``, before the first byte, for columns that the format cannot tell apart.
    """
    if form.name == "json":
        return encode_json(rows, columns, shape=shape, meta=meta)
    return _WRITERS[form.name](rows, columns)
