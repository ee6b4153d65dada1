"""The manifest of a table on a real S3 server: how many requests it costs, and what it notices."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import obstore
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.store import S3Settings, open_store
from gateway.catalog.table import parse_table
from gateway.model import Column

pytestmark = pytest.mark.s3


def catalog(s3: Any, state: Path, name: str) -> Catalog:
    settings = S3Settings.model_validate(
        {
            "endpoint": s3.endpoint,
            "region": s3.region,
            "access_key_id": s3.access_key,
            "secret_access_key": s3.secret_key,
        }
    )
    text = f"""
table: events
location: {s3.url(name)}
partitioned_by: [{{column: day, transform: day, source: at}}, {{column: city, source: city}}]
columns: {{at: TIMESTAMP, city: VARCHAR}}
"""
    return Catalog(
        {"events": parse_table(text, "events.yaml")},
        state,
        open_store=lambda location: open_store(location, settings, state),
        describe=lambda paths: (Column(name="at", type="TIMESTAMP"),),
    )


def test_using_a_table_lists_it_once_and_a_restart_lists_nothing(s3: Any, tmp_path: Path) -> None:
    client = s3.store("manifest-once")
    for number in range(30):
        obstore.put(client, f"day=2013-01-{1 + number % 9:02}/city=x y/{number}.parquet", b"1")
    before = s3.requests()
    first = catalog(s3, tmp_path, "manifest-once").pin()["events"]
    assert s3.requests() - before == Counter({"LIST": 1})
    again = catalog(s3, tmp_path, "manifest-once")
    for _ in range(5):
        assert again.pin()["events"].id == first.id
    assert s3.requests() - before == Counter({"LIST": 1})


def test_a_rewrite_in_place_of_the_same_size_is_another_version_of_that_file_only(s3: Any, tmp_path: Path) -> None:
    client = s3.store("manifest-rewrite")
    for day in (1, 2):
        obstore.put(client, f"day=2013-01-0{day}/city=a/x.parquet", b"old")
    tables = catalog(s3, tmp_path, "manifest-rewrite")
    before = tables.pin()["events"].files["version"].to_pylist()
    obstore.put(client, "day=2013-01-02/city=a/x.parquet", b"new")
    after = tables.refresh("events").files["version"].to_pylist()
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_an_announced_partition_costs_one_request_for_its_folder(s3: Any, tmp_path: Path) -> None:
    client = s3.store("manifest-announce")
    for number in range(9):
        obstore.put(client, f"day=2013-01-0{1 + number}/city=a/x.parquet", b"1")
    tables = catalog(s3, tmp_path, "manifest-announce")
    tables.pin()
    obstore.put(client, "day=2013-01-05/city=b/y.parquet", b"1")
    before = s3.requests()
    assert tables.refresh("events", ["day=2013-01-05"]).files.num_rows == 10
    assert s3.requests() - before == Counter({"LIST": 1})
