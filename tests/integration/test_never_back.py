"""The versions that clients see never go back: random sequences on two hosts of two workers over one Redis."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numbered import KEPT, LARGE, OFF, SHORT, STALE, WARM, Clients, make_project, post, write_number
from process_tree import workers_of
from thorough import first
from waiting import wait_for

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.telemetry.events import unobserved

pytestmark = pytest.mark.gunicorn

PATHS = (KEPT, SHORT, STALE, WARM, LARGE, OFF)
SHARED = (KEPT, SHORT, STALE, WARM)
"""Those whose answers hosts share."""
DIRECTIVES = ({}, {"Cache-Control": "no-cache"}, {"Cache-Control": "max-age=0"})
NO_STORE = {"Cache-Control": "no-store, no-cache"}
"""For results that fit: a page of one that does not is refused where nothing may be gathered of it."""
HOSTS = (0, 1)

host, path = st.sampled_from(HOSTS), st.sampled_from(PATHS)
steps = st.one_of(
    st.tuples(st.just("write")),
    st.tuples(st.just("refresh"), host),
    st.tuples(st.just("behind"), host),
    st.tuples(st.just("ask"), host, path, st.sampled_from(DIRECTIVES)),
    st.tuples(st.just("ask"), host, path, st.just({})),
    st.tuples(st.just("ask"), host, st.sampled_from(SHARED), st.just(NO_STORE)),
    st.tuples(st.just("settle"), host, st.sampled_from(SHARED)),
    st.tuples(st.just("drop"), host),
    st.tuples(st.just("expire")),
    st.tuples(st.just("kill"), host),
    st.tuples(st.just("restart"), host),
)


class World:
    """Two hosts, and for each the newest number that it has answered to each question."""

    def __init__(self, folder: Path, serve: Callable[..., Any], kind: str, url: str) -> None:
        self.folder, self.number = make_project(folder), 0
        self.write()
        self.states = [folder / "here", folder / "there"]
        more = {"GATEWAY_SERVER_WORKER": kind, "GATEWAY_CACHE_MAX_RESULT": "1MiB", "GATEWAY_CACHE_REDIS": url}
        self.serve = [partial(serve, folder, {**more, "GATEWAY_STATE": str(state)}, workers=2) for state in self.states]
        self.hosts = [start() for start in self.serve]
        self.clients = [Clients(gateway, 6) for gateway in self.hosts]
        self.given: list[dict[str, int]] = [defaultdict(int), defaultdict(int)]
        """What a host must answer at least: what it answered before, and what was there when it was refreshed."""
        self.answered: list[dict[str, int]] = [defaultdict(int), defaultdict(int)]

    def write(self) -> None:
        self.number += 1
        write_number(self.folder / "data", self.number)

    def refresh(self, host: int) -> None:
        post(self.hosts[host], "/v1/tables/numbers/refresh")
        self.given[host] = defaultdict(lambda number=self.number: number)  # type: ignore[misc]  # bound at this call

    def behind(self, host: int) -> None:
        """List the table as the background of a host does."""
        chosen = load_settings(self.folder, {"GATEWAY_STATE": str(self.states[host])})
        with open_gateway(chosen, observe=unobserved, background=False) as gateway:
            gateway.catalog.refresh("numbers")

    def ask(self, host: int, path: str, headers: dict[str, str]) -> None:
        """Ask over all connections of a host at once."""
        floor = self.given[host][path]
        found = self.clients[host].ask(path, headers)
        numbers = [seen.number or 0 for seen in found]
        assert {seen.status for seen in found} == {200}
        assert min(numbers) >= floor, (path, headers, found)
        self.given[host][path] = self.answered[host][path] = max(numbers)

    def settle(self, host: int, path: str) -> None:
        """Ask a host until it knows what the other has answered; from then on it stays with that."""
        answered = self.answered[1 - host][path]
        self.clients[host].catch_up(path, answered)
        self.given[host][path] = max(answered, self.given[host][path])
        self.ask(host, path, {})

    def drop(self, host: int) -> None:
        assert self.hosts[host].request("DELETE", "/v1/cache?table=numbers", headers={}).status == 200

    def expire(self) -> None:
        Event().wait(0.25)

    def kill(self, host: int) -> None:
        """End a worker at once, and wait for the one that takes its place."""
        process = self.hosts[host].process.pid
        before = set(workers_of(process))
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda: len(now := set(workers_of(process))) == len(before) and now != before, "a new worker")
        self.clients[host].close()

    def restart(self, host: int) -> None:
        """End the server of a host in order, and start another over the same state."""
        self.clients[host].close()
        self.hosts[host].process.terminate()
        assert self.hosts[host].process.wait(timeout=40) == 0
        self.hosts[host] = self.serve[host]()
        self.clients[host] = Clients(self.hosts[host], 6)

    def close(self) -> None:
        for clients in self.clients:
            clients.close()


@pytest.fixture(scope="module", params=first(1, ["asgi", "gthread"]))
def world(
    request: pytest.FixtureRequest,
    serve_for_module: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    redis_all_along: Any,
) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("back"), serve_for_module, request.param, redis_all_along.url)
    yield world
    world.close()


@settings(
    max_examples=max(1, settings().max_examples // 20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=4, max_size=16))
def test_the_versions_that_clients_see_never_go_back(world: World, story: list[tuple[Any, ...]]) -> None:
    for name, *rest in story:
        getattr(world, name)(*rest)
