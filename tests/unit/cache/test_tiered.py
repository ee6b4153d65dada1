"""The two clocks of a cached answer: how long it is served without asking, and when it is computed again."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from gateway.cache.flight import Flights, NoLease
from gateway.cache.memory import MemoryTier
from gateway.cache.tiered import Asked, Fetched, Filling, Results
from gateway.errors import EngineFailed, GatewayError, QueryFailed, QueueFull
from gateway.model import CachePolicy, Result

POLICY = CachePolicy(ttl=60)


class Immediately(Executor):
    """Run what is submitted at once, or keep it for later."""

    def __init__(self) -> None:
        self.later: list[Callable[[], object]] = []
        self.holding = False

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # the signature of Executor.submit
        future: Future[object] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except GatewayError as error:
                future.set_exception(error)

        self.later.append(run)
        if not self.holding:
            self.release()
        return future

    def release(self) -> None:
        while self.later:
            self.later.pop(0)()


@dataclass
class World:
    """A question over data that may change, and counts of how often it was planned and run."""

    now: float = 1_000_000.0
    data: str = "a"
    runs: int = 0
    plans: int = 0
    failure: GatewayError | None = None
    results: Results = field(init=False)
    fills: Immediately = field(default_factory=Immediately)

    def __post_init__(self) -> None:
        tiers = [MemoryTier(10**6, clock=self.clock), MemoryTier(10**6, clock=self.clock)]
        flights = Flights(NoLease(), self.fills, monotonic=self.clock)
        self.results = Results(tiers, flights, clock=self.clock, ceiling=3600)

    def clock(self) -> float:
        return self.now

    def ask(self, policy: CachePolicy = POLICY) -> Fetched:
        return self.results.fetch(Asked(question="beef", policy=policy, prepare=self._prepare, deadline=self.now + 1))

    def _prepare(self) -> Filling:
        self.plans += 1
        return Filling(key=self.data * 16, pinned_at=self.now, run=self._run)

    def _run(self) -> Result:
        self.runs += 1
        if self.failure is not None:
            raise self.failure
        table = pa.table({"data": [self.data]})
        return Result(key=self.data * 16, table=table, columns=(), readings=(), created_at=self.now, seconds=0.1)


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


STALE = CachePolicy(ttl=60, stale_while_revalidate=600, stale_if_error=1200)


def rows(fetched: Fetched) -> list[str]:
    return fetched.result.table["data"].to_pylist()


def test_changed_data_is_served_stale_while_one_refresh_runs() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data, world.fills.holding = world.now + 100, "b", True
    first, second = world.ask(STALE), world.ask(STALE)
    assert (rows(first), rows(second)) == (["a"], ["a"])
    assert (first.status.hit, first.status.detail, first.status.ttl, first.age) == (
        True,
        "stale-while-revalidate",
        -40,
        100,
    )
    world.fills.release()
    assert world.runs == 2
    fresh = world.ask(STALE)
    assert (rows(fresh), fresh.status.detail) == (["b"], None)


def test_an_answer_older_than_stale_while_revalidate_is_waited_for() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data = world.now + 661, "b"
    assert rows(world.ask(STALE)) == ["b"]


@pytest.mark.parametrize("failure", [EngineFailed("broken"), QueueFull("full")])
def test_when_computing_fails_the_last_good_answer_is_served_and_says_so(failure: GatewayError) -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data, world.failure = world.now + 661, "b", failure
    fetched = world.ask(STALE)
    assert rows(fetched) == ["a"]
    assert (fetched.status.hit, fetched.status.fwd, fetched.status.detail) == (
        False,
        "stale",
        f"stale-if-error; {failure.code}",
    )


def test_past_stale_if_error_the_error_is_the_answer() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data, world.failure = world.now + 1261, "b", EngineFailed("broken")
    with pytest.raises(EngineFailed):
        world.ask(STALE)


def test_an_error_of_the_question_itself_is_never_covered_by_a_stale_answer() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data, world.failure = world.now + 661, "b", QueryFailed("division by zero")
    with pytest.raises(QueryFailed):
        world.ask(STALE)


def test_the_ceiling_bounds_what_a_policy_allows() -> None:
    world = World()
    policy = CachePolicy(ttl=60, stale_while_revalidate=10**6)
    world.ask(policy)
    world.now, world.data = world.now + 60 + 3601, "b"
    assert rows(world.ask(policy)) == ["b"]


def test_an_error_is_given_to_those_who_ask_again_at_once_and_then_tried_again() -> None:
    world = World(failure=EngineFailed("broken"))
    for _ in range(3):
        with pytest.raises(EngineFailed):
            world.ask()
    assert world.runs == 1
    world.now, world.failure = world.now + 2, None
    assert rows(world.ask()) == ["a"]
