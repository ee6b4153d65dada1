"""The cache tiers, for the tests of every tier: opened empty, under a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from clocks import Clock

from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.redis import RedisTier, connect
from gateway.cache.summaries import DISK, LARGEST, NEAR
from gateway.cache.tier import Tier
from gateway.cache.write_behind import WriteQueue, WrittenBehind
from gateway.telemetry.events import unobserved

SIZE = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "files", "behind", "redis"])
def tiers(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[tuple[Tier, Tier]]:
    """A tier of results, and the tier of summaries that goes with it."""
    results: Tier
    summaries: Tier
    written = Event()
    if request.param == "redis":
        client = connect(request.getfixturevalue("redis_server").url)
        results, summaries = RedisTier(client, largest=SIZE), RedisTier(client, largest=LARGEST, kind="summary")
    elif request.param == "files":
        results = FileTier(tmp_path / "results", SIZE, clock=clock)
        summaries = FileTier(tmp_path / "summaries", DISK, clock=clock)
    elif request.param == "behind":  # what is put waits until the end of the test
        queue = WriteQueue(SIZE, pause=lambda seconds: written.wait())
        results = WrittenBehind(FaultTolerantTier(FileTier(tmp_path / "results", SIZE, clock=clock), unobserved), queue)
        summaries = WrittenBehind(
            FaultTolerantTier(FileTier(tmp_path / "summaries", DISK, clock=clock), unobserved), queue
        )
    else:
        results, summaries = MemoryTier(SIZE, clock=clock), MemoryTier(NEAR, share=1.0, clock=clock)
    with closing(results), closing(summaries):
        yield results, summaries
        written.set()


@pytest.fixture
def tier(tiers: tuple[Tier, Tier]) -> Tier:
    """A tier of results."""
    return tiers[0]
