"""Writing into a bucket of a real S3 server: what a client of its own finds there afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.catalog.store import S3Settings
from gateway.catalog.table import Table
from gateway.errors import StorageFailed
from gateway.writer import Mode, Options, Progress, Stage, WriteSummary, write

pytestmark = pytest.mark.s3

ODD = ["a/b", "100%", "a=b", "%2F", "", "é 日本", "#1", "?x", None, "__HIVE_DEFAULT_PARTITION__", ".."]
FOLDERS = {
    "p=a%2Fb",
    "p=100%25",
    "p=a%3Db",
    "p=%252F",
    "p=",
    "p=é 日本",
    "p=%231",
    "p=%3Fx",
    "p=__HIVE_DEFAULT_PARTITION__",
    "p=%5F_HIVE_DEFAULT_PARTITION__",
    "p=..",
}


class Bucket:
    """A folder of its own in the bucket, written by the gateway and read by another client."""

    def __init__(self, s3: Any, scratch: Path) -> None:
        self._prefix = f"write-{uuid4().hex}"
        self.store = s3.store(self._prefix)
        self.scratch = scratch
        self.settings = S3Settings.model_validate(
            {
                "endpoint": s3.endpoint,
                "region": s3.region,
                "url_style": "path",
                "access_key_id": s3.access_key,
                "secret_access_key": s3.secret_key,
            }
        )
        self.table = Table.model_validate(
            {"table": "t", "location": s3.url(self._prefix), "partitioned_by": [{"column": "p", "source": "p"}]}
        )

    def write(self, rows: Any, mode: Mode = Mode.APPEND, **more: Any) -> WriteSummary:
        options = Options(mode=mode, scratch=self.scratch)
        return write(self.table, rows, root=self.scratch, s3=self.settings, options=options, **more)

    def found(self) -> list[str]:
        return sorted(item["path"] for page in obstore.list(self.store) for item in page)

    def rows(self) -> list[tuple[Any, ...]]:
        return [row for key in self.found() for row in _rows(bytes(obstore.get(self.store, key).bytes()))]


def _rows(content: bytes) -> Iterator[tuple[Any, ...]]:
    for row in pq.read_table(pa.BufferReader(content)).to_pylist():
        yield tuple(row.values())


@pytest.fixture
def bucket(s3: Any, tmp_path: Path) -> Bucket:
    made = Bucket(s3, tmp_path)
    _wait_for(made.store)
    return made


def _wait_for(store: S3Store) -> None:
    # The server says that it is healthy a moment before its bucket is there.
    deadline = time.monotonic() + 30
    while True:
        try:
            next(iter(obstore.list(store)), None)
        except BaseError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def test_rows_are_read_back_from_the_keys_that_hive_would_use(bucket: Bucket) -> None:
    rows = pa.table({"p": ODD, "x": list(range(len(ODD)))})
    bucket.write(rows)
    assert {key.rsplit("/", 1)[0] for key in bucket.found()} == FOLDERS
    assert set(bucket.rows()) == set(zip(ODD, range(len(ODD)), strict=True))


def test_overwriting_replaces_the_files_of_the_partitions_that_get_rows(bucket: Bucket) -> None:
    bucket.write(pa.table({"p": ODD, "x": [0] * len(ODD)}))
    summary = bucket.write(pa.table({"p": ["a/b", "", "new"], "x": [1, 1, 1]}), Mode.OVERWRITE_PARTITIONS)
    assert summary.removed == 2
    assert {row for row in bucket.rows() if row[1] == 1} == {("a/b", 1), ("", 1), ("new", 1)}
    assert len(bucket.rows()) == len(ODD) + 1


def test_replacing_leaves_only_the_new_files(bucket: Bucket) -> None:
    bucket.write(pa.table({"p": ODD, "x": [0] * len(ODD)}))
    assert bucket.write(pa.table({"p": ["b"], "x": [1]}), Mode.REPLACE).removed == len(ODD)
    assert bucket.rows() == [("b", 1)]


def test_later_rows_take_the_types_of_the_table(bucket: Bucket) -> None:
    bucket.write(pa.table({"p": ["a"], "x": pa.array([1], pa.int16())}))
    bucket.write(pa.table({"p": ["b"], "x": pa.array([2], pa.int64())}))
    schemas = {str(pq.read_schema(pa.BufferReader(obstore.get(bucket.store, key).bytes()))) for key in bucket.found()}
    assert schemas == {"p: string\nx: int16"}


def test_a_file_larger_than_a_part_of_an_upload_arrives_whole(bucket: Bucket) -> None:
    relation = duckdb.connect().sql("SELECT 'a' AS p, md5(range::VARCHAR) AS x FROM range(800_000)")
    summary = bucket.write(relation)
    assert summary.bytes > 12 * 2**20
    assert [row[1] for row in bucket.rows()] == [row[1] for row in relation.fetchall()]


def test_an_interrupted_upload_is_taken_back(bucket: Bucket) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage is Stage.PUBLISHING and progress.done == 2:
            raise KeyboardInterrupt

    bucket.write(pa.table({"p": ["a"], "x": [0]}))
    rows = pa.table({"p": ODD, "x": [1] * len(ODD)})
    with pytest.raises(KeyboardInterrupt):
        bucket.write(rows, Mode.REPLACE, on_progress=interrupt)
    assert bucket.rows() == [("a", 0)]


def test_nothing_stays_on_the_machine(bucket: Bucket) -> None:
    bucket.write(pa.table({"p": ["a"], "x": [0]}))
    assert not [path for path in bucket.scratch.rglob("*") if path.is_file() and path.name != ".write-lock"]


def test_a_store_that_does_not_accept_the_keys_is_a_failure_without_them(bucket: Bucket) -> None:
    wrong = bucket.settings.model_dump() | {"secret_access_key": "not-the-secret"}
    bucket.settings = S3Settings.model_validate(wrong)
    with pytest.raises(StorageFailed) as caught:
        bucket.write(pa.table({"p": ["a"], "x": [0]}))
    assert "not-the-secret" not in str(caught.value)
