"""Partials that are prepared ahead by real servers: who asks for a window that slides, or for today, finds them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from folded import DAYS, between, make_project, put
from folded_server import Server
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

RESULT = "/v1/queries/exact/v1/result.csv"
LANDINGS = 5


class Asking:
    """Asks for one window again and again; keeps what each reply said of the cache, and the bodies in their order."""

    def __init__(self, server: Server, window: tuple[int, int]) -> None:
        self.statuses: list[str] = []
        self.bodies: list[bytes] = []
        self._server, self._parameters, self._stop = server, between(*window), Event()
        self._thread = Thread(target=self._ask)

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def saw(self, answers: int) -> bool:
        return len(set(self.bodies)) >= answers

    def _ask(self) -> None:
        while not self._stop.wait(0.02):
            reply = self._server.running.get(RESULT, self._parameters)
            self.statuses.append(reply.headers["cache-status"])
            self.bodies.append(reply.body)


@pytest.fixture
def server(serve: Callable[..., Any], tmp_path: Path) -> Server:
    project = make_project(tmp_path / "project", refresh="1s", cache="{ttl: 10m}", warm=[(0, 30)])
    put(project, range(DAYS))
    made = Server(serve, project, "asgi")
    wait_for(lambda: made.prepared() >= 1)
    return made


def test_a_window_that_slides_past_a_prepared_one_computes_its_new_day(server: Server) -> None:
    assert server.computed() == 30
    assert "fwd=" not in server.running.get(RESULT, between(0, 30)).headers["cache-status"]
    slid = server.running.get(RESULT, between(1, 31)).headers["cache-status"]
    assert "30 partitions: 29 kept, 1 computed" in slid
    assert server.computed() == 31


def test_of_what_is_prepared_changed_days_alone_are_computed_and_nobody_waits(server: Server) -> None:
    with Asking(server, (0, 30)) as asking:
        wait_for(partial(asking.saw, 1))
        for seed in range(1, 4):
            put(server.project, [20], seed=seed)
            wait_for(partial(asking.saw, 1 + seed))
    assert server.computed() == 30 + 3
    assert [status for status in asking.statuses if "fwd=" in status] == []


def test_of_today_so_far_each_landing_computes_the_partial_of_today(serve: Callable[..., Any], tmp_path: Path) -> None:
    server = Server(serve, tmp_path, "asgi")
    [before] = server.ask([("exact", between(10, 40))])
    for seed in range(1, 1 + LANDINGS):
        server.restate(DAYS - 1, seed=seed)
        bodies = server.ask([("exact", between(10, 40))] * 20)
        assert {before}.isdisjoint(bodies)
        [before] = set(bodies)
        assert server.computed() == 30 + seed
