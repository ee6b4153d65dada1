"""The rows of a running DuckDB query: a stream of Arrow batches that can be interrupted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import duckdb
import pyarrow as pa

from gateway.content import ROWS
from gateway.engine.cursors import Cursors, PooledCursor
from gateway.engine.failures import RAISED
from gateway.errors import GatewayError, QueryFailed
from gateway.model import Column
from gateway.streaming import Form, Writer

_UNSUPPORTED = re.compile(r"\b(?:BIT|BIGNUM|TIME WITH TIME ZONE|UHUGEINT|VARIANT|GEOMETRY|UNION)\b")
"""Types that Arrow carries wrongly or not at all: it wraps UHUGEINT, and drops the zone of a time."""


class DuckDBStream:
    """Rows of one query; a ``ResultStream``. The engine makes it and starts it before it hands it out."""

    columns: tuple[Column, ...]
    schema: pa.Schema
    writer: Callable[[Form], Writer] | None = None
    requests: int | None = None

    def __init__(
        self, cursors: Cursors, pooled: PooledCursor, translate: Callable[[BaseException, PooledCursor], GatewayError]
    ) -> None:
        self._cursors = cursors
        self._pooled = pooled
        self._translate = translate
        self._ended = False
        self._closed = False
        self.then: Callable[[], None] = lambda: None
        """Called once it is closed."""

    def start(self, statement: duckdb.Statement, values: dict[str, duckdb.Value]) -> None:
        """Run the query until its first rows are there."""
        try:
            self._pooled.cursor.execute(statement, values)
            self.columns = described(self._pooled.cursor)
            self._reader = self._pooled.cursor.to_arrow_reader(ROWS)
        except RAISED as error:
            raise self._translate(error, self._pooled) from error
        self.schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches; after the last one, check that they came from the planned file versions."""
        try:
            yield from self._reader
            self.requests = self._cursors.confirm(self._pooled)
            self._ended = True
        except RAISED as error:
            raise self._translate(error, self._pooled) from error
        finally:
            self.close()

    def cancel(self) -> None:
        """Interrupt the query from any thread; iteration then ends with an error."""
        self._cursors.watch.cancel(self._pooled.watched)

    def postpone(self, deadline: float) -> None:
        """Replace the deadline, an instant of ``time.monotonic``."""
        self._cursors.watch.postpone(self._pooled.watched, deadline)

    def confirm(self) -> None:
        """Check that the rows so far came from the planned file versions. Raises ``FilesChanged``."""
        self._cursors.confirm(self._pooled)

    def close(self) -> None:
        """Release the cursor; idempotent."""
        if not self._closed:
            self._closed = True
            self._cursors.release(self._pooled, reusable=self._ended)
            self.then()


def described(cursor: duckdb.DuckDBPyConnection) -> tuple[Column, ...]:
    """Return the columns of the result of *cursor*. Raises ``QueryFailed`` for a type that no format can represent."""
    columns = tuple(Column(name=str(entry[0]), type=str(entry[1])) for entry in cursor.description or ())
    for column in columns:
        if _UNSUPPORTED.search(column.type):
            raise QueryFailed(
                f"The column {column.name!r} of the result is of type {column.type}, which the formats of the gateway "
                f"cannot carry: cast it in the query, e.g. to VARCHAR."
            )
    return columns
