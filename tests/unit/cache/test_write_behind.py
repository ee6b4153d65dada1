"""Results that are written behind their answers: where they are found meanwhile, who is told, and what is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa
import pytest
from waiting import wait_for

from gateway.cache.epochs import Epochs
from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.memory import MemoryTier
from gateway.cache.purges import PurgeLog
from gateway.cache.results import ResultCache
from gateway.cache.tier import Purge
from gateway.cache.write_behind import WriteQueue, WrittenBehind
from gateway.model import CachePolicy, Result
from gateway.telemetry.events import CopyDropped
from gateway.telemetry.events import Event as Happened

LONG = 60.0
FULL = 100_000


def result(key: str, rows: int = 3, query: str = "delays") -> Result:
    table = pa.table({"n": pa.array(range(rows), pa.int64())})
    return Result(key=key, table=table, columns=(), readings=(), created_at=1.0, seconds=0.1, query=query, version=1)


class Disk(MemoryTier):
    """A tier that may be stopped while it writes, or have no room."""

    name = "disk"

    def __init__(self) -> None:
        super().__init__(10**7)
        self.writes, self.go_on, self.refuses = Event(), Event(), False
        self.go_on.set()

    def put(self, result: Result, *, lifetime: float) -> bool:
        self.writes.set()
        assert self.go_on.wait(LONG)
        return not self.refuses and super().put(result, lifetime=lifetime)


@dataclass
class World:
    """A queue that begins to write when it is let go, before the tier of a machine."""

    folder: Path
    begins: Event = field(default_factory=Event)
    events: list[Happened] = field(default_factory=list)
    disk: Disk = field(default_factory=Disk)
    epochs: Epochs = field(default_factory=Epochs)

    def __post_init__(self) -> None:
        self.queue = WriteQueue(
            FULL, observe=self.events.append, purges=self.log(), pause=lambda seconds: self.begins.wait(LONG)
        )
        self.tier = WrittenBehind(FaultTolerantTier(self.disk, self.events.append), self.queue)

    def log(self) -> PurgeLog:
        return PurgeLog(self.folder / "drops.jsonl", self.epochs)

    def cache(self) -> ResultCache:
        return ResultCache(
            [MemoryTier(10**6), self.tier], clock=lambda: 1.0, epochs=self.epochs, purges=self.log(), behind=self.queue
        )

    def written(self) -> None:
        """Let everything be written."""
        self.begins.set()
        self.queue.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.begins.set()
    made.disk.go_on.set()
    made.queue.close()


def test_a_result_is_found_and_listed_while_it_waits_and_once_it_is_written(world: World) -> None:
    assert world.tier.put(result("aa11"), lifetime=60)
    assert world.disk.result("aa11") is None
    assert world.tier.result("aa11") == result("aa11")
    assert [entry.key for entry in world.tier.entries()] == ["aa11"]
    world.begins.set()
    wait_for(lambda: world.disk.result("aa11") is not None, "the write")
    assert world.tier.result("aa11") == result("aa11")
    assert [entry.key for entry in world.tier.entries()] == ["aa11"]


def test_who_waits_for_a_result_is_told_once_all_tiers_have_it(world: World) -> None:
    other = WrittenBehind(FaultTolerantTier(Disk(), world.events.append), world.queue)
    settled, told = Event(), list[bool]()
    world.tier.put(result("aa11"), lifetime=60)
    other.put(result("aa11"), lifetime=60)
    world.tier.when_written("aa11", told.append)
    world.queue.when_settled("aa11", settled.set)
    world.queue.when_settled("bb22", lambda: told.append(False))
    assert (settled.is_set(), told) == (False, [False])
    world.begins.set()
    assert settled.wait(LONG)
    assert told == [False, True]
    assert other.result("aa11") is not None


def test_what_does_not_fit_is_dropped_and_counted_and_nothing_else_is(world: World) -> None:
    keys = [f"{number:04x}" for number in range(10)]
    taken = [world.tier.put(result(key, rows=2_000), lifetime=60) for key in keys]
    assert taken == [True] * 5 + [False] * 5
    dropped = [event for event in world.events if isinstance(event, CopyDropped)]
    assert [(event.tier, event.query) for event in dropped] == [("disk", "delays")] * 5
    assert all(event.size > 2_000 * 8 for event in dropped)
    world.written()
    assert [world.disk.result(key) is not None for key in keys] == taken


def test_the_same_result_again_takes_no_more_room(world: World) -> None:
    assert all(world.tier.put(result("aa11", rows=2_000), lifetime=60) for _ in range(20))


def test_a_result_larger_than_the_queue_is_written_at_once(world: World) -> None:
    assert world.tier.put(result("aa11", rows=50_000), lifetime=60)
    assert world.disk.result("aa11") is not None


def test_what_is_dropped_while_it_waits_is_not_written(world: World) -> None:
    settled = Event()
    for key, query in (("aa11", "delays"), ("bb22", "routes")):
        world.tier.put(result(key, query=query), lifetime=60)
    world.queue.when_settled("aa11", settled.set)
    assert world.tier.drop(Purge(query="delays")) == 1
    assert settled.is_set()
    assert world.tier.result("aa11") is None
    world.written()
    assert (world.disk.result("aa11"), world.disk.result("bb22") is None) == (None, False)


def test_who_drops_a_result_that_is_being_written_waits_for_it_and_drops_it(world: World) -> None:
    world.disk.go_on.clear()
    world.tier.put(result("aa11"), lifetime=60)
    world.begins.set()
    assert world.disk.writes.wait(LONG)
    dropping = Thread(target=world.tier.drop, args=(Purge(query="delays"),))
    dropping.start()
    world.disk.go_on.set()
    dropping.join(LONG)
    assert world.disk.result("aa11") is None


def test_what_another_process_dropped_is_neither_written_nor_given_any_more(world: World) -> None:
    cache = world.cache()
    for key, query in (("aa11", "delays"), ("bb22", "routes")):
        cache.put(result(key, query=query), CachePolicy(ttl=60))
    world.log().announce(Purge(query="delays"))
    assert cache.near("a question") is None  # whoever asks anything applies the purge
    assert (cache.find("aa11"), cache.find("bb22") is None) == (None, False)
    world.written()
    assert (world.disk.result("aa11"), world.disk.result("bb22") is None) == (None, False)


def test_what_another_process_dropped_is_not_written_where_nobody_asks_anything(world: World) -> None:
    world.tier.put(result("aa11"), lifetime=60)
    world.tier.put(result("bb22", query="routes"), lifetime=60)
    world.log().announce(Purge(query="delays"))
    world.written()
    assert (world.disk.result("aa11"), world.disk.result("bb22") is None) == (None, False)


def test_what_comes_after_a_drop_of_another_process_is_written(world: World) -> None:
    world.tier.put(result("aa11"), lifetime=60)
    world.log().announce(Purge())
    world.tier.put(result("bb22"), lifetime=60)
    world.written()
    assert (world.disk.result("aa11"), world.disk.result("bb22") is None) == (None, False)


def test_who_drops_results_waits_for_other_processes_that_write_one(world: World) -> None:
    world.disk.go_on.clear()
    world.tier.put(result("aa11"), lifetime=60)
    world.begins.set()
    assert world.disk.writes.wait(LONG)
    announcing = Thread(target=world.log().announce, args=(Purge(query="delays"),))
    announcing.start()
    announcing.join(0.2)
    waited = announcing.is_alive()
    world.disk.go_on.set()
    announcing.join(LONG)
    assert waited
    assert not announcing.is_alive()


def test_nobody_waits_for_a_copy_that_was_not_kept_after_all(world: World) -> None:
    world.disk.refuses = True
    cache, settled = world.cache(), Event()
    cache.put(result("aa11"), CachePolicy(ttl=60))
    cache.when_settled("aa11", settled.set)
    assert not cache.is_unshared("aa11")
    world.begins.set()
    assert settled.wait(LONG)
    assert cache.is_unshared("aa11")
    assert cache.find("aa11") is not None  # in memory


def test_nobody_waits_for_a_copy_that_was_dropped_for_want_of_room(world: World) -> None:
    cache = world.cache()
    for number in range(10):
        cache.put(result(f"{number:04x}", rows=2_000), CachePolicy(ttl=60))
    assert [cache.is_unshared(f"{number:04x}") for number in range(10)] == [False] * 5 + [True] * 5


def test_a_longer_lifetime_holds_for_what_waits(world: World) -> None:
    world.tier.put(result("aa11"), lifetime=0.0)
    world.tier.extend("aa11", lifetime=LONG)
    world.written()
    assert world.disk.result("aa11") is not None


def test_what_waits_is_written_at_the_end_and_what_comes_later_at_once(world: World) -> None:
    world.tier.put(result("aa11"), lifetime=60)
    world.begins.set()
    world.queue.close()
    assert world.disk.result("aa11") is not None
    world.tier.put(result("bb22"), lifetime=60)
    assert world.disk.result("bb22") is not None
    world.disk.go_on.set()
