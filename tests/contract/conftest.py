"""The cache tiers, for the tests of every tier: opened empty, under a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clocks import Clock

from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.redis import RedisTier, connect
from gateway.cache.summaries import DISK, LARGEST, NEAR
from gateway.cache.tier import Tier

SIZE = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "files", "redis"])
def tiers(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[tuple[Tier, Tier]]:
    """A tier of results, and the tier of summaries that goes with it."""
    results: Tier
    summaries: Tier
    if request.param == "redis":
        client = connect(request.getfixturevalue("redis_server").url)
        results, summaries = RedisTier(client, largest=SIZE), RedisTier(client, largest=LARGEST, kind="summary")
    elif request.param == "files":
        results = FileTier(tmp_path / "results", SIZE, clock=clock)
        summaries = FileTier(tmp_path / "summaries", DISK, clock=clock)
    else:
        results, summaries = MemoryTier(SIZE, clock=clock), MemoryTier(NEAR, share=1.0, clock=clock)
    with closing(results), closing(summaries):
        yield results, summaries


@pytest.fixture
def tier(tiers: tuple[Tier, Tier]) -> Tier:
    """A tier of results."""
    return tiers[0]
