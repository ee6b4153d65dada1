"""Partials among the workers of real servers: each is computed once, whoever asks, and whatever breaks meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from folded import DAYS, between
from folded_server import Question, Server
from process_tree import Role, end
from thorough import first

pytestmark = pytest.mark.gunicorn


@pytest.fixture(params=first(1, ["asgi", "gthread"]))
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
