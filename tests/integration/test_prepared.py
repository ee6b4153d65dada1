"""Answers that are prepared ahead, by real workers: a client that polls never waits for a query to run."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from events import DAYS, between, make_project, put
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

GATEWAY = str(Path(sysconfig.get_path("scripts")) / "gateway")
RESULT = "/v1/queries/amount/v1/result"
WEEKS = [(0, 7), (100, 107), (103, 110), (200, 207)]


class Poller:
    """Asks every question again and again; keeps what each reply said of the cache, and the newest amounts."""

    def __init__(self, gateway: Any) -> None:
        self.statuses: list[str] = []
        self.amounts: dict[tuple[int, int], int] = {}
        self._gateway, self._stop = gateway, Event()
        self._thread = Thread(target=self._poll)

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def saw(self, week: tuple[int, int], amount: int) -> bool:
        return self.amounts.get(week) == amount

    def _poll(self) -> None:
        while not self._stop.wait(0.02):
            for week in WEEKS:
                reply = self._gateway.get(RESULT, between(*week))
                self.statuses.append(reply.headers["cache-status"])
                self.amounts[week] = reply.json()["data"][0]["amount"]


def all_prepared(gateway: Any, expected: int) -> bool:
    text = gateway.get("/metrics").body.decode()
    lines = [line for line in text.splitlines() if line.startswith("gateway_answers_prepared_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines) >= expected


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    sets = ", ".join("{{start: {start}, end: {end}}}".format(**between(*week)) for week in WEEKS)
    made = make_project(tmp_path / "project", f"cache: {{ttl: 6s}}\nwarm: [{sets}]", refresh="1s")
    put(made, range(DAYS), 1)
    return made


def test_a_polling_client_never_waits_while_partitions_are_rewritten(serve: Any, project: Path) -> None:
    gateway = serve(project)
    wait_for(lambda: all_prepared(gateway, len(WEEKS)))
    with Poller(gateway) as poller:
        for amount in (10, 20):
            put(project, [104], amount)
            wait_for(partial(poller.saw, (103, 110), amount + 6))
        wait_for(lambda: poller.amounts == {(0, 7): 7, (100, 107): 26, (103, 110): 26, (200, 207): 7})
    assert len(poller.statuses) > 100
    assert [status for status in poller.statuses if "fwd=" in status] == []


def test_the_questions_asked_last_are_prepared_too(serve: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "cache: {ttl: 6s}\nwarm: {recent: 2}", refresh="1s")
    put(project, range(DAYS), 1)
    gateway = serve(project)
    gateway.get(RESULT, between(0, 7))
    wait_for(lambda: all_prepared(gateway, 1))
    put(project, [3], 10)
    with Poller(gateway):
        wait_for(lambda: '"amount":16' in gateway.get(RESULT, between(0, 7)).body.decode().replace(" ", ""))


def test_answers_prepared_once_are_hits_for_the_servers_that_start_later(serve: Any, project: Path) -> None:
    command = [GATEWAY, "warm", "--project", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "4 answers: 4 computed, 0 were kept already" in done.stderr
    gateway = serve(project, {"GATEWAY_CACHE_WARM": "false"})
    statuses = [gateway.get(RESULT, between(*week)).headers["cache-status"] for week in WEEKS]
    assert all(status.startswith("query-gateway; hit") for status in statuses)


def test_a_drop_reaches_the_memory_of_every_worker(serve: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "cache: {ttl: 1h}")
    put(project, range(DAYS), 1)
    gateway = serve(project)

    def fates() -> set[str]:
        headers = [gateway.get(RESULT, between(0, 7)).headers["cache-status"] for _ in range(20)]
        return {header.split(";")[1].strip() for header in headers}

    assert fates() == {"fwd=miss", "hit"}
    assert fates() == {"hit"}
    command = [GATEWAY, "cache", "drop", "--query", "amount", "--project", str(project)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "disk: 1 dropped\n"
    assert fates() == {"fwd=miss", "hit"}
    assert fates() == {"hit"}
    assert gateway.request("DELETE", "/v1/cache?table=events", headers={}).json()["dropped"]["disk"] == 1
    assert fates() == {"fwd=miss", "hit"}
