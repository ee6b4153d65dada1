"""A pool of cursors of one DuckDB instance: one cursor per query, with its deadline and its HTTP requests watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import duckdb

from gateway.engine.requests import RequestLog
from gateway.engine.versions import changed_in_folders, in_buckets
from gateway.engine.watch import Watch, WatchedQuery
from gateway.errors import EngineFailed, FilesChanged
from gateway.model import FileVersion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledCursor:
    """A cursor for one query over *files*; ``connection`` is DuckDB's number of it, where requests are followed."""

    cursor: duckdb.DuckDBPyConnection
    connection: int | None
    watched: WatchedQuery
    files: Sequence[FileVersion]


class Cursors:
    """The pool. A cursor is reused only where HTTP requests are followed, after a query that ended normally."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, requests: RequestLog | None) -> None:
        self.watch = Watch()
        self._connection = connection
        self._requests = requests
        self._lock = Lock()
        self._idle: list[tuple[duckdb.DuckDBPyConnection, int]] = []
        self._closed = False

    def acquire(self, files: Sequence[FileVersion], deadline: float | None) -> PooledCursor:
        """Lend a cursor for a query over *files* that may run until *deadline*. Raises ``EngineFailed``."""
        remote = in_buckets(files) if self._requests is not None else []
        cursor, connection = self._cursor(numbered=bool(remote))
        if connection is not None and self._requests is not None:
            self._requests.enter(connection, remote)
        return PooledCursor(
            cursor=cursor, connection=connection, watched=self.watch.add(cursor.interrupt, deadline), files=files
        )

    def confirm(self, pooled: PooledCursor) -> None:
        """Check that what was read is of the planned versions. Raises ``FilesChanged``."""
        changed = changed_in_folders(pooled.files)
        if changed:
            raise FilesChanged("A data file was replaced or removed while the query ran.", path=changed[0].path)
        if pooled.connection is not None and self._requests is not None:
            self._requests.confirm(pooled.connection)

    def release(self, pooled: PooledCursor, *, reusable: bool) -> None:
        """Return a cursor to the pool; it is *reusable* only if its query has ended by itself."""
        self.watch.release(pooled.watched)
        keep = reusable and pooled.connection is not None and not self._closed
        if not keep:
            pooled.cursor.close()
        if pooled.connection is not None and self._requests is not None:
            self._requests.leave(pooled.connection)
            if keep:
                self._idle.append((pooled.cursor, pooled.connection))

    def close(self) -> None:
        """Interrupt what runs and lend nothing more."""
        self._closed = True
        self.watch.close()
        while self._idle:
            self._idle.pop()[0].close()
        if self._requests is not None:
            self._requests.close()

    def _cursor(self, *, numbered: bool) -> tuple[duckdb.DuckDBPyConnection, int | None]:
        try:
            with self._lock:
                if numbered and self._idle:
                    return self._idle.pop()
                cursor = self._connection.cursor()
            if not numbered:
                return cursor, None
            row = cursor.execute("SELECT current_connection_id()").fetchone()
        except duckdb.Error as error:
            raise EngineFailed("The engine is closed.") from error
        assert row is not None
        return cursor, int(row[0])
