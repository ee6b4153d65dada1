"""What HTTP says of connections: how messages are delimited, when a connection ends, how long anybody is waited for."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

import pytest
from events import between, make_project, put
from wire import Response, Wire, request

pytestmark = pytest.mark.gunicorn

QUERY = "/v1/queries/amount/v1/result.csv"
RESULT = f"{QUERY}?" + "&".join(f"{name}={value}" for name, value in between(0, 7).items())
LARGE = "/v1/queries/large/v1/result.ndjson"
MANY = """\
/*
summary: Many rows
*/
SELECT ts, r.range AS n, 'a name of some length' AS name FROM events, range(5000) r
"""
ROWS = 20 * 5_000
BODY = b'{"start": "2013-01-01", "end": "2013-01-09"}'


@pytest.fixture(scope="module")
def start(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Serve twenty rows, by a kind of worker and settings; a query makes 5,000 of each, too many to be kept."""
    project = make_project(tmp_path_factory.mktemp("connections"), "cache: {ttl: 1h}")
    (project / "queries/large").mkdir()
    (project / "queries/large/v1.sql").write_text(MANY)
    put(project, range(20), amount=1)

    def run(kind: str, **settings: str) -> Any:
        state = {"GATEWAY_STATE": str(tmp_path_factory.mktemp(kind)), "GATEWAY_SERVER_WORKER": kind}
        named = {f"GATEWAY_{name.upper()}": value for name, value in settings.items()}
        return serve_for_module(project, {**state, "GATEWAY_CACHE_MAX_RESULT": "100KiB", **named}, workers=1)

    return run


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def running(start: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    return start(request.param)


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def impatient(start: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    return start(request.param, server_receive_timeout="1s", server_threads="4")


def asked(running: Any, *messages: bytes, methods: tuple[str, ...] = ("GET",)) -> tuple[list[Response], bytes]:
    """Send messages, take their responses, and return what else comes until the connection ends."""
    with Wire(running.port) as wire:
        wire.send(*messages)
        return wire.take(*methods), wire.rest()


def code(response: Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    return str(json.loads(response.body)["type"]).rpartition("/")[2]


# How an answer ends


@pytest.mark.parametrize("options", [{}, {"Connection": "keep-alive"}, {"Connection": "keep-alive, TE"}])
def test_a_streamed_answer_to_http_1_0_ends_with_its_connection(running: Any, options: dict[str, str]) -> None:
    [answer], rest = asked(running, request("GET", LARGE, version="1.0", **options))
    assert (answer.status, answer.body.count(b"\n"), rest) == (200, ROWS, b"")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("target", [RESULT, "/healthz", "/nothing"])
def test_http_1_0_is_kept_open_where_that_is_asked_for_and_said(running: Any, target: str) -> None:
    message = request("GET", target, version="1.0", Connection="keep-alive")
    with Wire(running.port) as wire:
        for _ in range(4):  # a miss, then hits, of which the later ones are known by their bytes
            wire.send(message)
            [answer] = wire.take("GET")
            assert answer.headers["connection"] == "keep-alive"
            assert "content-length" in answer.headers


@pytest.mark.parametrize("target", [RESULT, "/healthz", "/nothing"])
@pytest.mark.parametrize("options", [{}, {"Connection": "TE"}, {"Connection": "close"}])
def test_http_1_0_is_closed_where_nothing_else_is_asked_for(running: Any, target: str, options: Any) -> None:
    for _ in range(3):
        [answer], rest = asked(running, request("GET", target, version="1.0", **options))
        assert (answer.headers["connection"], rest) == ("close", b"")


@pytest.mark.parametrize("options", ["close", "Close", "TE, close", "close , keep-alive"])
def test_a_connection_ends_where_the_client_says_so_among_other_options(running: Any, options: str) -> None:
    for _ in range(3):
        [answer], rest = asked(running, request("GET", RESULT, Connection=options))
        assert (answer.status, answer.headers["connection"], rest) == (200, "close", b"")


# What is asked for


def test_an_upgrade_is_ignored(running: Any) -> None:
    key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec_WebSocket_Version": "13"}
    plain, _ = asked(running, request("GET", RESULT, Connection="close"))
    for protocol in ("websocket", "WebSocket", "h2c", "nothing/1"):
        [answer], _ = asked(running, request("GET", RESULT, Connection="Upgrade, close", Upgrade=protocol, **key))
        assert (answer.status, answer.body) == (200, plain[0].body)
        assert "upgrade" not in answer.headers


def test_a_target_may_be_a_whole_address(running: Any) -> None:
    plain, _ = asked(running, request("GET", RESULT, Connection="close"))
    for prefix in ("http://gateway.example", "https://gateway.example:8443", "HTTP://a"):
        for _ in range(3):
            [answer], _ = asked(running, request("GET", f"{prefix}{RESULT}", Connection="close"))
            assert (answer.status, answer.body) == (200, plain[0].body)
    for whole in ("http://gateway.example", "http://gateway.example?a=1", "http://[::1]:80/"):
        [landing], _ = asked(running, request("GET", whole, Connection="close"))
        assert (landing.status, landing.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("version", ["1.2", "1.9"])
def test_a_later_version_of_http_1_is_read_and_answered_as_1_1(running: Any, version: str) -> None:
    with Wire(running.port) as wire:
        for _ in range(3):
            wire.send(request("GET", RESULT, version=version))
            [answer] = wire.take("GET")
            assert (answer.version, answer.status, "x-request-id" in answer.headers) == (11, 200, True)
        wire.send(f"GET {RESULT} HTTP/{version}\r\n\r\n".encode())  # it names no host
        assert [answer.status for answer in wire.take("GET")] == [400]
        assert wire.rest() == b""


def test_an_option_that_only_looks_like_close_leaves_the_connection_open(running: Any) -> None:
    with Wire(running.port) as wire:
        for _ in range(3):
            wire.send(request("GET", RESULT, Connection="disclosed"))
            assert [answer.status for answer in wire.take("GET")] == [200]


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "REMOTE_USER"])
def test_no_header_moves_an_address(running: Any, name: str) -> None:
    message = f"GET {RESULT} HTTP/1.1\r\nHost: a\r\n{name}: /v1\r\nConnection: close\r\n\r\n".encode()
    [answer], _ = asked(running, message)
    assert answer.status == 200


def test_http_1_1_names_its_host_even_where_the_answer_is_known(running: Any) -> None:
    asked(running, request("GET", RESULT, Connection="close"))
    for _ in range(2):
        [answer], _ = asked(running, f"GET {RESULT} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert (answer.status, code(answer)) == (400, "malformed-request")


def test_the_host_of_a_whole_address_counts_and_not_that_of_the_field(running: Any) -> None:
    for host in ("other.example", "gateway.example"):
        message = request("GET", "http://gateway.example:81/", Host=host, Connection="close")
        [landing], _ = asked(running, message)
        assert b"http://gateway.example:81/v1/queries" in landing.body
        assert b"other.example" not in landing.body


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        (RESULT.replace(".csv", ""), {"Accept": "image/png"}, HTTPStatus.NOT_ACCEPTABLE),
        (RESULT, {"If-Match": '"another"'}, HTTPStatus.PRECONDITION_FAILED),
        (RESULT, {"Range": "bytes=99999999-"}, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
        ("/v1/queries/none/v1/result", {}, HTTPStatus.NOT_FOUND),
    ],
)
def test_a_status_comes_with_its_own_phrase(
    running: Any, target: str, fields: dict[str, str], status: HTTPStatus
) -> None:
    with Wire(running.port) as wire:
        wire.send(request("GET", target, Connection="close", **fields))
        line = wire.rest().partition(b"\r\n")[0].decode()
    assert line.upper() == f"HTTP/1.1 {status.value} {status.phrase}".upper()


@pytest.mark.parametrize("host", ["a", "A.example:8080", "a_b.example", "[::1]", "[::1]:80", "127.0.0.1:80", "a:"])
def test_a_host_may_be_named_in_any_way_that_is_one(running: Any, host: str) -> None:
    for _ in range(3):
        [answer], _ = asked(running, request("GET", RESULT, Host=host, Connection="close"))
        assert answer.status == 200


def test_a_redirect_does_not_repeat_the_host(running: Any) -> None:
    [moved], _ = asked(running, request("GET", "/v1//queries?a=1&b=//c", Host="evil.example", Connection="close"))
    assert (moved.status, moved.headers["location"]) == (308, "/v1/queries?a=1&b=//c")
    assert b"evil.example" not in moved.body
    [moved], _ = asked(running, request("GET", "//evil.example/v1", Connection="close"))
    assert not moved.headers.get("location", "/").startswith(("//", "http"))


# What cannot be read

KNOWN = f"GET {RESULT} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
POST = f"POST {QUERY} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".encode()
GET = f"GET {RESULT} HTTP/1.1\r\nHost: a\r\n".encode()
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
TARGETS = (
    "/v1/queries#a", "/v1/queries?a=1#b", "http://a#b", "://a/v1/queries", "1http://a/v1/queries", "ftp://a/v1/queries",
    "http:///v1/queries", "http://user@a/v1/queries", "http://a:b/v1/queries", "http://[::1/v1/queries", "http://:80/",
    "a?b://c", "v1/queries", "a:80", "*",
)  # fmt: skip
TRAILERS = {
    "without a colon": b"nothing\r\n",
    "with a space before the colon": b"X : 1\r\n",
    "that is folded": b"X: 1\r\n 2\r\n",
    "that begins with a space": b" X: 1\r\n",
    "without a name": b": 1\r\n",
    "with a name that is not ASCII": b"X\xe9: 1\r\n",
    "with a nul": b"X: a\x00\r\n",
    "with a carriage return": b"X: 1\rY: 2\r\n",
    "with a line feed": b"X: 1\nY: 2\r\n",
    "of the framing": b"Transfer-Encoding: chunked\r\n",
    "of the address": b"Host: b\r\n",
    "that comes twice": b"Content-Type: a\r\nContent-Type: b\r\n",
}
LONG_TRAILERS = {"that is long": b"X: %b\r\n" % (b"a" * 9_000), "too often": b"X: 1\r\n" * 101}
HOSTS = (
    b"",
    b" ",
    b"a b",
    b"a, b",
    b"a/b",
    b"http://a",
    b"u@a",
    b"a:b",
    b"a:80:80",
    b"[::1",
    b"<a>",
    b'a"b',
    b"\xe9",
    b"a?",
)
CODINGS = (b"gzip, chunked", b"deflate,chunked", b"identity, chunked", b"gzip\r\nTransfer-Encoding: chunked")
EXPECTATIONS = (b"nothing", b"", b"100-continue, nothing", b"100-continue\r\nExpect: nothing")
UNREADABLE = {
    **{f"the target {target}": (f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), 400) for target in TARGETS},
    **{f"a trailer {kind}": (CHUNKS + lines + b"\r\n", 400) for kind, lines in TRAILERS.items()},
    **{f"a trailer {kind}": (CHUNKS + lines + b"\r\n", 431) for kind, lines in LONG_TRAILERS.items()},
    **{f"the coding {coding!r}": (CHUNKS.replace(b"chunked", coding, 1) + b"\r\n", 501) for coding in CODINGS},
    **{f"expecting {what!r}": (GET + b"Expect: " + what + b"\r\n\r\n", 417) for what in EXPECTATIONS},
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    "a length and chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks and a length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "a length with a sign": (POST + b"Content-Length: +5\r\n\r\n12345", 400),
    "a length of letters": (POST + b"Content-Length: five\r\n\r\n12345", 400),
    "a length of too many digits": (POST + b"Content-Length: " + b"0" * 5000 + b"5\r\n\r\n12345", 400),
    "a list of lengths": (POST + b"Content-Length: 5, 5\r\n\r\n12345", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "a coding before chunked": (POST + b"Transfer-Encoding: zip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunks of HTTP/1.0": (POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a folded line": (GET + b"X-A: 1\r\n 2\r\n\r\n", 400),
    "a space before the colon": (GET + b"X-A : 1\r\n\r\n", 400),
    "a line without a colon": (GET + b"nothing\r\n\r\n", 400),
    "a nul": (GET + b"X-A: a\x00b\r\n\r\n", 400),
    "a bare line feed": (GET + b"X-A: 1\nX-B: 2\r\n\r\n", 400),
    "a bare carriage return": (GET + b"X-A: 1\rX-B: 2\r\n\r\n", 400),
    "two hosts": (GET + b"Host: b\r\n\r\n", 400),
    "one host twice": (GET + b"Host: a\r\n\r\n", 400),
    "two hosts of HTTP/1.0": (GET.replace(b"/1.1", b"/1.0") + b"Host: b\r\n\r\n", 400),
    "two hosts and an address": (GET.replace(b" /", b" http://a/", 1) + b"Host: b\r\n\r\n", 400),
    "no host": (b"GET /v1/queries HTTP/1.1\r\nX-Host: a\r\n\r\n", 400),
    "no host of a later version": (b"GET /v1/queries HTTP/1.2\r\n\r\n", 400),
    "an address and no host": (b"GET http://a/v1/queries HTTP/1.1\r\n\r\n", 400),
    "a body and no host": (b"POST /v1/queries HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
    **{f"the host {host!r}": (GET.replace(b"Host: a", b"Host: " + host) + b"\r\n", 400) for host in HOSTS},
    "a space in the target": (b"GET /v1/queries?a=1 2 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no version": (b"GET /v1/queries\r\nHost: a\r\n\r\n", 400),
    **{
        f"the version {version}": (f"GET /v1/queries {version}\r\nHost: a\r\n\r\n".encode(), 400)
        for version in (
            "HTTP/3.7",
            "HTTP/2.0",
            "HTTP/0.9",
            "HTTP/1.10",
            "HTTP/1.",
            "HTTP/1.+2",
            "http/1.2",
            "HTTP/1.2 ",
        )
    },
    "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "two empty lines": (b"\r\n\r\n" + KNOWN, 400),
    "a long target": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a long field": (GET + b"X-A: " + b"a" * 9_000 + b"\r\n\r\n", 431),
    "many fields": (GET + b"".join(b"X-%d: 1\r\n" % number for number in range(200)) + b"\r\n", 431),
    "a chunk of no size": (POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n", 400),
    "a chunk of a long extension": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"a" * 20_000 + b"\r\n{}\r\n",
        400,
    ),
    "a chunk of negative size": (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400),
    "a chunk longer than it says": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n", 400),
    "a length among the trailers": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", 400),
}
FIELDS = re.compile(rb"[A-Z].*\r\n\S")
"""A line and a field after it: what a browser sends is no worse."""
CODES = {
    400: "malformed-request",
    414: "target-too-long",
    417: "expectation-failed",
    431: "headers-too-large",
    501: "coding-unknown",
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_refused_once_and_ends_the_connection(running: Any, kind: str) -> None:
    message, status = UNREADABLE[kind]
    answers, rest = asked(running, KNOWN + KNOWN + message + KNOWN, methods=("GET",) * 9)
    assert [answer.status for answer in answers] == [200, 200, status]
    assert (code(answers[-1]), answers[-1].headers["connection"], rest) == (CODES[status], "close", b"")


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_refusal_quotes_nothing_and_is_told(running: Any, kind: str) -> None:
    message, _ = UNREADABLE[kind]
    [answer], _ = asked(running, message)
    assert len(answer.body) < 400
    assert json.loads(answer.body)["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-request-id"] in running.log.read_text()


@pytest.mark.parametrize("kind", [kind for kind, (message, _) in UNREADABLE.items() if FIELDS.match(message)])
@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (b"text/html,application/xhtml+xml,*/*;q=0.8", True),
        (b"*/*", False),
        (b"application/json,text/html;q=0.5", False),
    ],
)
def test_a_browser_is_shown_a_page_of_what_cannot_be_read(
    running: Any, kind: str, accept: bytes, is_page: bool
) -> None:
    message, status = UNREADABLE[kind]
    line, end, fields = message.partition(b"\r\n")
    [answer, *_], _ = asked(running, line + end + b"Accept: " + accept + b"\r\n" + fields)
    told = answer.headers["content-type"]
    assert (answer.status, told.partition(";")[0]) == (status, "text/html" if is_page else "application/problem+json")
    if is_page:
        page = answer.body.decode()
        assert f"<code>{CODES[status]}</code>" in page
        assert answer.headers["x-request-id"] in page
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("trailers", [b"X-Trailer: 1\r\n", b"X_Y: \xe9\r\n", b"X: 1\r\n" * 100])
def test_a_body_in_chunks_with_trailers_is_one_body(running: Any, trailers: bytes) -> None:
    chunks = b"5 ;a=b\r\n%b\r\n%x\r\n%b\r\n0\r\n%b\r\n" % (BODY[:5], len(BODY[5:]), BODY[5:], trailers)
    message = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    with Wire(running.port) as wire:
        wire.send(message + KNOWN + message)
        answers = wire.take("POST", "GET", "POST")
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].body == answers[2].body == b"events,amount\r\n8,8\r\n"


def test_an_empty_line_before_a_request_is_read_past(running: Any) -> None:
    with Wire(running.port) as wire:
        for _ in range(4):
            wire.send(b"\r\n" + KNOWN, KNOWN + b"\r\n" + KNOWN)
            assert [answer.status for answer in wire.take(*["GET"] * 3)] == [200, 200, 200]


# Bodies that are not read


@pytest.mark.parametrize("length", [4 * 2**20 + 1, 50_000_000, 10**20])
@pytest.mark.parametrize("head", [POST, GET, POST + b"X: 1\r\n"])
def test_a_body_of_a_length_that_is_too_large_is_not_waited_for(running: Any, head: bytes, length: int) -> None:
    with Wire(running.port) as wire:
        wire.send(KNOWN, head + b"Content-Length: %d\r\n\r\n{" % length)
        answers = wire.take("GET", "POST")
        assert [answer.status for answer in answers] == [200, 413]
        assert (code(answers[1]), answers[1].headers["connection"], wire.rest()) == ("content-too-large", "close", b"")


def test_a_body_that_is_too_large_is_not_asked_for(running: Any) -> None:
    with Wire(running.port) as wire:
        wire.send(POST + b"Content-Length: 50000000\r\nExpect: 100-continue\r\n\r\n")
        head, _, body = wire.rest().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["type"] == "/errors/content-too-large"


def test_who_sends_all_of_a_body_that_is_too_large_sees_the_answer(running: Any) -> None:
    size = 12 * 2**20
    for head in (b"Content-Length: %d\r\n\r\n" % size, b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size):
        [answer], rest = asked(running, POST + head + b"x" * size)
        assert (answer.status, code(answer), rest) == (413, "content-too-large", b"")


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "identity, gzip", "nothing"])
def test_a_body_with_a_content_coding_is_refused(running: Any, coding: str) -> None:
    message = request("POST", QUERY, gzip.compress(BODY), Content_Type="application/json", Content_Encoding=coding)
    with Wire(running.port) as wire:
        for _ in range(2):
            wire.send(message)
            [answer] = wire.take("POST")
            assert (answer.status, code(answer)) == (415, "unsupported-media-type")
            assert answer.headers["accept-encoding"] == "identity"
        wire.send(request("POST", QUERY, BODY, Content_Type="application/json", Content_Encoding="identity"))
        assert [answer.status for answer in wire.take("POST")] == [200]


# How long anybody is waited for


def test_a_slow_body_is_refused(impatient: Any) -> None:
    head = POST + b"Content-Length: 50\r\n\r\n"
    [answer], rest = asked(impatient, head, b"{")
    assert (answer.status, code(answer), answer.headers["connection"], rest) == (408, "request-timeout", "close", b"")


@pytest.mark.parametrize("part", [b"G", KNOWN[:30], KNOWN[:-2], b"\r\n"])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_slow_header_fields_are_refused(impatient: Any, part: bytes, before: int) -> None:
    with Wire(impatient.port) as wire:
        for _ in range(before):
            wire.send(KNOWN)
            assert [answer.status for answer in wire.take("GET")] == [200]
        wire.send(part)
        [answer] = wire.take("GET")
        assert (answer.status, code(answer), wire.rest()) == (408, "request-timeout", b"")


def test_what_is_left_of_a_segment_is_waited_for_as_long(impatient: Any) -> None:
    answers, rest = asked(impatient, KNOWN + KNOWN[:20], methods=("GET", "GET"))
    assert ([answer.status for answer in answers], rest) == ([200, 408], b"")


def test_slow_bodies_take_no_thread(start: Callable[..., Any]) -> None:
    running = start("asgi", server_threads="4")
    head = POST + b"Content-Length: 50\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(80):
            stack.enter_context(Wire(running.port)).send(head, b"{")
        for day in range(8):  # the catalogue, and questions that nobody has asked
            assert running.get("/v1/queries").status == 200
            assert running.get(QUERY, between(day, day + 3)).status == 200
