"""Addresses differ by version, and only by what the store does not see."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.versions import address
from gateway.errors import EngineFailed
from gateway.model import FileVersion


def at(path: str, etag: str = '"a"', size: int = 1) -> FileVersion:
    return FileVersion(path=path, size=size, etag=etag)


@pytest.mark.parametrize("path", ["s3://b/day=1/x.parquet", "/data/day=1/x.parquet"])
def test_each_version_of_a_file_has_its_own_address(path: str) -> None:
    versions = [at(path), at(path, etag='"b"'), at(path, size=2)]
    addresses = {address(file, use_ssl=True) for file in versions} | {address(at(path), use_ssl=True, edition=1)}
    assert len(addresses) == 4
    assert address(at(path), use_ssl=True) == address(at(path), use_ssl=True)


@given(st.text(), st.integers(0, 2**40))
def test_the_address_of_a_local_file_names_that_file(etag: str, size: int) -> None:
    assert PurePosixPath(address(at("/data/a b/x.parquet", etag, size), use_ssl=True)) == PurePosixPath(
        "/data/a b/x.parquet"
    )


@pytest.mark.parametrize("use_ssl", [True, False])
def test_the_address_in_a_bucket_says_first_and_last_what_is_so(use_ssl: bool) -> None:
    path, _, query = address(at("s3://b/x.parquet"), use_ssl=use_ssl).partition("?")
    first, middle, last = query.split("&")
    assert path == "s3://b/x.parquet"
    assert first == last == f"s3_use_ssl={'true' if use_ssl else 'false'}"
    assert middle.startswith("s3_use_ssl=")


def test_letters_that_duckdb_would_take_for_a_pattern_are_escaped() -> None:
    assert address(at("s3://b/[x]*.parquet"), use_ssl=True).startswith("s3://b/[[]x][*].parquet?")
    assert address(at("/d/x?.parquet"), use_ssl=True).endswith("x[?].parquet")


def test_a_key_that_cannot_be_addressed_is_refused() -> None:
    with pytest.raises(EngineFailed, match="question mark"):
        address(at("s3://b/x?.parquet"), use_ssl=True)
