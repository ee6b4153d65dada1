"""Two hosts on one Redis, and something else that writes to it: right answers, whatever stands under their names."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from deployments import RESULT, write_data, write_project
from waiting import wait_for

pytestmark = pytest.mark.gunicorn
PREFIX = b"query-gateway:"
Change = Callable[[redis.Redis, list[bytes]], None]


class Hosts:
    """Two hosts with a state folder each, and the Redis that they share."""

    def __init__(self, folder: Path, serve: Callable[..., Any], url: str, **settings: str) -> None:
        write_data(folder / "data", "us")
        write_project(folder)
        self.redis = redis.Redis.from_url(url)
        shared = {"GATEWAY_CACHE_REDIS": url, **settings}
        self.first, self.second = (
            serve(folder, {**shared, "GATEWAY_STATE": str(folder / state)}, workers=1) for state in ("one", "two")
        )
        self._asks = count(1)

    def ask_both(self, between: Callable[[], None]) -> list[tuple[int, object]]:
        """Ask a new question of the first host, then of the second, twice."""
        ask = next(self._asks)
        replies = [self.first.get(RESULT, {"ask": ask})]
        between()
        replies += [self.second.get(RESULT, {"ask": ask}) for _ in range(2)]
        return [(reply.status, reply.json().get("data") == [{"owner": "us", "ask": ask}]) for reply in replies]

    def names(self, kind: bytes) -> list[bytes]:
        return sorted(name for name in self.redis.scan_iter(count=1_000) if name.startswith(PREFIX) and kind in name)

    def fill(self, kind: bytes) -> None:
        """Ask until names of a kind are there: after an error of Redis, a host leaves it alone for a while."""
        wait_for(lambda: self.ask_both(lambda: None) and self.names(kind), pause=1)

    def rejected(self) -> float:
        lines = self.second.get("/metrics").body.decode().splitlines()
        values = [line for line in lines if line.startswith("gateway_cache_values_rejected_total{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in values)


@pytest.fixture
def hosts(tmp_path: Path, serve: Callable[..., Any], redis_server: Any) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path / "project", serve, redis_server.url, GATEWAY_LIMITS_REQUESTS="190/minute")
    yield hosts
    for each in (hosts.first, hosts.second):
        each.process.terminate()


def _texts(client: redis.Redis, names: list[bytes]) -> dict[bytes, bytes]:
    return {name: client.get(name) for name in names if client.type(name) == b"string"}  # type: ignore[misc]  # not async


def _random(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.set(name, random.Random(name).randbytes(300))


def _numbers(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.set(name, b"-17")


def _empty(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.set(name, b"")


def _json(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.set(name, b'{"key": "../../etc", "checked_at": "soon"}')


def _cut(client: redis.Redis, names: list[bytes]) -> None:
    for name, value in _texts(client, names).items():
        client.set(name, value[:-3])


def _one_bit(client: redis.Redis, names: list[bytes]) -> None:
    for name, value in _texts(client, names).items():
        client.set(name, value[:-1] + bytes([value[-1] ^ 1]))


def _swapped(client: redis.Redis, names: list[bytes]) -> None:
    texts = _texts(client, names)
    for name, value in zip(texts, [*list(texts.values())[1:], *list(texts.values())[:1]], strict=True):
        client.set(name, value)


def _huge(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.set(name, b"\0" * 40_000_000)


def _lists(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.delete(name)
        client.rpush(name, b"1", b"2")


def _hashes(client: redis.Redis, names: list[bytes]) -> None:
    for name in names:
        client.delete(name)
        client.hset(name, "a", "b")


CHANGES: tuple[Change, ...] = (
    _random, _numbers, _empty, _json, _cut, _one_bit, _swapped, _huge, _lists, _hashes,
)  # fmt: skip


def test_whatever_stands_under_the_names_of_a_redis_the_answers_are_right(hosts: Hosts) -> None:
    for _ in range(3):
        hosts.ask_both(lambda: None)
    for change in CHANGES:
        for kind in (b":result:", b":mark:", b":limits", b":"):
            hosts.fill(kind)

            def between(change: Change = change, kind: bytes = kind) -> None:
                change(hosts.redis, hosts.names(kind))

            assert hosts.ask_both(between) == [(200, True)] * 3, (change.__name__, kind)
            hosts.redis.flushall()
    assert hosts.rejected() > 0


def test_an_answer_of_one_host_is_a_hit_of_another(hosts: Hosts) -> None:
    hosts.first.get(RESULT, {"ask": 1_000})
    assert 'detail="redis"' in hosts.second.get(RESULT, {"ask": 1_000}).headers["cache-status"]


def test_with_a_secret_what_others_write_is_not_used(
    tmp_path: Path, serve: Callable[..., Any], redis_server: Any
) -> None:
    folder = tmp_path / "project"
    mine = Hosts(folder, serve, redis_server.url, GATEWAY_CACHE_REDIS_SECRET="a secret of sixteen or more")
    mine.first.get(RESULT, {"ask": 1})
    assert 'detail="redis"' in mine.second.get(RESULT, {"ask": 1}).headers["cache-status"]
    other = serve(folder, {"GATEWAY_CACHE_REDIS": redis_server.url, "GATEWAY_STATE": str(folder / "three")}, workers=1)
    assert other.get(RESULT, {"ask": 1}).headers["cache-status"].startswith("query-gateway; fwd=miss")
    for each in (mine.first, mine.second, other):
        each.process.terminate()
        assert "a secret of sixteen" not in each.log.read_text()
