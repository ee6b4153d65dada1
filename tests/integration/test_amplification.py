"""A refusal is small, whatever is wrong with what was sent and however much of it there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from events import make_project, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/amount/v1/result"
LARGEST = 32 * 2**10
"""Bytes of the largest refusal."""


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def running(serve: Callable[..., Any], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = make_project(tmp_path_factory.mktemp("hostile"), "cache: {ttl: 1h}")
    put(project, range(3), amount=1)
    return serve(project, {"GATEWAY_SERVER_WORKER": request.param}, workers=1)


def refused(reply: Any) -> dict[str, Any]:
    assert 400 <= reply.status < 500
    assert len(reply.body) <= LARGEST
    assert sum(len(name) + len(value) for name, value in reply.headers.items()) < 2_000
    return dict(reply.json())


def test_hundreds_of_thousands_of_unknown_keys_are_one_mistake(running: Any) -> None:
    body = json.dumps(dict.fromkeys(map(str, range(355_000)), 1), separators=(",", ":")).encode()
    problem = refused(running.post(RESULT, body))
    assert (problem["status"], problem["detail"]) == (400, "The body has more than 10000 fields.")


def test_the_first_mistakes_are_told_and_the_others_counted(running: Any) -> None:
    problem = refused(running.post(RESULT, json.dumps({f"unknown_{number}": 1 for number in range(9_000)}).encode()))
    assert (problem["status"], len(problem["errors"]), problem["more"]) == (422, 20, 9_002 - 20)
    assert [error["parameter"] for error in problem["errors"][:3]] == ["start", "end", "unknown_0"]
    assert problem["detail"].endswith(" and 8,982 more.")


def test_fields_are_counted_at_every_depth(running: Any) -> None:
    inner = {f"k{number}": {str(one): one for one in range(100)} for number in range(200)}
    assert refused(running.post(RESULT, json.dumps({"start": inner}).encode()))["status"] == 400


STRANGE = st.sampled_from(["a", "\x00", "\x1f", '"', "\\", "\u202e", "\U0001f4a9", "ü", "\x7f", "<", " "])
NAMES = st.builds(lambda text, times: text * times, STRANGE, st.sampled_from([1, 10, 300, 20_000]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), NAMES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bodies(draw: Any) -> bytes:
    """Make the body of a request that is wrong in some way, and possibly very often."""
    name, value = draw(NAMES), draw(VALUES)
    times, depth = draw(st.sampled_from([1, 50, 9_000, 40_000])), draw(st.sampled_from([0, 5, 15, 17, 3_000]))
    document: Any = {"start": value, "end": [value] * 3} | {f"{number}{name[:40]}": 1 for number in range(times)}
    if draw(st.booleans()):
        document = {"start": value, "end": value, name: value}
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    return b"".join((b'{"a":' * depth, text.encode(), b"}" * depth))[: 4 * 2**20]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(body=bodies())
def test_no_body_makes_a_large_refusal(running: Any, body: bytes) -> None:
    refused(running.post(RESULT, body))
    refused(
        running.request("POST", "/v1/tables/events/refresh", body=body, headers={"Content-Type": "application/json"})
    )


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(names=st.lists(NAMES, min_size=1, max_size=8), times=st.sampled_from([1, 100, 1_500]))
def test_no_query_string_makes_a_large_refusal(running: Any, names: list[str], times: int) -> None:
    query = "&".join(f"{quote(name[:200])}{number}={quote(name[:50])}" for name in names for number in range(times))
    for target in (
        RESULT,
        "/v1/queries",
        "/v1/tables/events/partitions",
        f"{RESULT}.exe",
        "/v1/queries/" + quote(names[0]),
    ):
        refused(running.get(f"{target}?{query[:8_000].rpartition('&')[0] or query[:60]}"))
