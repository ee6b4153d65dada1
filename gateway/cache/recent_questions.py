"""What was asked lately of the queries that are to be prepared ahead: a few lines on disk, shared by all workers.

Noting a question costs a dictionary entry; ``flush`` appends what was noted to a file of one JSON line a question,
and ``recent`` reads it. The file is written anew, with the newest questions only, when it has grown.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from gateway.cache.key import question_key
from gateway.model import BoundQuery, Principal, Request, TypedValue

Version = tuple[str, int]
"""A query and its version."""
_ANYBODY = Principal()
_NOTED = 10_000
"""Questions that are noted at most between two flushes."""
_LARGE = 1_000_000
"""Bytes beyond which the file is written anew."""
_LONGEST = 4_000
"""Bytes of the longest question that is recorded; a longer one is hardly a dashboard's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    at: float
    request: Request


class RecentQuestions:
    """The newest questions to some queries. *wanted* maps a query and version to how many of its are kept."""

    def __init__(self, folder: Path, wanted: Mapping[Version, int], *, clock: Callable[[], float] = time.time) -> None:
        self._file, self._guard = folder / "questions.jsonl", folder / "questions.lock"
        self._wanted, self._clock = wanted, clock
        self._lock = Lock()
        self._noted: dict[str, _Used] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def want(self, wanted: Mapping[Version, int]) -> None:
        """Keep the newest questions of other queries from now on."""
        self._wanted = wanted

    def note(self, query: BoundQuery, request: Request) -> None:
        """Note that *request*, bound to *query*, was asked; nothing is done for a query that is not wanted."""
        if (query.name, query.version) in self._wanted:
            self.noting(query, request)()

    def noting(self, query: BoundQuery, request: Request) -> Callable[[], None]:
        """Return what notes that *request*, bound to *query*, was asked: a call for each time, and a cheap one."""
        version, key = (query.name, query.version), question_key(_as_written(query), _ANYBODY)
        asked = Request(query=query.name, version=query.version, parameters=request.parameters, textual=request.textual)

        def note() -> None:
            if version not in self._wanted:
                return
            with self._lock:
                if key in self._noted or len(self._noted) < _NOTED:
                    self._noted[key] = _Used(at=self._clock(), request=asked)

        return note

    def flush(self) -> None:
        """Append what was noted to the file; where that is impossible, it is forgotten."""
        with self._lock:
            noted, self._noted = self._noted, {}
        lines = [line for line in map(_line, noted, noted.values()) if len(line) <= _LONGEST]
        if not lines:
            return
        with suppress(OSError), self._exclusive():
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.write(descriptor, b"".join(lines))
                large = os.fstat(descriptor).st_size > _LARGE
            finally:
                os.close(descriptor)
            if large:
                self._compact()

    def recent(self) -> Mapping[Version, list[Request]]:
        """Return the newest questions of every wanted query, newest first."""
        return {
            version: [used.request for used in found.values()] for version, found in self._newest().items() if found
        }

    def _newest(self) -> dict[Version, dict[str, _Used]]:
        wanted = self._wanted
        newest: dict[Version, dict[str, _Used]] = {version: {} for version in wanted}
        every = sorted(self._read(), key=lambda item: item[1].at, reverse=True)
        for key, used in every:
            version = (used.request.query, used.request.version or 0)
            found = newest.get(version)
            if found is not None and len(found) < wanted[version]:
                found.setdefault(key, used)
        return newest

    def _read(self) -> Iterator[tuple[str, _Used]]:
        try:
            content = self._file.read_bytes()
        except OSError:
            return
        for line in content.splitlines():
            with suppress(ValueError, KeyError, TypeError):  # torn by a full disk, or of another version
                found: dict[str, Any] = json.loads(line)
                yield found.pop("key"), _Used(at=found.pop("at"), request=Request(**found))

    def _compact(self) -> None:
        lines = [_line(key, used) for found in self._newest().values() for key, used in found.items()]
        draft = self._file.with_suffix(f".{os.getpid()}")
        draft.write_bytes(b"".join(lines))
        draft.replace(self._file)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Have the file alone among all processes: a line must not go into a file that is being replaced."""
        descriptor = os.open(self._guard, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _as_written(query: BoundQuery) -> BoundQuery:
    """Return what tells a question from others for as long as it is asked: relative times as they are written."""
    written = {name: TypedValue(value=list(times.written), type="relative") for name, times in query.relative.items()}
    return replace(query, parameters={**query.parameters, **written}) if written else query


def _line(key: str, used: _Used) -> bytes:
    request = used.request
    document = {
        "key": key,
        "at": used.at,
        "query": request.query,
        "version": request.version,
        "parameters": request.parameters,
        "textual": request.textual,
    }
    return json.dumps(document).encode() + b"\n"  # orjson refuses integers beyond 64 bits
