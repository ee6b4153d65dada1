"""The memory of a process: who makes room for whom, what is counted, when it goes."""

from __future__ import annotations

import pyarrow as pa

from gateway.cache.memory import MemoryTier
from gateway.cache.tier import Purge
from gateway.model import Result
from gateway.telemetry.events import Event, ResultEvicted

NOW = [1_000_000.0]


def clock() -> float:
    return NOW[0]


def result(key: str, query: str = "q", size: int = 8_000) -> Result:
    table = pa.table({"n": pa.array(range(size // 8), pa.int64())})
    return Result(key=key, table=table, columns=(), readings=(), created_at=1.0, seconds=0.1, query=query, version=1)


def kept(tier: MemoryTier) -> list[str]:
    return sorted(entry.key for entry in tier.entries())


def test_a_query_over_its_share_makes_room_among_its_own_answers() -> None:
    tier = MemoryTier(100_000, share=0.5, clock=clock)
    tier.put(result("other", "r"), lifetime=60)
    for number in range(20):
        tier.put(result(f"q{number:02}"), lifetime=60)
    assert kept(tier) == ["other", "q15", "q16", "q17", "q18", "q19"]


def test_what_a_query_used_last_stays() -> None:
    tier = MemoryTier(100_000, share=0.3, clock=clock)
    for key in ("a", "b", "c"):
        tier.put(result(key), lifetime=60)
    tier.result("a")
    tier.put(result("d"), lifetime=60)
    assert kept(tier) == ["a", "c", "d"]


def test_a_full_tier_drops_what_was_used_least_recently_of_all() -> None:
    tier = MemoryTier(40_000, share=1.0, clock=clock)
    for number in range(4):
        tier.put(result(f"{number}", f"q{number}"), lifetime=60)
    tier.result("0")
    tier.put(result("4", "q4"), lifetime=60)
    assert kept(tier) == ["0", "2", "3", "4"]


def test_an_answer_larger_than_the_share_of_a_query_is_refused() -> None:
    tier = MemoryTier(100_000, share=0.1, clock=clock)
    assert not tier.put(result("a", size=9_000), lifetime=60)
    assert tier.put(result("a", size=7_000), lifetime=60)


def test_what_made_room_is_told() -> None:
    events: list[Event] = []
    tier = MemoryTier(20_000, share=1.0, clock=clock, observe=events.append)
    for key in ("a", "b", "c"):
        tier.put(result(key), lifetime=60)
    assert events == [ResultEvicted(tier="memory", query="q", size=10_000)]


def test_a_result_that_is_kept_again_is_counted_once() -> None:
    tier = MemoryTier(100_000, clock=clock)
    for _ in range(50):
        tier.put(result("a"), lifetime=60)
        tier.extend("a", lifetime=60)
    assert [entry.size for entry in tier.entries()] == [10_000]
    tier.drop(Purge())
    for number in range(5):
        assert tier.put(result(f"{number}"), lifetime=60)
    assert len(kept(tier)) == 5


def test_bodies_are_kept_by_form_and_count_as_their_query() -> None:
    tier = MemoryTier(100_000, share=0.2, clock=clock)
    tier.put(result("a"), lifetime=60)
    tier.keep_encoding(result("a"), "csv", b"n\n1\n")
    tier.keep_encoding(result("a"), "json", b"x" * 7_000)
    assert (tier.encoding("a", "csv"), tier.encoding("a", "xml")) == (b"n\n1\n", None)
    assert tier.result("a") is None
    tier.keep_encoding(result("a"), "large", b"x" * 20_000)
    assert tier.encoding("a", "large") is None


def test_dropping_a_result_drops_its_bodies() -> None:
    tier = MemoryTier(100_000, clock=clock)
    tier.put(result("a"), lifetime=60)
    tier.keep_encoding(result("a"), "csv", b"n\n1\n")
    assert tier.drop(Purge(query="q")) == 1
    assert tier.encoding("a", "csv") is None


def test_thousands_of_expired_answers_go_a_few_at_a_time() -> None:
    tier = MemoryTier(10**9, share=1.0, clock=clock)
    for number in range(1_000):
        tier.put(result(f"{number}", size=8), lifetime=60)
    NOW[0] += 61
    tier.put(result("new"), lifetime=60)
    assert 900 < len(tier._kept) < 1_000
    for number in range(100):
        tier.put(result(f"new{number}"), lifetime=60)
    assert len(tier._kept) == 101


def test_putting_lifetimes_off_again_and_again_costs_no_memory() -> None:
    tier = MemoryTier(10**6, clock=clock)
    tier.put(result("a"), lifetime=60)
    for _ in range(10_000):
        NOW[0] += 1
        tier.extend("a", lifetime=60)
    assert len(tier._due) < 2_000
    assert tier.result("a") is not None
