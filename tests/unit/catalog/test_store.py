"""Settings, credentials and error messages of the object stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from obstore.exceptions import GenericError, InvalidPathError, NotFoundError, PermissionDeniedError
from pydantic import ValidationError

from gateway.catalog.store import Credentials, S3Settings, credentials, open_store, place_of, storage_errors
from gateway.catalog.table import parse_table
from gateway.errors import StorageFailed

KEYS = S3Settings.model_validate({"access_key_id": "AKIA", "secret_access_key": "hush", "session_token": "quiet"})


def test_given_keys_are_the_credentials_and_never_expire() -> None:
    assert credentials(KEYS) == Credentials(key="AKIA", secret="hush", token="quiet", expiry=None)


def test_no_secret_is_shown_by_settings_or_credentials() -> None:
    shown = f"{KEYS!r} {KEYS} {credentials(KEYS)!r} {KEYS.model_dump_json()}"
    assert "hush" not in shown
    assert "quiet" not in shown


def test_a_key_without_its_secret_is_refused() -> None:
    with pytest.raises(ValidationError, match="together"):
        S3Settings.model_validate({"access_key_id": "AKIA"})


@pytest.mark.parametrize("endpoint", ["ftp://host", "http://user:pass@host", "http://host/path", "host:9000"])
def test_an_endpoint_is_a_plain_web_address(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="endpoint"):
        S3Settings(endpoint=endpoint)


@pytest.mark.parametrize(
    ("endpoint", "style", "path_style", "ssl"),
    [
        (None, "vhost", False, True),
        ("https://s3.example.com", "vhost", False, True),
        ("http://s3.example.com", "path", True, False),
        ("http://127.0.0.1:9000", "vhost", True, False),
        ("http://[::1]:9000", "vhost", True, False),
    ],
)
def test_the_bucket_stands_in_the_path_where_asked_and_for_ip_addresses(
    endpoint: str | None, style: str, path_style: bool, ssl: bool
) -> None:
    settings = S3Settings.model_validate({"endpoint": endpoint, "url_style": style})
    assert (settings.path_style, settings.use_ssl) == (path_style, ssl)


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b/x"),
        ("s3://bucket", "s3://bucket/x"),
        ("gs://bucket/a", "gs://bucket/a/x"),
    ],
)
def test_addresses_stand_below_the_location(location: str, address: str) -> None:
    store = open_store(location, KEYS, Path("/"))
    assert store.address("x") == address
    assert store.ordered


def test_other_servers_and_directory_buckets_promise_no_order() -> None:
    other = S3Settings.model_validate(
        {"endpoint": "http://127.0.0.1:9", "access_key_id": "k", "secret_access_key": "s"}
    )
    assert not open_store("s3://bucket/a", other, Path("/")).ordered
    assert not open_store("s3://bucket--use1-az1--x-s3/a", KEYS, Path("/")).ordered


def test_a_missing_folder_is_told_without_where_it_would_be() -> None:
    with pytest.raises(StorageFailed) as caught:
        open_store("nowhere", S3Settings(), Path("/secret/place"))
    assert caught.value.detail == "nowhere: there is no such folder."


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            GenericError(
                "Server returned non-2xx status code: 403 Forbidden: <Code>ExpiredToken</Code><Token>T0K</Token>"
            ),
            "the object store answered 403 ExpiredToken",
        ),
        (NotFoundError("/data/x T0K"), "an object is gone"),
        (PermissionDeniedError("T0K"), "access is denied"),
        (InvalidPathError("T0K"), "an object has an empty, '.' or '..' folder in its key: rename it"),
        (GenericError("operation timed out T0K"), "the object store did not answer in time"),
        (GenericError("kind: Connect T0K"), "the object store cannot be reached"),
        (OSError("T0K"), "the object store failed (OSError)"),
    ],
)
def test_errors_of_a_store_are_told_in_our_own_words_and_keep_no_cause(error: Exception, message: str) -> None:
    with pytest.raises(StorageFailed) as caught, storage_errors("s3://bucket/a"):
        raise error
    assert caught.value.detail == f"s3://bucket/a: {message}."
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (GenericError("status code: 503 <Code>SlowDown</Code>"), True),
        (GenericError("status code: 429"), True),
        (GenericError("kind: Connect"), True),
        (GenericError("error decoding response body"), True),
        (GenericError("status code: 400 <Code>ExpiredToken</Code>"), False),
        (NotFoundError("gone"), False),
        (PermissionDeniedError("no"), False),
        (OSError("disk"), False),
    ],
)
def test_failures_that_may_pass_are_told_from_those_that_do_not(error: Exception, may_pass: bool) -> None:
    with pytest.raises(StorageFailed) as caught, storage_errors("s3://bucket/a"):
        raise error
    assert caught.value.passing is may_pass


def test_tables_of_projects_from_before_keep_their_identity() -> None:
    declared = "table: t\nlocation: data/t\ncolumns: {id: BIGINT}\npartitioned_by: [{column: id, source: id}]\n"
    place = place_of("data/t", KEYS, Path("/srv/project"), {})
    assert place == place_of("file:///srv/project/data/t", KEYS, Path("/elsewhere"), {}) == "file:/srv/project/data/t/"
    assert parse_table(declared, "t.yaml").identity(place) == "f52de9d3da4e5e8a190e07e54a91124e"
