"""The path of a request: bind, pin, plan, key, then cache or engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from gateway.allowance import Allowance, Portion
from gateway.cache.default import default_result
from gateway.cache.flight import Gone
from gateway.cache.key import question_key, result_key
from gateway.cache.tier import Drop
from gateway.cache.tiered import Asked, Fetched, Filling, Results
from gateway.cache.usage import Usage
from gateway.cancellation import Cancellation
from gateway.catalog.catalog import Catalog
from gateway.engine.admission import Admission
from gateway.engine.base import Engine
from gateway.engine.stores import Move, Stores, located
from gateway.errors import (
    CapacityError,
    CursorExpired,
    FilesChanged,
    GatewayError,
    ResultTooLarge,
    UpstreamError,
)
from gateway.model import (
    Answer,
    BoundQuery,
    CacheStatus,
    Column,
    Directives,
    FileVersion,
    Plan,
    Principal,
    Reading,
    Request,
    Result,
    ResultStream,
    Scan,
    TypedValue,
)
from gateway.observe import Observer, QueryCancelled, QueryExecuted, QueryFailed, QueryReplanned
from gateway.plan.analyse import NOW
from gateway.plan.explain import Explanation
from gateway.plan.planner import Planner
from gateway.query.registry import Registry
from gateway.slow import SlowLog
from gateway.stages import Stages

_NO_DIRECTIVES = Directives()
MAX_PLANS = 3
"""Times that a query is planned again because files changed under it, before the error is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that answers questions, opened. ``max_result`` bounds one result, in bytes of Arrow buffers.

    ``clock`` tells seconds since the epoch; ``timeout`` is what a query may take, in seconds, where its template and
    its caller say nothing shorter.
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
    allowance: Allowance
    client_control: bool = True
    """Whether callers may ask something of the cache."""
    usage: Usage | None = None
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

        ``deadline`` is an instant of ``monotonic``; ``gone`` tells whether the caller has left.
        """
        stages = Stages(self.monotonic)
        with stages("bind"):
            query = self.registry.bind(request)
        if self.usage is not None:
            self.usage.note(query, request)
        return self.ask(query, principal=principal, deadline=deadline, directives=directives, gone=gone, stages=stages)

    def ask(
        self,
        query: BoundQuery,
        *,
        principal: Principal,
        deadline: float | None = None,
        directives: Directives = _NO_DIRECTIVES,
        gone: Gone | None = None,
        stages: Stages | None = None,
    ) -> Answer:
        """Answer a query that is bound already; see ``answer``."""
        stages = stages or Stages(self.monotonic)
        try:
            asked = self._asked(query, principal, stages, deadline, directives, gone)
            fetched = self.results.fetch(asked)
        except (UpstreamError, CapacityError) as error:
            if query.default is None:
                raise
            fetched = self._default(query, query.default, error)
        stages.rest("flight" if fetched.status.collapsed else "cache")
        if not fetched.status.hit:
            stages.seconds["deadline"] = self._allowed(query) if deadline is None else deadline - stages.started
        return _answer(query, fetched, stages)

    def renew(self, request: Request, *, principal: Principal) -> Answer:
        """Make sure that the newest answer to *request* is kept, for those who ask later; what it takes is waited for.

        Raises what ``answer`` raises, and never answers with anything stale.
        """
        stages = Stages(self.monotonic)
        query = self.registry.bind(request)
        return _answer(query, self.results.renew(self._asked(query, principal, stages)), stages)

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
        return question_key(query, principal, self.catalog.identities(query.tables))

    def _failing(self, tables: Iterable[str]) -> Iterator[tuple[str, str]]:
        for name in tables:
            failure = self.catalog.status(name).failure
            if failure is not None:
                yield name, failure.error

    def stored(self, key: str) -> Result:
        """Return the kept result of a key, for its further pages. Raises ``CursorExpired``."""
        result = self.results.stored(key)
        if result is None:
            raise CursorExpired("This result is no longer kept: ask the query again for its first page.")
        return result

    def columns(self, query: str, version: int) -> tuple[Column, ...]:
        """Return the result columns of a query, found without reading a row."""
        template = self.registry.template(query, version)
        unbound = self.planner.over_nothing(template.bound_to_nothing(), self.catalog.pin(template.tables))
        return self.engine.columns(unbound)

    def encoding(self, key: str, form: str) -> bytes | None:
        """Return the body of a result in one form, where it was made before."""
        return self.results.encoding(key, form)

    def keep_encoding(self, result: Result, form: str, body: bytes) -> None:
        """Keep the body of a result in one form, for the next who asks for it."""
        self.results.keep_encoding(result, form, body)

    def drop(self, which: Drop) -> Mapping[str, int]:
        """Forget results; return how many, by the name of the tier."""
        return self.results.drop(which)

    def _asked(
        self,
        query: BoundQuery,
        principal: Principal,
        stages: Stages,
        deadline: float | None = None,
        directives: Directives = _NO_DIRECTIVES,
        gone: Gone | None = None,
    ) -> Asked:
        query = self._at_this_instant(query)
        question = self.question(query, principal)
        latest = self.monotonic() + self._allowed(query)
        return Asked(
            question=question,
            policy=query.cache,
            prepare=lambda: self._filling(query, question, principal, stages),
            deadline=latest if deadline is None else min(latest, deadline),
            directives=directives if self.client_control else _NO_DIRECTIVES,
            gone=gone,
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

    def _allowed(self, query: BoundQuery) -> float:
        return self.timeout if query.timeout is None else min(query.timeout, self.timeout)

    def _filling(self, query: BoundQuery, question: str, principal: Principal, stages: Stages) -> Filling:
        with stages("plan"):
            pinned_at = self.clock()
            plan = self.planner.plan(query, self.catalog.pin(query.tables), principal)
            key = result_key(question, plan, self.engine.name)

        def run(cancellation: Cancellation) -> Result:
            # The fill outlives its caller, so its deadline is the query's own, counted from its start.
            allowed = self._allowed(query)
            fill = _Fill(
                question=question,
                principal=principal,
                allowed=allowed,
                deadline=self.monotonic() + allowed,
                cancellation=cancellation,
                stages=stages,
            )
            return self._run(plan, fill)

        return Filling(key=key, pinned_at=pinned_at, run=run)

    def _run(self, plan: Plan, fill: _Fill) -> Result:
        """Execute a plan; where its files changed meanwhile, plan again over a fresh manifest."""
        query = plan.query
        for _ in range(MAX_PLANS - 1):
            try:
                return self._retried(plan, fill)
            except FilesChanged as error:
                self.observe(QueryReplanned(query=query.name, version=query.version, reason=error.detail))
                with fill.stages("plan"):
                    snapshots = {name: self.catalog.refresh(name) for name in query.tables}
                    plan = self.planner.plan(query, snapshots, fill.principal)
        return self._retried(plan, fill)

    def _retried(self, plan: Plan, fill: _Fill) -> Result:
        """Execute a plan; where a store fails in passing, again, at a replica where there is one."""
        return self.stores.run(plan.query, lambda move: self._execute(plan, fill, move), deadline=fill.deadline)

    def _execute(self, plan: Plan, fill: _Fill, move: Move) -> Result:
        created_at, started, waited = self.clock(), self.monotonic(), None
        query, readings = plan.query, tuple(_reading(scan) for scan in plan.scans)
        cost = sum(reading.size for reading in readings)
        try:
            with self._admitted(fill, cost):
                waited = self.monotonic() - started
                self.charge(fill.principal, cost)
                columns, table = self._collected(plan, fill, move)
        except GatewayError as error:
            reason = fill.cancellation.reason
            if waited is not None:
                self._slow(plan, fill, waited, self.monotonic() - started - waited, (reason or error).code)
            self._ended_without_answer(query, reason, error, self.monotonic() - started)
            if reason is not None and reason is not error:
                raise reason from error
            raise
        seconds = self.monotonic() - started
        self.observe(
            QueryExecuted(
                query=query.name,
                version=query.version,
                waited=waited,
                seconds=seconds - waited,
                allowed=fill.allowed,
                readings=readings,
            )
        )
        self._slow(plan, fill, waited, seconds - waited)
        return Result(
            key=result_key(fill.question, plan, self.engine.name),
            table=table,
            columns=columns,
            readings=readings,
            created_at=created_at,
            seconds=seconds,
            query=query.name,
            version=query.version,
        )

    @contextmanager
    def _admitted(self, fill: _Fill, cost: int) -> Iterator[None]:
        """Hold a slot, and time the wait for it and what is done with it as stages of their own."""
        with ExitStack() as stack:
            with fill.stages("queue"):
                slot = self.admission.slot(
                    fill.deadline, principal=fill.principal.name, cost=cost, cancellation=fill.cancellation
                )
                stack.enter_context(slot)
            with fill.stages("execute"):
                yield

    def _collected(self, plan: Plan, fill: _Fill, move: Move) -> tuple[tuple[Column, ...], pa.Table]:
        """Run a statement to its end, or until its deadline or its cancellation interrupts it."""
        with ExitStack() as stack:
            stream = self.engine.execute(
                located(plan, self.engine.address, move),
                deadline=fill.deadline,
                started=lambda cancel: stack.enter_context(fill.cancellation.stops(cancel)),
            )
            stack.callback(stream.close)
            portion = self.allowance.portion()
            stack.callback(portion.close)
            table = collect(stream, self.max_result, portion)
            portion.lasts_as_long_as(table)
            return stream.columns, table

    def _slow(self, plan: Plan, fill: _Fill, waited: float, seconds: float, code: str | None = None) -> None:
        if self.slow is not None and seconds >= self.slow.after:
            key = result_key(fill.question, plan, self.engine.name)
            self.slow.tell(plan, self.engine, key=key, waited=waited, seconds=seconds, code=code)

    def _ended_without_answer(
        self, query: BoundQuery, cancelled: GatewayError | None, error: GatewayError, seconds: float
    ) -> None:
        name, version = query.name, query.version
        if cancelled is not None:
            self.observe(QueryCancelled(query=name, version=version, reason=cancelled.code, seconds=seconds))
        else:
            failed = QueryFailed(query=name, version=version, code=error.code, detail=error.detail, seconds=seconds)
            self.observe(failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fill:
    """What one execution is for: whose question, until which instant it may go on, and what may stop it before."""

    question: str
    principal: Principal
    allowed: float
    """Seconds that the query may take, waiting included."""
    deadline: float
    cancellation: Cancellation
    stages: Stages


def collect(stream: ResultStream, limit: int, portion: Portion) -> pa.Table:
    """Gather a stream into one table.

    Raises ``ResultTooLarge`` past *limit* bytes of Arrow buffers, or where *portion* has no more for it.
    """
    batches: list[pa.RecordBatch] = []
    size = 0
    for batch in stream:
        size += batch.nbytes
        if size > limit or not portion.grow(batch.nbytes):
            stream.cancel()
            batches.clear()  # the traceback would keep them for as long as the error is remembered
            raise _too_large(size, limit)
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=stream.schema)


def _too_large(size: int, limit: int) -> ResultTooLarge:
    if size > limit:
        message = f"The result is larger than {limit} bytes: narrow the question, or aggregate it."
        return ResultTooLarge(message, limit=limit)
    message = "The result is too large beside the others that are computed now: narrow the question, or ask later."
    return ResultTooLarge(message, retry_after=1.0)


def _answer(query: BoundQuery, fetched: Fetched, stages: Stages) -> Answer:
    return Answer(query=query, result=fetched.result, status=fetched.status, age=fetched.age, timings=stages.seconds)


def _reading(scan: Scan) -> Reading:
    return Reading(
        table=scan.table,
        snapshot=scan.snapshot,
        listed_at=scan.listed_at,
        partitions=scan.selection.partitions,
        partitions_total=scan.partitions_total,
        files=scan.selection.files,
        files_total=scan.files_total,
        size=scan.selection.size,
        size_total=scan.size_total,
        weak=scan.selection.weak,
    )
