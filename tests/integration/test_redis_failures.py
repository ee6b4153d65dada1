"""Redis killed, paused, full and back again: a skipped tier and an event, never an error or a hang."""

import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.cache.cooldown import Cooldown
from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.redis import RedisTier, connect
from gateway.cache.redis_lease import RedisLease
from gateway.cache.tier import Validation
from gateway.execution.leases import Leases, MachineLease
from gateway.model import Result
from gateway.telemetry.events import CacheValueRejected, Event, TierFailed, unobserved

MARK = Validation(key="aa11", checked_at=1.0)
RESULT = Result(key="aa11", table=pa.table({"n": [1]}), columns=(), readings=(), created_at=0.0, seconds=0.0)


class World:
    """A guarded tier on a Redis, with a clock of the test's and the events that were observed."""

    def __init__(self, url: str) -> None:
        self.now = 1_000.0
        self.events: list[Event] = []
        self.tier = FaultTolerantTier(
            RedisTier(connect(url), largest=10**7), self.events.append, monotonic=lambda: self.now
        )


@pytest.fixture
def world(redis_server: Any) -> World:
    return World(redis_server.url)


def test_a_redis_that_is_gone_is_skipped_and_seen(world: World, redis_server: Any) -> None:
    redis_server.stop()
    assert world.tier.validation("beef") is None
    assert world.events == [TierFailed(tier="redis", operation="mark", error="ConnectionError")]


def test_a_failed_tier_is_left_alone_for_a_while(world: World, redis_server: Any) -> None:
    redis_server.stop()
    for _ in range(5):
        world.tier.validation("beef")
    assert len(world.events) == 1
    world.now += 0.6
    world.tier.validation("beef")
    assert len(world.events) == 2
    world.now += 0.6
    world.tier.validation("beef")
    assert len(world.events) == 2


def test_a_redis_that_came_back_is_used_again(world: World, redis_server: Any) -> None:
    redis_server.stop()
    world.tier.validation("beef")
    redis_server.start()
    world.now += 0.6
    world.tier.put_validation("beef", MARK, lifetime=60)
    assert world.tier.validation("beef") == MARK


def test_a_redis_that_hangs_fails_within_its_time_limit(world: World, redis_server: Any) -> None:
    redis_server.signal(signal.SIGSTOP)
    try:
        assert world.tier.validation("beef") is None
    finally:
        redis_server.signal(signal.SIGCONT)
    assert world.events == [TierFailed(tier="redis", operation="mark", error="TimeoutError")]


def test_a_redis_that_is_full_keeps_nothing(world: World, redis_server: Any) -> None:
    client = connect(redis_server.url)
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")
    client.close()
    table = pa.table({"n": [1]})
    result = Result(key="aa11", table=table, columns=(), readings=(), created_at=0.0, seconds=0.0)
    assert not world.tier.put(result, lifetime=60)
    assert [event.operation for event in world.events if isinstance(event, TierFailed)] == ["keep"]


def test_a_value_that_is_no_result_is_absent_and_the_tier_goes_on(world: World, redis_server: Any) -> None:
    client = connect(redis_server.url)
    client.set("query-gateway:2::result:aa11", b"not an arrow stream")
    client.close()
    world.tier.put_validation("beef", MARK, lifetime=60)
    assert world.tier.result("aa11") is None
    assert world.tier.validation("beef") == MARK
    assert world.events == [CacheValueRejected(tier="redis", operation="result", reason="unverified")]


@pytest.mark.parametrize("left", [None, 600_000])
def test_what_does_not_expire_as_a_lease_does_keeps_nobody_from_taking_it(redis_server: Any, left: int | None) -> None:
    client = connect(redis_server.url)
    client.set("query-gateway:2::lease:aa11", b"left behind", px=left)
    lease = RedisLease(client, unobserved)
    assert lease.take("aa11")
    lease.close()


def test_several_leases_are_taken_and_given_back_at_once_each_by_one_host(redis_server: Any, tmp_path: Path) -> None:
    keys = [f"{number:040x}" for number in range(30)]
    hosts = [
        Leases([MachineLease(tmp_path / f"host{number}"), RedisLease(connect(redis_server.url), unobserved)])
        for number in range(2)
    ]
    try:
        assert hosts[0].take_all(keys[10:]) == keys[10:]
        assert hosts[1].take_all(keys) == keys[:10]
        hosts[0].release_all(keys[10:20])
        assert hosts[1].take_all(keys[10:]) == keys[10:20]
    finally:
        for host in hosts:
            host.close()


def test_without_redis_every_lease_is_free(redis_server: Any) -> None:
    events: list[Event] = []
    lease = RedisLease(connect(redis_server.url), events.append)
    redis_server.stop()
    assert lease.take("aa11")
    assert lease.take_all(["bb22", "cc33"]) == ["bb22", "cc33"]
    lease.release_all(["aa11", "bb22", "cc33"])
    lease.close()
    assert {event.error for event in events if isinstance(event, TierFailed)} == {"ConnectionError"}


def test_while_a_silent_redis_rests_neither_tier_nor_lease_asks_it_anything(world: World, redis_server: Any) -> None:
    cooldown, events = Cooldown(lambda: world.now), list[Event]()
    lease = RedisLease(connect(redis_server.url), events.append, cooldown=cooldown)
    tier = FaultTolerantTier(RedisTier(connect(redis_server.url), largest=1_000), events.append, cooldown=cooldown)
    redis_server.signal(signal.SIGSTOP)
    try:
        for _ in range(20):
            assert tier.validation("beef") is None
            assert lease.take("aa11")
            lease.release("aa11")
            assert not tier.put(RESULT, lifetime=60)
        lease.close()
    finally:
        redis_server.signal(signal.SIGCONT)
    assert events == [TierFailed(tier="redis", operation="mark", error="TimeoutError")]


def test_one_at_a_time_looks_whether_a_redis_is_back() -> None:
    now = [0.0]
    cooldown = Cooldown(lambda: now[0])
    cooldown.failed()
    now[0] = 0.6
    assert [cooldown.permits() for _ in range(3)] == [True, False, False]
    cooldown.succeeded()
    assert [cooldown.permits() for _ in range(3)] == [True, True, True]


def test_a_lease_is_released_only_by_its_holder(redis_server: Any) -> None:
    leases = [RedisLease(connect(redis_server.url), lambda event: None) for _ in range(2)]
    assert leases[0].take("aa11")
    leases[1].release("aa11")
    assert not leases[1].take("aa11")
    leases[0].release("aa11")
    assert leases[1].take("aa11")
    for lease in leases:
        lease.close()
