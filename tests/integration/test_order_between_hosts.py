"""After an answer no older one from another host: two gateways with a state each, over one Redis and the same files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from numbered import KEPT, LARGE, SHORT, STALE, Clients, make_project, post, write_number
from thorough import first

pytestmark = pytest.mark.gunicorn

NO_CACHE = {"Cache-Control": "no-cache"}
REFRESH = "/v1/tables/numbers/refresh"


class World:
    """Two hosts of two workers each; the lists of files of neither are renewed by itself."""

    def __init__(self, folder: Path, serve: Callable[..., Any], kind: str, url: str) -> None:
        self.folder, self.number = make_project(folder), 0
        self.write()

        def host(name: str) -> Any:
            settings = {
                "GATEWAY_STATE": str(folder / name),
                "GATEWAY_SERVER_WORKER": kind,
                "GATEWAY_CACHE_MAX_RESULT": "1MiB",
                "GATEWAY_CACHE_REDIS": url,
            }
            return serve(folder, settings, workers=2)

        self.hosts = [host("here"), host("there")]
        self.here, self.there = (Clients(gateway, 8) for gateway in self.hosts)

    def write(self) -> None:
        self.number += 1
        write_number(self.folder / "data", self.number)

    def becomes(self, clients: Clients, path: str) -> None:
        """Ask until one connection is given the newest number; from then on all must be."""
        clients.catch_up(path, self.number)
        assert clients.numbers(path) == {self.number}


@pytest.fixture(scope="module", params=first(1, ["asgi", "gthread"]))
def world(
    request: pytest.FixtureRequest,
    serve_for_module: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    redis_all_along: Any,
) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("hosts"), serve_for_module, request.param, redis_all_along.url)
    yield world
    for clients in (world.here, world.there):
        clients.close()


def test_a_host_with_an_older_list_of_files_brings_no_older_answer_back(world: World) -> None:
    for path in (KEPT, STALE, SHORT, LARGE):
        world.here.numbers(path)
        world.there.numbers(path)
        world.write()
        post(world.hosts[1], REFRESH)
        assert world.there.numbers(path) == {world.number}
        assert world.here.numbers(path, NO_CACHE) == {world.number}
        assert world.there.numbers(path) == {world.number}
        assert world.here.numbers(path) == {world.number}


def test_what_one_host_answered_the_other_answers_soon(world: World) -> None:
    for _ in range(3):
        world.here.numbers(KEPT)
        world.there.numbers(KEPT)
        world.write()
        post(world.hosts[1], REFRESH)
        assert world.there.numbers(KEPT) == {world.number}
        world.becomes(world.here, KEPT)
        assert world.there.numbers(KEPT) == {world.number}


def test_a_named_partition_that_one_host_lists_is_newer_than_what_the_other_knows(world: World) -> None:
    for _ in range(3):
        post(world.hosts[0], REFRESH)
        world.here.numbers(KEPT)
        world.there.numbers(KEPT)
        world.write()
        reply = world.hosts[1].post(REFRESH, b'{"partitions": ["day=a"]}')
        assert reply.status == 200
        assert world.there.numbers(KEPT) == {world.number}
        world.becomes(world.here, KEPT)


def test_marks_of_the_release_before_are_no_error_and_are_not_relied_on(world: World, redis_all_along: Any) -> None:
    world.here.numbers(KEPT)
    client = redis.Redis.from_url(redis_all_along.url)
    marks = list(client.scan_iter("*mark:*"))
    assert marks
    for key in marks:
        client.set(key, orjson.dumps({"key": "00" * 20, "checked_at": 4e9}))
    client.close()
    world.write()
    post(world.hosts[1], REFRESH)
    assert world.there.numbers(KEPT) == {world.number}
    assert world.here.numbers(KEPT, NO_CACHE) == {world.number}


def test_hosts_agree_again_once_redis_is_back(world: World, redis_all_along: Any) -> None:
    world.here.numbers(KEPT)
    redis_all_along.stop()
    world.write()
    post(world.hosts[1], REFRESH)
    assert world.there.numbers(KEPT) == {world.number}
    redis_all_along.start()
    world.becomes(world.here, KEPT)  # though nobody asks the one that answered again
