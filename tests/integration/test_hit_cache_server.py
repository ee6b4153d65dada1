"""The short way in a real worker: what goes over the wire, what is counted, and who is let go."""

from __future__ import annotations

import json
import re
import select
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
from events import between, make_project, put
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/amount/v1/result"
SHORT = re.compile(r"cache;dur=[\d.]+")


@pytest.fixture(scope="module")
def gateway(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = make_project(tmp_path_factory.mktemp("short"), "cache: {ttl: 1h}")
    put(project, range(365), amount=1)
    return serve_for_module(project, {"GATEWAY_SERVER_SEND_TIMEOUT": "1s"}, workers=1)


def target(day: int, **more: str) -> str:
    named = {**between(day, day + 7), **more}
    return f"{RESULT}?" + "&".join(f"{name}={value}" for name, value in named.items())


def exchange(gateway: Any, request: bytes) -> bytes:
    """Send bytes, and return all that comes until the connection ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def told(gateway: Any, path: str) -> list[dict[str, Any]]:
    """Return the log lines of the requests for a path."""
    lines = [line for line in gateway.log.read_text().splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    return [event for event in events if event["event"] == "request-served" and event["path"] == path]


def counted(gateway: Any) -> float:
    """Return how many hits in memory the metrics tell of."""
    text = gateway.get("/metrics").body.decode()
    found = re.search(
        r'^gateway_cache_hits_total\{query="amount",tier="memory",version="1"\} (\S+)$', text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def test_a_repeated_question_is_answered_without_flask(gateway: Any) -> None:
    first, second = gateway.get(target(1)), gateway.get(target(1))
    assert "bind" in first.headers["server-timing"]
    assert SHORT.fullmatch(second.headers["server-timing"])
    assert second.body == first.body
    assert set(second.headers) == set(first.headers) - {"gateway-engine"}  # which computed nothing for the second


def test_every_hit_is_logged_and_counted_once(gateway: Any) -> None:
    gateway.get(target(2))
    before = counted(gateway)  # the lines of earlier hits are written by then
    logged = len(told(gateway, RESULT))
    with closing(HTTPConnection("127.0.0.1", gateway.port, timeout=30)) as connection:
        for number in range(150):
            connection.request("GET", target(2), headers={"X-Request-Id": f"hit-{number}"})
            assert connection.getresponse().read()
    assert counted(gateway) == before + 150
    wait_for(lambda: len(told(gateway, RESULT)) >= logged + 150, "150 lines")
    lines = told(gateway, RESULT)[logged:]
    assert [line["request"] for line in lines] == [f"hit-{number}" for number in range(150)]


def test_requests_that_wait_in_one_piece_are_answered_in_order(gateway: Any) -> None:
    for day in (3, 4):
        gateway.get(target(day))
    lines = [f"GET {target(day)} HTTP/1.1\r\nHost: a\r\nX-Request-Id: day-{day}\r\n" for day in (3, 4, 3, 4)]
    received = exchange(
        gateway, "\r\n".join([*lines, "Connection: close\r\n\r\n"]).replace("\r\n\r\nConn", "\r\nConn").encode()
    )
    assert re.findall(rb"X-Request-Id: (\S+)", received) == [b"day-3", b"day-4", b"day-3", b"day-4"]
    assert received.count(b"HTTP/1.1 200 OK") == 4


def test_a_client_of_http_1_0_gets_a_length_and_an_end(gateway: Any) -> None:
    gateway.get(target(5))
    request = f"GET {target(5)} HTTP/1.0\r\nHost: a\r\n\r\n".encode()
    for _ in range(2):
        head, _, body = exchange(gateway, request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 OK\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
    assert SHORT.search(head.decode())


def test_a_client_that_takes_none_of_its_answers_is_cut_off(gateway: Any) -> None:
    gateway.get(target(6))
    request = f"GET {target(6)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", gateway.port))
        client.setblocking(False)
        with suppress(BlockingIOError):
            while client.send(request * 50):
                pass
        cut = select.poll()
        cut.register(client, 0)  # errors are always told
        assert cut.poll(30_000)
    assert gateway.get("/healthz").status == 200


def answers(client: socket.socket, request: bytes, times: int) -> list[tuple[str, str]]:
    """Send a request several times on one connection; return how each was answered: its timing and its body."""
    found = []
    for _ in range(times):
        client.sendall(request)
        with closing(HTTPResponse(client)) as response:
            response.begin()
            body = response.read().decode()
            found.append((response.headers["Server-Timing"], body))
    return found


def test_the_same_bytes_again_on_a_connection_are_answered_and_counted_each_time(gateway: Any) -> None:
    gateway.get(target(7))
    before = counted(gateway)
    request = f"GET {target(7)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        found = answers(client, request, 50)
    assert all(SHORT.fullmatch(timing) for timing, _ in found[1:])
    assert len({body for _, body in found}) == 1
    assert counted(gateway) == before + 50


def test_the_same_bytes_again_are_answered_anew_after_a_drop(gateway: Any) -> None:
    request = f"GET {target(8)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        first, *_, known = answers(client, request, 4)
        assert gateway.request("DELETE", "/v1/cache?query=amount", headers={}).status == 200
        again = answers(client, request, 1)[0]
    assert SHORT.fullmatch(known[0])
    assert "bind" in first[0]
    assert "bind" in again[0]
    assert {body for _, body in (first, known, again)} == {first[1]}


def test_the_bytes_of_a_known_request_are_no_request_where_they_are_the_body_of_another(gateway: Any) -> None:
    known = f"GET {target(9)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    head = f"POST {RESULT} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(known)}\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers(client, known, 4)
        for part in (head, b"Content-Type: application/json\r\n\r\n", known):
            client.sendall(part)
            assert gateway.get("/healthz").status == 200  # what was sent has been read by then
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_request_in_pieces_is_understood_after_one_whose_bytes_were_known(gateway: Any) -> None:
    known = f"GET {target(10)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers(client, known, 4)
        client.sendall(b"X")  # begins the method of a request: what follows is its rest
        assert gateway.get("/healthz").status == 200
        client.sendall(known)
        received = client.recv(65_536)
    assert not received.startswith(b"HTTP/1.1 200 ")


def test_a_drop_is_seen_at_once(gateway: Any) -> None:
    for _ in range(2):
        gateway.get(target(8))
    assert gateway.request("DELETE", "/v1/cache?query=amount", headers={}).status == 200
    assert "fwd=miss" in gateway.get(target(8)).headers["cache-status"]
