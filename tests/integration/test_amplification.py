"""A refusal is small, whatever is wrong with what was sent and however much of it there is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from events import make_project, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thorough import first

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/amount/v1/result"
JSON = {"Content-Type": "application/json"}
LARGEST = 32 * 2**10
"""Bytes of the largest refusal."""


@pytest.fixture(scope="module", params=first(1, ["asgi", "gthread"]))
def running(
    serve_for_module: Callable[..., Any], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    project = make_project(tmp_path_factory.mktemp("hostile"), "cache: {ttl: 1h}")
    put(project, range(3), amount=1)
    return serve_for_module(project, {"GATEWAY_SERVER_WORKER": request.param}, workers=1)


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


# The words of a caller that a refusal repeats

WORD = "Zq" * 2_000
"""A word that is in no text of the gateway."""
REPEATED = 300
"""Characters of it that are repeated at most, in one place."""
HEADERS = ("Accept", "Accept-Encoding", "Authorization", "Cache-Control", "Content-Encoding", "Content-Type", "Cookie",
           "If-Match", "If-Modified-Since", "If-None-Match", "Origin", "Range", "Request-Timeout", "X-API-Key",
           "X-Forwarded-Proto", "X-Request-Id")  # fmt: skip
OPTIONS = ("_format", "_limit", "_cursor", "_shape", "_" + WORD, WORD, "start", "query", "table", "version")
BODIES: tuple[Any, ...] = (
    WORD, [WORD], {WORD: 1}, {"_" + WORD: 1}, {"start": WORD, "end": WORD}, {"start": [WORD]}, {"start": {WORD: WORD}},
    {"partitions": WORD}, {"partitions": [WORD]}, {"partitions": ["day=" + WORD]}, {"partitions": [WORD + "=1"]},
)  # fmt: skip
TWICE = b'{"%b": 1, "%b": 2}' % (WORD.encode(), WORD.encode())
ROUTES = (
    "/v1/queries", RESULT, f"{RESULT}.csv", "/v1/queries/amount", "/v1/queries/amount/v1",
    "/v1/queries/amount/v1/explain",
    "/v1/tables", "/v1/tables/events", "/v1/tables/events/partitions", "/v1/tables/events/refresh", "/v1/cache",
    "/errors/not-found", "/docs", "/docs/queries/amount", "/docs/key", "/openapi.json", "/readyz",
    "/metrics", "/static/a",
)  # fmt: skip


def addresses() -> list[str]:
    """Write every address with the word in place of each of its parts, after it, and as an ending of it."""
    found = []
    for route in ROUTES:
        parts = route.split("/")
        for place in range(1, len(parts)):
            found += [
                "/".join((*parts[:place], word, *parts[place + 1 :])) for word in (WORD, f"{parts[place]}.{WORD}")
            ]
        found.append(f"{route}/{WORD}")
        found += [f"{route}?{name}={WORD}" for name in OPTIONS]
        found += [f"{route}?{name}={WORD}&{name}={WORD}" for name in ("_format", "start")]
    return [*dict.fromkeys(found), f"{RESULT}.csv?_format={WORD}", f"{RESULT}.{WORD}?_format=csv"]


def repeats_little(reply: Any) -> None:
    told = "\n".join(
        (*(f"{name}: {value}" for name, value in reply.headers.items()), reply.body.decode(errors="replace"))
    )
    longest = max((len(run) for run in re.findall(r"[Zq]+", told) if len(run) > 1), default=0)
    if reply.status >= 400:
        assert longest <= REPEATED, (reply.status, told[:500])
        assert len(told) < 8_000


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD", "OPTIONS"])
def test_no_refusal_repeats_a_long_word_of_an_address(running: Any, method: str) -> None:
    for address in addresses():
        repeats_little(running.request(method, address, body=b"{}" if method == "POST" else None, headers=JSON))


def test_no_refusal_repeats_a_long_word_of_a_body(running: Any) -> None:
    for address in (RESULT, f"{RESULT}.csv", "/v1/tables/events/refresh", "/v1/queries/amount/v1/explain"):
        for body in (*(json.dumps(one).encode() for one in BODIES), TWICE, WORD.encode()):
            reply = running.request("POST", address, body=body, headers=JSON)
            assert reply.status >= 400
            repeats_little(reply)


def test_no_refusal_repeats_a_long_word_of_a_header(running: Any) -> None:
    for address in (RESULT, "/v1/queries", "/v1/tables/events/refresh", "/v1/cache", "/docs/key"):
        for name in HEADERS:
            for value in (WORD, f"Bearer {WORD}", f"text/{WORD}", f"application/{WORD}"):
                for method in ("GET", "POST"):
                    headers = JSON | {name: value}
                    body = b"{}" if method == "POST" else None
                    repeats_little(running.request(method, address, body=body, headers=headers))


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
