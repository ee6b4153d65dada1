"""Errors become problem documents, and nothing internal is in them."""

from __future__ import annotations

import json

import pytest
from werkzeug.exceptions import HTTPException, ImATeapot, NotFound, ServiceUnavailable

from gateway.errors import (
    Diagnostic,
    EngineFailed,
    InvalidParameters,
    MalformedRequest,
    QueueFull,
    QuotaExceeded,
    TemplateInvalid,
)
from gateway.web.problems import MEANINGS, from_http, kinds, problem


def test_a_problem_has_the_standard_members_and_those_of_its_error() -> None:
    response = problem(InvalidParameters([{"parameter": "start", "detail": "is missing"}]), request_id="r1", prefix="")
    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert json.loads(response.data) == {
        "type": "/errors/invalid-parameters",
        "title": "Some parameters are not valid",
        "status": 422,
        "detail": "Not valid: start.",
        "instance": "urn:request:r1",
        "request_id": "r1",
        "errors": [{"parameter": "start", "detail": "is missing"}],
    }


def test_a_member_cannot_take_the_place_of_a_standard_one() -> None:
    document = json.loads(problem(MalformedRequest("wrong", status=200, type="x"), request_id="r", prefix="").data)
    assert (document["status"], document["type"]) == (400, "/errors/malformed-request")


def test_a_problem_is_never_kept_by_a_cache() -> None:
    assert problem(MalformedRequest("wrong"), request_id="r", prefix="").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (QueueFull("busy", retry_after=2.1), "3"),
        (QueueFull("busy"), "1"),
        (QuotaExceeded("enough", retry_after=0.0), "1"),
        (EngineFailed("broken"), None),
    ],
)
def test_who_may_try_again_is_told_when(error: QueueFull, expected: str | None) -> None:
    assert problem(error, request_id="r", prefix="").headers.get("Retry-After") == expected


def test_the_files_of_a_wrong_definition_are_not_shown() -> None:
    error = TemplateInvalid([Diagnostic(path="queries/secret/v1.sql", message="no such column")])
    assert b"secret" not in problem(error, request_id="r", prefix="").data


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotFound(), "not-found"), (ImATeapot(), "malformed-request"), (ServiceUnavailable(), "internal-error")],
)
def test_errors_of_the_http_library_have_codes_of_the_gateway(error: HTTPException, code: str) -> None:
    assert from_http(error, prefix="").code == code


def test_every_code_has_a_meaning_and_every_meaning_a_code() -> None:
    assert set(MEANINGS) == set(kinds())
