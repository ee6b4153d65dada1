"""The server process around a small application: where it listens, how it stops, how a broken body ends."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.web.server import free_port

pytestmark = pytest.mark.gunicorn

PROGRAM = """
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from flask import Flask, Response
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

options = ServerOptions(host="127.0.0.1", port=0, workers=2, threads=4, grace=10, metrics=folder / "metrics")
serve(open_app, options, announce=lambda address: print(address, flush=True))
"""

Start = Callable[[], tuple[subprocess.Popen[str], http.client.HTTPConnection]]


@pytest.fixture
def start(tmp_path: Path, server_used: Callable[[str], None]) -> Iterator[Start]:
    """Start the program; return its process and a connection to the address that it announced."""
    server_used(f"gunicorn {version('gunicorn')} (2 workers)")
    with ExitStack() as stack:

        def run() -> tuple[subprocess.Popen[str], http.client.HTTPConnection]:
            errors = stack.enter_context((tmp_path / "stderr").open("w"))
            command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
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
