"""The two clocks of a cached answer: how long it is served without asking, and when it is computed again."""

from dataclasses import dataclass, field

import pyarrow as pa

from gateway.cache.memory import MemoryTier
from gateway.cache.tiered import Fetched, Filling, Results
from gateway.model import CachePolicy, Result

POLICY = CachePolicy(ttl=60)


@dataclass
class World:
    """A question over data that may change, and a count of how often it was run."""

    now: float = 1_000_000.0
    data: str = "a"
    runs: int = 0
    plans: int = 0
    results: Results = field(init=False)

    def __post_init__(self) -> None:
        clock = lambda: self.now  # noqa: E731 - a clock is clearest as an expression
        self.results = Results([MemoryTier(10**6, clock=clock), MemoryTier(10**6, clock=clock)], clock=clock)

    def ask(self, policy: CachePolicy = POLICY) -> Fetched:
        return self.results.fetch("question", policy, self._prepare)

    def _prepare(self) -> Filling:
        self.plans += 1
        return Filling(key=f"answer-{self.data}", pinned_at=self.now, run=self._run)

    def _run(self) -> Result:
        self.runs += 1
        table = pa.table({"data": [self.data]})
        return Result(key=f"answer-{self.data}", table=table, columns=(), readings=(), created_at=self.now, seconds=0.1)


def test_the_first_question_is_a_miss_that_is_stored() -> None:
    status = World().ask().status
    assert (status.hit, status.fwd, status.stored) == (False, "miss", True)


def test_within_its_ttl_an_answer_is_served_without_planning() -> None:
    world = World()
    world.ask()
    world.now += 59
    world.data = "b"
    fetched = world.ask()
    assert (fetched.status.hit, fetched.age, world.plans, world.runs) == (True, 59, 1, 1)


def test_after_its_ttl_an_unchanged_answer_is_revalidated_without_running() -> None:
    world = World()
    world.ask()
    world.now += 61
    fetched = world.ask()
    assert (fetched.status.hit, fetched.status.detail, fetched.age) == (True, "revalidated", 0)
    assert (world.plans, world.runs) == (2, 1)


def test_a_revalidated_answer_is_fresh_for_another_ttl() -> None:
    world = World()
    world.ask()
    world.now += 61
    world.ask()
    world.now += 59
    world.ask()
    assert world.plans == 2


def test_after_its_ttl_an_answer_over_changed_data_is_computed_again() -> None:
    world = World()
    world.ask()
    world.now += 61
    world.data = "b"
    assert world.ask().result.table.to_pydict() == {"data": ["b"]}
    assert world.runs == 2


def test_data_that_changes_back_finds_its_old_answer() -> None:
    world = World()
    world.ask()
    for data in "ba":
        world.now += 61
        world.data = data
        world.ask()
    assert world.runs == 2


def test_a_query_that_opted_out_runs_every_time() -> None:
    world = World()
    for _ in range(2):
        status = world.ask(CachePolicy(enabled=False)).status
    assert (status.fwd, status.stored, world.runs) == ("bypass", False, 2)
