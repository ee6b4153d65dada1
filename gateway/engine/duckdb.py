"""The DuckDB engine: one locked-down instance in this process, one cursor per query."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from threading import Lock, Thread
from time import monotonic
from typing import Any, Final
from urllib.parse import unquote
from uuid import uuid4
from weakref import finalize

import duckdb

from gateway.engine import versions
from gateway.engine.base import Cancel
from gateway.engine.binding import bind
from gateway.engine.cursors import Cursors, PooledCursor
from gateway.engine.failures import RAISED, Suspicion, is_internal, translate
from gateway.engine.instance import DuckDBSettings, Keyring, S3Access, connect, put_secret, quoted
from gateway.engine.requests import RequestLog
from gateway.engine.stream import DuckDBStream, described
from gateway.errors import DeadlineExceeded, EngineFailed, FilesChanged, GatewayError, QueryFailed, StorageFailed
from gateway.model import Column, FileVersion, Relation, Statement, TypedValue, Value
from gateway.telemetry.events import Observer, unobserved

KEY_LIFE = 240.0
"""Seconds that keys are used before the keyring is asked again: it gives none that expires within five minutes."""
_NUMBERED: Final = re.compile(r"_\d+$")


class DuckDBEngine:
    """An ``Engine`` on one DuckDB in memory; make it with ``open``, in the process that uses it, and close it."""

    name = f"duckdb {duckdb.__version__}"

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        settings: DuckDBSettings,
        keyring: Keyring,
        clock: Callable[[], float] = monotonic,
        observe: Observer = unobserved,
        broken: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self._broken, self._observe = broken, observe
        self._instances = count(1)
        self._keyring, self._clock = keyring, clock
        self._connection = connection
        self._access = settings.s3 or S3Access()
        self._requests = (
            RequestLog(connection, self._access, first=settings.first_edition, observe=observe)
            if settings.remote
            else None
        )
        self._cursors = Cursors(connection, self._requests)
        self._renewing, self._renew_at = Lock(), clock() + KEY_LIFE
        # Without this reference nothing closes an engine that a reload replaced: the last query on it lets it go.
        self._release = finalize(self, _close_aside, self._cursors, connection)
        self._release.atexit = False

    @classmethod
    def open(
        cls,
        settings: DuckDBSettings,
        *,
        keyring: Keyring = lambda: None,
        clock: Callable[[], float] = monotonic,
        observe: Observer = unobserved,
        broken: Callable[[], None] = lambda: None,
    ) -> DuckDBEngine:
        """Start and lock down an instance. Raises ``EngineFailed``.

        *keyring* is asked for the keys of the buckets, now and whenever ``KEY_LIFE`` seconds of *clock* have passed.
        *broken* is called in the thread of a query after whose error DuckDB refuses every further query.
        """
        cores = os.cpu_count() or 1
        threads = settings.threads or (max(16, 2 * cores) if settings.remote else cores)
        try:
            return cls(connect(settings, keyring, threads), settings, keyring, clock, observe, broken)
        except (duckdb.Error, OSError) as error:
            raise EngineFailed("The engine could not be started.") from error

    @property
    def locations(self) -> Sequence[str]:
        """What it can read."""
        return self.settings.locations

    def execute(
        self,
        statement: Statement,
        *,
        deadline: float | None = None,
        started: Callable[[Cancel], None] | None = None,
    ) -> DuckDBStream:
        """Start *statement* and return its rows as they come; see ``Engine.execute``."""
        if statement.one_thread:
            return self._execute_alone(statement, deadline, started)
        self._keep_keys_fresh()
        pooled = self._cursors.acquire(statement.files, deadline)
        stream = DuckDBStream(self._cursors, pooled, self._translated)
        try:
            if started is not None:
                started(stream.cancel)
            self._refuse_retired(statement)
            pooled.register(statement.relations)
            stream.start(*self._prepared(pooled.cursor, statement.sql, statement.parameters))
        except BaseException:
            stream.close()
            raise
        return stream

    def _execute_alone(
        self, statement: Statement, deadline: float | None, started: Callable[[Cancel], None] | None
    ) -> DuckDBStream:
        """Start *statement* in an instance of its own: the threads of one serve all of its statements."""
        spill = f"{self.settings.temp_directory}.{next(self._instances)}"
        memory = self.settings.one_thread_memory
        settings = replace(self.settings, threads=1, memory_limit=memory, temp_directory=spill)
        alone = DuckDBEngine.open(settings, keyring=self._keyring, clock=self._clock, observe=self._observe)
        try:
            stream = alone.execute(replace(statement, one_thread=False), deadline=deadline, started=started)
        except BaseException:
            alone.close()
            raise
        stream.then = alone.close
        return stream

    def evaluate(
        self, expressions: Sequence[str], parameters: Mapping[str, TypedValue], *, deadline: float | None = None
    ) -> tuple[Value, ...]:
        """Compute constant *expressions* in one SELECT; see ``Engine.evaluate``. A month counts as 30 days."""
        if not expressions:
            return ()
        with self._running((), deadline) as cursor:
            cursor.execute(*self._prepared(cursor, f"SELECT {', '.join(expressions)}", parameters))
            row = cursor.fetchone()
        return tuple(_aware(value) for value in row or ())

    def describe(self, paths: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of the Parquet files at *paths*, those that only some of them have included."""
        now = uuid4().hex  # an address of its own, so that no footer from before is trusted
        files = [self.address(FileVersion(path=path, size=0, etag=now)) for path in paths]
        source = f"read_parquet([{', '.join(map(quoted, files))}], hive_partitioning = false, union_by_name = true)"
        with self._running((), None) as cursor:
            rows = cursor.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        return tuple(Column(name=row[0], type=row[1]) for row in rows)

    def columns(self, statement: Statement, *, deadline: float | None = None) -> tuple[Column, ...]:
        """Return the columns that *statement* would answer with; see ``Engine.columns``."""
        limited = f"SELECT * FROM (\n{statement.sql.rstrip().rstrip(';')}\n) LIMIT 0"
        with self._running(statement.files, deadline, statement.relations) as cursor:
            cursor.execute(*self._prepared(cursor, limited, statement.parameters))
            columns = described(cursor)
            if not any(_NUMBERED.search(column.name) for column in columns):
                return columns
            # The outer query may have given the number, to the second of two columns of one name.
            cursor.execute(*self._prepared(cursor, f"DESCRIBE\n{statement.sql}", statement.parameters))
            names = [str(row[0]) for row in cursor.fetchall()]
            return tuple(replace(column, name=name) for column, name in zip(columns, names, strict=True))

    def explain(self, statement: Statement) -> str:
        """Return DuckDB's physical plan of *statement* as text."""
        with self._running(statement.files, None) as cursor:
            cursor.execute(*self._prepared(cursor, f"EXPLAIN {statement.sql}", statement.parameters))
            return "\n".join(str(row[1]) for row in cursor.fetchall())

    def address(self, file: FileVersion) -> str:
        """Return the address of this version of *file* for ``read_parquet``."""
        return versions.address(file, use_ssl=self.use_ssl, edition=self.edition(file))

    @property
    def use_ssl(self) -> bool:
        """Whether requests to buckets are encrypted."""
        return self._access.use_ssl

    def edition(self, file: FileVersion) -> int:
        """Return the number of the address of *file*: 0, and a higher one each time that it is retired."""
        return self._requests.edition(file) if self._requests is not None else 0

    def renew_keys(self) -> None:
        """Fetch the keys of the buckets again; running queries keep the old ones. Raises ``EngineFailed``."""
        if self.settings.remote:
            try:
                with self._connection.cursor() as cursor:
                    put_secret(cursor, self._access, self._keyring())
            except duckdb.Error as error:
                raise EngineFailed("The keys of the buckets could not be renewed.") from error

    def _keep_keys_fresh(self) -> None:
        """Renew the keys of the buckets before they expire; one query does it, the others go on."""
        if not self.settings.remote or self._clock() < self._renew_at or not self._renewing.acquire(blocking=False):
            return
        try:
            self.renew_keys()
            self._renew_at = self._clock() + KEY_LIFE
        finally:
            self._renewing.release()

    def ping(self) -> None:
        """Select a constant. Raises ``EngineFailed``: the instance is closed, or invalid after a fatal error."""
        try:
            self.evaluate(["1"], {})
        except GatewayError as error:
            raise EngineFailed("The engine does not answer.") from error

    def memory(self) -> tuple[Mapping[str, int], int]:
        """Return the bytes in use, by DuckDB's word for what they are used for, and those of its temporary files."""
        with self._running((), None) as cursor:
            rows = cursor.execute("FROM duckdb_memory()").fetchall()
        return {tag.lower(): used for tag, used, _ in rows}, sum(spilled for *_, spilled in rows)

    def close(self) -> None:
        """Interrupt what runs and release the instance; idempotent. It is closed too when nothing refers to it."""
        if self._release.detach() is not None:
            _close(self._cursors, self._connection)

    def _prepared(
        self, cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, TypedValue]
    ) -> tuple[duckdb.Statement, dict[str, duckdb.Value]]:
        """Parse *sql*, which must be one statement, and bind those of *parameters* that it uses."""
        try:
            statement = _only(cursor.extract_statements(sql))
            text, values = bind(sql, statement.named_parameters, parameters)
            return (statement if text is sql else _only(cursor.extract_statements(text))), values
        except duckdb.Error as error:
            self._tell_if_broken(error)
            failure = translate(error, memory_limit=self.settings.memory_limit)
            raise (failure.damaged if isinstance(failure, Suspicion) else failure) from error

    def _refuse_retired(self, statement: Statement) -> None:
        """Raise ``FilesChanged`` where an address in the text was retired after the text had been made."""
        if self._requests is not None and self._requests.any_retired:
            for file in statement.files:
                if self._requests.edition(file) and quoted(self.address(file)) not in statement.sql:
                    raise FilesChanged("A data file was replaced while the query was planned.")

    @contextmanager
    def _running(
        self, files: Sequence[FileVersion], deadline: float | None, relations: Sequence[Relation] = ()
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor for something short that returns its rows at once, with errors translated."""
        pooled, ended = self._cursors.acquire(files, deadline), False
        try:
            pooled.register(relations)
            yield pooled.cursor
            ended = True
        except RAISED as error:
            raise self._translated(error, pooled) from error
        finally:
            self._cursors.release(pooled, reusable=ended and pooled.connection is None)

    def _translated(self, error: BaseException, pooled: PooledCursor) -> GatewayError:
        """Return the error of the query of *pooled*."""
        self._tell_if_broken(error)
        if pooled.watched.expired:
            return DeadlineExceeded("The query was stopped at its time limit.", path=self._stalled(error, pooled))
        if pooled.watched.cancelled:
            return EngineFailed("The query was cancelled.")
        try:
            self._cursors.confirm(pooled)  # bytes of two versions together can make any error
        except FilesChanged as changed:
            return changed
        failure = translate(error, memory_limit=self.settings.memory_limit)
        if isinstance(failure, StorageFailed | FilesChanged):
            failure.path = self._at_fault(error, pooled)
        if not isinstance(failure, Suspicion):
            return failure
        if isinstance(failure.damaged, StorageFailed):
            failure.damaged.path = versions.named(str(error), pooled.files)
        return self._changed(pooled) or failure.damaged

    def _tell_if_broken(self, error: BaseException) -> None:
        """Call ``broken`` where DuckDB has declared its database invalid, which it does after an error of its own."""
        if not is_internal(error):
            return
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except duckdb.Error as answer:
            if is_internal(answer):
                self._broken()

    def _stalled(self, error: BaseException, pooled: PooledCursor) -> str | None:
        """Return the file whose store did not answer before the deadline."""
        failure = translate(error, memory_limit=self.settings.memory_limit)
        passing = isinstance(failure, StorageFailed) and failure.passing
        return self._at_fault(error, pooled) if passing else None

    def _at_fault(self, error: BaseException, pooled: PooledCursor) -> str | None:
        """Find the file of *pooled* that an error mentions."""
        if self._requests is None:
            return None
        text = unquote(str(error))
        for file in versions.in_buckets(pooled.files):
            if self._requests.url(file.path) in text or file.path in text:
                return file.path
        return None

    def _changed(self, pooled: PooledCursor) -> GatewayError | None:
        """Check the files that *pooled* read as they are now; None: they are still of the planned versions."""
        remote = versions.in_buckets(pooled.files)
        try:
            if remote:
                self._look_at(remote, pooled.watched.deadline)
        except (FilesChanged, StorageFailed, DeadlineExceeded) as error:
            return error
        return None

    def _look_at(self, files: Sequence[FileVersion], deadline: float | None) -> None:
        """Send a HEAD for each of *files*, at addresses that nothing was cached under."""
        now = uuid4().hex
        fresh = [self.address(FileVersion(path=file.path, size=file.size, etag=now)) for file in files]
        pooled = self._cursors.acquire(files, deadline)
        try:
            pooled.cursor.execute(f"SELECT size FROM read_blob([{', '.join(map(quoted, fresh))}])").fetchall()
            self._cursors.confirm(pooled)
        except RAISED as error:
            failure = translate(error, memory_limit=self.settings.memory_limit)
            raise (failure.damaged if isinstance(failure, Suspicion) else failure) from error
        finally:
            self._cursors.release(pooled, reusable=False)


def _close(cursors: Cursors, connection: duckdb.DuckDBPyConnection) -> None:
    cursors.close()
    connection.close()


def _close_aside(cursors: Cursors, connection: duckdb.DuckDBPyConnection) -> None:
    """Close in a separate thread: the last reference may be dropped anywhere, also while a lock is held."""
    Thread(target=_close, args=(cursors, connection), name="engine-close", daemon=True).start()


def _only(statements: list[duckdb.Statement]) -> duckdb.Statement:
    if len(statements) != 1:
        raise QueryFailed("A query must be exactly one statement.")
    return statements[0]


def _aware(value: Any) -> Value:
    """Convert an instant to UTC of the standard library; DuckDB's client uses pytz."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
