"""The issuer's keys: fetched at a bounded rate, kept while the issuer is down, and public ones only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event as Event_
from threading import Thread

import pytest

from gateway.access.jwks import FetchedKeys, FileKeys, fetcher, read_key_set
from gateway.access.reloading_file import FileUnreadable
from gateway.telemetry.events import AccessFileFailed, AccessFileRead, Event

ONE = {"kty": "RSA", "kid": "1", "n": "x", "e": "AQAB"}
TWO = {"kty": "EC", "kid": "2"}


def written(*keys: dict[str, str]) -> str:
    return json.dumps({"keys": list(keys)})


class Issuer:
    def __init__(self) -> None:
        self.answer: str | None = written(ONE)
        self.asked = 0

    def fetch(self) -> str:
        self.asked += 1
        if self.answer is None:
            raise FileUnreadable("cannot be fetched")
        return self.answer


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def events() -> list[Event]:
    return []


def run(work: Callable[[], object]) -> None:
    work()


@pytest.fixture
def keys(issuer: Issuer, now: list[float], events: list[Event]) -> FetchedKeys:
    return FetchedKeys(issuer.fetch, events.append, monotonic=lambda: now[0], behind=run)


def test_keys_are_fetched_once_for_ten_minutes(keys: FetchedKeys, issuer: Issuer, now: list[float]) -> None:
    for now[0] in (0.0, 0.0, 300.0, 599.0):
        assert keys.keys() == (ONE,)
    assert issuer.asked == 1
    now[0] = 600.0
    keys.keys()
    assert issuer.asked == 2


def test_unknown_names_cost_the_issuer_one_request_in_ten_seconds(
    keys: FetchedKeys, issuer: Issuer, now: list[float]
) -> None:
    for now[0] in [each / 10 for each in range(250)]:
        keys.newer()
    assert issuer.asked == 3


def test_a_new_key_is_found(keys: FetchedKeys, issuer: Issuer, now: list[float]) -> None:
    keys.keys()
    before = keys.generation
    issuer.answer, now[0] = written(ONE, TWO), 10.0
    assert keys.newer() == (ONE, TWO)
    assert keys.generation == before + 1


def test_while_the_issuer_is_down_its_last_keys_stay(
    keys: FetchedKeys, issuer: Issuer, now: list[float], events: list[Event]
) -> None:
    keys.keys()
    issuer.answer = None
    for now[0] in (600.0, 601.0, 610.0, 620.0):
        assert keys.keys() == (ONE,)
    assert issuer.asked == 4
    assert keys.failure == "cannot be fetched"
    assert events[1:] == [AccessFileFailed(file="keyset", error="cannot be fetched")]
    issuer.answer, now[0] = written(ONE), 700.0
    keys.keys()
    assert keys.failure is None
    assert events[-1] == AccessFileRead(file="keyset")


def test_looking_does_not_wait_for_the_issuer(issuer: Issuer) -> None:
    later: list[Callable[[], object]] = []
    keys = FetchedKeys(issuer.fetch, lambda event: None, behind=later.append)
    assert keys.keys() == ()
    assert issuer.asked == 0
    later[0]()
    assert keys.keys() == (ONE,)


def test_a_request_does_not_wait_long_for_an_attempt_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.jwks._WAIT", 0.01)
    asked, answered, now = Event_(), Event_(), [0.0]

    def fetch() -> str:
        if now[0] > 0:
            asked.set()
            answered.wait(30)
        return written(ONE)

    keys = FetchedKeys(fetch, lambda event: None, monotonic=lambda: now[0], behind=run)
    keys.keys()
    now[0] = 20.0
    first = Thread(target=keys.newer)
    first.start()
    assert asked.wait(30)
    assert keys.newer() == (ONE,)  # while the first is still waiting
    answered.set()
    first.join()


def test_keys_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(written(ONE))
    keys = FileKeys(path, lambda event: None)
    assert (keys.keys(), keys.failure) == ((ONE,), None)
    path.write_text("{")
    assert keys.newer() == (ONE,)
    assert keys.failure is not None


def test_keys_for_other_uses_are_left_out() -> None:
    secret = {"kty": "oct", "kid": "3", "k": "x"}
    assert read_key_set(written(ONE, secret, TWO | {"use": "enc"})) == (ONE,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 1}', written(), written({"kty": "oct"}), "<html>"])
def test_what_holds_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(FileUnreadable):
        read_key_set(text)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/keys")
            self.end_headers()
            return
        body = written(ONE).encode() if self.path == "/keys" else b" " * (2**20 + 1)
        self.send_response(200 if self.path != "/missing" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_set_is_fetched_from_its_address(address: str) -> None:
    assert read_key_set(fetcher(f"{address}/keys")()) == (ONE,)


@pytest.mark.parametrize("path", ["/moved", "/missing", "/large"])
def test_an_answer_that_is_no_set_at_this_address_is_refused(address: str, path: str) -> None:
    with pytest.raises(FileUnreadable):
        fetcher(f"{address}{path}")()


def test_an_address_where_nobody_listens_is_told_by_its_host(free_ports: Callable[[int], list[int]]) -> None:
    [port] = free_ports(1)
    with pytest.raises(FileUnreadable, match=r"cannot be fetched from 127\.0\.0\.1: "):
        fetcher(f"http://127.0.0.1:{port}/keys?secret=1")()
