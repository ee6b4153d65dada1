"""Running a query over HTTP: validators, freshness, costs, pages, versions, formats."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from gateway.answer import CacheStatus, Directives, Outcome
from gateway.encode import FORMATS, encode
from gateway.errors import EngineFailed
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.telemetry.events import Event, RequestServed
from gateway.web.content_coding import compressed
from gateway.web.cursor import Cursor, question_digest

RESULT = "/v1/queries/delays/v2/result"
ASKED = f"{RESULT}?start=2013-01-01"


def test_an_answer_says_what_it_cost(client: FlaskClient) -> None:
    headers = client.get(ASKED).headers
    assert headers["Cache-Status"] == "query-gateway; fwd=miss; stored; ttl=300"
    assert headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=3600"
    assert headers["Age"] == "0"
    assert headers["Server-Timing"] == "bind;dur=1.000"
    assert headers["Gateway-Partitions"] == "7/365"
    assert headers["Gateway-Files"] == "7/365"
    assert headers["Gateway-Bytes"] == "700/36500"
    assert headers["Gateway-Rows"] == "3"
    assert headers["Gateway-More"] == "false"
    assert headers["Gateway-Version"] == "2"


def test_the_age_of_a_kept_answer_is_told(client: FlaskClient, gateway: Any) -> None:
    gateway.age, gateway.status = 41.7, CacheStatus(outcome=Outcome.HIT, ttl=258.3)
    headers = client.get(ASKED).headers
    assert (headers["Age"], headers["Cache-Status"]) == ("41", "query-gateway; hit; ttl=258")


def test_a_proxy_is_told_the_instant_until_which_an_answer_is_fresh(client: FlaskClient, gateway: Any) -> None:
    gateway.age = 41.7
    headers = client.get(ASKED).headers
    assert headers["X-Accel-Expires"] == "@1400000258"
    assert headers["Expires"] == "Tue, 13 May 2014 16:57:38 GMT"


def test_an_answer_is_fresh_no_longer_because_its_rows_took_long_to_write(
    make_site: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = {"now": 1_400_000_000.0}

    def slowly(*given: Any, **options: Any) -> Iterator[bytes]:
        yield from encode(*given, **options)
        clock["now"] += 30.0

    monkeypatch.setattr("gateway.web.payload.encode", slowly)
    headers = make_site(clock=lambda: clock["now"]).get(ASKED).headers
    assert clock["now"] == 1_400_000_030.0
    assert headers["X-Accel-Expires"] == "@1400000300"


@pytest.mark.parametrize("address", ["/v1/queries/delays/v1/result", "/v1/queries/delays/v2/result?start=yesterday"])
def test_a_proxy_is_told_no_instant_where_it_may_not_keep_the_response(client: FlaskClient, address: str) -> None:
    assert "X-Accel-Expires" not in client.get(address).headers
    assert "X-Accel-Expires" not in client.post(RESULT, json={"start": "2013-01-01"}).headers


def test_parameters_of_a_query_string_are_texts(client: FlaskClient, gateway: Any) -> None:
    client.get(f"{ASKED}&carriers=UA&carriers=DL")
    (question,) = gateway.asked
    assert question.textual is True
    assert question.parameters == {"start": ["2013-01-01"], "carriers": ["UA", "DL"]}


def test_parameters_of_a_body_are_json_values(client: FlaskClient, gateway: Any) -> None:
    response = client.post(RESULT, json={"start": "2013-01-01", "carriers": ["UA"], "top": 5})
    assert response.status_code == 200
    (question,) = gateway.asked
    assert question.textual is False
    assert question.parameters == {"start": "2013-01-01", "carriers": ["UA"], "top": 5}


def test_all_wrong_parameters_are_told_at_once(client: FlaskClient) -> None:
    response = client.get(f"{RESULT}?start=yesterday&top=1000&carier=UA")
    assert response.status_code == 422
    assert sorted(error["parameter"] for error in response.json["errors"]) == ["carier", "start", "top"]


def test_parameters_of_a_post_belong_in_its_body(client: FlaskClient) -> None:
    problem = client.post(ASKED, json={}).json
    assert problem["type"] == "/errors/malformed-request"
    assert problem["detail"] == "start belongs in the body: a POST has its parameters there, as one JSON object."


def test_options_of_a_post_belong_in_its_query_string(client: FlaskClient) -> None:
    response = client.post(RESULT, json={"start": "2013-01-01", "_limit": 1})
    assert (response.status_code, "query string" in response.json["detail"]) == (400, True)


def test_a_post_is_kept_by_no_cache_on_the_way(client: FlaskClient) -> None:
    headers = client.post(RESULT, json={"start": "2013-01-01"}).headers
    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers


def test_an_answer_that_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    tag = client.get(ASKED).headers["ETag"]
    response = client.get(ASKED, headers={"If-None-Match": tag})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == tag
    assert response.headers["Cache-Control"].startswith("public")


def test_a_tag_that_a_proxy_weakened_still_names_the_answer(client: FlaskClient) -> None:
    tag = client.get(ASKED).headers["ETag"]
    assert client.get(ASKED, headers={"If-None-Match": f'"other", W/{tag}'}).status_code == 304


def test_an_answer_over_other_data_with_the_same_rows_keeps_its_tag(client: FlaskClient, gateway: Any) -> None:
    before = client.get(ASKED).headers["ETag"]
    gateway.key = "cd" * 16
    response = client.get(ASKED, headers={"If-None-Match": before})
    assert (response.status_code, response.headers["ETag"]) == (304, before)


def test_an_answer_computed_again_to_other_rows_has_another_tag(client: FlaskClient, gateway: Any) -> None:
    before = client.get(ASKED).headers["ETag"]
    gateway.table = gateway.table.slice(1)
    response = client.get(ASKED, headers={"If-None-Match": before})
    assert (response.status_code, response.headers["ETag"] == before) == (200, False)


def test_a_page_continues_the_rows_of_its_first_page_and_no_others(client: FlaskClient, gateway: Any) -> None:
    following = client.get(f"{ASKED}&_limit=1").json["next"]
    assert client.get(following).json["data"] == [{"carrier": "DL", "flights": 2}]
    gateway.table = gateway.table.slice(1)
    client.get(ASKED)  # kept under the same key
    assert client.get(following).status_code == 410


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ('"a", {}, "b"', 304),
        ('W/"a",{}', 304),
        ("*", 304),
        ('"a"', 200),
        ('W/"a", "b"', 200),
        ("", 200),
        (",,", 200),
        ('"', 200),
    ],
)
def test_names_of_what_a_client_has_are_compared_weakly(client: FlaskClient, given: str, expected: int) -> None:
    tag = client.get(ASKED).headers["ETag"]
    response = client.get(ASKED, headers={"If-None-Match": given.format(tag)})
    assert (response.status_code, response.headers["ETag"]) == (expected, tag)


FORMS = ["", "&_format=csv", "&_format=arrow", "&_shape=columns", "&_limit=2", "&_format=csv&_limit=1"]


@pytest.mark.parametrize("form", FORMS)
def test_who_has_an_answer_is_told_that_it_is_right_without_its_rows(
    client: FlaskClient, gateway: Any, form: str
) -> None:
    had = client.get(ASKED + form)
    gateway.evicted = True
    response = client.get(ASKED + form, headers={"If-None-Match": f'"other", W/{had.headers["ETag"]}'})
    assert (response.status_code, response.data) == (304, b"")
    differ = {"Content-Length", "Content-Type", "Gateway-Engine", "Server-Timing", "X-Request-Id"}
    assert {name: value for name, value in response.headers if name not in differ} == {
        name: value for name, value in had.headers if name not in differ
    }


def test_who_has_a_further_page_is_told_that_it_is_right_without_its_rows(client: FlaskClient, gateway: Any) -> None:
    following = client.get(f"{ASKED}&_limit=1").json["next"]
    tag = client.get(following).headers["ETag"]
    gateway.evicted = True
    assert client.get(following, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(following, headers={"If-None-Match": '"other"'}).status_code == 410


def test_what_json_says_beside_the_rows_is_in_its_tag_alone(client: FlaskClient) -> None:
    asked = [f"{ASKED}{form}" for form in ("", "&top=20")]
    tags = {form: {client.get(one + form).headers["ETag"] for one in asked} for form in ("", "&_format=csv")}
    assert [len(found) for found in tags.values()] == [2, 1]


def test_every_form_of_an_answer_has_a_tag_of_its_own(client: FlaskClient) -> None:
    forms = ["", "&_format=csv", "&_format=arrow", "&_shape=arrays", "&_shape=columns", "&_limit=1", "&_limit=2"]
    assert len({client.get(ASKED + form).headers["ETag"] for form in forms}) == len(forms)


def test_head_answers_the_headers_of_get(client: FlaskClient) -> None:
    response = client.head(ASKED)
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["ETag"] == client.get(ASKED).headers["ETag"]


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        (ASKED, None, "application/json"),
        (ASKED, "*/*", "application/json"),
        (ASKED, "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        (ASKED, "text/csv", "text/csv"),
        (ASKED, "application/json;q=0.5, text/csv", "text/csv"),
        (ASKED, "text/*", "text/csv"),
        (ASKED, "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        (f"{RESULT}.csv?start=2013-01-01", "application/json", "text/csv"),
        (f"{RESULT}.parquet?start=2013-01-01", None, "application/vnd.apache.parquet"),
        (f"{ASKED}&_format=ndjson", "text/csv", "application/x-ndjson"),
        (f"{RESULT}.csv?start=2013-01-01&_format=csv", None, "text/csv"),
    ],
)
def test_the_suffix_decides_the_format_then_the_option_then_accept(
    client: FlaskClient, path: str, accept: str | None, expected: str
) -> None:
    response = client.get(path, headers={} if accept is None else {"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, expected)


@pytest.mark.parametrize(
    ("path", "accept"),
    [(ASKED, "image/png"), (f"{RESULT}.xml?start=2013-01-01", "*/*"), (f"{ASKED}&_format=xlsm", "*/*")],
)
def test_a_format_that_there_is_not_is_refused_with_those_that_there_are(
    client: FlaskClient, path: str, accept: str
) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 406
    assert {one["format"] for one in response.json["available"]} == set(FORMATS)


def test_two_formats_at_once_are_refused(client: FlaskClient) -> None:
    assert client.get(f"{RESULT}.csv?start=2013-01-01&_format=json").status_code == 400


@pytest.mark.parametrize("form", ["&_format=csv&_shape=arrays", "&_shape=rows"])
def test_a_shape_is_one_of_json(client: FlaskClient, form: str) -> None:
    assert client.get(ASKED + form).status_code == 400


def test_only_an_answer_chosen_by_accept_varies_with_it(client: FlaskClient) -> None:
    assert client.get(ASKED).headers["Vary"] == "Accept, Accept-Encoding"
    assert client.get(f"{ASKED}&_format=csv").headers["Vary"] == "Accept-Encoding"


def test_latest_is_the_newest_version_and_says_which(client: FlaskClient) -> None:
    headers = client.get("/v1/queries/delays/latest/result.csv?start=2013-01-01&_limit=1").headers
    assert headers["Gateway-Version"] == "2"
    assert headers["Content-Location"] == "/v1/queries/delays/v2/result.csv?start=2013-01-01&_limit=1"


def test_a_deprecated_version_says_what_replaces_it(client: FlaskClient) -> None:
    headers = client.get("/v1/queries/delays/v1/result").headers
    assert headers["Deprecation"] == "@1767225600"
    assert headers["Sunset"] == "Thu, 01 Jan 2099 00:00:00 GMT"
    assert headers.getlist("Link") == ['</v1/queries/delays/v2>; rel="successor-version"']
    assert headers["Cache-Control"] == "public, no-cache"


def pages(client: FlaskClient, url: str) -> list[tuple[str, str, str]]:
    """Read to the end; return (rows, ETag, more) of every page."""
    found = []
    while url:
        response = client.get(url)
        assert response.status_code == 200, response.text
        headers = response.headers
        found.append((headers["Gateway-Rows"], headers["ETag"], headers["Gateway-More"]))
        link = headers.get("Link", "")
        url = link[1 : link.index(">")] if link else ""
    return found


def test_pages_are_slices_of_one_answer_that_is_asked_for_once(client: FlaskClient, gateway: Any) -> None:
    gateway.table = pa.table({"carrier": [str(number) for number in range(10)], "flights": list(range(10))})
    found = pages(client, f"{ASKED}&carriers=UA&carriers=D%20%26L&_limit=4&_format=csv")
    assert len(gateway.asked) == 1
    assert [rows for rows, _, _ in found] == ["10", "10", "10"]
    assert [more for _, _, more in found] == ["true", "true", "false"]
    assert len({tag for _, tag, _ in found}) == 3


def test_a_page_that_ends_with_the_answer_is_the_last(client: FlaskClient) -> None:
    assert client.get(f"{ASKED}&_limit=3").headers["Gateway-More"] == "false"


def test_no_rows_can_be_asked_for_to_learn_their_number(client: FlaskClient) -> None:
    headers = client.get(f"{ASKED}&_limit=0").headers
    assert (headers["Gateway-Rows"], headers["Gateway-More"]) == ("3", "true")


def test_a_page_may_be_of_another_size_than_the_one_before(client: FlaskClient) -> None:
    link = client.get(f"{ASKED}&_limit=1").headers["Link"]
    assert client.get(link[1 : link.index(">")] + "&_limit=2").headers["Gateway-More"] == "false"


def test_a_cursor_belongs_to_its_question(client: FlaskClient) -> None:
    link = client.get(f"{ASKED}&_limit=1").headers["Link"]
    url = link[1 : link.index(">")].replace("2013-01-01", "2013-01-02")
    response = client.get(url)
    assert (response.status_code, "another question" in response.json["detail"]) == (400, True)


def test_a_cursor_into_an_answer_that_is_gone_says_so(client: FlaskClient, gateway: Any) -> None:
    link = client.get(f"{ASKED}&_limit=1").headers["Link"]
    gateway.kept.clear()
    response = client.get(link[1 : link.index(">")])
    assert (response.status_code, response.json["type"]) == (410, "/errors/cursor-expired")


def test_the_pages_of_a_post_are_asked_for_with_the_same_body(client: FlaskClient, gateway: Any) -> None:
    body = {"start": "2013-01-01"}
    link = client.post(f"{RESULT}?_limit=2", json=body).headers["Link"]
    response = client.post(link[1 : link.index(">")], json=body)
    assert (response.status_code, response.headers["Gateway-More"]) == (200, "false")
    assert len(gateway.asked) == 1
    assert client.post(link[1 : link.index(">")], json={"start": "2013-01-02"}).status_code == 400


def test_a_question_that_no_query_string_asks_is_told_as_none(client: FlaskClient, gateway: Any) -> None:
    text = "/*\nsummary: x\nparameters: {top: {type: integer, default: 10, optional: true}}\n*/\nSELECT $top AS carrier"
    known = Template.load(f"{text} FROM flights", path="queries/q/v1.sql", name="q", version=1, tables={"flights"})
    gateway.registry = Registry.of([known])
    told = [client.post("/v1/queries/q/v1/result", json=body).headers for body in ({}, {"top": 5}, {"top": None})]
    assert [headers.get("Gateway-Parameters") for headers in told] == ["top=10", "top=5", None]


def test_an_explanation_tells_the_parameters_as_they_were_understood(client: FlaskClient) -> None:
    response = client.get("/v1/queries/delays/v2/explain?start=2013-01-01T00:00")
    assert response.headers["Gateway-Parameters"] == "start=2013-01-01&top=10"


def test_an_explanation_is_json_or_text(client: FlaskClient) -> None:
    path = "/v1/queries/delays/v2/explain?start=2013-01-01"
    assert client.get(path).json["query"] == "delays"
    text = client.get(path, headers={"Accept": "text/plain"})
    assert (text.mimetype, text.text) == ("text/plain", "delays reads 7 of 365 partitions\n")
    assert client.get(f"{path}&_format=text").mimetype == "text/plain"
    assert client.get(f"{path}&_format=csv").status_code == 406
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406


def test_an_explanation_takes_json_parameters(client: FlaskClient) -> None:
    response = client.post("/v1/queries/delays/latest/explain", json={"start": "2013-01-01"})
    assert (response.status_code, response.headers["Gateway-Version"]) == (200, "2")


def large(gateway: Any) -> None:
    """Let the answer be one whose body is streamed."""
    gateway.table = pa.table({"carrier": ["x" * 100] * 20_000, "flights": [1] * 20_000})


def test_a_small_body_has_a_length_and_a_large_one_is_streamed(client: FlaskClient, gateway: Any) -> None:
    assert "Content-Length" in client.get(f"{ASKED}&_format=csv").headers
    large(gateway)
    response = client.get(f"{ASKED}&_format=csv")
    assert "Content-Length" not in response.headers
    assert response.text.count("\n") == 20_001


def test_the_record_of_a_streamed_body_counts_what_was_sent(
    client: FlaskClient, gateway: Any, events: list[Event]
) -> None:
    large(gateway)
    response = client.get(f"{ASKED}&_format=csv")
    sent = len(response.data)
    response.close()
    (served,) = [event for event in events if isinstance(event, RequestServed)]
    assert (served.size, served.complete) == (sent, True)


def test_a_client_that_leaves_in_the_middle_is_recorded(client: FlaskClient, gateway: Any, events: list[Event]) -> None:
    large(gateway)
    response = client.get(f"{ASKED}&_format=csv", buffered=False)
    first = next(iter(response.iter_encoded()))
    response.close()
    (served,) = [event for event in events if isinstance(event, RequestServed)]
    assert served.complete is False
    assert served.size >= len(first)


def test_a_result_that_a_format_cannot_write_is_refused_before_the_first_byte(
    client: FlaskClient, gateway: Any
) -> None:
    gateway.double = True
    response = client.get(ASKED)
    assert (response.status_code, response.json["type"]) == (422, "/errors/query-failed")
    assert client.get(f"{ASKED}&_format=csv").status_code == 200


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity", None),
        ("br", None),
        ("*", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
    ],
)
def test_a_body_is_compressed_as_the_client_likes_best(client: FlaskClient, accept: str, coding: str | None) -> None:
    plain = client.get(f"{ASKED}&_format=csv").data
    response = client.get(f"{ASKED}&_format=csv", headers={"Accept-Encoding": accept})
    assert response.headers.get("Content-Encoding") == coding
    assert unpacked(response.data, coding) == plain


def unpacked(body: bytes, coding: str | None) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    with pa.CompressedInputStream(pa.BufferReader(body), coding) if coding else pa.BufferReader(body) as stream:
        return stream.read()


def test_each_coding_of_a_body_has_a_tag_of_its_own(client: FlaskClient) -> None:
    codings = ["identity", "gzip", "zstd"]
    tags = {client.get(ASKED, headers={"Accept-Encoding": one}).headers["ETag"] for one in codings}
    assert len(tags) == 3


def test_parquet_is_compressed_in_itself(client: FlaskClient) -> None:
    response = client.get(f"{ASKED}&_format=parquet", headers={"Accept-Encoding": "zstd"})
    assert "Content-Encoding" not in response.headers


def test_a_body_is_encoded_and_compressed_once(client: FlaskClient, gateway: Any) -> None:
    first = client.get(ASKED, headers={"Accept-Encoding": "zstd"})
    (kept,) = gateway.bodies
    gateway.bodies[kept] = b"as kept"
    again = client.get(ASKED, headers={"Accept-Encoding": "zstd"})
    assert (again.data, again.headers["Content-Encoding"]) == (b"as kept", "zstd")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get(ASKED).data != b"as kept"


def test_bodies_of_two_queries_of_the_same_text_are_not_mixed_up(client: FlaskClient, gateway: Any) -> None:
    client.get("/v1/queries/delays/v1/result")
    assert client.get(ASKED).json["version"] == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("no-cache", Directives(no_cache=True)),
        ("Max-Age=30, no-transform", Directives(max_age=30.0)),
        ("only-if-cached, no-store", Directives(only_if_cached=True, no_store=True)),
        ('max-age="7"', Directives(max_age=7.0)),
        ("max-age=-1, max-age=soon", Directives()),
        ("max-age=99999999999999999999", Directives(max_age=2.0**31)),
        ("", Directives()),
    ],
)
def test_what_a_request_asks_of_the_cache_is_passed_on(
    client: FlaskClient, gateway: Any, value: str, expected: Directives
) -> None:
    client.get(ASKED, headers={"Cache-Control": value})
    assert gateway.directives == [expected]


def test_default_rows_are_marked_and_kept_by_nobody(client: FlaskClient, gateway: Any) -> None:
    gateway.status = CacheStatus(outcome=Outcome.DEFAULT, error="engine-failed")
    headers = client.get(ASKED).headers
    assert headers["Gateway-Default"] == "true"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cache-Status"] == 'query-gateway; fwd=miss; detail="default; engine-failed"'
    assert "ETag" not in headers


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_body_that_is_streamed_is_compressed_as_it_is_sent(client: FlaskClient, gateway: Any, coding: str) -> None:
    gateway.table = pa.table({"carrier": [f"carrier {n}" for n in range(100_000)], "flights": list(range(100_000))})
    plain = client.get(f"{ASKED}&_format=csv").data
    response = client.get(f"{ASKED}&_format=csv", headers={"Accept-Encoding": coding})
    assert response.headers["Content-Encoding"] == coding
    assert "Content-Length" not in response.headers
    assert len(response.data) < len(plain) / 3
    assert unpacked(response.data, coding) == plain
    assert gateway.bodies == {}


def test_a_compressed_body_that_breaks_off_has_no_end_mark() -> None:
    def broken() -> Generator[bytes]:
        yield random.Random(1).randbytes(1_000_000)
        raise EngineFailed("broken")

    sent: list[bytes] = []
    with pytest.raises(EngineFailed):
        sent.extend(compressed(broken(), "gzip"))
    with pytest.raises(EOFError):
        gzip.decompress(b"".join(sent))


def test_the_record_of_an_answer_tells_the_question_and_the_result(client: FlaskClient, events: list[Event]) -> None:
    client.get(ASKED).close()
    (served,) = [event for event in events if isinstance(event, RequestServed)]
    assert (served.key, served.partitions, served.partitions_total) == ("ab" * 16, 7, 365)
    assert served.parameters == {"start": "2013-01-01", "carriers": None, "top": 10}


def test_an_error_counts_for_the_query_that_was_asked(client: FlaskClient, events: list[Event]) -> None:
    client.get(f"{RESULT}?start=yesterday").close()
    (served,) = [event for event in events if isinstance(event, RequestServed)]
    assert (served.query, served.version, served.status, served.key) == ("delays", 2, 422, None)


def test_a_cursor_of_the_release_before_is_a_page_of_the_question_as_it_was_spelled(
    client: FlaskClient, gateway: Any
) -> None:
    client.get(f"{ASKED}&_limit=1")
    (kept,) = gateway.kept.values()
    put = ("delays", 2, True, [("start", ["2013-01-01"])], "", ["s3://warehouse/flights"])
    cursor = Cursor(key=f"{kept.key}-{kept.digest}", question=question_digest(*put), offset=1, limit=1).encode()
    page = client.get(f"{ASKED}&_cursor={cursor}")
    assert [row["carrier"] for row in page.json["data"]] == ["DL"]
    assert client.get(page.json["next"]).json["data"][0]["carrier"] == "AA"
    assert client.get(f"{RESULT}?start=2013-01-02&_cursor={cursor}").status_code == 400


def test_after_a_page_of_no_rows_come_all_of_them(client: FlaskClient) -> None:
    none = client.get(f"{ASKED}&_limit=0").json
    assert (none["data"], none["rows"], none["more"]) == ([], 3, True)
    rest = client.get(none["next"]).json
    assert ([row["carrier"] for row in rest["data"]], rest["more"], "next" in rest) == (
        ["UA", "DL", "AA"],
        False,
        False,
    )


@pytest.mark.parametrize("form", ["json", "csv"])
def test_the_rest_of_a_result_is_no_representation_of_the_whole(client: FlaskClient, form: str) -> None:
    whole = client.get(f"{ASKED}&_format={form}")
    first = client.get(f"{ASKED}&_format={form}&_limit=1")
    link = first.headers["Link"].partition(">")[0][1:]
    none = client.get(f"{link}&_limit=0")
    rest = client.get(f"{none.headers['Link'].partition('>')[0][1:]}&_limit=5")
    assert len({reply.headers["ETag"] for reply in (whole, first, none, rest)}) == 4
    assert b"UA" in whole.data
    assert (b"UA" in rest.data, b"DL" in rest.data, b"AA" in rest.data) == (False, True, True)


def test_a_page_of_no_rows_leaves_the_size_of_the_pages(client: FlaskClient) -> None:
    first = client.get(f"{ASKED}&_limit=1").json
    none = client.get(f"{first['next']}&_limit=0").json
    assert (none["data"], none["more"]) == ([], True)
    assert [row["carrier"] for row in client.get(none["next"]).json["data"]] == ["DL"]
