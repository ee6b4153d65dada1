"""What every cache tier promises."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.redis import RedisTier, connect
from gateway.cache.tier import Mark, Tier
from gateway.model import Column, Reading, Result

MakeTier = Callable[[int, Callable[[], float]], Tier]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "files"])
def make_tier(request: pytest.FixtureRequest, tmp_path: Path) -> MakeTier:
    """Tiers that bound themselves and take the clock of the test."""
    if request.param == "memory":
        return lambda size, clock: MemoryTier(size, clock=clock)
    return lambda size, clock: FileTier(tmp_path / "results", size, clock=clock)


@pytest.fixture(params=["memory", "files", "redis"])
def tier(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Tier]:
    """Every tier, empty."""
    if request.param == "redis":
        tier: Tier = RedisTier(connect(request.getfixturevalue("redis_server").url), largest=1_000_000)
    elif request.param == "files":
        tier = FileTier(tmp_path / "results", 1_000_000, clock=clock)
    else:
        tier = MemoryTier(1_000_000, clock=clock)
    yield tier
    tier.close()


def result(key: str, rows: int = 3) -> Result:
    return Result(
        key=key,
        table=pa.table({"n": pa.array(range(rows), pa.int64()), "s": pa.array(["x"] * rows)}),
        columns=(Column(name="n", type="BIGINT"), Column(name="s", type="VARCHAR")),
        readings=(
            Reading(
                table="flights",
                snapshot="abc",
                listed_at=12.5,
                partitions=7,
                partitions_total=365,
                files=21,
                files_total=1095,
                size=1000,
                size_total=100_000,
            ),
        ),
        created_at=999.25,
        seconds=0.125,
    )


def test_a_kept_result_comes_back_whole(tier: Tier) -> None:
    given = result("aa11")
    assert tier.keep(given, lifetime=60)
    assert tier.result("aa11") == given


def test_a_result_of_no_rows_comes_back_with_its_columns(tier: Tier) -> None:
    given = result("aa11", rows=0)
    tier.keep(given, lifetime=60)
    assert tier.result("aa11") == given


def test_an_unknown_key_is_absent(tier: Tier) -> None:
    assert tier.result("aa11") is None


def test_a_result_is_gone_when_its_lifetime_ends(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(1_000_000, clock)
    tier.keep(result("aa11"), lifetime=60)
    clock.now += 61
    assert tier.result("aa11") is None


def test_a_mark_is_replaced_by_a_newer_one(tier: Tier) -> None:
    tier.remember("beef", Mark(key="aa11", checked_at=1.0), lifetime=60)
    tier.remember("beef", Mark(key="bb22", checked_at=2.0), lifetime=60)
    assert tier.mark("beef") == Mark(key="bb22", checked_at=2.0)


def test_a_mark_is_gone_when_its_lifetime_ends(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(1_000_000, clock)
    tier.remember("beef", Mark(key="aa11", checked_at=1.0), lifetime=60)
    clock.now += 61
    assert tier.mark("beef") is None


def test_a_result_larger_than_the_tier_is_refused_and_evicts_nothing(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(20_000, clock)
    tier.keep(result("aa11"), lifetime=60)
    assert not tier.keep(result("bb22", rows=10_000), lifetime=60)
    assert tier.result("aa11") is not None


def test_a_result_too_large_for_redis_is_refused(redis_server: Any) -> None:
    tier = RedisTier(connect(redis_server.url), largest=1_000)
    assert not tier.keep(result("aa11", rows=10_000), lifetime=60)
    assert tier.result("aa11") is None
    tier.close()


def test_redis_itself_forgets_a_result_when_its_lifetime_ends(redis_server: Any) -> None:
    client = connect(redis_server.url)
    tier = RedisTier(client, largest=10_000)
    tier.keep(result("aa11"), lifetime=60)
    tier.remember("beef", Mark(key="aa11", checked_at=1.0), lifetime=30)
    lifetimes = sorted(round(client.pttl(key), -4) for key in client.scan_iter())
    assert lifetimes == [30_000, 60_000]
    tier.close()


def test_a_tier_keeps_within_its_size_by_dropping_others(make_tier: MakeTier, clock: Clock) -> None:
    tier = make_tier(100_000, clock)
    keys = [f"{n:04x}" for n in range(100)]
    for key in keys:
        clock.now += 1
        tier.keep(result(key, rows=300), lifetime=600)
    kept = [key for key in keys if tier.result(key) is not None]
    assert 0 < len(kept) < 50
    assert keys[-1] in kept
