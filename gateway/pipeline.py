"""The path of a request: bind, pin, plan, key, then cache or engine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.cache.asked import Asked, Fetched, Filling, Prepared, Taking
from gateway.cache.default import default_result
from gateway.cache.flight import Gone
from gateway.cache.key import question_key, result_key
from gateway.cache.recent_questions import RecentQuestions
from gateway.cache.tier import Purge
from gateway.cache.tiered import Results
from gateway.catalog.catalog import Catalog
from gateway.concurrency.cancellation import Cancellation
from gateway.engine.base import Engine
from gateway.errors import (
    CapacityError,
    CursorExpired,
    EngineFailed,
    FilesChanged,
    GatewayError,
    QueryFailed,
    UpstreamError,
)
from gateway.execution.admission import Admission
from gateway.execution.run import Attempt, Execution, Fill, unread
from gateway.execution.slow_log import SlowLog
from gateway.execution.stores import Move, Stores
from gateway.memory_budget import MemoryBudget
from gateway.model import (
    Answer,
    BoundQuery,
    CachePolicy,
    CacheStatus,
    Column,
    Directives,
    Edition,
    Export,
    FileVersion,
    Plan,
    Principal,
    Request,
    Result,
    Streamed,
    Summary,
    TypedValue,
    Unread,
)
from gateway.plan.analysis import NOW
from gateway.plan.explain import Explanation
from gateway.plan.planner import Planner
from gateway.query.registry import Registry
from gateway.row_tee import RowTee
from gateway.telemetry.events import Observer, QueryReplanned
from gateway.telemetry.timings import Timings

T = TypeVar("T")

_NO_DIRECTIVES = Directives()
_NOTHING: Mapping[str, Sequence[Edition]] = {}
MAX_PLANS = 3
"""Times that a query is planned again because files changed under it, before the error is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """Who asks, how long they wait, and how they take the answer; see ``Gateway.answer`` and ``Gateway.export``."""

    principal: Principal
    deadline: float | None = None
    directives: Directives = _NO_DIRECTIVES
    gone: Gone | None = None
    taking: Taking | None = None
    suffices: Callable[[BoundQuery, Summary], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the answer to a request is kept: under its question, until an instant (seconds since the epoch).

    ``note`` notes that it was asked once more.
    """

    question: str
    until: float
    note: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that answers questions, opened. ``max_result`` bounds a kept result, in bytes of Arrow buffers.

    ``clock`` tells seconds since the epoch; ``timeout`` is what a query may take, in seconds, where its template and
    its caller say nothing shorter, and ``export_timeout`` what sending rows while they are computed may take.
    """

    registry: Registry
    catalog: Catalog
    planner: Planner
    results: Results
    engine: Engine
    admission: Admission
    stores: Stores
    observe: Observer
    timeout: float
    max_result: int
    allowance: MemoryBudget
    origin: str = ""
    """The deployment and the release of the gateway: answers that others keep are none of its own."""
    export_timeout: float = 3_600.0
    client_control: bool = True
    """Whether callers may ask something of the cache."""
    usage: RecentQuestions | None = None
    charge: Callable[[Principal, int], None] = lambda principal, size: None
    """Told the bytes that are scanned for a principal, before they are."""
    slow: SlowLog | None = None
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def answer(
        self,
        request: Request,
        *,
        principal: Principal,
        deadline: float | None = None,
        directives: Directives = _NO_DIRECTIVES,
        gone: Gone | None = None,
    ) -> Answer:
        """Answer *request*, from the cache if the same question over the same data was answered before.

        ``deadline`` is an instant of ``monotonic``; ``gone`` tells whether the caller has left. Raises
        ``ResultTooLarge`` for a result that is not kept because of its size.
        """
        caller = _Caller(principal=principal, deadline=deadline, directives=directives, gone=gone)
        return _whole(self._bind_and_ask(request, caller))

    def export(
        self,
        request: Request,
        *,
        principal: Principal,
        deadline: float | None = None,
        directives: Directives = _NO_DIRECTIVES,
        gone: Gone | None = None,
        limit: int | None = None,
        whole: bool = False,
        has: Callable[[str], bool] = lambda key: False,
        suffices: Callable[[BoundQuery, Summary], bool] | None = None,
    ) -> Answer | Export | Unread:
        """Answer *request* as ``answer`` does where the result is small, else with rows that come as they are computed.

        With a *limit* the first rows are enough where all would be too large to be kept; *whole* says that rows are of
        no use before all are there. *has* tells whether the caller has the rows of a key already, sent as they were
        computed: then none are; *suffices* whether a summary of a result is all that it needs.
        """
        taking = None if whole else Taking(limit=limit, has=has)
        caller = _Caller(
            principal=principal, deadline=deadline, directives=directives, gone=gone, taking=taking, suffices=suffices
        )
        return self._bind_and_ask(request, caller)

    def ask(self, query: BoundQuery, *, principal: Principal, directives: Directives = _NO_DIRECTIVES) -> Answer:
        """Answer a query that is bound already; see ``answer``."""
        caller = _Caller(principal=principal, directives=directives)
        return _whole(self._ask(query, caller, Timings(self.monotonic)))

    def send(self, query: BoundQuery, *, principal: Principal) -> Answer | Export:
        """Answer a query that is bound already; see ``export``."""
        taking = Taking(has=lambda key: False)
        answer = self._ask(query, _Caller(principal=principal, taking=taking), Timings(self.monotonic))
        assert not isinstance(answer, Unread)  # only who says so has the rows
        return answer

    def renew(self, request: Request, *, principal: Principal) -> Answer:
        """Make sure that the newest answer to *request* is kept, for those who ask later; what it takes is waited for.

        Raises what ``answer`` raises, and never answers with anything stale.
        """
        stages = Timings(self.monotonic)
        query = self.registry.bind(request)
        return _whole(
            _answered(query, self.results.renew(self._asked(query, _Caller(principal=principal), stages)), stages)
        )

    def explain(self, request: Request, *, principal: Principal) -> Explanation:
        """Plan *request* without running it; files are named below the declared locations, not by full paths."""
        query = self.registry.bind(request)
        places = [(one.root, f"{one.table.location}/") for one in self.catalog.pin(query.tables).values()]

        def declared(file: FileVersion) -> str:
            root, location = max(place for place in places if file.path.startswith(place[0]))
            return location + file.path.removeprefix(root)

        return self.explain_bound(query, principal=principal, address=declared)

    def explain_bound(
        self,
        query: BoundQuery,
        *,
        principal: Principal,
        address: Callable[[FileVersion], str] = lambda file: file.path,
    ) -> Explanation:
        """Plan a query that is bound already, without running it; *address* names files for the reader."""
        query = self._at_this_instant(query)
        plan = self.planner.plan(query, self.catalog.pin(query.tables), principal)
        key = result_key(self.question(query, principal), plan, self.engine.name)
        return Explanation(
            plan=plan,
            statement=plan.statement(address),
            address=address,
            key=key,
            cached=self.results.stored(key) is not None,
            now=self.clock(),
            failing=dict(self._failing(query.tables)),
        )

    def question(self, query: BoundQuery, principal: Principal) -> str:
        """Digest a question over the tables as they are declared now."""
        origin = f"{self.origin}/{self.engine.name}"
        return question_key(query, principal, self.catalog.identities(query.tables), origin=origin)

    def _failing(self, tables: Iterable[str]) -> Iterator[tuple[str, str]]:
        for name in tables:
            failure = self.catalog.status(name).failure
            if failure is not None:
                yield name, failure.error

    def stored(self, key: str, digest: str) -> Result:
        """Return the kept result of a key and digest, for its further pages. Raises ``CursorExpired``."""
        result = self.results.stored(key, digest)
        if result is None:
            raise CursorExpired("This result is no longer kept: ask the query again for its first page.")
        return result

    def summary(self, key: str) -> Summary | None:
        """Return what is known of the result of a key, whose rows may be gone."""
        return self.results.summary(key)

    def columns(self, query: str, version: int) -> tuple[Column, ...]:
        """Return the result columns of a query, found without reading a row. Raises what running it may."""
        template = self.registry.template(query, version)
        snapshots = self.catalog.pin(template.tables)
        *first, last = [self._at_this_instant(bound) for bound in template.bindings()]
        for bound in first:
            with suppress(QueryFailed):
                return self.engine.columns(self.planner.over_nothing(bound, snapshots))
        return self.engine.columns(self.planner.over_nothing(last, snapshots))

    def encoding(self, key: str, form: str) -> bytes | None:
        """Return the body of a result in one form, where it was made before."""
        return self.results.encoding(key, form)

    def keep_encoding(self, result: Result, form: str, body: bytes) -> None:
        """Keep the body of a result in one form, for the next who asks for it."""
        self.results.keep_encoding(result, form, body)

    def locate(self, query: BoundQuery, request: Request, principal: Principal) -> Located:
        """Say how to find the answer to *request*, bound to *query*, again without binding it."""
        width, now = query.cache.clock, self.clock()
        return Located(
            question=self.question(self._at_this_instant(query), principal),
            until=math.inf if width is None else (now // width + 1) * width,
            note=_nothing if self.usage is None else self.usage.noting(query, request),
        )

    def ready(self, question: str, form: str | None, policy: CachePolicy) -> Prepared | None:
        """Return the answer that ``answer`` would give at once, if its body in one form is there too."""
        return self.results.ready(question, form, policy)

    def drop(self, which: Purge) -> Mapping[str, int]:
        """Forget results; return how many, by the name of the tier."""
        return self.results.drop(which)

    def _bind_and_ask(self, request: Request, caller: _Caller) -> Answer | Export | Unread:
        stages = Timings(self.monotonic)
        with stages("bind"):
            query = self.registry.bind(request)
        if self.usage is not None:
            self.usage.note(query, request)
        return self._ask(query, caller, stages)

    def _ask(self, query: BoundQuery, caller: _Caller, stages: Timings) -> Answer | Export | Unread:
        try:
            fetched = self.results.fetch(self._asked(query, caller, stages))
        except (UpstreamError, CapacityError) as error:
            if query.default is None:
                raise
            fetched = self._default(query, query.default, error)
        stages.rest("flight" if fetched.status.collapsed else "cache")
        if not fetched.status.hit:
            deadline = caller.deadline
            stages.seconds["deadline"] = self.allowed(query) if deadline is None else deadline - stages.started
        return _answered(query, fetched, stages)

    def _asked(self, query: BoundQuery, caller: _Caller, stages: Timings) -> Asked:
        as_given, query, suffices = query, self._at_this_instant(query), caller.suffices
        question = self.question(query, caller.principal)
        latest = self.monotonic() + self.allowed(query)
        return Asked(
            question=question,
            policy=query.cache,
            prepare=lambda others=_NOTHING: self._filling(query, question, caller, stages, others),
            tables=tuple(query.tables),
            announced=lambda: self.catalog.announced(query.tables),
            deadline=latest if caller.deadline is None else min(latest, caller.deadline),
            directives=caller.directives if self.client_control else _NO_DIRECTIVES,
            gone=caller.gone,
            taking=caller.taking,
            suffices=None if suffices is None else lambda summary: suffices(as_given, summary),
        )

    def _default(self, query: BoundQuery, rows: Sequence[Mapping[str, Any]], error: GatewayError) -> Fetched:
        """Answer with the rows that the template declares for when there is nothing at all."""
        status = CacheStatus(hit=False, fwd="miss", detail=f"default; {error.code}", default=True)
        return Fetched(result=default_result(query, rows, now=self.clock()), status=status, age=0.0)

    def _at_this_instant(self, query: BoundQuery) -> BoundQuery:
        """Bind the clock, rounded down as the query declares, where it reads it."""
        width = query.cache.clock
        if width is None:
            return query
        instant = datetime.fromtimestamp(self.clock() // width * width, UTC)
        now = TypedValue(value=instant, type="TIMESTAMP WITH TIME ZONE")
        return replace(query, parameters={**query.parameters, NOW: now})

    def allowed(self, query: BoundQuery) -> float:
        """Return the seconds that *query* may take."""
        return self.timeout if query.timeout is None else min(query.timeout, self.timeout)

    def _filling(
        self,
        query: BoundQuery,
        question: str,
        caller: _Caller,
        stages: Timings,
        others: Mapping[str, Sequence[Edition]],
    ) -> Filling:
        with stages("plan"):
            if others:
                self.catalog.catch_up(others)
            pinned_at = self.clock()
            snapshots = self.catalog.pin(query.tables)
            plan = self.planner.plan(query, snapshots, caller.principal)
            key = result_key(question, plan, self.engine.name)
        work = _Work(gateway=self, plan=plan, question=question, principal=caller.principal, stages=stages)
        return Filling(
            key=key,
            pinned_at=pinned_at,
            seen={name: snapshot.edition for name, snapshot in snapshots.items()},
            run=work.whole,
            send=work.sent,
            unread=lambda: unread(plan, key, now=pinned_at),
        )

    def execution(self) -> Execution:
        """Return how plans are run."""
        return Execution(
            engine=self.engine,
            admission=self.admission,
            charge=self.charge,
            observe=self.observe,
            max_result=self.max_result,
            allowance=self.allowance,
            slow=self.slow,
            export_timeout=self.export_timeout,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def over_current_files(self, plan: Plan, fill: Fill, attempt: Callable[[Plan, Move], T]) -> T:
        """Run a plan; where its files changed meanwhile, plan again over a fresh manifest."""
        query = plan.query
        for _ in range(MAX_PLANS - 1):
            try:
                return self._retried(plan, fill, attempt)
            except FilesChanged as error:
                self.observe(QueryReplanned(query=query.name, version=query.version, reason=error.detail))
                with fill.stages("plan"):
                    snapshots = {name: self.catalog.refresh(name) for name in query.tables}
                    plan = self.planner.plan(query, snapshots, fill.principal)
        return self._retried(plan, fill, attempt)

    def _retried(self, plan: Plan, fill: Fill, attempt: Callable[[Plan, Move], T]) -> T:
        """Run a plan; where a store fails in passing, again, at a replica where there is one."""
        return self.stores.run(plan.query, lambda move: attempt(plan, move), deadline=fill.deadline)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What computes the answer to one question."""

    gateway: Gateway
    plan: Plan
    question: str
    principal: Principal
    stages: Timings

    def whole(self, cancellation: Cancellation, outlet: RowTee | None = None) -> Result:
        """Compute all rows, and give them to the reader of *outlet* meanwhile. Raises ``ResultTooLarge``."""
        fill, execution = self._fill(cancellation), self.gateway.execution()

        def attempt(plan: Plan, move: Move) -> Result:
            nonlocal outlet
            try:
                return execution.whole(self._attempt(plan, move, fill), outlet)
            except GatewayError as error:
                # A reader who has sent rows is cut off: another attempt is for the others.
                if outlet is not None and outlet.fail(error):
                    outlet = None
                raise
            except BaseException:
                if outlet is not None:
                    outlet.fail(EngineFailed("The rows broke off."))
                raise

        return self.gateway.over_current_files(self.plan, fill, attempt)

    def sent(self, cancellation: Cancellation, *, head: int, limit: int | None) -> Result | Streamed:
        """Compute rows for one reader, who is given them from *head* bytes on; or the first *limit* of them."""
        fill, execution = self._fill(cancellation), self.gateway.execution()

        def attempt(plan: Plan, move: Move) -> Result | Streamed:
            one = self._attempt(plan, move, fill)
            return execution.opened(one, head=head) if limit is None else execution.first(one, rows=limit)

        return self.gateway.over_current_files(self.plan, fill, attempt)

    def _attempt(self, plan: Plan, move: Move, fill: Fill) -> Attempt:
        return Attempt(plan=plan, key=result_key(self.question, plan, self.gateway.engine.name), move=move, fill=fill)

    def _fill(self, cancellation: Cancellation) -> Fill:
        # The work outlives its caller, so its deadline is the query's own, counted from its start.
        allowed = self.gateway.allowed(self.plan.query)
        return Fill(
            principal=self.principal,
            allowed=allowed,
            deadline=self.gateway.monotonic() + allowed,
            cancellation=cancellation,
            stages=self.stages,
        )


def _answered(query: BoundQuery, fetched: Fetched, stages: Timings) -> Answer | Export | Unread:
    rest: dict[str, Any] = {
        "query": query,
        "status": fetched.status,
        "age": fetched.age,
        "timings": stages.seconds,
    }
    if isinstance(fetched.result, Streamed):
        return Export(result=fetched.result, **rest)
    if isinstance(fetched.result, Summary):
        return Unread(result=fetched.result, **rest)
    return Answer(result=fetched.result, **rest)


def _whole(answer: Answer | Export | Unread) -> Answer:
    """Return an answer that was asked for whole."""
    assert isinstance(answer, Answer)
    return answer


def _nothing() -> None:
    """Do nothing."""
