"""After an answer no older one: several real workers of either kind, and data that carries a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from numbered import KEPT, LARGE, OFF, STALE, WARM, Clients, ask, make_project, post, write_number
from thorough import first

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.telemetry.events import unobserved

pytestmark = pytest.mark.gunicorn

NO_CACHE = {"Cache-Control": "no-cache"}
REFRESH = "/v1/tables/numbers/refresh"


class World:
    """A server of four workers over numbered data, asked over connections that reach all of them."""

    def __init__(self, folder: Path, serve: Callable[..., Any], kind: str) -> None:
        self.folder, self.number = make_project(folder), 0
        self.write()
        self.gateway = serve(folder, {"GATEWAY_SERVER_WORKER": kind, "GATEWAY_CACHE_MAX_RESULT": "1MiB"}, workers=4)
        self.clients = Clients(self.gateway)

    def write(self) -> int:
        self.number += 1
        write_number(self.folder / "data", self.number)
        return self.number

    def refresh(self) -> None:
        post(self.gateway, REFRESH)

    def list_behind(self) -> None:
        """Have the table listed as the background does, by another process on the same state."""
        settings = load_settings(self.folder)
        with open_gateway(settings, observe=unobserved, background=False) as gateway:
            gateway.catalog.refresh("numbers")


@pytest.fixture(scope="module", params=first(1, ["asgi", "gthread"]))
def world(
    request: pytest.FixtureRequest, serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("order"), serve_for_module, request.param)
    yield world
    world.clients.close()


def test_a_refresh_that_has_answered_is_in_force_in_every_worker(world: World) -> None:
    world.clients.numbers(KEPT)
    for _ in range(10):
        world.write()
        world.refresh()
        assert world.clients.numbers(KEPT, NO_CACHE) == {world.number}


@pytest.mark.parametrize("directive", ["no-cache", "max-age=0", "no-store, no-cache"])
@pytest.mark.parametrize("path", [KEPT, STALE])
def test_what_a_reload_brought_to_one_client_is_what_all_get(world: World, path: str, directive: str) -> None:
    """Data changes; a refresh in the background, which ends no ttl, sees it; one client asks past the cache."""
    for _ in range(5):
        world.clients.numbers(path)
        before = world.clients.ask(path)[0].etag
        world.write()
        world.list_behind()
        assert ask(world.clients.connections[0], path, {"Cache-Control": directive}).number == world.number
        assert world.clients.numbers(path) == {world.number}
        assert {seen.status for seen in world.clients.ask(path, {"If-None-Match": before})} == {200}


@pytest.mark.parametrize("path", [LARGE, OFF])
def test_an_answer_that_is_not_kept_counts_as_given(world: World, path: str) -> None:
    for _ in range(3):
        world.write()
        world.list_behind()
        assert ask(world.clients.connections[0], path).number == world.number
        assert world.clients.numbers(path) == {world.number}


def test_a_background_refresh_does_not_cut_a_ttl_short(world: World) -> None:
    world.write()
    world.refresh()
    assert world.clients.numbers(KEPT) == {world.number}
    world.write()
    world.list_behind()
    assert world.clients.numbers(KEPT) == {world.number - 1}


@pytest.mark.parametrize("path", [KEPT, STALE, OFF, LARGE, WARM])
def test_an_announced_change_ends_the_freshness_of_all_answers_that_read_it(world: World, path: str) -> None:
    for _ in range(5):
        world.clients.numbers(path)
        world.write()
        world.refresh()
        assert world.clients.numbers(path) == {world.number}


def test_a_change_is_announced_though_a_background_refresh_saw_it_first(world: World) -> None:
    world.clients.numbers(KEPT)
    world.write()
    world.list_behind()
    world.refresh()
    assert world.clients.numbers(KEPT) == {world.number}


def test_an_announcement_of_nothing_new_leaves_answers_fresh(world: World) -> None:
    world.refresh()
    world.clients.numbers(KEPT)
    world.clients.numbers(KEPT)
    world.refresh()
    assert {seen.cache.partition(";")[2].partition(";")[0] for seen in world.clients.ask(KEPT)} == {" hit"}
    assert not any("revalidated" in seen.cache for seen in world.clients.ask(KEPT))


def test_what_is_prepared_ahead_is_given_by_all_workers_from_then_on(world: World) -> None:
    world.clients.numbers(WARM)
    world.write()
    world.list_behind()
    seen: list[int | None] = []
    for _ in range(2_000):
        seen.append(ask(world.clients.connections[len(seen) % len(world.clients.connections)], WARM).number)
        if seen[-1] == world.number:
            break
    assert seen[-1] == world.number
    assert world.clients.numbers(WARM) == {world.number}
