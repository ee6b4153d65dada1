"""Lengths, parts and preconditions of results (RFC 9110, sections 9.3.2, 13 and 14)."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.answer import CacheStatus, Outcome

RESULT = "/v1/queries/delays/v2/result"
ASKED = f"{RESULT}?start=2013-01-01"
FORMATS = ["json", "csv", "ndjson", "arrow", "parquet"]
CODINGS = ["identity", "gzip", "zstd"]
SIZES = {"small": 3, "long": 20_000}
"""Rows of bodies that are sent whole, and of those that are sent while they are written."""


def of_size(gateway: Any, size: str) -> None:
    count = SIZES[size]
    gateway.table = pa.table(
        {"carrier": [f"carrier {n * 7919 % 10_007}" for n in range(count)], "flights": range(count)}
    )


def address(form: str) -> str:
    return f"{ASKED}&_format={form}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("first", ["GET", "HEAD"])
def test_head_has_the_headers_of_get(
    client: FlaskClient, gateway: Any, form: str, coding: str, size: str, first: str
) -> None:
    of_size(gateway, size)
    accepted = {"Accept-Encoding": coding}
    client.open(address(form), method=first, headers=accepted).get_data()
    head = client.head(address(form), headers=accepted)
    got = client.get(address(form), headers=accepted)
    differ = {"Server-Timing", "X-Request-Id"}
    assert {pair for pair in head.headers if pair[0] not in differ} == {
        pair for pair in got.headers if pair[0] not in differ
    }
    assert (head.data, int(head.headers["Content-Length"])) == (b"", len(got.data))


def test_a_body_has_the_same_bytes_whether_its_length_was_asked_for(client: FlaskClient, gateway: Any) -> None:
    of_size(gateway, "long")
    for form in FORMATS:
        for coding in CODINGS:
            headers = {"Accept-Encoding": coding}
            gateway.bodies.clear()
            streamed = client.get(address(form), headers=headers)
            client.head(address(form), headers=headers)
            whole = client.get(address(form), headers=headers)
            assert form == "parquet" or "Content-Length" not in streamed.headers
            assert whole.headers["Content-Length"] == str(len(whole.data))
            assert (streamed.data, streamed.headers["ETag"]) == (whole.data, whole.headers["ETag"])


def test_what_is_sent_while_it_is_computed_has_no_length_and_no_parts(client: FlaskClient, gateway: Any) -> None:
    gateway.large = True
    head = client.head(ASKED)
    assert ("Content-Length" in head.headers, head.headers["Accept-Ranges"]) == (False, "none")
    part = client.get(ASKED, headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.headers["Accept-Ranges"]) == (200, "none")
    weak = part.headers["ETag"]
    assert client.get(ASKED, headers={"Range": "bytes=0-1", "If-Range": weak}).status_code == 200
    assert client.get(ASKED, headers={"If-Match": weak}).status_code == 412


def test_a_request_for_a_part_waits_for_all_of_what_can_be_kept(client: FlaskClient, gateway: Any) -> None:
    waits = []
    real = gateway.answer
    gateway.answer = lambda *args, stream, **rest: (waits.append(stream.waits), real(*args, stream=stream, **rest))[1]
    client.get(ASKED)
    client.get(ASKED, headers={"Range": "bytes=0-1"})
    client.head(ASKED)
    assert waits == [False, True, True]


def test_a_body_that_cannot_be_kept_is_sent_whole_and_has_no_length(client: FlaskClient, gateway: Any) -> None:
    of_size(gateway, "long")
    type(gateway).largest_body, before = property(lambda self: 300_000), type(gateway).largest_body
    try:
        whole = client.get(address("csv"))
        part = client.get(address("csv"), headers={"Range": "bytes=5-9"})
        head = client.head(address("csv"))
    finally:
        type(gateway).largest_body = before
    assert (part.status_code, part.data, part.headers["Accept-Ranges"]) == (200, whole.data, "none")
    assert ("Content-Length" in head.headers, head.headers["Accept-Ranges"]) == (False, "none")
    assert gateway.bodies == {}


def test_head_without_rows_says_the_length_that_is_known(client: FlaskClient, gateway: Any) -> None:
    length = client.get(ASKED).headers["Content-Length"]
    gateway.evicted = True
    gateway.bodies.clear()
    assert client.head(ASKED).headers["Content-Length"] == length
    assert client.head(address("csv")).headers["Content-Length"] == str(len(client.get(address("csv")).data))


def test_head_of_declared_rows_has_their_own_length(client: FlaskClient, gateway: Any) -> None:
    gateway.status = CacheStatus(outcome=Outcome.DEFAULT, error="engine-failed")
    real = gateway._result
    gateway._result = lambda: replace(real(), digest="", key=gateway.key)
    for key, table in (("a" * 32, gateway.table), ("b" * 32, gateway.table.slice(1))):
        gateway.key, gateway.table = key, table
        length = len(client.get(address("csv")).data)
        assert int(client.head(address("csv")).headers["Content-Length"]) == length


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from(FORMATS),
    coding=st.sampled_from(CODINGS),
    size=st.sampled_from(["small", "small", "long"]),
    first=st.integers(0, 700_000) | st.integers(0, 400),
    length=st.integers(0, 700_000) | st.integers(0, 400),
    kind=st.sampled_from(["bytes={0}-{1}", "bytes={0}-", "bytes=-{2}", "BYTES = {0}-{1}"]),
    resumed=st.booleans(),
)
def test_a_part_is_the_slice_of_the_whole_of_the_same_tag(
    client: FlaskClient, gateway: Any, form: str, coding: str, size: str, first: int, length: int, kind: str,
    resumed: bool,
) -> None:  # fmt: skip
    of_size(gateway, size)
    gateway.key = f"{SIZES[size]:032x}"
    accepted = {"Accept-Encoding": coding}
    codings = {
        reply.headers["ETag"]: reply
        for reply in (client.get(address(form), headers={"Accept-Encoding": one}) for one in ("identity", coding))
    }
    tag = list(codings)[-1]
    field = kind.format(first, first + length, length)
    part = client.get(address(form), headers={**accepted, "Range": field, **({"If-Range": tag} if resumed else {})})
    whole = codings[tag if resumed else next(iter(codings))]
    total = len(whole.data)
    start, stop = (first, min(first + length + 1, total)) if "-{2}" not in kind else (max(total - length, 0), total)
    stop = total if kind.endswith("-") else stop
    if start >= stop:
        assert (part.status_code, part.headers["Content-Range"]) == (416, f"bytes */{total}")
        assert part.json["type"] == "/errors/range-not-satisfiable"
        return
    assert (part.status_code, part.data) == (206, whole.data[start:stop])
    assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{total}"
    assert part.headers["Content-Length"] == str(stop - start)
    for name in ("ETag", "Content-Type", "Content-Encoding", "Cache-Control", "Vary", "Accept-Ranges"):
        assert part.headers.get(name) == whole.headers.get(name)


@pytest.mark.parametrize(
    "field",
    ["bytes=0-1,3-4", "bytes=5-4", "bytes=", "bytes=a-b", "bytes=-", "lines=0-1", "0-1", "bytes=0-1, 0-1", "bytes=²-",
     "bytes=0-1x", f"bytes=0-{'9' * 100}", ""],
)  # fmt: skip
def test_ranges_that_are_several_or_cannot_be_read_are_ignored(client: FlaskClient, field: str) -> None:
    whole = client.get(ASKED)
    reply = client.get(ASKED, headers={"Range": field})
    assert (reply.status_code, reply.data) == (200, whole.data)


def test_only_get_has_parts(client: FlaskClient) -> None:
    head, length = client.head(ASKED, headers={"Range": "bytes=0-1"}), len(client.get(ASKED).data)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(length))
    posted = client.post(RESULT, json={"start": "2013-01-01"}, headers={"Range": "bytes=0-1"})
    assert (posted.status_code, len(posted.data), "Accept-Ranges" in posted.headers) == (200, length, False)


def test_an_empty_body_has_no_part_but_its_last_bytes(client: FlaskClient, gateway: Any) -> None:
    gateway.table = gateway.table.slice(0, 0)
    answers = [
        client.get(address("ndjson"), headers={"Range": field}) for field in ("bytes=0-", "bytes=-5", "bytes=-0")
    ]
    assert [answer.status_code for answer in answers] == [416, 200, 416]
    assert answers[0].headers["Content-Range"] == "bytes */0"


@pytest.mark.parametrize(
    "condition",
    ['"other"', "W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT", "*", "{tag}, {tag}", "{bare}"],
)
def test_a_part_of_another_body_is_not_sent(client: FlaskClient, condition: str) -> None:
    whole = client.get(ASKED)
    tag = whole.headers["ETag"]
    headers = {"Range": "bytes=0-1", "If-Range": condition.format(tag=tag, bare=tag.strip('"'))}
    reply = client.get(ASKED, headers=headers)
    assert (reply.status_code, reply.data) == (200, whole.data)


def test_most_clients_count_the_bytes_of_what_they_have_decompressed(client: FlaskClient) -> None:
    plain = client.get(ASKED).data
    accepted = {"Accept-Encoding": "gzip, deflate"}
    part = client.get(ASKED, headers={**accepted, "Range": "bytes=5-9"})
    assert ("Content-Encoding" in part.headers, part.data) == (False, plain[5:10])
    packed = client.get(ASKED, headers=accepted)
    rest = client.get(ASKED, headers={**accepted, "Range": "bytes=9-", "If-Range": packed.headers["ETag"]})
    assert (rest.status_code, rest.headers["Content-Encoding"]) == (206, "gzip")
    assert gzip.decompress(packed.data[:9] + rest.data) == plain
    plain_rest = {"Range": "bytes=9-", "If-Range": part.headers["ETag"]}
    assert client.get(ASKED, headers={**accepted, **plain_rest}).data == plain[9:]
    refused = {"Accept-Encoding": "gzip, identity;q=0", "Range": "bytes=0-4"}
    assert client.get(ASKED, headers=refused).data == packed.data[:5]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("rows", ["kept", "gone"])
@pytest.mark.parametrize(
    ("match", "none_match", "asked", "status"),
    [
        (None, None, None, 200),
        ("tag", None, None, 200),
        ("*", None, None, 200),
        ("other", None, None, 412),
        ("weak", None, None, 412),
        ("other, tag", None, None, 200),
        ("", None, None, 412),
        ("other", "tag", None, 412),
        ("other", "other", "bytes=0-1", 412),
        ("tag", "tag", "bytes=0-1", 304),
        ("tag", "weak", "bytes=0-1", 304),
        (None, "*", "bytes=0-1", 304),
        (None, "tag", "bytes=9999-", 304),
        ("other", None, "bytes=9999-", 412),
        ("tag", "other", "bytes=0-1", 206),
        (None, None, "bytes=9999-", 416),
    ],
)
def test_preconditions_are_looked_at_in_order(
    client: FlaskClient, gateway: Any, method: str, rows: str, match: str | None, none_match: str | None,
    asked: str | None, status: int,
) -> None:  # fmt: skip
    tag = client.get(ASKED).headers["ETag"]
    gateway.evicted = rows == "gone"
    spelled = {"tag": tag, "weak": f"W/{tag}", "other": '"other"', "*": "*", "other, tag": f'"other", {tag}', "": ""}
    given = {"If-Match": match, "If-None-Match": none_match}
    headers = {name: spelled[value] for name, value in given.items() if value is not None}
    reply = client.open(ASKED, method=method, headers={**headers, **({} if asked is None else {"Range": asked})})
    assert reply.status_code == (200 if method == "HEAD" and status in (206, 416) else status)
    if status == 412 and method == "GET":
        assert (reply.mimetype, reply.json["type"]) == ("application/problem+json", "/errors/precondition-failed")


def test_conditions_on_a_date_are_ignored_for_there_is_none(client: FlaskClient) -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    for name in ("If-Modified-Since", "If-Unmodified-Since"):
        assert client.get(ASKED, headers={name: past}).status_code == 200


def test_a_post_and_declared_rows_have_no_tag_that_could_match(client: FlaskClient, gateway: Any) -> None:
    posted = client.post(RESULT, json={"start": "2013-01-01"}, headers={"If-Match": '"any"'})
    assert posted.status_code == 412
    assert client.post(RESULT, json={"start": "2013-01-01"}, headers={"If-Match": "*"}).status_code == 200
    gateway.status = CacheStatus(outcome=Outcome.DEFAULT, error="engine-failed")
    reply = client.get(ASKED, headers={"Range": "bytes=0-1"})
    assert (reply.status_code, reply.headers["Accept-Ranges"]) == (200, "none")


DOCUMENTS = ["/v1/queries", "/v1/queries/delays", "/v1/queries/delays/v2", "/openapi.json", "/docs", "/v1/tables"]
ANSWERS = ["/v1/queries/delays/v2/explain?start=2013-01-01", "/nothing", "/healthz", f"{RESULT}?start=yesterday"]


@pytest.mark.parametrize("path", [*DOCUMENTS, *ANSWERS])
def test_head_has_the_length_of_get_at_every_address(client: FlaskClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.data) == (got.status_code, b"")
    assert int(head.headers["Content-Length"]) == len(got.data)


def test_a_document_that_is_another_one_is_a_problem(client: FlaskClient) -> None:
    reply = client.get("/openapi.json", headers={"If-Match": '"other"'})
    assert (reply.status_code, reply.mimetype) == (412, "application/problem+json")
    tag = client.get("/openapi.json").headers["ETag"]
    assert client.get("/openapi.json", headers={"If-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["/openapi.json", "/static/site.css"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("match", "none_match", "status"),
    [
        ("*", None, 200), ("{tag}", None, 200), ('"other"', None, 412), ("W/{tag}", None, 412), ("*", '"other"', 200),
        ("{tag}", "{tag}", 304), (None, "{tag}", 304), (None, "W/{tag}", 304), (None, "*", 304),
        ('"other"', "{tag}", 412),
    ],
)  # fmt: skip
def test_documents_and_files_have_the_preconditions_of_results(
    client: FlaskClient, path: str, method: str, match: str | None, none_match: str | None, status: int
) -> None:
    whole = client.get(path)
    tag = whole.headers["ETag"]
    given = {"If-Match": match, "If-None-Match": none_match}
    headers = {name: value.format(tag=tag) for name, value in given.items() if value is not None}
    reply = client.open(path, method=method, headers=headers)
    assert (reply.status_code, reply.headers.get("ETag")) == (status, None if status == 412 else tag)
    if status == 304:
        assert (reply.data, reply.headers["Cache-Control"]) == (b"", whole.headers["Cache-Control"])
    if status == 412 and method == "GET":
        assert (reply.mimetype, reply.json["type"]) == ("application/problem+json", "/errors/precondition-failed")


@pytest.mark.parametrize("name", ["site.css", "query.js", "icon.svg"])
@pytest.mark.parametrize(
    "field",
    ["bytes=0-9", "bytes=5-", "bytes=-5", "bytes=-99999999", "bytes=0-99999999", "bytes=99999999-", "bytes=-0",
     "bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=", "x", ""],
)  # fmt: skip
def test_a_file_of_the_pages_has_the_parts_that_a_result_has(client: FlaskClient, name: str, field: str) -> None:
    path = f"/static/{name}"
    whole = client.get(path)
    assert whole.headers["Accept-Ranges"] == "bytes"
    size, reply = len(whole.data), client.get(path, headers={"Range": field})
    parts = {"bytes=0-9": (0, 10), "bytes=5-": (5, size), "bytes=-5": (size - 5, size), "bytes=-99999999": (0, size),
             "bytes=0-99999999": (0, size)}  # fmt: skip
    if field in parts:
        start, stop = parts[field]
        assert (reply.status_code, reply.data) == (206, whole.data[start:stop])
        assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert int(reply.headers["Content-Length"]) == stop - start
    elif field in ("bytes=99999999-", "bytes=-0"):
        assert (reply.status_code, reply.headers["Content-Range"]) == (416, f"bytes */{size}")
        assert reply.json["type"] == "/errors/range-not-satisfiable"
    else:
        assert (reply.status_code, reply.data) == (200, whole.data)
    head = client.head(path, headers={"Range": field})
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(size))


def test_a_part_of_a_file_is_of_the_file_that_if_range_names(client: FlaskClient) -> None:
    path = "/static/site.css"
    for condition, status in ((client.get(path).headers["ETag"], 206), ('"other"', 200)):
        assert client.get(path, headers={"Range": "bytes=0-1", "If-Range": condition}).status_code == status


@pytest.mark.parametrize(
    "name", ["none.css", "..", "%2e%2e/pages.py", "..%2fpages.py", "a/b/site.css", "a/none.css", "x" * 5_000, "%00"]
)
def test_only_the_files_of_the_pages_are_there(client: FlaskClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404
