"""What DuckDB says becomes an error of the gateway, without what is nobody's business."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from gateway.engine.failures import Suspicion, translate
from gateway.errors import EngineFailed, FilesChanged, QueryFailed, StorageFailed

CHANGED = (
    'HTTP Error: ETag on reading file "s3://b/x" was initially "1" and now it returned "2", '
    "this likely means that the remote file has changed."
)


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (
            duckdb.ConversionException(
                "Conversion Error: Could not convert string 'x' to INT32 when casting from source column s"
                "\n\nLINE 1: select secret\n   ^"
            ),
            QueryFailed,
            "Could not convert string 'x' to INT32 when casting from source column s.",
        ),
        (
            OSError("Conversion Error: Could not convert string 'x' to INT32"),
            QueryFailed,
            "Could not convert string 'x' to INT32.",
        ),
        (
            duckdb.InvalidInputException("Invalid Input Error: boom /etc/gateway/keys.txt"),
            QueryFailed,
            "boom a data file.",
        ),
        (duckdb.InvalidInputException("Invalid Input Error: N/A is not 'a/b'"), QueryFailed, "N/A is not 'a/b'."),
        (duckdb.BinderException('Binder Error: no "s3://b/k y.parquet" here'), QueryFailed, "no a data file here."),
        (pa.ArrowInvalid("Out of Range Error: too far"), QueryFailed, "too far."),
        (duckdb.IOException('IO Error: No files found that match the pattern "/data/x.parquet"'), FilesChanged, None),
        (duckdb.IOException('IO Error: Cannot open file "/data/x": No such file or directory'), FilesChanged, None),
        (duckdb.HTTPException("HTTP Error: HTTP GET error on 'http://h/b/x' (HTTP 404 Not Found)"), FilesChanged, None),
        (duckdb.HTTPException("HTTP Error: HTTP GET error on 'http://h/b/x' (HTTP 416 Range)"), FilesChanged, None),
        (OSError(CHANGED), FilesChanged, None),
        (
            duckdb.HTTPException("HTTP Error: HTTP GET error on 'http://h/b/x' (HTTP 403 Forbidden) keys: abc"),
            StorageFailed,
            "The object store refused the gateway (HTTP 403).",
        ),
        (
            duckdb.HTTPException("HTTP Error: HTTP GET error on 'http://h/b/x' (HTTP 503 Slow Down)"),
            StorageFailed,
            "The object store answered with HTTP 503.",
        ),
        (
            duckdb.IOException("IO Error: Could not connect to server error for HTTP HEAD to 'http://h/x'"),
            StorageFailed,
            "The object store could not be reached or read.",
        ),
        (
            duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of size 16.0 MiB"),
            EngineFailed,
            "The query needs more memory or temporary space than the engine may use (1GB of memory).",
        ),
        (
            duckdb.InternalException("INTERNAL Error: assertion at /build/x.cpp"),
            EngineFailed,
            "The engine failed while it ran the query.",
        ),
        (OSError("something else"), EngineFailed, "The engine failed while it ran the query."),
    ],
)
def test_an_error_is_translated(error: Exception, kind: type[Exception], detail: str | None) -> None:
    found = translate(error, memory_limit="1GB")
    assert type(found) is kind
    assert detail is None or str(found) == detail


@pytest.mark.parametrize(
    "error",
    [
        duckdb.InvalidInputException('Invalid Input Error: Failed to read file "/x": Snappy decompression failure'),
        duckdb.InvalidInputException("Invalid Input Error: No magic bytes found at end of file '/x'"),
        OSError("IO Error: TProtocolException: Invalid data"),
        UnicodeDecodeError("utf-8", b"\x90", 0, 1, "invalid start byte"),
    ],
)
def test_an_unreadable_file_may_have_been_replaced(error: Exception) -> None:
    found = translate(error, memory_limit="1GB")
    assert isinstance(found, Suspicion)
    assert isinstance(found.damaged, StorageFailed)


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("HTTP Error: Request returned HTTP 503 for HTTP HEAD to 'http://h/b/x'", True),
        ("HTTP Error: HTTP GET error reading 'http://h/b/x' in region 'r' (HTTP 500 Internal Server Error)", True),
        ("HTTP Error: HTTP GET error reading 'http://h/b/x' in region 'r' (HTTP 429 Too Many Requests)", True),
        ("IO Error: Could not connect to server error for HTTP HEAD to 'http://h/b/x'", True),
        ("IO Error: Failure when receiving data from the peer error for HTTP GET to 'http://h/b/x'", True),
        ("IO Error: Transferred a partial file error for HTTP GET to 'http://h/b/x'", True),
        ("IO Error: Timeout was reached error for HTTP GET to 'http://h/b/x'", True),
        ("HTTP Error: HTTP GET error reading 'http://h/b/x' in region 'r' (HTTP 403 Forbidden)", False),
        ("HTTP Error: Request returned HTTP 400 for HTTP HEAD to 'http://h/b/x'", False),
        ('IO Error: Cannot open file "/x": Permission denied', False),
    ],
)
def test_failures_of_a_store_that_pass_are_told_from_those_that_do_not(text: str, passing: bool) -> None:
    failure = translate(duckdb.IOException(text), memory_limit="1GB")
    assert isinstance(failure, StorageFailed)
    assert passing is failure.passing


@pytest.mark.parametrize(
    "text",
    [
        'IO Error: Could not write file "/state/tmp/duckdb_temp_storage_S192K-0.tmp": No space left on device',
        'IO Error: Failed to create directory "/state/tmp": path exists but is not a directory!',
    ],
)
def test_a_disk_without_room_for_temporary_files_is_not_taken_for_the_store(text: str) -> None:
    failure = translate(duckdb.IOException(text), memory_limit="1GB")
    assert isinstance(failure, EngineFailed)
    assert "temporary" in failure.detail
    assert "/state" not in failure.detail
