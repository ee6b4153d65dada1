"""Results too large to be kept: sent to each caller as they are computed, and remembered to be so."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from serving import a_question, serving

from gateway.answer import Answer, Directives, Export, Unread
from gateway.cache.memory import MemoryTier
from gateway.cache.results import ResultCache
from gateway.concurrency.cancellation import Cancellation
from gateway.errors import ResultTooLarge
from gateway.execution.row_tee import RowTee
from gateway.execution.work import StreamOptions
from gateway.model import CachePolicy, Principal, Result
from gateway.pipeline import Gateway
from gateway.streaming import Streamed

KEY = "ab" * 16


@dataclass
class World:
    """A question whose result is large, and what was run for it."""

    pool: ThreadPoolExecutor
    large: bool = True
    runs: list[str] = field(default_factory=list)
    tees: list[RowTee] = field(default_factory=list)
    has: bool = False
    now: float = 1_000_000.0
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        cache = ResultCache([MemoryTier(10**6, clock=self.clock)], clock=self.clock)
        ways = {"key": lambda: KEY, "run": self._run, "send": self._send}
        self.gateway = serving(cache=cache, pool=self.pool, clock=self.clock, **ways)

    def clock(self) -> float:
        return self.now

    def ask(
        self, *, limit: int | None = None, whole: bool = False, enabled: bool = True, no_store: bool = False
    ) -> Answer | Export | Unread:
        return self.gateway.answer(
            a_question(CachePolicy(ttl=60, enabled=enabled)),
            principal=Principal(),
            directives=Directives(no_store=no_store),
            stream=None if whole else StreamOptions(limit=limit, has=lambda key: self.has),
        )

    def _run(self, cancellation: Cancellation, tee: RowTee | None = None) -> Result:
        self.runs.append("whole")
        if tee is not None:
            self.tees.append(tee)
            if self.large:
                tee.open(rows("early", tee))
        if self.large:
            raise ResultTooLarge("Too large.")
        return Result(key=KEY, table=pa.table({"n": [1]}), columns=(), readings=(), created_at=self.now, seconds=0.0)

    def _send(self, cancellation: Cancellation, *, head: int, limit: int | None) -> Streamed:
        self.runs.append(f"send {head} {limit}")
        return rows("sent")


def rows(name: str, tee: RowTee | None = None) -> Streamed:
    """Stand for rows; they are told apart by their key."""
    close = tee.close if tee is not None else lambda: None
    return Streamed(
        key=name, schema=pa.schema([]), columns=(), readings=(), created_at=0.0, batches=iter(()), close=close
    )


@pytest.fixture
def world() -> Iterator[World]:
    with ThreadPoolExecutor(2) as pool:
        yield World(pool)


def test_the_first_who_asks_gets_rows_while_they_are_gathered(world: World) -> None:
    answer = world.ask()
    assert (answer.result.key, answer.status.fwd, answer.status.stored) == ("early", "miss", False)
    assert (answer.status.detail, world.runs) == ("streamed", ["whole"])


def test_the_next_who_asks_gets_the_first_rows_at_once_and_is_told_why_nothing_is_kept(world: World) -> None:
    world.ask()
    answer = world.ask()
    assert (answer.result.key, answer.status.detail) == ("sent", "too-large")
    assert world.runs == ["whole", "send 0 None"]


def test_that_a_result_is_large_is_forgotten_in_time(world: World) -> None:
    world.ask()
    world.now += 3_601
    world.ask()
    assert world.runs == ["whole", "whole"]


def test_who_needs_all_at_once_is_refused_and_the_next_time_without_running(world: World) -> None:
    for _ in range(2):
        with pytest.raises(ResultTooLarge):
            world.ask(whole=True)
    assert world.runs == ["whole"]


def test_a_page_is_made_of_the_first_rows(world: World) -> None:
    answer = world.ask(limit=10)
    assert (answer.result.key, answer.status.detail) == ("sent", "too-large")
    assert world.runs == ["whole", "send 0 10"]


def test_a_result_that_was_whole_in_time_comes_whole_and_is_kept(world: World) -> None:
    world.large = False
    first, second = world.ask(limit=10), world.ask()
    assert isinstance(first.result, Result)
    assert (second.result, second.status.hit) == (first.result, True)


def test_who_has_the_rows_is_told_so_without_running(world: World) -> None:
    world.has = True
    answer = world.ask()
    assert (answer.result.key, answer.status.hit, world.runs) == (KEY, True, [])


@pytest.mark.parametrize(("options", "fwd"), [({"enabled": False}, "bypass"), ({"no_store": True}, "miss")])
def test_rows_of_which_nothing_is_to_be_kept_are_sent_at_once(world: World, options: dict[str, bool], fwd: str) -> None:
    answer = world.ask(**options)
    assert (answer.result.key, answer.status.fwd, answer.status.detail) == ("sent", fwd, "streamed")
    assert world.runs == [f"send {8 * 2**20} None"]


def test_rows_that_nobody_took_are_let_go(world: World) -> None:
    world.large = False
    world.ask()
    assert not world.tees[-1].hand_over(iter(()), lambda: None)
