"""How long a caller waits, as it says so itself, and whether it is still there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.web.timeouts import read_gone

ASKED = "/v1/queries/delays/v2/result?start=2013-01-01"


def test_a_caller_says_how_long_it_waits(make_site: Callable[..., FlaskClient], gateway: Any) -> None:
    client = make_site(monotonic=lambda: 100.0)
    assert client.get(ASKED, headers={"Request-Timeout": "2.5"}).status_code == 200
    assert client.get(ASKED).status_code == 200
    assert gateway.deadlines == [102.5, None]


@pytest.mark.parametrize("value", ["0", "-1", "1e3", "soon", "", "1, 2", "٣", "1" * 10, "inf"])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(client: FlaskClient, value: str) -> None:
    response = client.get(ASKED, headers={"Request-Timeout": value})
    assert response.status_code == 400
    assert response.get_json()["header"] == "Request-Timeout"
    assert response.get_json()["type"] == "/errors/malformed-request"


def test_what_the_server_knows_of_a_disconnect_goes_with_the_question(client: FlaskClient, gateway: Any) -> None:
    disconnected = Event()
    client.get(ASKED, environ_overrides={"gateway.disconnected": disconnected})
    client.get(ASKED)
    assert gateway.gone == [disconnected, None]


def test_a_client_that_closes_its_connection_is_gone() -> None:
    here, there = socket.socketpair()
    with here, there:
        gone = read_gone({"gunicorn.socket": here})
        assert gone is not None
        assert not gone.is_set()
        there.sendall(b"more")
        assert not gone.is_set()
        there.close()
        assert gone.is_set()
