"""Rows of a query in Spark: as they come, in the columns of DuckDB, of the versions that were asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from queue import Empty, Full, Queue
from threading import Thread
from uuid import uuid4

import pyarrow as pa

from gateway.cluster.spark_calls import Streams
from gateway.cluster.spark_session import RAISED, Session, explained
from gateway.cluster.spark_spool import SparkSpool
from gateway.errors import (
    ClusterUnavailable,
    DeadlineExceeded,
    EngineFailed,
    FilesChanged,
    GatewayError,
    QueryFailed,
    ResultTooLarge,
)
from gateway.model import Column, FileVersion
from gateway.plan.spark.planner import SparkPlan
from gateway.plan.spark.portability import NotPortable
from gateway.plan.spark.scans import SparkScan
from gateway.streaming import Form, Writer

_AHEAD = 4
"""Batches that are received before the reader takes them."""
_TOO_LARGE = (
    "The result is too large to be sent by Spark: ask for fewer rows or columns. An operator may give it a place for "
    "large ones (cluster.spark_spool)."
)
_Values = Mapping[str, str | None]
_POLL = 0.25
"""Seconds after which who waits for rows looks at the clock."""


class SparkStream:
    """A running query in Spark; a ``ResultStream``. Closed before its last row, it ends the query there."""

    columns: tuple[Column, ...]
    schema: pa.Schema
    writer: Callable[[Form], Writer] | None = None
    requests: int | None = None

    def __init__(
        self,
        session: Session,
        scans: Sequence[SparkScan],
        scheme: str,
        deadline: float | None,
        *,
        changed: Callable[[Sequence[FileVersion]], Sequence[FileVersion]],
        largest: int,
        spool: SparkSpool | None,
    ) -> None:
        self._session, self._scans, self._scheme, self._deadline = session, scans, scheme, deadline
        self._changed, self._largest, self._spool = changed, largest, spool
        self.lost: Callable[[], None] = lambda: None
        """Called where the connection was lost."""
        self._tag, self._streams = f"query-gateway-{uuid4().hex}", Streams()
        self._received: Queue[pa.Table | GatewayError | None] = Queue(_AHEAD)
        self._cancelled = self._ended = self._confirmed = False

    def start(self, plan: SparkPlan, schema: pa.Schema, columns: tuple[Column, ...]) -> None:
        """Start the query, and wait for its first rows."""
        self.schema, self.columns = schema, columns
        self._check()
        Thread(target=self._receive, args=(plan,), name="spark-query", daemon=True).start()
        self._first = self._next()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; after the last one it is known that they are of the planned versions."""
        try:
            table = self._first
            while table is not None:
                yield from as_asked(table, self.schema).to_batches()
                table = self._next()
            self.confirm()
        finally:
            self.close()

    def cancel(self) -> None:
        """End the query, from any thread; iteration then ends with an error."""
        self._cancelled = True
        self._interrupt()

    def postpone(self, deadline: float) -> None:
        """Replace the deadline."""
        self._deadline = deadline

    def confirm(self) -> None:
        """Compare the versions of the files with those in the store. Raises ``FilesChanged``."""
        if self._confirmed:
            return
        changed = self._changed([file for scan in self._scans for file in scan.files])
        if changed:
            raise FilesChanged("A file was replaced or removed while Spark read it.", path=changed[0].path)

    def close(self) -> None:
        """End the query where it has not ended; idempotent."""
        if not self._ended:
            self._ended = True
            self._interrupt()

    def _receive(self, plan: SparkPlan) -> None:
        """Run the query and hand its rows over, on a thread of its own."""
        try:
            with self._session.reading(self._streams):
                self._run(plan)
        except NotPortable as error:
            self._put(QueryFailed(f"Spark is not asked: {error.found[0].reason}."))
        except RAISED as error:
            self._put(explained(error))
        except GatewayError as error:
            self._put(error)
        except BaseException:  # a bug, told by the thread; who reads would wait for ever
            self._put(EngineFailed("The query broke off in the gateway."))
            raise

    def _run(self, plan: SparkPlan) -> None:
        views = [self._session.view(scan, self._scheme) for scan in self._scans]
        text, values = plan.query.bind(plan.parameters, views)
        with closing(self._tables(plan.query.sql, text, values)) as tables:
            for table in tables:
                self._put(table)
                if self._ended:
                    return
        self._put(None)

    def _tables(self, query: str, text: str, values: _Values) -> Generator[pa.Table]:
        """Yield the rows, as they come or, where there is a spool, once it is known how they do."""
        if self._spool is None:
            yield from self._sent(text, values)
            return
        held = None if self._spool.expects(query) else self._whole(text, values)
        if held is not None:
            yield from held
            return
        size = 0
        for table in self._spooled(self._spool, text, values):
            size += table.nbytes
            yield table
        self._spool.expect(query, size > self._largest)

    def _sent(self, text: str, values: _Values) -> Iterator[pa.Table]:
        """Yield rows that the driver sends. Raises ``ResultTooLarge``."""
        size = 0
        with closing(self._session.rows(text, values, self._tag)) as tables:
            for table in tables:
                size += table.nbytes
                if size > self._largest:
                    raise ResultTooLarge(_TOO_LARGE, limit=self._largest)
                yield table

    def _whole(self, text: str, values: _Values) -> list[pa.Table] | None:
        """Return all rows that the driver sends; None: they are too many for it."""
        try:
            return [*self._sent(text, values)]
        except ResultTooLarge:
            pass
        except RAISED as error:
            if not isinstance(explained(error), ResultTooLarge):
                raise
        self._streams.drop()
        self._session.interrupt(self._tag)
        return None

    def _spooled(self, spool: SparkSpool, text: str, values: _Values) -> Iterator[pa.Table]:
        """Yield rows that Spark has written, of the versions that were asked for."""
        with spool.run() as run:
            try:
                written = self._session.write(text, values, self._tag, run.address, self._scheme)
            except BaseException:
                self._session.interrupt(self._tag)  # it must not write any more to what is deleted now
                raise
            self.confirm()
            self._confirmed = True
            yield from run.tables(written)

    def _put(self, item: pa.Table | GatewayError | None) -> None:
        while not self._ended:
            try:
                self._received.put(item, timeout=_POLL)
                return
            except Full:
                continue

    def _next(self) -> pa.Table | None:
        """Wait for rows; None after the last. Raises what ended the query."""
        while True:
            self._check()
            try:
                item = self._received.get(timeout=_POLL)
            except Empty:
                continue
            if isinstance(item, GatewayError):
                raise self._reason(item)
            self._ended = item is None
            return item

    def _reason(self, error: GatewayError) -> GatewayError:
        """Return why the query ended: what Spark tells of files that were replaced may be anything."""
        self._ended = True
        self._check()
        if isinstance(error, ClusterUnavailable):
            self.lost()
            return error
        try:
            self.confirm()
        except GatewayError as changed:
            return changed
        return error

    def _check(self) -> None:
        if self._cancelled:
            raise EngineFailed("The query was cancelled.")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise DeadlineExceeded("The query was stopped at its time limit.")

    def _interrupt(self) -> None:
        self._streams.end()
        # Aside, for a server that does not answer must hold nobody up.
        Thread(target=self._session.interrupt, args=(self._tag,), name="spark-interrupt", daemon=True).start()


def as_asked(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Bring rows of Spark to the columns of DuckDB. Raises ``EngineFailed`` where a value would not be the same."""
    if table.num_columns != len(schema):
        raise EngineFailed("Spark answered with other columns than DuckDB has.")
    columns = []
    for name, column, field in zip(schema.names, table.columns, schema, strict=True):
        if not _alike(column.type, field.type):
            raise EngineFailed(f"Spark answered the column {name} as {column.type}, which DuckDB has as {field.type}.")
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowInvalid as error:
            raise EngineFailed(f"Spark answered the column {name} with values that do not fit its type.") from error
    return pa.Table.from_arrays(columns, schema=schema)


def _alike(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether values of a type may be brought to another one: such as fit are the same."""
    types = pa.types
    if given.equals(wanted) or types.is_null(given):
        return True
    if types.is_integer(given):
        return types.is_integer(wanted) or (types.is_decimal(wanted) and wanted.scale == 0)
    if types.is_decimal(given):
        return types.is_decimal(wanted)
    if types.is_timestamp(given) and types.is_timestamp(wanted):
        return (given.tz is None) == (wanted.tz is None)
    return bool(types.is_string(given) and (types.is_large_string(wanted) or types.is_string_view(wanted)))
