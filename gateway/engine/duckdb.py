"""DuckDB inside the process: one locked-down instance, one cursor a query."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import duckdb

from gateway.engine.base import Cancel
from gateway.engine.binding import bind
from gateway.engine.failures import RAISED, Suspicion, translate
from gateway.engine.instance import EngineSettings, Keyring, connect
from gateway.engine.stream import DuckDBStream, described
from gateway.engine.watch import Watch, Watched
from gateway.errors import DeadlineExceeded, EngineFailed, GatewayError, QueryFailed
from gateway.model import Column, FileVersion, Statement, TypedValue, Value


class DuckDBEngine:
    """An ``Engine`` on one DuckDB in memory; make it with ``open``, in the process that uses it, and close it."""

    name = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection, settings: EngineSettings) -> None:
        self.settings = settings
        self._connection = connection
        self._watch = Watch()
        self._lock = Lock()
        self._streams: set[DuckDBStream] = set()
        self._closed = False

    @classmethod
    def open(cls, settings: EngineSettings, *, keyring: Keyring = lambda: None) -> DuckDBEngine:
        """Start and lock down an instance; *keyring* is asked for the keys of the buckets. Raises ``EngineFailed``."""
        cores = os.cpu_count() or 1
        threads = settings.threads or (max(16, 2 * cores) if settings.remote else cores)
        try:
            return cls(connect(settings, keyring, threads), settings)
        except duckdb.Error as error:
            raise EngineFailed("The engine could not be started.") from error

    def execute(
        self,
        statement: Statement,
        *,
        deadline: float | None = None,
        started: Callable[[Cancel], None] | None = None,
    ) -> DuckDBStream:
        """Start *statement* and return its rows as they come; see ``Engine.execute``."""
        cursor = self._cursor()
        stream = DuckDBStream(
            cursor,
            self._watch.add(cursor.interrupt, deadline),
            translate=self._translated,
            confirm=self._confirm,
            cancel=self._watch.cancel,
            over=self._over,
        )
        with self._lock:
            self._streams.add(stream)
        try:
            if started is not None:
                started(stream.cancel)
            stream.start(*self._prepared(cursor, statement.sql, statement.parameters))
        except BaseException:
            stream.close()
            raise
        return stream

    def evaluate(
        self, expressions: Sequence[str], parameters: Mapping[str, TypedValue], *, deadline: float | None = None
    ) -> tuple[Value, ...]:
        """Compute constant *expressions* in one SELECT; see ``Engine.evaluate``. A month counts as 30 days."""
        if not expressions:
            return ()
        with self._running(deadline) as cursor:
            cursor.execute(*self._prepared(cursor, f"SELECT {', '.join(expressions)}", parameters))
            row = cursor.fetchone()
        return tuple(_aware(value) for value in row or ())

    def describe(self, paths: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of the Parquet files at *paths*, those that only some of them have included."""
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        source = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
        with self._running(None) as cursor:
            rows = cursor.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        return tuple(Column(name=row[0], type=row[1]) for row in rows)

    def columns(self, statement: Statement) -> tuple[Column, ...]:
        """Return the columns that *statement* would answer with, without running it."""
        limited = f"SELECT * FROM (\n{_bare(statement.sql)}\n) LIMIT 0"
        with self._running(None) as cursor:
            cursor.execute(*self._prepared(cursor, limited, statement.parameters))
            return described(cursor)

    def explain(self, statement: Statement) -> str:
        """Return DuckDB's physical plan of *statement* as text."""
        with self._running(None) as cursor:
            cursor.execute(*self._prepared(cursor, f"EXPLAIN {statement.sql}", statement.parameters))
            return "\n".join(str(row[1]) for row in cursor.fetchall())

    def address(self, file: FileVersion) -> str:
        """Spell where *file* is for ``read_parquet``."""
        return file.path

    def ping(self) -> None:
        """Select a constant. Raises ``EngineFailed``: the instance is closed, or invalid after a fatal error."""
        try:
            self.evaluate(["1"], {})
        except GatewayError as error:
            raise EngineFailed("The engine does not answer.") from error

    def close(self) -> None:
        """Interrupt what runs and release the instance; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._watch.cancel_all()
        self._watch.close()
        self._connection.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        try:
            with self._lock:
                return self._connection.cursor()
        except duckdb.Error as error:
            raise EngineFailed("The engine is closed.") from error

    def _prepared(
        self, cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, TypedValue]
    ) -> tuple[duckdb.Statement, dict[str, duckdb.Value]]:
        """Parse *sql*, which must be one statement, and bind those of *parameters* that it uses."""
        try:
            statement = _only(cursor.extract_statements(sql))
            text, values = bind(sql, statement.named_parameters, parameters)
            return (statement if text is sql else _only(cursor.extract_statements(text))), values
        except duckdb.Error as error:
            raise self._named(translate(error, memory_limit=self.settings.memory_limit)) from error

    @contextmanager
    def _running(self, deadline: float | None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor for something short that returns rows at once, with errors translated."""
        cursor = self._cursor()
        watched = self._watch.add(cursor.interrupt, deadline)
        try:
            yield cursor
        except RAISED as error:
            raise self._stopped(watched) or self._named(
                translate(error, memory_limit=self.settings.memory_limit)
            ) from error
        finally:
            self._watch.release(watched)
            cursor.close()

    def _translated(self, error: BaseException, stream: DuckDBStream) -> GatewayError:
        return self._stopped(stream.watched) or self._named(translate(error, memory_limit=self.settings.memory_limit))

    def _stopped(self, watched: Watched) -> GatewayError | None:
        """Name why a query was interrupted; None: it was not."""
        if watched.expired:
            return DeadlineExceeded("The query was stopped at its time limit.")
        return EngineFailed("The query was cancelled.") if watched.cancelled else None

    def _named(self, failure: GatewayError | Suspicion) -> GatewayError:
        return failure.damaged if isinstance(failure, Suspicion) else failure

    def _confirm(self, stream: DuckDBStream) -> None:
        """Check that what was read is what the statement names."""

    def _over(self, stream: DuckDBStream) -> None:
        self._watch.release(stream.watched)
        with self._lock:
            self._streams.discard(stream)
        stream.cursor.close()


def _only(statements: list[duckdb.Statement]) -> duckdb.Statement:
    if len(statements) != 1:
        raise QueryFailed("A query must be exactly one statement.")
    return statements[0]


def _bare(sql: str) -> str:
    """Drop the semicolon that may end a statement, so that it can stand in parentheses."""
    return sql.rstrip().rstrip(";")


def _aware(value: Any) -> Value:
    """Put an instant in UTC of the standard library; DuckDB's client uses pytz."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
