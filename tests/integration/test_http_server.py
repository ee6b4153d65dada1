"""The server process around a small application: where it listens, how it stops, how a broken body ends."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from gateway.errors import SettingsInvalid
from gateway.web.server import free_port

pytestmark = pytest.mark.gunicorn

PROGRAM = """
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from flask import Flask, Response, request
from gateway.web.server import ServerOptions, serve

folder = Path(sys.argv[1])
app = Flask("small")

@app.get("/whole")
def whole():
    return "whole"

@app.get("/broken")
def broken():
    def body():
        yield b"x" * 100_000
        raise RuntimeError("half of it is missing")
    return Response(body())

@app.get("/slow")
def slow():
    (folder / "asked").touch()
    while not (folder / "go").exists():
        Event().wait(0.01)
    return "slow"

@contextmanager
def open_app():
    with (folder / "log").open("a", buffering=1) as log:
        log.write("opened\\n")
        yield app
        log.write("closed\\n")

@app.get("/endless")
def endless():
    def body():
        try:
            while True:
                yield b"x" * 100_000
        finally:
            (folder / "closed").touch()
    return Response(body())

@app.get("/patient")
def patient():
    (folder / "asked").touch()
    gone = request.environ["gateway.disconnected"].wait(30)
    (folder / f"gone-{gone}").touch()
    return "too late"

@app.post("/echo")
def echo():
    return request.get_data()

options = ServerOptions(
    host="127.0.0.1",
    port=0,
    workers=2,
    threads=4,
    metrics=folder / "metrics",
    **{"grace": 10, **json.loads(sys.argv[2])},
)
serve(open_app, options, announce=lambda address: print(address, flush=True))
"""

Start = Callable[..., tuple[subprocess.Popen[str], http.client.HTTPConnection]]


@pytest.fixture(params=["asgi", "gthread"])
def worker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path, worker: str, server_used: Callable[[str], None]) -> Iterator[Start]:
    """Start the program; return its process and a connection to the address that it announced."""
    server_used(f"gunicorn {version('gunicorn')} (2 {worker} workers)")
    with ExitStack() as stack:

        def run(**options: Any) -> tuple[subprocess.Popen[str], http.client.HTTPConnection]:
            errors = stack.enter_context((tmp_path / "stderr").open("w"))
            command = [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps({"worker": worker, **options})]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            stack.callback(end, process)
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), (tmp_path / "stderr").read_text()
            return process, http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)

        yield run


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def get(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path)
    return connection.getresponse()


def test_a_free_port_is_taken_and_announced(start: Start) -> None:
    _, connection = start()
    with closing(connection):
        assert get(connection, "/whole").read() == b"whole"


def test_a_port_that_is_taken_is_not_shared(start: Start) -> None:
    _, connection = start()
    with closing(connection), pytest.raises(SettingsInvalid, match="cannot listen"):
        free_port("127.0.0.1", connection.port)


def test_a_body_that_breaks_off_does_not_look_whole(start: Start) -> None:
    _, connection = start()
    with closing(connection):
        response = get(connection, "/broken")
        assert response.status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()


def test_a_stop_waits_for_requests_in_flight_and_closes_what_was_opened(start: Start, tmp_path: Path) -> None:
    process, connection = start()
    with closing(connection):
        connection.request("GET", "/slow")
        while not (tmp_path / "asked").exists():
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(f"it stopped with {process.wait(timeout=0.05)}")
        process.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        assert connection.getresponse().read() == b"slow"
    assert process.wait(timeout=30) == 0
    lines = (tmp_path / "log").read_text().split()
    assert sorted(lines) == ["closed"] * 2 + ["opened"] * 2


def test_an_interrupt_stops_at_once(start: Start, tmp_path: Path) -> None:
    process, connection = start()
    connection.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_a_stop_that_drains_answers_new_connections_and_announces_their_end(start: Start) -> None:
    process, connection = start(drain=5.0)
    connection.close()
    process.send_signal(signal.SIGTERM)
    for _ in range(5):
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"it stopped with {process.wait(timeout=0.2)}")
        with closing(http.client.HTTPConnection("127.0.0.1", connection.port, timeout=10)) as another:
            assert get(another, "/whole").read() == b"whole"
    assert process.wait(timeout=30) == 0


def test_a_stop_closes_connections_that_nobody_uses(start: Start) -> None:
    process, connection = start(grace=100)
    with closing(connection):
        get(connection, "/whole").read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=50) == 0  # before the 100 s that requests in flight would have


def test_requests_that_wait_in_one_piece_are_all_answered(start: Start) -> None:
    _, connection = start()
    connection.close()
    request = b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", connection.port), timeout=30) as client:
        client.sendall(request * 9 + last)
        received = b"".join(iter(lambda: client.recv(65_536), b""))
    assert received.count(b"\r\n\r\nwhole") == 10


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_a_body_in_chunks_arrives_whole(start: Start, size: int) -> None:
    _, connection = start()
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with closing(connection):
        pieces = [body[place : place + 10_000] for place in range(0, size, 10_000)]
        connection.request(
            "POST", "/echo", body=iter(pieces), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True
        )
        assert connection.getresponse().read() == body
        connection.request("POST", "/echo", body=body)
        assert connection.getresponse().read() == body


def test_a_request_without_a_body_has_none(start: Start) -> None:
    _, connection = start()
    with closing(connection):
        connection.request("POST", "/echo")
        assert connection.getresponse().read() == b""


@pytest.mark.parametrize("worker", ["asgi"], indirect=True)
def test_a_client_that_leaves_is_noticed_while_its_answer_is_made(start: Start, tmp_path: Path) -> None:
    _, connection = start()
    connection.request("GET", "/patient")
    wait_for((tmp_path / "asked").exists)
    connection.close()
    wait_for((tmp_path / "gone-True").exists)


def test_a_client_that_leaves_ends_the_making_of_its_answer(start: Start, tmp_path: Path) -> None:
    _, connection = start()
    response = get(connection, "/endless")
    response.read(300_000)
    response.close()
    connection.close()
    wait_for((tmp_path / "closed").exists)


@pytest.mark.parametrize("worker", ["asgi"], indirect=True)
def test_a_client_that_takes_nothing_ends_the_making_of_its_answer(start: Start, tmp_path: Path) -> None:
    _, connection = start(send_timeout=1.0)
    with closing(connection):
        connection.request("GET", "/endless")
        wait_for((tmp_path / "closed").exists)


@pytest.mark.parametrize("worker", ["asgi"], indirect=True)  # the other one ends the connection, as if it were whole
def test_a_body_that_breaks_off_does_not_look_whole_to_an_old_client(start: Start) -> None:
    _, connection = start()
    connection.close()
    with socket.create_connection(("127.0.0.1", connection.port), timeout=30) as client:
        client.sendall(b"GET /broken HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            b"".join(iter(lambda: client.recv(65_536), b""))
