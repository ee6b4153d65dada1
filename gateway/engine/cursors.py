"""A pool of cursors of one DuckDB instance: one cursor per query, with its deadline and its HTTP requests watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import duckdb

from gateway.engine.requests import RequestLog
from gateway.engine.versions import changed_in_folders, in_buckets
from gateway.engine.watch import Watch, WatchedQuery
from gateway.errors import EngineFailed, FilesChanged
from gateway.model import FileVersion, Relation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledCursor:
    """A cursor for one query over *files*; ``connection`` is DuckDB's number of it, where requests are followed."""

    cursor: duckdb.DuckDBPyConnection
    connection: int | None
    watched: WatchedQuery
    files: Sequence[FileVersion]
    _relations: list[str] = field(default_factory=list)

    def register(self, relations: Sequence[Relation]) -> None:
        """Let the query read *relations*; other cursors do not see them."""
        for relation in relations:
            self.cursor.register(relation.name, relation.rows)
            self._relations.append(relation.name)

    def forget(self) -> None:
        """Drop what was registered, for the next query."""
        while self._relations:
            self.cursor.unregister(self._relations.pop())


class Cursors:
    """The pool. A cursor is reused after a query that ended normally; making one takes longer than a tiny query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, requests: RequestLog | None) -> None:
        self.watch = Watch()
        self._connection = connection
        self._requests = requests
        self._lock = Lock()
        self._idle: dict[bool, list[tuple[duckdb.DuckDBPyConnection, int | None]]] = {False: [], True: []}
        """Those that may be used again, by whether they have a number."""
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

    def confirm(self, pooled: PooledCursor) -> int | None:
        """Check that what was read is of the planned versions; return the requests for it, None: it is in no bucket.

        Raises ``FilesChanged``.
        """
        changed = changed_in_folders(pooled.files)
        if changed:
            raise FilesChanged("A data file was replaced or removed while the query ran.", path=changed[0].path)
        if pooled.connection is None or self._requests is None:
            return None
        return self._requests.confirm(pooled.connection)

    def release(self, pooled: PooledCursor, *, reusable: bool) -> None:
        """Return a cursor to the pool; it is *reusable* only if its query has ended by itself."""
        self.watch.release(pooled.watched)
        keep = reusable and not self._closed
        if keep:
            pooled.forget()
        else:
            pooled.cursor.close()
        if pooled.connection is not None and self._requests is not None:
            self._requests.leave(pooled.connection)
        if keep:
            self._idle[pooled.connection is not None].append((pooled.cursor, pooled.connection))

    def close(self) -> None:
        """Interrupt what runs and lend nothing more."""
        self._closed = True
        self.watch.close()
        for idle in self._idle.values():
            while idle:
                idle.pop()[0].close()
        if self._requests is not None:
            self._requests.close()

    def _cursor(self, *, numbered: bool) -> tuple[duckdb.DuckDBPyConnection, int | None]:
        try:
            with self._lock:
                if self._idle[numbered]:
                    return self._idle[numbered].pop()
                cursor = self._connection.cursor()
            if not numbered:
                return cursor, None
            row = cursor.execute("SELECT current_connection_id()").fetchone()
        except duckdb.Error as error:
            raise EngineFailed("The engine is closed.") from error
        assert row is not None
        return cursor, int(row[0])
