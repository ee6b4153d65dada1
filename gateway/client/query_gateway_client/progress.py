"""How far a read in splits has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import pyarrow as pa

_PAUSE = 0.2
"""Seconds between two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What has been read so far; ``bytes`` are those of the rows in memory."""

    rows: int
    bytes: int
    splits: int
    of: int


Report = Callable[[Read], None]


@dataclass(slots=True, kw_only=True)
class Progress:
    """Counts what comes, from any thread, and reports it: to a function, or as one line of the terminal."""

    of: int
    report: Report | None
    rows: int = 0
    bytes: int = 0
    splits: int = 0
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def shown(cls, how: Report | bool, of: int) -> Progress:
        return cls(of=of, report=line() if how is True else (how or None))

    def came(self, batch: pa.RecordBatch) -> None:
        with self._lock:
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            self._told()

    def split_ended(self) -> None:
        with self._lock:
            self.splits += 1
            self._told()

    def _told(self) -> None:
        if self.report is not None:
            self.report(Read(rows=self.rows, bytes=self.bytes, splits=self.splits, of=self.of))


def line(clock: Callable[[], float] = time.monotonic) -> Report:
    """Return what keeps one line of the terminal up to date."""
    start, last = clock(), 0.0

    def report(read: Read) -> None:
        nonlocal last
        now = clock()
        if now - last < _PAUSE and read.splits < read.of:
            return
        last = now
        rate = read.bytes / 1e6 / max(now - start, 1e-9)
        end = "\n" if read.splits == read.of else ""
        text = f"\r{read.splits}/{read.of} splits, {read.rows:,} rows, {read.bytes / 1e6:,.0f} MB, {rate:,.0f} MB/s "
        sys.stderr.write(text + end)
        sys.stderr.flush()

    return report
