"""Partials among the workers of real servers: each is computed once, whoever asks, and whatever breaks meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from folded import DAYS, FOLDED, between, folder_of, make_project, put
from process_tree import Role, end
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.gunicorn

Question = tuple[str, dict[str, str]]


class Server:
    """A server of two workers over the sales."""

    def __init__(self, serve: Callable[..., Any], folder: Path, kind: str, **more: str) -> None:
        self.project = folder
        if not folder.exists() or not any(folder.iterdir()):
            put(make_project(folder), range(DAYS))
        environment = {"GATEWAY_SERVER_WORKER": kind, "GATEWAY_STATE": mkdtemp(dir=folder)} | FOLDED | more
        self.running = serve(self.project, environment)

    def ask(self, questions: Sequence[Question], *, again: bool = False) -> list[bytes]:
        """Ask all questions at once, *again* where a connection is cut; return the bodies of the answers."""
        with ThreadPoolExecutor(50) as pool:
            replies = list(pool.map(partial(self._ask, again=again), questions))
        assert {reply.status for reply in replies} == {200}, [reply.body for reply in replies]
        return [reply.body for reply in replies]

    def restate(self, day: int, seed: int) -> None:
        """Write a day anew, and have the server list it."""
        put(self.project, [day], seed=seed)
        named = json.dumps({"partitions": [folder_of(day)]}).encode()
        assert self.running.post("/v1/tables/sales/refresh", named).status == 200

    def computed(self) -> float:
        """Return how many partials were computed, by all workers."""
        return self._counted("gateway_partials_computed_total")

    def drop(self) -> None:
        """Forget all that is kept."""
        assert self.running.request("DELETE", "/v1/cache?table=sales", headers={}).status == 200

    def _ask(self, asked: Question, *, again: bool) -> Any:
        query, parameters = asked
        while True:
            try:
                return self.running.get(f"/v1/queries/{query}/v1/result.csv", parameters)
            except (OSError, HTTPException):
                if not again:
                    raise

    def _counted(self, name: str) -> float:
        families = text_string_to_metric_families(self.running.get("/metrics").body.decode())
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)


@pytest.fixture(params=["asgi", "gthread"])
def server(request: pytest.FixtureRequest, serve: Callable[..., Any], tmp_path: Path) -> Server:
    return Server(serve, tmp_path, request.param)


def questions(first: int, count: int) -> list[Question]:
    """Return questions that differ in what is made of their partials only."""
    return [("total", {"least": str(least)}) for least in range(first, first + count)]


def test_of_questions_over_the_same_days_each_day_is_computed_once(server: Server) -> None:
    server.ask(questions(0, 100))
    assert server.computed() == DAYS


def test_of_a_restated_day_one_partial_is_computed_for_all_who_ask(server: Server) -> None:
    server.ask(questions(0, 1))
    server.restate(7, seed=1)
    before = server.computed()
    bodies = server.ask(questions(-100, 100))
    assert server.computed() == before + 1
    assert len(set(bodies)) == 1


def test_of_windows_that_overlap_each_day_is_computed_once(server: Server) -> None:
    windows = [("exact", between(start, end)) for start in range(10) for end in range(30, 40)]
    server.ask(windows)
    assert server.computed() == 39
    server.restate(20, seed=1)
    server.ask(windows)
    assert server.computed() == 39 + 1


@pytest.mark.parametrize("role", [Role.ENGINE, Role.WORKER])
def test_what_is_killed_while_partials_are_computed_costs_no_answer(
    serve: Callable[..., Any], tmp_path: Path, role: Role
) -> None:
    server = Server(serve, tmp_path, "asgi")
    [expected] = server.ask(questions(0, 1))
    for seed in range(1, 5):
        server.drop()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(server.ask, questions(-1000 * seed, 40), again=role is Role.WORKER)
            end(server.running.process.pid, role)
            bodies = asked.result()
        assert set(bodies) == {expected}


def test_two_hosts_compute_each_day_once(serve: Callable[..., Any], tmp_path: Path, redis_server: Any) -> None:
    first = Server(serve, tmp_path / "here", "asgi", GATEWAY_CACHE_REDIS=redis_server.url)
    other = Server(serve, tmp_path / "here", "asgi", GATEWAY_CACHE_REDIS=redis_server.url)
    with ThreadPoolExecutor(2) as pool:
        bodies = list(pool.map(lambda server: server.ask(questions(0, 50)), [first, other]))
    assert bodies[0] == bodies[1]
    assert first.computed() + other.computed() == DAYS
