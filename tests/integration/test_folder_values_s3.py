"""Values that stand in the names of folders only are read back from a bucket as they were written."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.app.gateway import open_gateway
from gateway.catalog.store import S3Settings
from gateway.config import load_settings
from gateway.model import BoundQuery, CachePolicy, Principal
from gateway.project.loader import load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import write

pytestmark = pytest.mark.s3
TEXTS = ["a", "", "NULL", "null", "a/b", "%2F", "[x]", "*", "a?b", "=", "é", " ", "__HIVE_DEFAULT_PARTITION__", None]
DECLARED = """
table: words
location: {location}
partitioned_by:
  - {{column: start, transform: {{truncate: 40}}, source: word}}
  - {{column: dt, transform: day, source: day, format: "%Y%m%d"}}
"""


def test_odd_texts_and_formatted_days_are_read_from_the_names_of_folders(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "words.yaml").write_text(DECLARED.format(location=s3.url("start=above/words")))
    storage = S3Settings(
        endpoint=s3.endpoint, region=s3.region, access_key_id=s3.access_key, secret_access_key=s3.secret_key
    )
    days = [date(2024, 1, 1 + number) for number in range(len(TEXTS))]
    tables, _ = load_tables(tmp_path)
    write(tables["words"], pa.table({"word": TEXTS, "day": days}), root=tmp_path, s3=storage)
    sql = "SELECT word, start, day, dt FROM words"
    query = BoundQuery(
        name="q",
        version=1,
        sql=sql,
        normalised=sql,
        tables=("words",),
        parameters={},
        cache=CachePolicy(enabled=False),
    )
    settings = load_settings(tmp_path, {}).model_copy(update={"storage": storage})
    with open_gateway(settings, observe=unobserved, background=False) as gateway:
        found = gateway.answer(query, principal=Principal()).result.table
    rows = Counter(tuple(row.values()) for row in found.to_pylist())
    assert rows == Counter((text, text, day, day) for text, day in zip(TEXTS, days, strict=True))
