"""What the catalog relies on in every kind of object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.exceptions import PreconditionError

from gateway.catalog.listing import SCHEMA, list_files, list_folders
from gateway.catalog.store import S3Settings, Store, open_store
from gateway.errors import StorageFailed

Put = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A store at an empty location, and a way to write below it that does not go through the gateway."""

    store: Store
    put: Put


def settings(server: Any, **changes: object) -> S3Settings:
    given = {
        "endpoint": server.endpoint,
        "region": server.region,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
        "retries": 1,
        "timeout": 10,
    }
    return S3Settings.model_validate(given | changes)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    if request.param == "folder":

        def write(path: str, content: bytes) -> None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)

        yield Opened(open_store(tmp_path.name, S3Settings(), tmp_path.parent), write)
        return
    server: Any = request.getfixturevalue("s3")
    obstore.put(server.store(), "stores.txt", b"")  # the bucket is there once something is in it
    client = server.store(f"stores/{tmp_path.name}")
    store = open_store(server.url(f"stores/{tmp_path.name}"), settings(server), tmp_path)
    yield Opened(store, lambda path, content: obstore.put(client, path, content) and None)


def paths(listing: Any) -> list[str]:
    return sorted(listing["path"].to_pylist())


def test_an_empty_location_lists_nothing_in_the_schema_of_a_listing(opened: Opened) -> None:
    listing = list_files(opened.store)
    assert (listing.num_rows, listing.schema) == (0, SCHEMA)


def test_files_are_listed_with_paths_below_the_location_sizes_and_times(opened: Opened) -> None:
    opened.put("day=1/a.parquet", b"12345")
    opened.put("b.parquet", b"1")
    listing = list_files(opened.store)
    assert listing.schema == SCHEMA
    found = {row["path"]: row for row in listing.to_pylist()}
    assert {path: row["size"] for path, row in found.items()} == {"day=1/a.parquet": 5, "b.parquet": 1}
    assert all(row["etag"] and row["last_modified"].tzinfo is not None for row in found.values())


@pytest.mark.parametrize(
    "name", ["city=New York", "city=a%2Fb", "city=%25", "city=ü", "city=a+b&c", "city=a#b", "city=[x]", "city='q'"]
)
def test_names_with_special_characters_come_back_as_they_were_written(opened: Opened, name: str) -> None:
    opened.put(f"{name}/x.parquet", b"1")
    assert paths(list_files(opened.store)) == [f"{name}/x.parquet"]
    assert paths(list_folders(opened.store, [name])) == [f"{name}/x.parquet"]
    assert bytes(obstore.get_range(opened.store.objects, f"{name}/x.parquet", start=0, length=1)) == b"1"


def test_a_rewrite_of_the_same_size_has_another_etag(opened: Opened) -> None:
    opened.put("a.parquet", b"old")
    [before] = list_files(opened.store)["etag"].to_pylist()
    opened.put("a.parquet", b"new")
    [after] = list_files(opened.store)["etag"].to_pylist()
    assert before != after


def test_a_range_is_read_of_the_version_that_was_listed_or_not_at_all(opened: Opened) -> None:
    opened.put("a.parquet", b"12345")
    [etag] = list_files(opened.store)["etag"].to_pylist()
    options: Any = {"range": (1, 3), "if_match": etag}
    assert bytes(obstore.get(opened.store.objects, "a.parquet", options=options).bytes()) == b"23"
    opened.put("a.parquet", b"54321")
    with pytest.raises(PreconditionError):
        obstore.get(opened.store.objects, "a.parquet", options=options)


def test_folders_are_listed_alone_and_a_name_is_no_prefix_of_another(opened: Opened) -> None:
    for path in ("day=1/a.parquet", "day=1/x/b.parquet", "day=10/c.parquet", "day=2/d.parquet"):
        opened.put(path, b"1")
    assert paths(list_folders(opened.store, ["day=1"])) == ["day=1/a.parquet", "day=1/x/b.parquet"]
    assert paths(list_folders(opened.store, ["day=10", "day=2", "day=3"])) == ["day=10/c.parquet", "day=2/d.parquet"]


def test_more_files_than_a_page_are_all_listed_once(opened: Opened) -> None:
    expected = [f"day={number % 7}/{number:05}.parquet" for number in range(1_100)] + ["top.parquet"]
    for path in expected:
        opened.put(path, b"1")
    assert paths(list_files(opened.store)) == sorted(expected)


@pytest.mark.s3
def test_ranges_of_keys_list_every_file_once_whatever_the_bounds(s3: Any, tmp_path: Path) -> None:
    client = s3.store("ranges")
    expected = sorted(f"day={number % 7}/{number:04}.parquet" for number in range(60))
    for path in expected:
        obstore.put(client, path, b"1")
    store = replace(open_store(s3.url("ranges"), settings(s3), tmp_path), ordered=True)
    bounds = [expected[10], "day=3/gone.parquet", expected[-1], "zzz"]
    assert paths(list_files(store, before=bounds)) == expected


@pytest.mark.s3
def test_a_store_that_breaks_its_promise_of_order_is_listed_folder_by_folder(s3: Any, tmp_path: Path) -> None:
    """SeaweedFS lists ``a=x/`` before ``a=x-1/``, whose key is smaller."""
    client = s3.store("disorder")
    expected = sorted(["a=x/1.parquet", "a=x/2.parquet", "a=x-1/3.parquet"])
    for path in expected:
        obstore.put(client, path, b"1")
    store = replace(open_store(s3.url("disorder"), settings(s3), tmp_path), ordered=True)
    assert paths(list_files(store, before=["a="])) == expected


@pytest.mark.s3
@pytest.mark.parametrize(
    ("changes", "bucket", "reason"),
    [
        ({"access_key_id": "stranger"}, "warehouse", "403 InvalidAccessKeyId"),
        ({"secret_access_key": "hush-hush"}, "warehouse", "403 SignatureDoesNotMatch"),
        ({}, "no-such-bucket", "404 NoSuchBucket"),
        ({"endpoint": "http://127.0.0.1:1", "retries": 0}, "warehouse", "cannot be reached"),
    ],
)
def test_a_store_that_refuses_is_told_without_keys(
    s3: Any, tmp_path: Path, changes: dict[str, object], bucket: str, reason: str
) -> None:
    store = open_store(f"s3://{bucket}/x", settings(s3, **changes), tmp_path)
    with pytest.raises(StorageFailed) as caught:
        list_files(store)
    assert caught.value.detail.startswith(f"s3://{bucket}/x: ")
    assert reason in caught.value.detail
    assert not any(word in f"{caught.value} {store!r}" for word in ("stranger", "hush", s3.secret_key, s3.access_key))


@pytest.mark.s3
def test_the_standard_chain_of_aws_finds_the_keys_in_the_environment(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    obstore.put(s3.store("chain"), "a.parquet", b"1")
    store = open_store(s3.url("chain"), S3Settings(endpoint=s3.endpoint, region=s3.region), tmp_path)
    assert paths(list_files(store)) == ["a.parquet"]


@pytest.mark.s3
def test_the_standard_chain_of_aws_finds_the_keys_of_a_profile(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = f"[night]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    (tmp_path / "credentials").write_text(profile)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "night")
    obstore.put(s3.store("profile"), "a.parquet", b"1")
    store = open_store(s3.url("profile"), S3Settings(endpoint=s3.endpoint, region=s3.region), tmp_path)
    assert paths(list_files(store)) == ["a.parquet"]


@pytest.mark.s3
def test_a_profile_that_is_set_goes_before_the_environment(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = f"[night]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n"
    (tmp_path / "credentials").write_text(profile)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stranger")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    settings = S3Settings(endpoint=s3.endpoint, region=s3.region, profile="night")
    obstore.put(open_store(s3.url("set-profile"), settings, tmp_path).objects, "a.parquet", b"1")
    assert paths(list_files(open_store(s3.url("set-profile"), settings, tmp_path))) == ["a.parquet"]
    settings = settings.model_copy(update={"profile": "noon"})
    with pytest.raises(StorageFailed, match="No usable AWS credentials"):
        open_store(s3.url("set-profile"), settings, tmp_path)
