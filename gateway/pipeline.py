"""The path of a request. ``Gateway._serve`` is its story: bound, looked up, planned, decided, served or executed.

bind -> look up -> decide -> plan, key -> decide -> serve what is kept
                      |                          -> execute, store, publish
                      -> serve what is fresh
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, overload

from gateway.answer import Answer, CacheStatus, Directives, Export, Outcome, Unread
from gateway.cache.default import default_result
from gateway.cache.freshness import Prepared, Stored, age_at, decide, prepared, ttl_left
from gateway.cache.key import at_snapshot, question_key, result_key, unpinned
from gateway.cache.recent_questions import RecentQuestions
from gateway.cache.results import CacheLookup, ResultCache
from gateway.cache.spool import Spool
from gateway.catalog.catalog import Catalog
from gateway.catalog.manifest import Snapshot
from gateway.concurrency.origin import on_behalf_of
from gateway.engine.base import Engine
from gateway.errors import CapacityError, CursorExpired, GatewayError, NotCached, QueryFailed, UpstreamError
from gateway.execution.admission import Slots
from gateway.execution.executor import Computed, Executor
from gateway.execution.planning import Planning
from gateway.execution.runner import PlanRunner
from gateway.execution.single_flight import Gone
from gateway.execution.stores import Stores
from gateway.execution.work import CacheRequest, StreamOptions, Work, unread
from gateway.model import (
    BoundQuery,
    CachePolicy,
    Column,
    FileVersion,
    Principal,
    Request,
    Result,
    Summary,
    TypedValue,
)
from gateway.plan.analysis import NOW
from gateway.plan.explain import Explanation, below_locations
from gateway.query.registry import Registry
from gateway.streaming import Streamed
from gateway.telemetry.events import Observer
from gateway.telemetry.timings import Timings

_NO_DIRECTIVES = Directives()
_COMPARISONS = 3
"""Plans compared with answers that other hosts give meanwhile, before the answer is computed."""
_DESCRIBING = 5.0
"""Seconds in which the columns of one query are found, or else not."""


class Served(NamedTuple):
    """A result, its rows while they are computed, or its summary; its status at the cache, and its age in seconds."""

    result: Result | Streamed | Summary
    status: CacheStatus
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """How to find the answer to a request again: under its question, until an instant (seconds since the epoch).

    ``note`` counts it among the recent questions once more.
    """

    question: str
    until: float
    note: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Answers questions: the stages of a request, opened for one project.

    ``clock`` tells seconds since the epoch, ``monotonic`` those of a clock that never goes back.
    """

    registry: Registry
    cache: ResultCache
    executor: Executor
    origin: str = ""
    """The deployment and the release of the gateway: answers that others keep are none of its own."""
    client_control: bool = True
    """Whether callers may ask something of the cache."""
    recent: RecentQuestions | None = None
    spool: Spool | None = None
    """Where results are that are too large to be kept and are read in splits; None: nowhere."""
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    @property
    def runner(self) -> PlanRunner:
        """What runs plans."""
        return self.executor.runner

    @property
    def planning(self) -> Planning:
        """What plans questions."""
        return self.executor.runner.planning

    @property
    def catalog(self) -> Catalog:
        """The declared tables and their files."""
        return self.executor.runner.planning.catalog

    @property
    def engine(self) -> Engine:
        """The engine that runs plans."""
        return self.executor.runner.execution.engine

    @property
    def admission(self) -> Slots:
        """The slots in which plans run."""
        return self.executor.runner.execution.admission

    @property
    def stores(self) -> Stores:
        """Where the files of the tables are read."""
        return self.executor.runner.stores

    @property
    def observe(self) -> Observer:
        """What is told of events."""
        return self.executor.runner.execution.observe

    @overload
    def answer(
        self,
        asked: Request | BoundQuery,
        *,
        principal: Principal,
        deadline: float | None = ...,
        directives: Directives = ...,
        gone: Gone | None = ...,
    ) -> Answer: ...

    @overload
    def answer(
        self,
        asked: Request | BoundQuery,
        *,
        principal: Principal,
        deadline: float | None = ...,
        directives: Directives = ...,
        gone: Gone | None = ...,
        stream: StreamOptions | None,
        suffices: Callable[[BoundQuery, Summary], bool] | None = ...,
    ) -> Answer | Export | Unread: ...

    def answer(
        self,
        asked: Request | BoundQuery,
        *,
        principal: Principal,
        deadline: float | None = None,
        directives: Directives = _NO_DIRECTIVES,
        gone: Gone | None = None,
        stream: StreamOptions | None = None,
        suffices: Callable[[BoundQuery, Summary], bool] | None = None,
    ) -> Answer | Export | Unread:
        """Answer a question, from the cache if it was answered before over the same data.

        ``deadline`` is an instant of ``monotonic``; ``gone`` tells whether the caller has left. With *stream*, a
        result that is too large to be kept comes as rows while they are computed; without, that is
        ``ResultTooLarge``. *suffices* tells whether the summary of a result is all that the caller needs.
        """
        timings, now = Timings(self.monotonic), self.clock()
        bound = self._bind(asked, timings, now)
        query = at_this_instant(bound, now)
        request = self._request(
            query,
            principal,
            deadline,
            directives=directives if self.client_control else _NO_DIRECTIVES,
            gone=gone,
            stream=stream,
            enough=None if suffices is None else lambda summary: suffices(bound, summary),
        )
        served = self._serve(query, request, principal, timings)
        timings.rest("flight" if served.status.collapsed else "cache")
        if not served.status.hit:
            allowed = self.runner.allowed(bound) if deadline is None else deadline - timings.started
            timings.seconds["deadline"] = allowed
        return _answered(bound, served, timings)

    def renew(self, asked: Request, *, principal: Principal) -> Answer:
        """Make sure that the newest answer is kept, for those who ask later.

        Raises what ``answer`` raises, and answers neither with what is stale nor with declared rows.
        """
        timings, now = Timings(self.monotonic), self.clock()
        bound = replace(self.registry.bind(asked, now=now), default=None)
        query = at_this_instant(bound, now)
        request = self._request(query, principal, None, directives=Directives(no_cache=True))
        answer = _answered(bound, self._serve(query, request, principal, timings), timings)
        assert isinstance(answer, Answer)  # no stream was asked for
        return answer

    def _serve(self, query: BoundQuery, request: CacheRequest, principal: Principal, timings: Timings) -> Served:
        """Go the whole way of a request: look up, plan, decide, then serve what is kept or execute."""
        question, stored = request.question, None
        try:
            if not request.policy.enabled:
                _may_compute(request)
                work = self.planning.plan(query, question, principal, timings)
                return self._computed(self.executor.run(work, request))
            stored = self.cache.near(question, request.enough)
            if self._decide(stored, request) is Outcome.HIT:
                return self._kept(stored, Outcome.HIT, request)
            found = self._look_up(request)
            stored = found.stored  # for the case that the next line fails
            found = found.after(partial(self.catalog.announced, request.tables))
            stored = found.stored
            if self._decide(stored, request) is Outcome.HIT:
                self.cache.trust(question, found.state, request.policy)
                return self._kept(stored, Outcome.HIT, request)
            work, confirmed = self._plan(query, request, found, principal, timings)
            self.catalog.name(work.snapshots.values())  # also where the answer is kept: a table may have come back
            outcome = self._decide(confirmed or stored, request, work.key)
            if outcome is Outcome.REVALIDATED and confirmed is not None:  # None: dropped since it was looked up
                self.cache.extend(work.key, request.policy)
                return self._kept(confirmed, outcome, request)
            if outcome is Outcome.STALE_WHILE_REVALIDATE:
                if not request.directives.only_if_cached:
                    self.executor.refresh(work, request, found.state)
                return self._kept(stored, outcome, request)
            if request.stream is not None and request.stream.has(work.key):
                self.cache.publish(question, work.validation, found.state, request.policy)
                status = CacheStatus(outcome=Outcome.REVALIDATED, ttl=request.policy.ttl)
                return Served(unread(work), status, 0.0)
            _may_compute(request)
            return self._computed(self.executor.run(work, request, found.state))
        except (UpstreamError, CapacityError) as error:
            return self._instead(query, stored, request, error)

    def _look_up(self, request: CacheRequest) -> CacheLookup:
        """Look for the newest answer; where it is published and not there, wait for the process that writes it."""
        found = self.cache.lookup(request.question, request.tables, request.enough)
        missing = None if found.stored is not None else found.state.newest
        if missing is None or not self.executor.wait_for_others(
            missing.key, seconds=request.deadline - self.monotonic()
        ):
            return found
        return self.cache.lookup(request.question, request.tables, request.enough)

    def _plan(
        self, query: BoundQuery, request: CacheRequest, found: CacheLookup, principal: Principal, timings: Timings
    ) -> tuple[Work, Stored | None]:
        """Plan over files that no other answer has seen later ones of; find the answer that is kept for them.

        Where another host gives an answer over a later list of files meanwhile, it is planned again.
        """
        question, others = request.question, found.state.all
        work = self.planning.plan(query, question, principal, timings, others)
        for _ in range(_COMPARISONS):
            kept = self.cache.find(work.key, request.enough)
            if kept is None:
                break
            newer = self.cache.publish(question, work.validation, found.state, request.policy)
            if newer is None:
                return work, Stored(validation=work.validation, result=kept[0], newest=True)
            work = self.planning.plan(query, question, principal, timings, [newer])
        return work, None

    def _decide(
        self, stored: Stored | None, request: CacheRequest, key: str | None = None, *, failed: bool = False
    ) -> Outcome:
        policy, directives, ceiling = request.policy, request.directives, self.cache.ceiling
        return decide(stored, key, policy, directives, self.clock(), ceiling=ceiling, failed=failed)

    def _kept(self, stored: Stored | None, outcome: Outcome, request: CacheRequest, error: str | None = None) -> Served:
        """Serve a kept answer, as was decided."""
        assert stored is not None
        now = self.clock()
        left = ttl_left(stored.validation, request.policy, now)
        status = CacheStatus(outcome=outcome, tier=stored.tier, ttl=left, error=error)
        return Served(stored.result, status, age_at(stored.validation.checked_at, now))

    def _computed(self, computed: Computed) -> Served:
        return Served(computed.result, computed.status, age_at(computed.result.created_at, self.clock()))

    def _instead(self, query: BoundQuery, stored: Stored | None, request: CacheRequest, error: GatewayError) -> Served:
        """Serve what is kept, or the declared rows, where computing failed; raise the error where there is neither."""
        outcome = self._decide(stored, request, failed=True)
        if outcome is Outcome.STALE_IF_ERROR:
            return self._kept(stored, outcome, request, error.code)
        if query.default is None:
            raise error
        result = default_result(query, query.default, now=self.clock())
        return Served(result, CacheStatus(outcome=Outcome.DEFAULT, error=error.code), 0.0)

    def explain(self, request: Request, *, principal: Principal) -> Explanation:
        """Plan *request* without running it; files are named below the declared locations, not by full paths."""
        query = self.registry.bind(request, now=self.clock())
        address = below_locations(self.planning.snapshots(query).values())
        return self.explain_bound(query, principal=principal, address=address)

    def explain_bound(
        self,
        query: BoundQuery,
        *,
        principal: Principal,
        address: Callable[[FileVersion], str] = lambda file: file.path,
    ) -> Explanation:
        """Plan a query that is bound already, without running it; *address* names files for the reader."""
        query = at_this_instant(query, self.clock())
        with on_behalf_of(query.origin):
            snapshots = self.planning.snapshots(query)
            plan = self.planning.planner.plan(query, snapshots, principal)
        key = result_key(unpinned(self.question(query, principal)), plan, self.engine.name)
        computing = self.runner.computing(plan, snapshots, principal)
        statuses = [(name, self.catalog.status(name)) for name in query.tables]
        return Explanation(
            plan=plan,
            statement=plan.statement(address),
            address=address,
            key=key,
            cached=self.cache.stored(key) is not None,
            now=self.clock(),
            datasets=self.catalog.datasets(snapshots),
            failing={name: status.failure.error for name, status in statuses if status.failure is not None},
            folded=computing.folded,
            whole=computing.whole,
            choice=computing.choice,
            deterministic=computing.deterministic,
            kept=computing.kept,
            unread={name: reason for name, each in snapshots.items() if (reason := each.nothing_read) is not None},
        )

    def question(self, query: BoundQuery, principal: Principal) -> str:
        """Digest a question over the tables as they are declared now."""
        origin = f"{self.origin}/{self.engine.name}"
        question = question_key(query, principal, self.catalog.identities(query.tables), origin=origin)
        return question if query.snapshot is None else at_snapshot(question, query.snapshot)

    def stored(self, key: str, digest: str) -> Result:
        """Return the kept result of a key and digest, for its further pages. Raises ``CursorExpired``."""
        result = self.cache.stored(key, digest)
        if result is None and self.executor.wait_for_others(key):
            result = self.cache.stored(key, digest)
        if result is None:
            raise CursorExpired("This result is no longer kept: ask the query again for its first page.")
        return result

    def columns(self, query: str, version: int) -> tuple[Column, ...]:
        """Return the result columns of a query, found without reading a row. Raises what running it may."""
        template = self.registry.template(query, version)
        snapshots = self.catalog.pin(template.tables)
        *first, last = [at_this_instant(bound, self.clock()) for bound in template.bindings()]
        deadline = self.monotonic() + _DESCRIBING
        for bound in first:
            with suppress(QueryFailed):
                return self.columns_of(bound, snapshots, deadline=deadline)
        return self.columns_of(last, snapshots, deadline=deadline)

    def columns_of(
        self, query: BoundQuery, snapshots: Mapping[str, Snapshot], *, deadline: float
    ) -> tuple[Column, ...]:
        """Return the columns of an answer, found without reading a row. Raises what running it may."""
        with on_behalf_of(query.origin):
            return self.engine.columns(self.planning.planner.over_nothing(query, snapshots), deadline=deadline)

    def locate(self, query: BoundQuery, request: Request, principal: Principal) -> Located:
        """Say how to find the answer to *request*, bound to *query*, again without binding it."""
        width, now = query.cache.clock, self.clock()
        return Located(
            question=self.question(at_this_instant(query, now), principal),
            until=min(query.until, math.inf if width is None else (now // width + 1) * width),
            note=(lambda: None) if self.recent is None or query.snapshot else self.recent.noting(query, request),
        )

    def ready(self, question: str, form: str | None, policy: CachePolicy) -> Prepared | None:
        """Return the answer that ``answer`` would give at once, with its body in one form, from the nearest tier.

        None where ``answer`` would have to look farther, to plan, or to compute. *form* None asks for no body.
        """
        found = self.cache.ready(question, form)
        return None if found is None else prepared(*found, policy, self.clock())

    def _bind(self, asked: Request | BoundQuery, timings: Timings, now: float) -> BoundQuery:
        if isinstance(asked, BoundQuery):
            return asked
        with timings("bind"):
            query = self.registry.bind(asked, now=now)
        if self.recent is not None and query.snapshot is None:
            self.recent.note(query, asked)
        return query

    def _request(self, query: BoundQuery, principal: Principal, deadline: float | None, **how: Any) -> CacheRequest:
        """Say what is asked of the cache; *how* the caller takes the answer, see ``CacheRequest``."""
        latest = self.monotonic() + self.runner.allowed(query)
        return CacheRequest(
            question=self.question(query, principal),
            policy=query.cache,
            tables=tuple(query.tables),
            deadline=latest if deadline is None else min(latest, deadline),
            **how,
        )


def at_this_instant(query: BoundQuery, clock: float) -> BoundQuery:
    """Bind the clock, in seconds since the epoch, rounded down as the query declares, where it reads it."""
    width = query.cache.clock
    if width is None or NOW in query.parameters:
        return query
    instant = datetime.fromtimestamp(clock // width * width, UTC)
    now = TypedValue(value=instant, type="TIMESTAMP WITH TIME ZONE")
    return replace(query, parameters={**query.parameters, NOW: now})


def _answered(query: BoundQuery, served: Served, timings: Timings) -> Answer | Export | Unread:
    result = served.result
    # A copy: what is computed behind the answer, or beside it, still adds to the timings.
    known: dict[str, Any] = {"status": served.status, "age": served.age, "timings": dict(timings.seconds)}
    if isinstance(result, Streamed):
        return Export(query=query, result=result, **known)
    if isinstance(result, Summary):
        return Unread(query=query, result=result, **known)
    return Answer(query=query, result=result, requests=timings.requests, **known)


def _may_compute(request: CacheRequest) -> None:
    if request.directives.only_if_cached:
        raise NotCached("No answer to this question is kept that may be served without computing it.")
