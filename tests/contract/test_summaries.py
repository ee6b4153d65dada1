"""What is known of a result outlives its rows in every tier, and is dropped with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from clocks import Clock

from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.summaries import DISK, LIFETIME, NEAR, Summaries
from gateway.cache.tier import Purge, Tier
from gateway.model import Reading, Result, Summary

READING = Reading(
    table="flights",
    snapshot="abc",
    listed_at=12.5,
    partitions=7,
    partitions_total=365,
    files=21,
    files_total=1095,
    size=1000,
    size_total=100_000,
)
RESULT = Result(
    key="aa11",
    table=pa.table({"n": list(range(20_000))}),
    columns=(),
    readings=(READING,),
    created_at=5.0,
    seconds=0.1,
    query="delays",
    version=2,
    digest="d1",
)
SUMMARY = Summary(key="aa11", digest="d1", rows=20_000, readings=(READING,), created_at=5.0)


def test_a_summary_is_there_without_the_rows_and_is_no_result(tiers: tuple[Tier, Tier]) -> None:
    results, near = tiers
    summaries = Summaries([near])
    summaries.put(RESULT)
    assert summaries.of("aa11") == summaries.near("aa11") == SUMMARY
    assert (results.result("aa11"), list(results.entries())) == (None, [])


def test_a_result_that_is_computed_again_replaces_the_summary(tiers: tuple[Tier, Tier]) -> None:
    summaries = Summaries([tiers[1]])
    summaries.put(RESULT)
    summaries.put(replace(RESULT, digest="d2", table=pa.table({"n": [1]})))
    assert summaries.of("aa11") == replace(SUMMARY, digest="d2", rows=1)


@pytest.mark.parametrize("which", [Purge(query="delays"), Purge(table="flights"), Purge(before=6.0)], ids=str)
def test_what_is_dropped_is_known_no_longer(tiers: tuple[Tier, Tier], which: Purge) -> None:
    summaries = Summaries([tiers[1]])
    summaries.put(RESULT)
    summaries.drop(Purge(query="another"))
    assert summaries.of("aa11") is not None
    summaries.drop(which)
    assert summaries.of("aa11") is None


def test_a_nearer_tier_is_given_a_copy_of_what_is_found_farther_away(tiers: tuple[Tier, Tier]) -> None:
    near = MemoryTier(NEAR, share=1.0)
    summaries = Summaries([near, tiers[1]])
    Summaries([tiers[1]]).put(RESULT)
    assert (summaries.near("aa11"), summaries.of("aa11"), summaries.near("aa11")) == (None, SUMMARY, SUMMARY)


def test_summaries_outlive_rows_and_end_a_week_after_they_were_last_right(tmp_path: Path, clock: Clock) -> None:
    makes: list[Callable[[], Tier]] = [
        lambda: MemoryTier(NEAR, share=1.0, clock=clock),
        lambda: FileTier(tmp_path, DISK, clock=clock),
    ]
    for make in makes:
        tier = make()
        summaries = Summaries([tier])
        summaries.put(RESULT)
        clock.now += LIFETIME - 1
        summaries.extend("aa11")
        clock.now += LIFETIME - 1
        assert summaries.of("aa11") == SUMMARY
        clock.now += 2
        assert summaries.of("aa11") is None


def test_an_extension_a_day_is_enough(tmp_path: Path, clock: Clock) -> None:
    summaries = Summaries([FileTier(tmp_path, DISK, clock=clock)], clock=clock)
    summaries.put(RESULT)
    ends = []
    for hours in (12, 6, 19, 6):
        clock.now += hours * 3_600
        summaries.extend("aa11")
        ends.append(next(tmp_path.glob("aa/*")).stat().st_mtime - 1_000_000.0 - LIFETIME)
    assert ends == [12 * 3_600, 12 * 3_600, 37 * 3_600, 37 * 3_600]


def test_summaries_keep_within_their_own_room(clock: Clock) -> None:
    near = MemoryTier(NEAR, share=1.0, clock=clock)
    summaries = Summaries([near])
    for number in range(4_000):
        summaries.put(replace(RESULT, key=f"{number:04x}"))
    assert near.used <= NEAR
    assert (summaries.of("0000"), summaries.of(f"{3_999:04x}") is None) == (None, False)


def test_without_tiers_nothing_is_known() -> None:
    summaries = Summaries([])
    summaries.put(RESULT)
    summaries.extend("aa11")
    assert (summaries.of("aa11"), summaries.near("aa11")) == (None, None)
