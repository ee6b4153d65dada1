"""Compute an answer that is not kept, once for all who ask for it at the same time, and keep it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from gateway.answer import CacheStatus, Outcome
from gateway.cache.freshness import age_at
from gateway.cache.results import ResultCache
from gateway.cache.validations import ValidationState
from gateway.concurrency.backoff import Backoff
from gateway.concurrency.cancellation import Cancellation
from gateway.errors import TOO_LARGE, GatewayError, ResultTooLarge
from gateway.execution.row_tee import RowTee
from gateway.execution.run import STREAM_AFTER
from gateway.execution.runner import PlanRunner
from gateway.execution.single_flight import SingleFlight, Task
from gateway.execution.work import CacheRequest, Work
from gateway.model import CachePolicy, Result
from gateway.streaming import Streamed
from gateway.telemetry.timings import Timings

_KEEPING = 5.0
"""Seconds that a published answer which is not there yet is waited for, while another process writes it."""


class Computed(NamedTuple):
    """A computed result, or its rows while they are computed, and its status at the cache."""

    result: Result | Streamed
    status: CacheStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Runs work by *runner*: shared by all who ask for the same key, and kept in the *cache*."""

    cache: ResultCache
    in_flight: SingleFlight
    runner: PlanRunner
    refreshes: Backoff
    """Which answers may be refreshed behind a stale one: after failures, later and later."""
    clock: Callable[[], float] = time.time

    def run(self, work: Work, request: CacheRequest, state: ValidationState | None = None) -> Computed:
        """Compute an answer, or share what others compute; where it is too large for that, each caller has its own.

        It is published before it is returned. *state* tells what is known of other answers to the question; None:
        nothing is to be kept or published. Raises what the runner raises, ``DeadlineExceeded`` and ``ClientGone``.
        """
        computed = self._run(work, request, state)
        if state is not None and not self.cache.trusts(request.question, computed.result.key):
            self.cache.publish(request.question, work.validation_of(computed.result), state, request.policy)
        return computed

    def refresh(self, work: Work, request: CacheRequest, state: ValidationState) -> None:
        """Start to compute an answer that nobody waits for, unless that failed lately."""
        if not self.refreshes.due(request.question):
            return
        behind = replace(work, timings=Timings(work.timings.clock))  # those of the request are about to be sent
        # Work of the same key that has just failed is not started again: the stale answer stays in service.
        with suppress(GatewayError):
            future, leader = self.in_flight.start(self._task(behind, request.policy, state))
            if leader:
                future.add_done_callback(lambda done: self._refreshed(request.question, done))

    def wait_for_others(self, key: str, *, seconds: float = _KEEPING) -> bool:
        """Wait while another process writes the result of a key, so long at most; tell whether one did."""
        return self.in_flight.wait_elsewhere(key, seconds=min(seconds, _KEEPING))

    def close(self) -> None:
        """Finish what is being computed."""
        self.in_flight.close()

    def over(self, runner: PlanRunner) -> Executor:
        """Return an executor with another *runner*, that of changed declarations; the rest is shared."""
        return replace(self, runner=runner)

    def _run(self, work: Work, request: CacheRequest, state: ValidationState | None) -> Computed:
        if state is None or request.directives.no_store:
            return self.alone(work, request)
        if self.cache.is_too_large(work.key):
            return self._sent(work, request)
        return self._shared(work, request, state)

    def _shared(self, work: Work, request: CacheRequest, state: ValidationState) -> Computed:
        """Compute what is to be kept, or wait for others who do; a caller who takes all rows is sent them meanwhile."""
        asked = request.stream
        tee = RowTee() if asked is not None and asked.limit is None and not asked.waits else None
        first_rows = None if tee is None else tee.first_rows
        task = self._task(work, request.policy, state, tee)
        try:
            result, shared, callers = self.in_flight.run(
                task, deadline=request.deadline, gone=request.gone, first_rows=first_rows
            )
        except ResultTooLarge:
            if request.stream is None:
                raise
            if first_rows is None or not first_rows.done():
                return self._sent(work, request)
            result, shared, callers = first_rows.result(), False, 1
        except BaseException:
            if tee is not None:
                tee.close()
            raise
        if isinstance(result, Streamed):
            return Computed(result, CacheStatus(outcome=Outcome.STREAMED))
        if tee is not None:
            tee.close()
        ttl = request.policy.ttl - age_at(result.created_at, self.clock())
        status = CacheStatus(
            outcome=Outcome.MISS, stored=not shared, collapsed=shared, callers=callers, ttl=ttl, folded=result.folded
        )
        return Computed(result, status)

    def _sent(self, work: Work, request: CacheRequest) -> Computed:
        """Compute rows that are too large to be kept, for this caller alone. Raises ``ResultTooLarge``."""
        if request.stream is None:
            raise ResultTooLarge(TOO_LARGE)
        limit = request.stream.limit
        result = self.in_flight.run_alone(
            partial(self.runner.send, work, head=0, limit=limit),
            deadline=request.deadline,
            gone=request.gone,
        )
        return Computed(result, CacheStatus(outcome=Outcome.TOO_LARGE))

    def alone(self, work: Work, request: CacheRequest, *, head: int | None = STREAM_AFTER) -> Computed:
        """Compute an answer for this caller alone, of which nothing is to be kept.

        Where its caller takes rows as they come, more than *head* bytes of them are sent while they are computed; all
        of them where it is None.
        """
        sends = request.stream is not None and request.stream.limit is None
        work = replace(work, keeps=False)

        def compute(cancellation: Cancellation) -> Result | Streamed:
            if sends:
                return self.runner.send(work, cancellation, head=head, limit=None)
            return self.runner.whole(work, cancellation)

        result = self.in_flight.run_alone(compute, deadline=request.deadline, gone=request.gone)
        bypass = not request.policy.enabled
        if isinstance(result, Streamed):
            return Computed(result, CacheStatus(outcome=Outcome.STREAMED, bypass=bypass))
        return Computed(result, CacheStatus(outcome=Outcome.BYPASS if bypass else Outcome.MISS, folded=result.folded))

    def _task(self, work: Work, policy: CachePolicy, state: ValidationState, tee: RowTee | None = None) -> Task:
        return Task(
            key=work.key,
            compute=partial(self._compute, work, policy, state, tee),
            lookup=partial(self.cache.stored, work.key),
            unshared=partial(self.cache.is_unshared, work.key),
            settled=partial(self.cache.when_settled, work.key),
        )

    def _compute(
        self, work: Work, policy: CachePolicy, state: ValidationState, tee: RowTee | None, cancellation: Cancellation
    ) -> Result:
        """Compute, keep and publish an answer, on a thread of its own."""
        try:
            result = self.runner.whole(work, cancellation, tee)
        except ResultTooLarge as error:
            if error.retry_after is None:
                self.cache.note_too_large(work.key)
            raise
        with work.timings("keep"):
            self.cache.put(result, policy)
            self.cache.publish(work.question, work.validation_of(result), state, policy)
        return result

    def _refreshed(self, question: str, done: Future[tuple[Result, bool]]) -> None:
        if not done.cancelled():
            self.refreshes.ended(question, done.exception())
