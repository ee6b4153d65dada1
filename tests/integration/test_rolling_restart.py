"""Workers and whole servers are replaced one after the other while clients ask on: none of them gets an error."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from events import between, make_project, put
from nginx import Box, find_nginx, running
from process_tree import workers_of
from real_servers import server_missing
from thorough import first
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/amount/v1/result"
CLIENTS = 6


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("rolling"), "cache: {ttl: 1h}")
    put(folder, range(60), amount=1)
    return folder


@contextmanager
def asking(port: int, *, keep: bool) -> Iterator[Counter[str]]:
    """Have clients ask all the time, each on one connection or on a new one each time; yields what they got."""
    got, ended = Counter[str](), Event()

    def ask(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        turn = number
        while not ended.is_set():
            turn += 1
            day = turn % 40
            query = "&".join(f"{name}={value}" for name, value in between(day, day + 7).items())
            try:
                connection.request("GET", f"{RESULT}?{query}", headers={"X-Api-Key": "nobody asks"})
                response = connection.getresponse()
                response.read()
                got[str(response.status)] += 1
            except (OSError, HTTPException) as error:
                got[type(error).__name__] += 1
                connection.close()
            if not keep:
                connection.close()
            ended.wait(0.005)
        connection.close()

    clients = [Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield got
    finally:
        ended.set()
        for client in clients:
            client.join()


@pytest.mark.parametrize("worker", first(1, ["asgi", "gthread"]))
def test_workers_are_replaced_one_by_one_and_no_client_notices(
    serve: Callable[..., Any], project: Path, tmp_path: Path, worker: str
) -> None:
    settings = {"GATEWAY_STATE": str(tmp_path), "GATEWAY_SERVER_DRAIN": "1s", "GATEWAY_SERVER_WORKER": worker}
    gateway = serve(project, settings)
    parent = gateway.process.pid
    with asking(gateway.port, keep=False) as got:
        wait_for(lambda: got["200"] > 50)
        for old in sorted(workers_of(parent)):
            os.kill(old, signal.SIGTERM)
            wait_for(lambda old=old: old not in workers_of(parent) and len(workers_of(parent)) == 2, seconds=60)
        before = got["200"]
        wait_for(lambda: got["200"] > before + 50, seconds=60)
    assert set(got) == {"200"}


def test_a_killed_worker_loses_only_its_requests_in_flight(
    serve: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    gateway = serve(project, {"GATEWAY_STATE": str(tmp_path)})
    parent = gateway.process.pid
    with asking(gateway.port, keep=False) as got:
        wait_for(lambda: got["200"] > 50)
        for old in sorted(workers_of(parent)):
            os.kill(old, signal.SIGKILL)
            wait_for(lambda old=old: old not in workers_of(parent) and len(workers_of(parent)) == 2, seconds=60)
            before = got["200"]
            wait_for(lambda before=before: got["200"] > before + 50, seconds=60)
    failed = sum(times for what, times in got.items() if what != "200")
    assert failed <= 2 * CLIENTS, got


@pytest.mark.parametrize("keep", first(1, [True, False]))
def test_servers_behind_nginx_are_restarted_one_by_one_and_no_client_notices(
    project: Path,
    tmp_path: Path,
    free_ports: Callable[[int], list[int]],
    server_used: Callable[[str], None],
    keep: bool,
) -> None:
    program = find_nginx()
    if program is None:
        server_missing("no nginx: `apt-get install nginx-light`")
    server_used("nginx")
    *ports, front = free_ports(3)
    boxes = list[Box]()
    (tmp_path / "nginx").mkdir()
    try:
        for port in ports:
            (tmp_path / f"box-{port}").mkdir()
            boxes.append(Box(project, tmp_path / f"box-{port}", port))
        with running(program, tmp_path / "nginx", port=front, gateways=ports), asking(front, keep=keep) as got:
            wait_for(lambda: got["200"] > 50)
            for box in boxes:
                box.stop()
                box.start()
                before = got["200"]
                wait_for(lambda before=before: got["200"] > before + 50, seconds=60)
        assert set(got) == {"200"}
    finally:
        for box in boxes:
            with suppress(ProcessLookupError):
                box.kill()
