"""Checks the ETag of every HTTP response that DuckDB used against the file version that was planned.

DuckDB logs each request, with the headers of its response, before it uses the bytes. A file whose responses had
another ETag than its version is *retired*: the queries that read it fail with ``FilesChanged``, and the version gets a
new address, so that what DuckDB has cached under the old one is never used again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from urllib.parse import unquote

import duckdb

from gateway.engine.instance import S3Access
from gateway.engine.versions import opaque
from gateway.errors import FilesChanged
from gateway.model import FileVersion
from gateway.telemetry.events import Observer, StoreRequested, unobserved

_URL = re.compile(r"'url': '([^']*)'")
_STATUS = re.compile(r"'response': \{'status': \w*?_(\d{3})\b")
_METHOD = re.compile(r"'request': \{'type': (GET|HEAD)\b")
_ETAG = re.compile(r"""[{ ]etag=(?:'?(?:W/)?"([^"]*)"|'?([^,}'"]+))""", re.IGNORECASE)
_BROKEN = re.compile(r"'response': \{'status': \w+, 'reason': (?!OK,|Partial Content,)[^{}]*, 'headers': \{\}\}")
"""An answer whose transfer failed: DuckDB logs its status, the client's error in place of the reason, no headers."""
_FULL = 100_000
"""Entries (about 1 kB each) after which the log is emptied even though queries run, which then must run again."""


@dataclass(slots=True, kw_only=True)
class _ConnectionReads:
    """What one connection reads now, how many files had been retired when it began, and the requests it has sent."""

    files: Sequence[FileVersion]
    since: int
    requests: int = 0


class RequestLog:
    """Knows for each running query whether it was sent the versions it asked for. Thread-safe."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        access: S3Access,
        *,
        full: int = _FULL,
        first: int = 0,
        observe: Observer = unobserved,
    ) -> None:
        """Read the log of *connection*, on which logging of HTTP has been enabled; empty it at *full* entries.

        Editions are counted from *first*.
        """
        self._observe = observe
        self._access = access
        self._full = full
        self._cursor = connection.cursor()
        self._cursor.execute("PREPARE entries AS SELECT * FROM duckdb_logs(denormalized_table = false) OFFSET $1")
        self._cursor.execute("PREPARE contexts AS SELECT context_id, connection_id FROM duckdb_log_contexts()")
        self._lock = Lock()
        self._readings: dict[int, _ConnectionReads] = {}
        self._retired: dict[FileVersion, int] = {}
        self._count = self._first = first
        self._seen = 0

    @property
    def any_retired(self) -> bool:
        """Whether any address was ever retired."""
        return self._count > self._first

    def edition(self, file: FileVersion) -> int:
        """Return the number of the address of *file*: 0, and a higher one each time it is retired."""
        return self._retired.get(file, 0)

    def enter(self, connection: int, files: Sequence[FileVersion]) -> None:
        """Register that *connection* is about to read *files*."""
        with self._lock:
            self._readings[connection] = _ConnectionReads(files=files, since=self._count)

    def confirm(self, connection: int) -> int:
        """Check that everything *connection* has read is of the planned versions; return how many requests that took.

        Attempts that DuckDB repeated count. Raises ``FilesChanged``.
        """
        with self._lock:
            self._drain()
            reading = self._readings[connection]
            if self._count == reading.since:
                return reading.requests
            retired = [file.path for file in reading.files if self._retired.get(file, 0) > reading.since]
            if retired:
                path = retired[0] if len(retired) == 1 else None  # of several it is not clear which was
                raise FilesChanged("A data file was replaced while the query ran.", path=path)
            return reading.requests

    def leave(self, connection: int) -> None:
        """Register that *connection* has finished reading."""
        with self._lock:
            self._drain()
            del self._readings[connection]
            if self._seen and (not self._readings or self._seen > self._full):
                self._empty()

    def close(self) -> None:
        """Release the cursor; idempotent."""
        self._cursor.close()

    def _drain(self) -> None:
        """Check the log entries since the last call."""
        entries = self._cursor.execute(f"EXECUTE entries({self._seen})").fetchall()
        if not entries:
            return
        self._seen += len(entries)
        for (kind, status), requests in Counter(_kind(str(entry[-1])) for entry in entries).items():
            self._observe(StoreRequested(client="engine", kind=kind, status=status, requests=requests))
        connections = dict(self._cursor.execute("EXECUTE contexts").fetchall())
        expected: dict[int, dict[str, FileVersion]] = {}
        for entry in entries:
            connection = connections.get(entry[0])
            if connection not in self._readings:
                continue
            if connection not in expected:
                expected[connection] = {self.url(file.path): file for file in self._readings[connection].files}
            self._readings[connection].requests += 1
            self._judge(str(entry[-1]), expected[connection])

    def _judge(self, message: str, expected: dict[str, FileVersion]) -> None:
        """Retire the file that *message* shows to be of another version; all files, where that is not clear."""
        status = _STATUS.search(message)
        if status is None or not status[1].startswith("2") or _BROKEN.search(message):
            return  # no bytes of such an answer are used
        url = _URL.search(message)
        if url is not None and "list-type=2" in url[1]:
            return
        file = expected.get(unquote(url[1])) if url is not None else None
        if file is None:
            self._retire(expected.values())
            return
        etags = {quoted or bare for quoted, bare in _ETAG.findall(message, status.end())}
        if etags != {opaque(file.etag)}:
            self._retire([file])

    def _retire(self, files: Iterable[FileVersion]) -> None:
        self._count += 1
        for file in files:
            self._retired[file] = self._count

    def _empty(self) -> None:
        """Empty the log. Entries that arrive meanwhile are lost, so all files of running queries are retired."""
        self._cursor.execute("CALL truncate_duckdb_logs()")
        self._seen = 0
        for reading in self._readings.values():
            self._retire(reading.files)

    def url(self, path: str) -> str:
        """Return the URL, decoded, that DuckDB requests for a path in a bucket."""
        scheme = "https" if self._access.use_ssl else "http"
        bucket, _, key = path.partition("://")[2].partition("/")
        if self._access.url_style == "path":
            return f"{scheme}://{self._access.endpoint}/{bucket}/{key}"
        return f"{scheme}://{bucket}.{self._access.endpoint}/{key}"


def _kind(message: str) -> tuple[str, str]:
    """Classify a request by its method and its status, as metric labels."""
    method, status, url = _METHOD.search(message), _STATUS.search(message), _URL.search(message)
    kind = "other" if method is None else method[1].lower()
    if kind == "get" and url is not None and "list-type=2" in url[1]:
        kind = "list"
    return kind, "none" if status is None else status[1]
