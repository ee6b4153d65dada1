"""Requests that share a segment, or are cut anywhere: both kinds of workers give the same responses in the same order.

What the event loop remembers by its bytes is exactly one request. Each story is sent five times over on one connection,
so that what the first time taught is used by the others, and is compared with what the worker of threads says: that one
remembers nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from events import between, make_project, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import Response, Wire, cut, request

from gateway.access.keys import KeyFile

pytestmark = pytest.mark.gunicorn

GRANTS = """
grants:
  - {to: [ana], queries: [amount, uncached], actions: [cache]}
  - {to: [ana, bob], queries: [shared]}
"""
RESULT = "/v1/queries/{}/v1/result.csv?{}"
REPEATS = 5
STORIES = max(40, settings().max_examples // 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same project behind an event loop and behind threads."""

    asgi: Any
    gthread: Any
    keys: dict[str, str]

    def message(self, kind: str) -> bytes:
        return MESSAGES[kind](self.keys)


@pytest.fixture(scope="module")
def pair(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Open both over the same rows; each has a state of its own, and one worker, so that what it knows is known."""
    project = make_project(tmp_path_factory.mktemp("pipelined"), "cache: {ttl: 1h}")
    text = (project / "queries/amount/v1.sql").read_text()
    for name, front in (("shared", "cache: {ttl: 1h}"), ("uncached", "cache: off")):
        (project / "queries" / name).mkdir()
        (project / "queries" / name / "v1.sql").write_text(text.replace("cache: {ttl: 1h}", front))
    (project / "access.yaml").write_text(GRANTS)
    keys = {name: KeyFile(project / "keys.json").add(name) for name in ("ana", "bob")}
    put(project, range(60), amount=1)
    opened = {
        kind: serve_for_module(
            project,
            {
                "GATEWAY_ACCESS_REQUIRED": "true",
                "GATEWAY_SERVER_WORKER": kind,
                "GATEWAY_STATE": str(tmp_path_factory.mktemp(kind)),
            },
            workers=1,
        )
        for kind in ("asgi", "gthread")
    }
    return Pair(keys=keys, **opened)


def question(name: str, end: int) -> str:
    return RESULT.format(name, "&".join(f"{key}={value}" for key, value in between(0, end).items()))


def asked(method: str, target: str, who: str | None, **more: Any) -> Callable[[dict[str, str]], bytes]:
    """Make a message from the keys; its id is told in its response, whoever makes that."""

    def make(keys: dict[str, str]) -> bytes:
        shown = {} if who is None else {"Authorization": f"Bearer {keys[who]}"}
        return request(method, target, X_Request_Id=f"{method}.{who}.{len(target)}", **shown, **more)

    return make


MESSAGES: dict[str, Callable[[dict[str, str]], bytes]] = {
    "hit": asked("GET", question("amount", 3), "ana"),
    "hit of other rows": asked("GET", question("amount", 5), "ana"),
    "hit of another caller": asked("GET", question("shared", 7), "bob"),
    "miss": asked("GET", question("uncached", 4), "ana"),
    "miss of a hit's answer": asked("GET", question("amount", 3), "ana", Cache_Control="no-cache"),
    "HEAD": asked("HEAD", question("amount", 3), "ana"),
    "POST": asked(
        "POST", question("amount", 3).partition("?")[0], "ana", body=b'{"start":"2013-01-01","end":"2013-01-09"}',
        Content_Type="application/json",
    ),
    "DELETE": asked("DELETE", "/v1/cache?query=amount", "ana"),
    "refused": asked("GET", question("amount", 3), "bob"),
    "unnamed": asked("GET", question("amount", 3), None),
    "malformed": asked("GET", question("amount", 3) + "&a b", "ana"),
}  # fmt: skip
PAIRS = list(product(MESSAGES, repeat=2))
METHODS = {kind: kind if kind in ("HEAD", "POST", "DELETE") else "GET" for kind in MESSAGES}


def told(response: Response) -> tuple[Any, ...]:
    """Take from a response what does not depend on the moment, nor on who made it."""
    names = ("content-type", "x-request-id", "gateway-parameters")
    problem = response.headers.get("content-type") == "application/problem+json"
    if problem and response.headers.get("x-request-id", "").isalnum():
        named = {"instance", "request_id"}  # whoever refused it made up an id
        return response.status, {name: value for name, value in json.loads(response.body).items() if name not in named}
    return response.status, response.body, *(response.headers.get(name) for name in names)


def story(running: Any, messages: Sequence[bytes], methods: Sequence[str], places: Sequence[int]) -> list[Any]:
    """Send the messages in one segment, or cut at *places*, five times over, and tell how each was answered."""
    found: list[Any] = []
    with Wire(running.port) as wire:
        for _ in range(REPEATS):
            for piece in cut(b"".join(messages), places):
                wire.send(piece)
                if places:
                    assert running.get("/healthz").status == 200  # the event loop has read what was sent
            found += wire.take(*methods)
        wire.send(request("GET", "/healthz", Connection="close", X_Request_Id="end"))
        found += wire.take("GET")
        assert wire.rest() == b""
    return [told(response) for response in found]


def both_say_the_same(pair: Pair, kinds: Sequence[str], places: Sequence[int] = ()) -> list[Any]:
    messages, methods = [pair.message(kind) for kind in kinds], [METHODS[kind] for kind in kinds]
    return both_say_the_same_of(pair, messages, methods, places)


def both_say_the_same_of(
    pair: Pair, messages: Sequence[bytes], methods: Sequence[str], places: Sequence[int]
) -> list[Any]:
    expected = story(pair.gthread, messages, methods, places)
    assert story(pair.asgi, messages, methods, places) == expected
    return expected


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=map(", ".join, PAIRS))
def test_two_requests_in_one_segment_are_two_requests(pair: Pair, first: str, second: str) -> None:
    answered = both_say_the_same(pair, [first, second])
    if "malformed" not in (first, second):
        assert len(answered) == 2 * REPEATS + 1


@settings(max_examples=STORIES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(sorted(MESSAGES)), min_size=1, max_size=5),
    places=st.lists(st.integers(min_value=0, max_value=2_000), max_size=4),
)
def test_any_requests_cut_anywhere_are_answered_as_by_threads(pair: Pair, kinds: list[str], places: list[int]) -> None:
    both_say_the_same(pair, kinds, places)


# Requests that are odd in one way

LINE, END = b"GET %b HTTP/1.1\r\nHost: a\r\n", b"\r\n"
TARGETS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(
            ["", "/", "http://", "HTTPS://a", "http://a:80", "ftp://a", "://", "http://[::1]", "http://u@a"]
        ),
        st.lists(st.sampled_from([*"/?#:@[]%*.;&=\\a1_", "//", "://", "%2f", "%00", "v1/queries"]), max_size=6).map(
            "".join
        ),
    ),
)
VERSIONS = st.lists(st.sampled_from([*"/.0129+ ", "HTTP", "http", "HTTP/1.", "HTTP/"]), max_size=4).map("".join)
NAMES = st.sampled_from(
    ["Expect", "Transfer-Encoding", "Connection", "Content-Encoding", "X", "X_Y", "X:", " X", "X ", ""]
)
VALUES = st.lists(
    st.sampled_from(
        ["100-continue", "chunked", "gzip", "identity", "close", "keep-alive", ",", " ", ";", "\t", "\x00", "é", "x"]
    ),
    max_size=4,
).map("".join)
FIELDS = st.builds("{}:{}".format, NAMES, VALUES) | st.sampled_from(
    ["", "x", "Content-Type: a", "Content-Length: 4194305"]
)
CHUNKS = (
    b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    b"2\r\n{}\r\n0\r\n"
)


def encoded(text: str) -> bytes:
    return text.encode("latin-1")


def with_authority(message: bytes, keys: dict[str, str]) -> bytes:
    line, _, rest = message.partition(b"\r\n")
    return line + f"\r\nAuthorization: Bearer {keys['ana']}\r\nX-Request-Id: odd.1\r\n".encode() + rest


ODD = st.one_of(
    TARGETS.map(lambda target: LINE % encoded(target) + END),
    VERSIONS.map(lambda version: LINE.replace(b"HTTP/1.1", encoded(version)) % b"/v1/queries" + END),
    FIELDS.map(lambda field: LINE % encoded(question("amount", 3)) + encoded(field) + END + END),
    st.lists(FIELDS, max_size=3).map(
        lambda fields: (
            CHUNKS % encoded(question("amount", 3).partition("?")[0])
            + b"".join(encoded(field) + END for field in fields)
            + END
        )
    ),
)
"""Requests with one oddity: in the target, the version, a header field or the trailers."""


@settings(max_examples=STORIES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd=ODD, place=st.integers(min_value=0, max_value=400))
def test_a_request_that_is_odd_is_read_alike(pair: Pair, odd: bytes, place: int) -> None:
    messages = [pair.message("hit"), with_authority(odd, pair.keys), pair.message("hit of other rows")]
    both_say_the_same_of(pair, messages, ["GET"] * len(messages), [place] if place else [])
