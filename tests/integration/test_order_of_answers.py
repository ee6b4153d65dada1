"""After an answer no older one: several real workers of either kind, and data that carries a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from numbered import KEPT, Clients, make_project, post, write_number

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


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def world(
    request: pytest.FixtureRequest, serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("order"), serve, request.param)
    yield world
    world.clients.close()


def test_a_refresh_that_has_answered_is_in_force_in_every_worker(world: World) -> None:
    world.clients.numbers(KEPT)
    for _ in range(10):
        world.write()
        world.refresh()
        assert world.clients.numbers(KEPT, NO_CACHE) == {world.number}
