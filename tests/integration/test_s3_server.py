"""What the other tests rely on in the S3 server that they run against."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import obstore
import pytest

pytestmark = pytest.mark.s3


def test_an_uploaded_folder_is_listed_with_sizes_and_etags(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "day=2013-01-01").mkdir()
    (tmp_path / "day=2013-01-01" / "a.txt").write_bytes(b"hello")
    assert s3.upload(tmp_path, "listed") == "s3://warehouse/listed"
    [entry] = obstore.list(s3.store("listed")).collect()
    assert (entry["path"], entry["size"]) == ("day=2013-01-01/a.txt", 5)
    assert entry["e_tag"] == '"5d41402abc4b2a76b9719d911017c592"'


def test_a_range_of_an_object_is_read_alone(s3: Any) -> None:
    obstore.put(s3.store(), "ranged/a.txt", b"hello")
    assert bytes(obstore.get_range(s3.store(), "ranged/a.txt", start=1, end=3)) == b"el"


def test_requests_are_counted_by_kind(s3: Any) -> None:
    store = s3.store()
    obstore.put(store, "counted/a.txt", b"hello")
    before = s3.requests()
    obstore.list(store, "counted/").collect()
    obstore.head(store, "counted/a.txt")
    obstore.get(store, "counted/a.txt").bytes()
    obstore.get_range(store, "counted/a.txt", start=0, end=2)
    assert s3.requests() - before == Counter({"LIST": 1, "GET": 3})
