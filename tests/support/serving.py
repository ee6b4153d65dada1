"""A gateway whose questions are planned and computed by the test, over a real cache and a real single flight."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor as Pool
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from gateway.cache.results import ResultCache
from gateway.concurrency.backoff import Backoff
from gateway.concurrency.cancellation import Cancellation
from gateway.execution.executor import Executor
from gateway.execution.leases import Lease, OneByOne
from gateway.execution.row_tee import RowTee
from gateway.execution.single_flight import SingleFlight
from gateway.execution.work import Work
from gateway.model import BoundQuery, CachePolicy, Plan, Principal, Result
from gateway.pipeline import Gateway
from gateway.streaming import Streamed
from gateway.telemetry.timings import Timings


class NoLease(OneByOne):
    """Every lease is free: for a process that shares its results with no other."""

    def take(self, key: str) -> bool:
        return True

    def release(self, key: str) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""


def a_question(policy: CachePolicy) -> BoundQuery:
    """A query over no table that is bound already."""
    return BoundQuery(name="", version=0, sql="", normalised="beef", tables=(), parameters={}, cache=policy)


class _Planning:
    """Plans every question to the result of ``key()``; ``planned`` are the queries, each with its question."""

    def __init__(self, key: Callable[[], str], clock: Callable[[], float]) -> None:
        self._key, self._clock = key, clock
        self.planned: list[tuple[BoundQuery, str]] = []
        self.catalog = SimpleNamespace(
            announced=lambda names: {}, identities=lambda names: [], name=lambda snapshots: None
        )

    def plan(self, query: BoundQuery, question: str, principal: Principal, timings: Timings, *_: object) -> Work:
        self.planned.append((query, question))
        plan = cast(Plan, SimpleNamespace(query=query, scans=()))
        key, now = self._key(), self._clock()
        return Work(plan=plan, question=question, key=key, principal=principal, pinned_at=now, timings=timings)


def serving(
    *,
    cache: ResultCache,
    pool: Pool,
    key: Callable[[], str],
    run: Callable[..., Result],
    send: Callable[..., Result | Streamed] | None = None,
    clock: Callable[[], float],
    lease: Lease | None = None,
    monotonic: Callable[[], float] | None = None,
    wait: float = 1.0,
) -> Gateway:
    """Make a gateway over *cache*, for which every question is planned to the result of ``key()``.

    A question may take *wait* seconds. ``run(cancellation, tee)`` computes a result,
    and ``send(cancellation, head=…, limit=…)`` rows for one caller.
    """
    monotonic = monotonic or clock

    def whole(work: Work, cancellation: Cancellation, tee: RowTee | None = None) -> Result:
        with work.timings("execute"):
            return run(cancellation, tee)

    runner = SimpleNamespace(
        allowed=lambda query: wait,
        whole=whole,
        send=lambda work, cancellation, *, head, limit: cast(Any, send)(cancellation, head=head, limit=limit),
        planning=_Planning(key, clock),
        execution=SimpleNamespace(engine=SimpleNamespace(name="test")),
    )
    in_flight = SingleFlight(lease or NoLease(), pool, monotonic=monotonic)
    return Gateway(
        registry=cast(Any, SimpleNamespace(bind=lambda query, now: query)),
        cache=cache,
        executor=Executor(
            cache=cache, in_flight=in_flight, runner=cast(Any, runner), refreshes=Backoff(clock), clock=clock
        ),
        clock=clock,
        monotonic=monotonic,
    )


def served_from(
    gateway: Gateway,
    cache: ResultCache,
    pool: Pool,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    catalog: Any = None,
) -> Gateway:
    """Return an opened gateway with another cache, clock or catalog. Errors are remembered by *monotonic*."""
    catalog = catalog or gateway.catalog
    planning = replace(gateway.planning, clock=clock, catalog=catalog)
    execution = replace(gateway.runner.execution, clock=clock)
    runner = replace(gateway.runner, planning=planning, execution=execution)
    in_flight = SingleFlight(NoLease(), pool, monotonic=monotonic)
    executor = Executor(cache=cache, in_flight=in_flight, runner=runner, refreshes=Backoff(clock), clock=clock)
    return replace(gateway, cache=cache, executor=executor, recent=None, clock=clock)


def with_execution(gateway: Gateway, **changes: Any) -> Gateway:
    """Return an opened gateway that runs plans in another way, e.g. in another ``engine``."""
    execution = replace(gateway.runner.execution, **changes)
    return replace(gateway, executor=gateway.executor.over(replace(gateway.runner, execution=execution)))
