"""What is written of fixed rows is recorded with the version of the encoders: other bytes need another version.

Tags stand for bytes, and what they are made of names the version of the encoders. After a change of bytes that is
meant, or of a library that writes them: raise ``VERSION`` in ``gateway/encode/__init__.py`` for the former, and record
anew with ``python tests/contract/test_encoder_version.py``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Generator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa

from gateway.content import Content
from gateway.encode import ENCODERS, FORMATS, encode
from gateway.encode.rows import Rows
from gateway.model import Column
from gateway.web.content_coding import compress, compressed
from gateway.web.sending import resumed

RECORD = Path(__file__).with_name("encoded.json")
SHAPES = {"json": ("objects", "arrays", "columns", "cells")}
META = {"query": "q", "version": 1, "parameters": {"a": None}, "rows": 5, "more": False}
CELLS = {
    "truth": (pa.bool_(), [True, False, None]),
    "small": (pa.int32(), [1, -1, None]),
    "large": (pa.int64(), [2**53, -(2**63), None]),
    "real": (pa.float64(), [0.1, -0.0, 1e300, float("nan"), float("inf"), None]),
    "money": (pa.decimal128(9, 2), [Decimal("1.50"), Decimal("-0.01"), None]),
    "text": (pa.string(), ["plain", 'a "quoted", é\n', "", None]),
    "bytes": (pa.binary(), [b"\x00\xff", None]),
    "day": (pa.date32(), [date(2024, 2, 29), date(1, 1, 1), None]),
    "hour": (pa.time64("us"), [time(23, 59, 59, 5), None]),
    "instant": (pa.timestamp("us", "UTC"), [datetime(2024, 1, 1, 12, tzinfo=UTC), None]),
    "list": (pa.list_(pa.int32()), [[1, None], [], None]),
    "struct": (pa.struct([("a", pa.int32()), ("b", pa.string())]), [{"a": 1, "b": None}, None]),
    "map": (pa.map_(pa.string(), pa.int32()), [[("k", 1)], None]),
}
ROWS = 60_000
"""More than one batch of a result, and of each encoder."""


def fixed() -> tuple[pa.Table, list[Column]]:
    table = pa.table(
        {
            name: pa.array(list(itertools.islice(itertools.cycle(cells), ROWS)), kind)
            for name, (kind, cells) in CELLS.items()
        }
    )
    named = [Column(name=field.name, type=str(field.type)) for field in table.schema]
    content = Content(table.schema)
    for batch in table.to_batches():
        content.add(batch)
    return content.end(named)[0], named


def bodies() -> Mapping[str, str]:
    """Write fixed rows in every form, whole and as a page, plain and compressed whole and in pieces."""
    table, columns = fixed()
    found = {}
    for name, form in FORMATS.items():
        if form.library:  # its bytes depend on what their tags name beside the version
            continue
        for shape, rows in itertools.product(SHAPES.get(name, ("objects",)), (table, table.slice(7, 100))):
            pieces = list(encode(form, Rows.of(rows), columns, shape=shape, meta=META))
            place = f"{name} {shape} {rows.num_rows}"
            found[place] = digest(b"".join(pieces))
            for coding in ("zstd", "gzip") if rows is not table else ():
                found[f"{place} {coding}"] = digest(compress(b"".join(pieces), coding))
                found[f"{place} {coding} in pieces"] = digest(b"".join(compressed(resumed(pieces, nothing()), coding)))
    return found


def nothing() -> Generator[bytes]:
    yield from ()


def digest(body: bytes) -> str:
    return blake2b(body, digest_size=8).hexdigest()


def test_other_bytes_have_another_version_of_the_encoders() -> None:
    recorded = json.loads(RECORD.read_text())
    assert {"encoders": ENCODERS, "bodies": bodies()} == recorded


if __name__ == "__main__":
    RECORD.write_text(json.dumps({"encoders": ENCODERS, "bodies": bodies()}, indent=1) + "\n")
