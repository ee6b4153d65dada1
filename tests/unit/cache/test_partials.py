"""Partials are found in this process at once, and others are told of them when they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

import pyarrow as pa
from waiting import wait_for

from gateway.cache.fault_tolerant import FaultTolerantTier
from gateway.cache.memory import MemoryTier
from gateway.cache.partials import Partials
from gateway.cache.tier import Purge
from gateway.cache.write_behind import WriteQueue, WrittenBehind
from gateway.execution.claims import Claims
from gateway.execution.leases import OneByOne
from gateway.model import Result
from gateway.telemetry.events import unobserved

LONG = 60.0
KEYS = [f"{number:040x}" for number in range(5)]


class Shared(OneByOne):
    """A lease of all processes, and what they would find free of it."""

    def __init__(self) -> None:
        self.held = set[str]()

    def take(self, key: str) -> bool:
        free = key not in self.held
        self.held.add(key)
        return free

    def release(self, key: str) -> None:
        self.held.discard(key)

    def close(self) -> None:
        """Nothing is held open."""


class Closing(MemoryTier):
    """A tier that tells what it had when it was closed."""

    def __init__(self) -> None:
        super().__init__(10**6)
        self.had = list[str]()

    def close(self) -> None:
        self.had += [entry.key for entry in self.entries()]
        super().close()


class World:
    """The partials of a process over a disk that is written to when it is let go."""

    def __init__(self, disk: MemoryTier | None = None) -> None:
        self.begins, self.disk, self.lease = Event(), disk or MemoryTier(10**6), Shared()
        self.queue = WriteQueue(10**6, pause=lambda seconds: self.begins.wait(LONG))
        behind = WrittenBehind(FaultTolerantTier(self.disk, unobserved), self.queue)
        self.partials = Partials([MemoryTier(10**6), behind], behind=self.queue)
        self.claims = Claims(self.lease)

    def compute(self, keys: Sequence[str]) -> None:
        assert self.claims.claim(keys) == set(keys)
        made = [partial_of(key) for key in keys]
        for one in made:
            self.claims.hand_over(one.key, one.table)
        self.partials.put(made, self.claims.release)

    def waits_until(self, done: Callable[[], bool]) -> None:
        self.begins.set()
        wait_for(done)


def partial_of(key: str) -> Result:
    table = pa.table({"n": [1]})
    return Result(key=key, table=table, columns=(), readings=(), created_at=1.0, seconds=0.0, query="sums", version=1)


def test_partials_are_found_here_at_once_and_their_claims_are_held_until_they_are_written() -> None:
    world = World()
    world.compute(KEYS)
    assert set(world.partials.find(KEYS)) == set(KEYS)
    assert world.claims.wait(KEYS, LONG).keys() == set(KEYS)
    assert world.lease.held == set(KEYS)
    assert world.disk.results(KEYS) == {}
    world.waits_until(lambda: not world.lease.held)
    assert world.disk.results(KEYS).keys() == set(KEYS)


def test_what_is_dropped_before_it_is_written_is_free_to_be_computed_again() -> None:
    world = World()
    world.compute(KEYS)
    world.partials.drop(Purge(query="sums"))
    assert (world.partials.find(KEYS), world.lease.held) == ({}, set())
    world.compute(KEYS)
    world.waits_until(lambda: not world.lease.held)
    assert world.disk.results(KEYS).keys() == set(KEYS)


def test_what_waits_at_the_end_is_written_before_the_tiers_are_closed() -> None:
    world = World(Closing())
    world.compute(KEYS)
    world.begins.set()
    world.partials.close()
    assert isinstance(world.disk, Closing)
    assert (sorted(world.disk.had), world.lease.held) == (KEYS, set())


def test_without_a_queue_partials_are_written_and_told_of_at_once() -> None:
    disk, told = MemoryTier(10**6), list[str]()
    partials = Partials([MemoryTier(10**6), disk])
    partials.put([partial_of(key) for key in KEYS], told.extend)
    assert told == KEYS
    assert disk.results(KEYS).keys() == set(KEYS)
