"""The two clocks of a cached answer: how long it is served without asking, and when it is computed again."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from serving import a_question, serving

from gateway.answer import Answer, Directives, Unread
from gateway.cache.epochs import Epochs
from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.purges import PurgeLog
from gateway.cache.results import ResultCache
from gateway.cache.summaries import Summaries
from gateway.cache.tier import Purge
from gateway.concurrency.backoff import Backoff
from gateway.concurrency.cancellation import Cancellation
from gateway.errors import EngineFailed, GatewayError, NotCached, QueryFailed, QueueFull
from gateway.execution.row_tee import RowTee
from gateway.model import CachePolicy, Principal, Result, Summary
from gateway.pipeline import Gateway

POLICY = CachePolicy(ttl=60)
NOTHING = Directives()


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
    gateway: Gateway = field(init=False)
    pool: Immediately = field(default_factory=Immediately)
    while_planning: Callable[[], object] = lambda: None
    seconds_a_look: float = 0.0
    """What the clock goes on by each time that it is looked at."""

    def __post_init__(self) -> None:
        tiers = [MemoryTier(10**6, clock=self.clock), MemoryTier(10**6, clock=self.clock)]
        self.over(ResultCache(tiers, clock=self.clock, ceiling=3600))

    def over(self, cache: ResultCache) -> None:
        """Serve from another cache."""
        self.gateway = serving(cache=cache, pool=self.pool, key=self._key, run=self._run, clock=self.clock)

    def clock(self) -> float:
        self.now += self.seconds_a_look
        return self.now

    def ask(self, policy: CachePolicy = POLICY, directives: Directives = NOTHING) -> Answer:
        return self.gateway.answer(a_question(policy), principal=Principal(), directives=directives)

    def ask_for(self, suffices: Callable[..., bool]) -> Answer | Unread:
        """Ask as who needs no rows where a summary suffices."""
        return self.gateway.answer(a_question(POLICY), principal=Principal(), stream=None, suffices=suffices)

    def renew(self, policy: CachePolicy = POLICY) -> Answer:
        return self.gateway.renew(a_question(policy), principal=Principal())

    def _key(self) -> str:
        self.plans += 1
        self.while_planning()
        return self.data * 16

    def _run(self, cancellation: Cancellation, tee: RowTee | None = None) -> Result:
        self.runs += 1
        if self.failure is not None:
            raise self.failure
        table = pa.table({"data": [self.data]})
        return Result(key=self.data * 16, table=table, columns=(), readings=(), created_at=self.now, seconds=0.1)


def test_rows_at_hand_tell_their_digest_before_an_older_summary_does() -> None:
    world = World()
    summaries = Summaries([MemoryTier(10**6, clock=world.clock)])
    tiers = [MemoryTier(10**6, clock=world.clock)]
    world.over(ResultCache(tiers, clock=world.clock, summaries=summaries))
    made = world.ask().result
    assert isinstance(made, Result)
    summaries.put(replace(made, digest="older"))
    assert world.ask_for(lambda query, summary: True).result == made
    tiers[0].drop(Purge())
    known = world.ask_for(lambda query, summary: True).result
    assert (type(known), known.key, world.runs) == (Summary, made.key, 1)


def test_a_caller_who_has_other_rows_than_a_summary_tells_of_gets_them_computed() -> None:
    world = World()
    tiers = [MemoryTier(10**6, clock=world.clock)]
    summaries = Summaries([MemoryTier(10**6, clock=world.clock)])
    world.over(ResultCache(tiers, clock=world.clock, summaries=summaries))
    world.ask()
    tiers[0].drop(Purge())
    answer = world.ask_for(lambda query, summary: False)
    assert (answer.status.fwd, world.runs) == ("miss", 2)


def test_the_first_question_is_a_miss_that_is_stored() -> None:
    status = World().ask().status
    assert (status.hit, status.fwd, status.stored) == (False, "miss", True)


def test_within_its_ttl_an_answer_is_served_without_planning() -> None:
    world = World()
    world.ask()
    world.now += 59
    world.data = "b"
    answer = world.ask()
    assert (answer.status.hit, answer.age, world.plans, world.runs) == (True, 59, 1, 1)


def test_after_its_ttl_an_unchanged_answer_is_revalidated_without_running() -> None:
    world = World()
    world.ask()
    world.now += 61
    answer = world.ask()
    assert (answer.status.hit, answer.status.detail, answer.age) == (True, "revalidated", 0)
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


def rows(answer: Answer) -> list[str]:
    return answer.result.table["data"].to_pylist()


def test_changed_data_is_served_stale_while_one_refresh_runs() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data, world.pool.holding = world.now + 100, "b", True
    first, second = world.ask(STALE), world.ask(STALE)
    assert (rows(first), rows(second)) == (["a"], ["a"])
    assert (first.status.hit, first.status.detail, first.status.ttl, first.age) == (
        True,
        "stale-while-revalidate",
        -40,
        100,
    )
    world.pool.release()
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
    answer = world.ask(STALE)
    assert rows(answer) == ["a"]
    assert (answer.status.hit, answer.status.fwd, answer.status.detail) == (
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


def test_an_answer_that_keeps_being_right_is_kept_however_long_ago_it_was_computed() -> None:
    world = World()
    world.ask()
    for _ in range(100):
        world.now += 300
        world.ask()
    assert world.runs == 1


def test_a_refresh_that_has_just_failed_leaves_the_stale_answer_in_service() -> None:
    world = World()
    policy = CachePolicy(ttl=60, stale_while_revalidate=600)
    world.ask(policy)
    world.now, world.data, world.failure = world.now + 100, "b", EngineFailed("broken")
    answer = [world.ask(policy) for _ in range(3)]
    assert [(rows(one), one.status.detail) for one in answer] == [(["a"], "stale-while-revalidate")] * 3
    assert world.runs == 2
    world.now += 2
    world.ask(policy)
    assert world.runs == 3


def test_a_refresh_that_keeps_failing_is_tried_less_and_less() -> None:
    world = World()
    policy = CachePolicy(ttl=60, stale_while_revalidate=3_000)
    world.ask(policy)
    world.now, world.data, world.failure = world.now + 100, "b", EngineFailed("broken")
    for _ in range(120):
        world.now += 1
        world.ask(policy)
    assert 5 <= world.runs - 1 <= 8
    world.failure, world.now = None, world.now + 60
    world.ask(policy)
    assert rows(world.ask(policy)) == ["b"]


def test_an_answer_that_is_dropped_while_its_question_is_planned_is_computed_again() -> None:
    world = World()
    world.ask()
    world.now += 61
    world.while_planning = lambda: world.gateway.cache.drop(Purge())
    answer = world.ask()
    assert (rows(answer), answer.status.fwd, world.runs) == (["a"], "miss", 2)


@pytest.mark.parametrize("ask", [World.ask, World.renew])
def test_the_instant_that_a_query_reads_is_the_one_that_its_question_names(ask: Callable[..., Answer]) -> None:
    world = World(seconds_a_look=0.7)
    for _ in range(5):  # the width of an instant is two looks at the clock, more or less
        ask(world, CachePolicy(ttl=0, clock=1.0))
    planned = cast(Any, world.gateway.planning).planned
    assert len({question for _, question in planned}) > 1
    assert [world.gateway.question(query, Principal()) for query, _ in planned] == [asked for _, asked in planned]


@pytest.mark.parametrize("failure", [EngineFailed("broken"), QueueFull("full"), QueryFailed("division by zero")])
def test_a_stale_answer_stays_in_service_after_another_request_failed_to_compute_a_newer(failure: GatewayError) -> None:
    world = World()
    policy = CachePolicy(ttl=60, stale_while_revalidate=600)
    world.ask(policy)
    world.now, world.data, world.failure = world.now + 100, "b", failure
    with pytest.raises(type(failure)):
        world.ask(policy, Directives(no_cache=True))
    assert (rows(world.ask(policy)), world.runs) == (["a"], 2)


@pytest.mark.parametrize("at_once", [True, False])
def test_the_timings_of_a_stale_answer_are_not_those_of_the_refresh_behind_it(at_once: bool) -> None:
    world = World()
    assert "execute" in world.ask(STALE).timings
    world.now, world.data, world.pool.holding = world.now + 100, "b", not at_once
    stale = world.ask(STALE)
    world.pool.release()
    assert (world.runs, sorted(stale.timings)) == (2, ["cache"])


def test_no_cache_compares_a_fresh_answer_with_the_data_as_it_is() -> None:
    world, no_cache = World(), Directives(no_cache=True)
    world.ask()
    assert (world.ask(directives=no_cache).status.detail, world.runs) == ("revalidated", 1)
    world.data = "b"
    assert (rows(world.ask(directives=no_cache)), world.runs) == (["b"], 2)


def test_no_cache_is_never_answered_with_a_stale_answer() -> None:
    world, no_cache = World(), Directives(no_cache=True)
    world.ask(STALE)
    world.now, world.data = world.now + 100, "b"
    assert rows(world.ask(STALE, no_cache)) == ["b"]
    world.now, world.data, world.failure = world.now + 100, "c", EngineFailed("broken")
    with pytest.raises(EngineFailed):
        world.ask(STALE, no_cache)


@pytest.mark.parametrize(("age", "plans"), [(9, 1), (10, 1), (11, 2)])
def test_max_age_bounds_how_long_ago_an_answer_was_last_compared(age: int, plans: int) -> None:
    world = World()
    world.ask()
    world.now += age
    world.ask(directives=Directives(max_age=10))
    assert world.plans == plans


def test_only_if_cached_never_runs_a_query() -> None:
    world, kept_only = World(), Directives(only_if_cached=True)
    with pytest.raises(NotCached):
        world.ask(directives=kept_only)
    world.ask()
    assert world.ask(directives=kept_only).status.hit
    world.now += 100
    assert world.ask(directives=kept_only).status.detail == "revalidated"
    world.now, world.data = world.now + 100, "b"
    assert rows(world.ask(STALE, kept_only)) == ["a"]
    with pytest.raises(NotCached):
        world.ask(directives=kept_only)
    with pytest.raises(NotCached):
        world.ask(CachePolicy(enabled=False), kept_only)
    assert world.runs == 1


def test_no_store_is_answered_from_what_is_kept_and_keeps_nothing_itself() -> None:
    world, no_store = World(), Directives(no_store=True)
    for _ in range(2):
        status = world.ask(directives=no_store).status
        assert (status.fwd, status.stored) == ("miss", False)
    world.ask()
    assert world.ask(directives=no_store).status.hit
    assert world.runs == 3


def test_renewing_starts_a_ttl_anew_without_running_what_has_not_changed() -> None:
    world = World()
    world.renew()
    world.now += 50
    assert (world.renew().status.detail, world.runs) == ("revalidated", 1)
    world.now += 50
    assert (world.ask().status.detail, world.plans) == (None, 2)


def test_renewing_computes_a_changed_answer_before_anybody_asks() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data = world.now + 30, "b"
    assert rows(world.renew(STALE)) == ["b"]
    answer = world.ask(STALE)
    assert (rows(answer), answer.status.hit, answer.status.ttl) == (["b"], True, 60)


def test_renewing_never_settles_for_a_stale_answer() -> None:
    world = World()
    world.ask(STALE)
    world.now, world.data, world.failure = world.now + 100, "b", EngineFailed("broken")
    with pytest.raises(EngineFailed):
        world.renew(STALE)


def test_what_another_process_dropped_is_gone_from_memory_too(tmp_path: Path) -> None:
    epochs = Epochs()
    here, there = PurgeLog(tmp_path / "drops", epochs), PurgeLog(tmp_path / "drops", epochs)
    world = World()
    world.over(ResultCache([MemoryTier(10**6, clock=world.clock)], clock=world.clock, epochs=epochs, purges=here))
    world.ask()
    there.announce(Purge(query="another"))
    world.ask()
    assert world.runs == 1
    there.announce(Purge(query=""))
    world.ask()
    assert world.runs == 2


def test_a_drop_is_told_once_and_not_to_who_comes_later(tmp_path: Path) -> None:
    epochs = Epochs()
    log = PurgeLog(tmp_path / "drops", epochs)
    log.announce(Purge(table="flights", before=1.5))
    assert PurgeLog(tmp_path / "drops", epochs).unseen() == []
    assert [log.unseen(), log.unseen()] == [[Purge(table="flights", before=1.5)], []]


def test_a_torn_line_hides_no_drop_after_it(tmp_path: Path) -> None:
    log = PurgeLog(tmp_path / "drops", Epochs())
    with (tmp_path / "drops").open("ab") as file:
        file.write(b'{"query": "delays", "tab\n{"planet": 1}\n')
    log.announce(Purge(query="routes"))
    assert log.unseen() == [Purge(), Purge(query="routes")]  # a line of another version may mean anything


def test_dropping_tells_how_many_each_tier_forgot() -> None:
    world = World()
    world.ask()
    assert {name: len(entries) for name, entries in world.gateway.cache.entries().items()} == {"memory": 1}
    assert world.gateway.cache.drop(Purge(query="")) == {"memory": 1}
    world.ask()
    assert world.runs == 2


def test_an_answer_from_a_farther_tier_says_so_and_is_near_from_then_on(tmp_path: Path) -> None:
    world = World()
    near, far = MemoryTier(10**6, clock=world.clock), FileTier(tmp_path, 10**6, clock=world.clock)
    world.over(ResultCache([near, far], clock=world.clock))
    world.ask()
    near.drop(Purge())
    assert [world.ask().status.detail for _ in range(2)] == ["disk", None]
    assert world.runs == 1


def test_an_answer_from_the_future_is_compared_with_the_data_before_it_is_served() -> None:
    world = World()
    world.ask()
    world.now -= 86_400
    world.data = "b"
    assert world.ask().status.fwd == "miss"
    assert world.ask().status.hit
    assert world.runs == 2


def test_after_the_clock_went_back_an_unchanged_answer_is_served_without_running_and_expires_again() -> None:
    world = World()
    world.ask()
    world.now -= 86_400
    assert world.ask().status.detail == "revalidated"
    world.now += 61
    assert world.ask().status.detail == "revalidated"
    assert world.runs == 1


def test_a_jump_forward_runs_nothing_whose_data_is_the_same() -> None:
    world = World()
    world.ask(CachePolicy(ttl=60, stale_if_error=600))
    world.now += 600
    assert world.ask().status.detail == "revalidated"
    assert world.runs == 1


def test_the_clock_of_another_host_may_be_a_little_ahead() -> None:
    world = World()
    world.ask()
    world.now -= 3
    answer = world.ask()
    assert (answer.status.hit, answer.status.ttl, world.plans) == (True, 60, 1)


def test_an_answer_from_the_future_is_served_stale_where_computing_fails() -> None:
    world = World()
    policy = CachePolicy(ttl=60, stale_if_error=600)
    world.ask(policy)
    world.now -= 86_400
    world.data, world.failure = "b", EngineFailed("broken")
    assert world.ask(policy).status.detail == "stale-if-error; engine-failed"


def test_nobody_knows_whether_an_answer_from_the_future_is_young_enough() -> None:
    world = World()
    policy = CachePolicy(ttl=60, stale_while_revalidate=600)
    world.ask(policy)
    world.now -= 86_400
    world.data = "b"
    assert world.ask(policy, Directives(max_age=30)).status.fwd == "miss"


def test_a_pause_after_failures_ends_when_the_clock_goes_back() -> None:
    now = [1_000_000.0]
    pauses = Backoff(lambda: now[0])
    pauses.ended("beef", EngineFailed("broken"))
    assert not pauses.due("beef")
    now[0] -= 86_400
    assert pauses.due("beef")
