"""The tier shared by the workers of a machine: one Arrow IPC file a result, published by rename, read by mmap.

A file is complete or absent: it is written under a temporary name, then renamed. A worker killed while it writes
leaves a temporary file, which the next sweep removes. A mapped file may be removed while it is read: the mapping
keeps its bytes (POSIX ``unlink``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pyarrow as pa

from gateway.cache.tier import Mark
from gateway.model import Column, Reading, Result

_HEADER = b"gateway"
_ABANDONED = 600.0
"""Seconds after which a temporary file is taken to be left over by a writer that died."""
_SWEEP_EVERY = 64 * 2**20
"""Bytes written by this process between two sweeps."""


class FileTier:
    """Keep results in a folder, up to *size* bytes; several processes may use the folder at once."""

    name = "disk"

    def __init__(self, folder: Path, size: int, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._size, self._clock = folder, size, clock
        self._unswept = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def result(self, key: str) -> Result | None:
        path = self._path(key, "arrow")
        try:
            if not self._alive(path):
                return None
            with pa.memory_map(str(path)) as source:
                return _read(pa.ipc.open_file(source).read_all())
        except (FileNotFoundError, pa.ArrowInvalid):
            return None

    def keep(self, result: Result, *, lifetime: float) -> bool:
        if result.table.nbytes > self._size:
            return False
        table = result.table.replace_schema_metadata({_HEADER: _header(result)})
        temporary = self._temporary()
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        written = temporary.stat().st_size
        self._publish(temporary, self._path(result.key, "arrow"), lifetime)
        self._unswept += written
        if self._unswept >= min(_SWEEP_EVERY, self._size // 4):
            self.sweep()
        return True

    def mark(self, question: str) -> Mark | None:
        path = self._path(question, "mark")
        try:
            return Mark(**orjson.loads(path.read_bytes())) if self._alive(path) else None
        except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
            return None

    def remember(self, question: str, mark: Mark, *, lifetime: float) -> None:
        temporary = self._temporary()
        temporary.write_bytes(orjson.dumps(asdict(mark)))
        self._publish(temporary, self._path(question, "mark"), lifetime)

    def sweep(self) -> None:
        """Remove what has expired, then the oldest until the folder is within its size again."""
        self._unswept = 0
        now, kept = self._clock(), []
        for entry in _files(self._folder):
            status = _status(entry)
            if status is None:
                continue
            abandoned = entry.name.endswith(".tmp") and status.st_mtime < time.time() - _ABANDONED
            if abandoned or (not entry.name.endswith(".tmp") and status.st_mtime <= now):
                Path(entry.path).unlink(missing_ok=True)
            else:
                kept.append((status.st_mtime, status.st_size, entry.path))
        total = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if total <= self._size:
                break
            Path(path).unlink(missing_ok=True)
            total -= size

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, key: str, kind: str) -> Path:
        return self._folder / key[:2] / f"{key}.{kind}"

    def _temporary(self) -> Path:
        return self._folder / f"{uuid4().hex}.tmp"

    def _alive(self, path: Path) -> bool:
        """Tell whether a file's lifetime lasts: its modification time is the instant at which it expires."""
        return path.stat().st_mtime > self._clock()

    def _publish(self, temporary: Path, path: Path, lifetime: float) -> None:
        expires = self._clock() + lifetime
        os.utime(temporary, (expires, expires))
        path.parent.mkdir(exist_ok=True)
        temporary.replace(path)


def _header(result: Result) -> bytes:
    return orjson.dumps(
        {
            "key": result.key,
            "columns": [asdict(column) for column in result.columns],
            "readings": [asdict(reading) for reading in result.readings],
            "created_at": result.created_at,
            "seconds": result.seconds,
        }
    )


def _read(table: pa.Table) -> Result:
    header: dict[str, Any] = orjson.loads((table.schema.metadata or {})[_HEADER])
    return Result(
        key=header["key"],
        table=table.replace_schema_metadata(None),
        columns=tuple(Column(**column) for column in header["columns"]),
        readings=tuple(Reading(**reading) for reading in header["readings"]),
        created_at=header["created_at"],
        seconds=header["seconds"],
    )


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
