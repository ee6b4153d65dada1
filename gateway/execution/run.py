"""Run one plan once in the engine: to its end, for the cache, or as rows that are sent while they are computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from threading import Lock, Timer

import pyarrow as pa

from gateway.concurrency.origin import on_behalf_of
from gateway.content import Content
from gateway.engine.base import Cancel, Engine
from gateway.errors import (
    TOO_LARGE,
    ClientGone,
    ClusterUnavailable,
    DeadlineExceeded,
    EngineFailed,
    GatewayError,
    ResultTooLarge,
    StorageFailed,
)
from gateway.execution.admission import SlotRequest, Slots
from gateway.execution.memory_budget import MemoryBudget
from gateway.execution.row_tee import RowTee
from gateway.execution.slow_log import SlowLog
from gateway.execution.stores import Move, located
from gateway.execution.work import Limits, Work, reading_of
from gateway.model import Principal, Result
from gateway.streaming import Chunk, Form, ResultStream, Streamed, Writer
from gateway.telemetry.events import (
    ClusterFailed,
    Event,
    Observer,
    PartialsComputed,
    QueryCancelled,
    QueryExecuted,
    QueryFailed,
    QueryRunAgain,
)

STREAM_AFTER = 8 * 2**20
"""Bytes of Arrow buffers after which rows are sent while they are computed; a smaller result is sent whole."""
_STREAM_WITHIN = 1.0
"""Seconds after its first rows at which a result that goes on is sent, however small it is."""
_LINGER = 5.0
"""Seconds that the reader of an export has to notice that it was interrupted for taking too long."""

Written = Callable[[Form, Callable[[int], None]], Iterator[Chunk]]

_TOO_SLOW = "The export took longer than one may take."


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Runs a plan once. ``max_result`` bounds what is gathered of one result, in bytes of Arrow buffers.

    ``export_timeout`` is how long rows that are sent while they are computed may take, in seconds.
    """

    engine: Engine
    admission: Slots
    charge: Callable[[Principal, int], None]
    """Count what a query reads, in bytes, for who asks."""
    observe: Observer
    max_result: int
    budget: MemoryBudget
    """What all results that are gathered may take together."""
    slow: SlowLog | None
    export_timeout: float
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def whole(self, work: Work, move: Move, limits: Limits, tee: RowTee | None = None) -> Result:
        """Run a plan to its end; the reader of *tee* is given rows after ``STREAM_AFTER`` bytes.

        Raises ``ResultTooLarge`` past ``max_result`` bytes: where there is a reader, the rest is handed over to it.
        """
        with self._running(work, move, limits) as run:
            return run.result(self._gathered(run, tee))

    def send(self, work: Work, move: Move, limits: Limits, *, head: int | None) -> Result | Streamed:
        """Run a plan for one reader: to its end where that comes within *head* bytes, else to its first rows.

        None: the rows are the reader's at once, and written where they are computed from the first one on.
        """
        with self._running(work, move, limits) as run:
            held, size = list[pa.RecordBatch](), 0
            if head is None:
                run.confirm()
                return run.hand_over(held)
            for batch in run.rows:
                held.append(batch)
                size += batch.nbytes
                if size > head:
                    run.confirm()
                    return run.hand_over(held)
            content = Content(run.stream.schema)
            for batch in held:
                content.add(batch)
            return run.result(content)

    def first_rows(self, work: Work, move: Move, limits: Limits, *, rows: int) -> Streamed:
        """Run a plan for its first rows, no further. Raises ``ResultTooLarge`` where they alone are too large."""
        with self._running(work, move, limits) as run:
            held, count, size = [], 0, 0
            for batch in run.rows:
                held.append(batch)
                count += batch.num_rows
                size += batch.nbytes
                if count > rows:
                    run.confirm()
                    run.report(None)
                    break
                if size > self.max_result or not run.reservation.grow(batch.nbytes):
                    raise self._too_large(size)
            table = run.gathered(held).slice(0, rows)
            return run.streamed(iter(table.to_batches()), more=count > rows)

    def partials(
        self, work: Work, move: Move, limits: Limits, fits: Callable[[pa.RecordBatch], bool]
    ) -> pa.Table | None:
        """Run a plan of partials to its end; None as soon as one does not fit. Raises ``ResultTooLarge``."""
        with self._running(work, move, limits) as run:
            held = []
            for batch in run.rows:
                held.append(batch)
                if not run.reservation.grow(batch.nbytes):
                    raise self._too_large(0)
                if not fits(batch):
                    run.report(None)
                    return None
            return run.gathered(held)

    @contextmanager
    def _running(self, work: Work, move: Move, limits: Limits) -> Iterator[Run]:
        """Hold a slot and run a plan in it until the context ends, or longer where a reader took it over."""
        run = Run(self, work, move, limits)
        try:
            with on_behalf_of(work.plan.query.origin), work.timings("queue"):
                run.admit()
            with work.timings("execute"):
                with on_behalf_of(work.plan.query.origin):
                    run.start()
                yield run
        except GatewayError as error:
            reason = limits.cancellation.reason or error
            if not run.handed_over:
                run.report(reason)
            if reason is not error:
                raise reason from error
            raise
        finally:
            if not run.handed_over:
                run.close()

    def _gathered(self, run: Run, tee: RowTee | None) -> Content:
        content = Content(run.stream.schema)
        size, begun = 0, None
        for batch in run.rows:
            content.add(batch)
            size += batch.nbytes
            begun = self.monotonic() if begun is None else begun
            fits = size <= self.max_result and run.reservation.grow(batch.nbytes)
            if tee is not None:
                tee.put(batch)
                if size >= STREAM_AFTER or not fits or self.monotonic() >= begun + _STREAM_WITHIN:
                    self._open(tee, run)
            if not fits:
                if tee is not None:
                    run.hand_over_to(tee)
                content.clear()  # the traceback would keep them for as long as the error is remembered
                raise self._too_large(size)
        if tee is not None:
            tee.end()
        return content

    def _open(self, tee: RowTee, run: Run) -> None:
        """Let the reader of *tee* begin, unless it has. Raises ``FilesChanged``, as long as all can begin anew."""
        if not tee.first_rows.done():
            run.confirm()
            tee.open(run.streamed(tee.read(), close=tee.close, written=partial(tee.write, run.writing)))

    def _too_large(self, size: int) -> ResultTooLarge:
        if size > self.max_result:
            return ResultTooLarge(TOO_LARGE, limit=self.max_result)
        message = (
            "The result is too large beside the others that are computed now: ask for its rows as they come, or later."
        )
        return ResultTooLarge(message, retry_after=1.0)


class Run:
    """One execution of a plan: its slot, its rows, and the events that report its end."""

    stream: ResultStream
    rows: Iterator[pa.RecordBatch]
    """All rows, once."""

    def __init__(self, execution: Execution, work: Work, move: Move, limits: Limits) -> None:
        self.handed_over = False
        """A reader has the rest of the rows, and closes the run."""
        self._execution, self._work, self._move, self._limits = execution, work, move, limits
        self._readings = tuple(reading_of(scan) for scan in work.plan.scans)
        self._read = () if work.part.folded is not None else self._readings
        self._created_at, self._started = work.part.began or execution.clock(), execution.monotonic()
        self._waited: float | None = None
        self.reservation = execution.budget.reserve()
        self._lock, self._held, self._reported = Lock(), ExitStack(), False

    def admit(self) -> None:
        """Wait for a slot. Raises what admission raises."""
        cost = sum(reading.size for reading in self._read)
        principal, limits = self._work.principal, self._limits
        request = SlotRequest(
            deadline=limits.deadline,
            principal=principal.name,
            cost=cost,
            cancellation=limits.cancellation,
            trial=limits.trial,
            holds=self._work.part.sent is not None,
        )
        self._engine = self._held.enter_context(self._execution.admission.lend(self._execution.engine, request))
        self._waited = self._seconds()
        self._execution.charge(principal, cost)

    def start(self) -> None:
        """Start the query. Raises what the engine raises."""
        limits, sent, plan = self._limits, self._work.part.sent, self._work.plan

        def started(cancel: Cancel) -> None:
            self._held.enter_context(limits.cancellation.stops(cancel))

        if sent is not None:
            self.stream = sent.start(plan, self._move, self._engine, deadline=limits.deadline, started=started)
        else:
            statement = located(plan, self._execution.engine.address, self._move)
            self.stream = self._engine.execute(statement, deadline=limits.deadline, started=started)
        self._held.callback(self.stream.close)
        self.rows = self._rows()

    @property
    def _cluster(self) -> str | None:
        sent = self._work.part.sent
        return None if sent is None else sent.name

    def gathered(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Make one table of rows for one reader; its bytes are held for as long as it is."""
        table = pa.Table.from_batches(batches, schema=self.stream.schema)
        self.reservation.lasts_as_long_as(table)
        return table

    def result(self, content: Content) -> Result:
        """Return the result of a run that has ended; its bytes are held for as long as its rows are."""
        table, digest = content.end(self.stream.columns)
        self.reservation.lasts_as_long_as(table)
        return Result(
            key=self._work.key,
            table=table,
            columns=self.stream.columns,
            readings=self._readings,
            created_at=self._created_at,
            seconds=self._seconds(),
            query=self._work.plan.query.name,
            version=self._work.plan.query.version,
            digest=digest,
            folded=self._work.part.folded,
            cluster=self._cluster,
        )

    def streamed(
        self,
        batches: Iterator[pa.RecordBatch],
        *,
        close: Callable[[], None] = lambda: None,
        more: bool = False,
        written: Written | None = None,
    ) -> Streamed:
        """Return rows of this run for one reader, who may have them *written*."""
        return Streamed(
            key=self._work.key,
            schema=self.stream.schema,
            columns=self.stream.columns,
            readings=self._readings,
            created_at=self._created_at,
            folded=self._work.part.folded,
            cluster=self._cluster,
            batches=batches,
            close=close,
            more=more,
            written=None if self.stream.writer is None else written,
        )

    def hand_over(self, held: Sequence[pa.RecordBatch]) -> Streamed:
        """Return the rows for one reader, first those *held*. The reader closes the run.

        The run is cancelled where its caller gives up first.
        """
        self._extend()
        self._held.enter_context(self._limits.cancellation.stops(self.close))
        return self.streamed(chain(held, self.rows), close=self.close, written=partial(self._written, held))

    def hand_over_to(self, tee: RowTee) -> None:
        """Hand the rest of the rows over to the reader of *tee*, if it is still there."""
        self._extend()
        self.handed_over = tee.hand_over(self.rows, self.close, self.reservation.close, self.rest_written)

    def writing(self, form: Form) -> Writer:
        """Make a writer for the rows."""
        assert self.stream.writer is not None
        return self.stream.writer(form)

    def rest_written(self, writer: Writer) -> Iterator[Chunk]:
        """Have the rows that are left written; they are no longer among ``rows``."""
        with self._reported_on_error():
            yield from writer.rest()
        self.report(None)

    def _written(self, held: Sequence[pa.RecordBatch], form: Form, count: Callable[[int], None]) -> Iterator[Chunk]:
        with self._reported_on_error(), closing(self.writing(form)) as writer:
            for batch in held:
                yield from writer.feed(batch)
            yield from self.rest_written(writer)
            count(writer.rows)

    @contextmanager
    def _reported_on_error(self) -> Iterator[None]:
        try:
            yield
        except GatewayError as error:
            self.report(self._limits.cancellation.reason or error)
            raise

    def confirm(self) -> None:
        """Make sure that the rows so far are of the planned versions of the files. Raises ``FilesChanged``."""
        self.stream.confirm()

    def report(self, error: GatewayError | None) -> None:
        """Report how the run ended, None for its last row; only the first report counts."""
        with self._lock:
            reported, self._reported = self._reported, True
        if not reported:
            self._execution.observe(self._ending(error))
            self._report_if_slow(error)

    def close(self) -> None:
        """Release the slot and the stream, from any thread; idempotent. Before the last row, the client has left."""
        self.report(ClientGone("The client has left before the last row was sent."))
        with self._lock:
            held, self._held = self._held, ExitStack()
        held.close()
        self.reservation.close()

    def _rows(self) -> Iterator[pa.RecordBatch]:
        with self._reported_on_error():
            for batch in self.stream:
                yield batch
                if self._reported:
                    raise DeadlineExceeded(_TOO_SLOW)
        if self.stream.requests is not None:
            self._work.timings.sent(self.stream.requests)
        self.report(None)

    def _extend(self) -> None:
        """Extend the deadline to that of an export, at which the run ends even where its reader stands still."""
        self.handed_over = True
        seconds = self._execution.export_timeout - self._seconds()
        self.stream.postpone(self._execution.monotonic() + seconds)
        timer = Timer(seconds + _LINGER, self._expire)
        timer.daemon = True
        timer.start()
        self._held.callback(timer.cancel)

    def _expire(self) -> None:
        self.report(DeadlineExceeded(_TOO_SLOW))
        self.close()

    def _ending(self, error: GatewayError | None) -> Event:
        name, version, seconds = self._work.plan.query.name, self._work.plan.query.version, self._seconds()
        if error is None:
            waited = self._waited or 0.0
            done = PartialsComputed if self._work.part.partials else QueryExecuted
            return done(
                query=name,
                version=version,
                waited=waited,
                seconds=seconds - waited,
                allowed=self._limits.allowed,
                readings=self._read,
            )
        if isinstance(error, ClusterUnavailable):
            return ClusterFailed(query=name, version=version, reason=error.detail)
        if isinstance(error, EngineFailed) and error.lost is not None:
            return QueryRunAgain(query=name, version=version, reason=error.lost)
        if isinstance(error, ClientGone) or error is self._limits.cancellation.reason:
            return QueryCancelled(query=name, version=version, reason=error.code, seconds=seconds)
        file = error.path if isinstance(error, StorageFailed | DeadlineExceeded) else None
        return QueryFailed(
            query=name, version=version, code=error.code, detail=error.detail, seconds=seconds, file=file
        )

    def _report_if_slow(self, error: GatewayError | None) -> None:
        slow, waited, part = self._execution.slow, self._waited, self._work.part
        if slow is None or waited is None or self.handed_over:  # how long an export takes is up to its reader
            return
        if part.partials and error is None:  # what finishes the answer tells of them too
            return
        seconds = self._seconds() - waited if part.began is None else self._execution.clock() - part.began
        code = None if error is None else error.code
        plan, key = part.whole or self._work.plan, self._work.key
        slow.report(plan, self._execution.engine, key=key, waited=waited, seconds=seconds, code=code)

    def _seconds(self) -> float:
        return self._execution.monotonic() - self._started
