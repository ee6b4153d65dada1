"""Run one plan in the engine: to its end, for the cache; or as rows that are sent while they are computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from threading import Lock, Timer

import pyarrow as pa

from gateway.concurrency.cancellation import Cancellation
from gateway.content import Content
from gateway.engine.base import Engine
from gateway.errors import TOO_LARGE, ClientGone, DeadlineExceeded, GatewayError, ResultTooLarge, StorageFailed
from gateway.execution.admission import Admission
from gateway.execution.memory_budget import MemoryBudget
from gateway.execution.row_tee import RowTee
from gateway.execution.slow_log import SlowLog
from gateway.execution.stores import Move, located
from gateway.execution.work import Work
from gateway.model import Principal, Reading, Result, ResultStream, Scan, Streamed
from gateway.telemetry.events import Event, Observer, QueryCancelled, QueryExecuted, QueryFailed

EARLY = 8 * 2**20
"""Bytes of Arrow buffers from which on rows are sent while they are computed; less comes whole, with its number."""
_PATIENCE = 1.0
"""Seconds after its first rows from which on a result that still goes on is sent, however little of it there is."""
_LINGER = 5.0
"""Seconds between the interrupt of an export that takes too long and its end, if its reader takes no notice."""

_TOO_SLOW = "The export took longer than one may take."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long work may go on, and what may stop it before."""

    allowed: float
    """Seconds that the query may take, waiting included."""
    deadline: float
    cancellation: Cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How one plan is run once. ``max_result`` bounds what is gathered of one result, in bytes of Arrow buffers.

    ``export_timeout`` is how long rows that are sent while they are computed may take, in seconds.
    """

    engine: Engine
    admission: Admission
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
        """Run a plan to its end; the reader of *tee* is given rows from ``EARLY`` bytes on.

        Raises ``ResultTooLarge`` past ``max_result`` bytes: where there is a reader, the rest is then left to it.
        """
        with self._running(work, move, limits) as run:
            return run.result(self._gathered(run, tee))

    def opened(self, work: Work, move: Move, limits: Limits, *, head: int) -> Result | Streamed:
        """Run a plan for one reader: to its end where that comes within *head* bytes, else to its first rows."""
        with self._running(work, move, limits) as run:
            held, size = [], 0
            for batch in run.rows:
                held.append(batch)
                size += batch.nbytes
                if size > head:
                    run.confirm()
                    return run.left_to_reader(chain(held, run.rows))
            content = Content(run.stream.schema)
            for batch in held:
                content.add(batch)
            return run.result(content)

    def first(self, work: Work, move: Move, limits: Limits, *, rows: int) -> Streamed:
        """Run a plan for its first rows, no further. Raises ``ResultTooLarge`` where they alone are too large."""
        with self._running(work, move, limits) as run:
            held, count, size = [], 0, 0
            for batch in run.rows:
                held.append(batch)
                count += batch.num_rows
                size += batch.nbytes
                if count > rows:
                    run.confirm()
                    run.tell(None)
                    break
                if size > self.max_result or not run.reservation.grow(batch.nbytes):
                    raise self._too_large(size)
            table = run.gathered(held).slice(0, rows)
            return run.streamed(iter(table.to_batches()), more=count > rows)

    @contextmanager
    def _running(self, work: Work, move: Move, limits: Limits) -> Iterator[Run]:
        """Hold a slot and run a plan in it until the end of the context, or longer where it was left to a reader."""
        run = Run(self, work, move, limits)
        try:
            with work.timings("queue"):
                run.admit()
            with work.timings("execute"):
                run.start()
                yield run
        except GatewayError as error:
            reason = limits.cancellation.reason or error
            if not run.left:
                run.tell(reason)
            if reason is not error:
                raise reason from error
            raise
        finally:
            if not run.left:
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
                if size >= EARLY or not fits or self.monotonic() >= begun + _PATIENCE:
                    self._open(tee, run)
            if not fits:
                if tee is not None:
                    run.leave_to(tee)
                content.clear()  # the traceback would keep them for as long as the error is remembered
                raise self._too_large(size)
        if tee is not None:
            tee.end()
        return content

    def _open(self, tee: RowTee, run: Run) -> None:
        """Let the reader of *tee* begin, unless it has. Raises ``FilesChanged``, as long as all can begin anew."""
        if not tee.first_rows.done():
            run.confirm()
            tee.open(run.streamed(tee.read(), close=tee.close))

    def _too_large(self, size: int) -> ResultTooLarge:
        if size > self.max_result:
            return ResultTooLarge(TOO_LARGE, limit=self.max_result)
        message = (
            "The result is too large beside the others that are computed now: ask for its rows as they come, or later."
        )
        return ResultTooLarge(message, retry_after=1.0)


class Run:
    """One execution of a plan: the slot that it holds, its rows, and what is told of it once it is over."""

    stream: ResultStream
    rows: Iterator[pa.RecordBatch]
    """All rows, once."""

    def __init__(self, execution: Execution, work: Work, move: Move, limits: Limits) -> None:
        self.left = False
        """A reader has the rest of the rows, and closes the run."""
        self._execution, self._work, self._move, self._limits = execution, work, move, limits
        self._readings = tuple(_reading(scan) for scan in work.plan.scans)
        self._created_at, self._started = execution.clock(), execution.monotonic()
        self._waited: float | None = None
        self.reservation = execution.budget.reserve()
        self._lock, self._held, self._told = Lock(), ExitStack(), False

    def admit(self) -> None:
        """Wait for a slot. Raises what admission raises."""
        cost = sum(reading.size for reading in self._readings)
        principal, limits = self._work.principal, self._limits
        slot = self._execution.admission.slot(
            limits.deadline, principal=principal.name, cost=cost, cancellation=limits.cancellation
        )
        self._held.enter_context(slot)
        self._waited = self._seconds()
        self._execution.charge(principal, cost)

    def start(self) -> None:
        """Start the query. Raises what the engine raises."""
        engine, limits = self._execution.engine, self._limits
        self.stream = engine.execute(
            located(self._work.plan, engine.address, self._move),
            deadline=limits.deadline,
            started=lambda cancel: self._held.enter_context(limits.cancellation.stops(cancel)),
        )
        self._held.callback(self.stream.close)
        self.rows = self._rows()

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
        )

    def streamed(
        self, batches: Iterator[pa.RecordBatch], *, close: Callable[[], None] = lambda: None, more: bool = False
    ) -> Streamed:
        """Return rows of this run for one reader."""
        return Streamed(
            key=self._work.key,
            schema=self.stream.schema,
            columns=self.stream.columns,
            readings=self._readings,
            created_at=self._created_at,
            batches=batches,
            close=close,
            more=more,
        )

    def left_to_reader(self, batches: Iterator[pa.RecordBatch]) -> Streamed:
        """Return the rows for one reader, who closes the run; who gives up before that cancels it."""
        self._go_on()
        self._held.enter_context(self._limits.cancellation.stops(self.close))
        return self.streamed(batches, close=self.close)

    def leave_to(self, tee: RowTee) -> None:
        """Leave the rest of the rows to the reader of *tee*, if there is one."""
        self._go_on()
        self.left = tee.hand_over(self.rows, self.close, self.reservation.close)

    def confirm(self) -> None:
        """Make sure that the rows so far are right. Raises ``FilesChanged`` where they are of other versions."""
        self.stream.confirm()

    def tell(self, error: GatewayError | None) -> None:
        """Tell observers what the run ended with, None where that is its last row; the first word stands."""
        with self._lock:
            told, self._told = self._told, True
        if not told:
            self._execution.observe(self._ending(error))
            self._tell_if_slow(error)

    def close(self) -> None:
        """Give everything back, from any thread; idempotent. Before its end, that is because the client has left."""
        self.tell(ClientGone("The client has left before the last row was sent."))
        with self._lock:
            held, self._held = self._held, ExitStack()
        held.close()
        self.reservation.close()

    def _rows(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self.stream:
                yield batch
                if self._told:
                    raise DeadlineExceeded(_TOO_SLOW)
        except GatewayError as error:
            self.tell(self._limits.cancellation.reason or error)
            raise
        self.tell(None)

    def _go_on(self) -> None:
        """Run on for as long as an export may take, and no longer even where its reader stands still."""
        self.left = True
        left = self._execution.export_timeout - self._seconds()
        self.stream.postpone(self._execution.monotonic() + left)
        timer = Timer(left + _LINGER, self._expire)
        timer.daemon = True
        timer.start()
        self._held.callback(timer.cancel)

    def _expire(self) -> None:
        self.tell(DeadlineExceeded(_TOO_SLOW))
        self.close()

    def _ending(self, error: GatewayError | None) -> Event:
        name, version, seconds = self._work.plan.query.name, self._work.plan.query.version, self._seconds()
        if error is None:
            waited = self._waited or 0.0
            return QueryExecuted(
                query=name,
                version=version,
                waited=waited,
                seconds=seconds - waited,
                allowed=self._limits.allowed,
                readings=self._readings,
            )
        if isinstance(error, ClientGone) or error is self._limits.cancellation.reason:
            return QueryCancelled(query=name, version=version, reason=error.code, seconds=seconds)
        file = error.path if isinstance(error, StorageFailed | DeadlineExceeded) else None
        return QueryFailed(
            query=name, version=version, code=error.code, detail=error.detail, seconds=seconds, file=file
        )

    def _tell_if_slow(self, error: GatewayError | None) -> None:
        slow, waited = self._execution.slow, self._waited
        if slow is None or waited is None or self.left:  # how long an export takes is up to its reader
            return
        code = None if error is None else error.code
        seconds = self._seconds() - waited
        slow.tell(
            self._work.plan, self._execution.engine, key=self._work.key, waited=waited, seconds=seconds, code=code
        )

    def _seconds(self) -> float:
        return self._execution.monotonic() - self._started


def unread(work: Work) -> Streamed:
    """Return the rows of planned work for who has them already: none are computed."""
    return Streamed(
        key=work.key,
        schema=pa.schema([]),
        columns=(),
        readings=tuple(_reading(scan) for scan in work.plan.scans),
        created_at=work.pinned_at,
        batches=iter(()),
        close=lambda: None,
    )


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
        edition=scan.edition,
    )
