"""What a request may look like, and what is refused before anything is asked."""

from __future__ import annotations

import json

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from gateway.errors import MalformedRequest
from gateway.web.parsing import RESULT_OPTIONS, parse_json, read_json_object, read_query_string
from gateway.web.problems import ContentTooLarge, UnsupportedMediaType


def posted(body: bytes, content_type: str | None = "application/json") -> Request:
    return Request(EnvironBuilder(method="POST", data=body, content_type=content_type).get_environ())


def test_names_with_an_underscore_are_options_and_all_others_parameters() -> None:
    query = read_query_string(b"start=1&_limit=5&tag=a&tag=b&empty=", accepted=RESULT_OPTIONS)
    assert query.options == {"_limit": "5"}
    assert query.parameters == {"start": ["1"], "tag": ["a", "b"], "empty": [""]}
    assert query.limit() == 5


def test_a_plus_and_percent_encodings_are_decoded_as_utf_8() -> None:
    query = read_query_string(b"city=S%C3%A3o+Paulo", accepted=())
    assert query.parameters == {"city": ["São Paulo"]}


@pytest.mark.parametrize("raw", [b"x=%ff", b"x=\xff", b"%c3=1", b"x=%ed%a0%80"])
def test_bytes_that_are_not_utf_8_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedRequest, match="not UTF-8"):
        read_query_string(raw, accepted=())


def test_a_misspelt_option_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(MalformedRequest, match=r"^Unknown option '_fromat'; did you mean '_format'\?$"):
        read_query_string(b"_fromat=csv", accepted=RESULT_OPTIONS)


def test_an_option_is_refused_where_the_address_has_none() -> None:
    with pytest.raises(MalformedRequest, match="this address has none"):
        read_query_string(b"_limit=5", accepted=())


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="given twice"):
        read_query_string(b"_limit=5&_limit=6", accepted=RESULT_OPTIONS)


def test_a_value_without_a_name_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="without a name"):
        read_query_string(b"=5", accepted=())


def test_more_values_than_a_query_string_may_have_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="send them as JSON"):
        read_query_string(b"&".join([b"a=1"] * 10_001), accepted=())


@pytest.mark.parametrize("text", ["-1", "1.5", "ten", "", " 5", "٣", "9" * 17, "1_000"])
def test_a_limit_is_a_plain_number_of_rows(text: str) -> None:
    query = read_query_string(f"_limit={text}".encode(), accepted=RESULT_OPTIONS)
    with pytest.raises(MalformedRequest, match="_limit is a number of rows"):
        query.limit()


def test_a_body_is_one_json_object() -> None:
    assert read_json_object(posted(b'{"start": "2013-01-01", "n": 5, "x": null}')) == {
        "start": "2013-01-01",
        "n": 5,
        "x": None,
    }


def test_no_body_at_all_is_an_object_without_members() -> None:
    assert read_json_object(posted(b"", None)) == {}


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="one JSON object"):
        read_json_object(posted(body))


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        read_json_object(posted(b"{}", content_type))


def test_a_body_larger_than_the_server_reads_is_refused() -> None:
    request = posted(b'{"a": "' + b"x" * 100 + b'"}')
    request.max_content_length = 50
    with pytest.raises(ContentTooLarge, match="50 bytes"):
        read_json_object(request)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"a": {"b": 1, "b": 2}}', "stands twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 17 + b"]" * 17, "nested deeper"),
        (b"[" * 200_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
    ],
)
def test_json_is_read_strictly(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=reason):
        parse_json(body)


def test_json_within_the_bounds_is_read_as_it_stands() -> None:
    document = {"list": [1, 2.5, "ü", None, True, {"deep": [[[]]]}], "big": 2**70, "pair": "😀"}
    assert parse_json(json.dumps(document).encode()) == document
