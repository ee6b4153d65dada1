"""Counters shared by the workers of a machine: a storage of the ``limits`` library in an SQLite file.

Counts need not survive a restart of the machine: nothing is flushed to disk, and a broken file is replaced.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport

_TIMEOUT = 0.25
"""Seconds that one worker waits for another, which holds the file for microseconds."""
_SWEEP = 1_000
"""Counts after which the counters of windows that have ended are removed."""
_TABLE = "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER, ends REAL) WITHOUT ROWID"
_COUNT = """
INSERT INTO counters VALUES (:name, :amount, :ends)
ON CONFLICT (name) DO UPDATE SET
  count = CASE WHEN ends > :now THEN count + :amount ELSE :amount END,
  ends = CASE WHEN ends > :now THEN ends ELSE :ends END
RETURNING count
"""


class MachineCounters(Storage, SlidingWindowCounterSupport):
    """Counters in the file at *path*. Thread-safe. Create it after a fork. *clock* returns seconds since the epoch."""

    STORAGE_SCHEME = None

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(None, wrap_exceptions=True)
        self._path, self._clock = path, clock
        self._lock = Lock()
        self._opened: sqlite3.Connection | None = None
        self._counted = 0

    @property
    def base_exceptions(self) -> type[Exception]:
        return sqlite3.Error

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        with self._alone() as file:
            return self._count(file, key, expiry, amount)

    def get(self, key: str) -> int:
        with self._alone() as file:
            return self._get(file, key)

    def get_expiry(self, key: str) -> float:
        with self._alone() as file:
            found = file.execute("SELECT ends FROM counters WHERE name = ?", (key,)).fetchone()
        return self._clock() if found is None else float(found[0])

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = self._clock()
        with self._alone() as file:
            before, here = _windows(key, expiry, now)
            weighted = self._get(file, before) * _share(expiry, now) + self._get(file, here)
            if math.floor(weighted) + amount > limit:
                return False
            self._count(file, here, 2 * expiry, amount)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        now = self._clock()
        with self._alone() as file:
            before, here = (self._get(file, name) for name in _windows(key, expiry, now))
        left = _share(expiry, now) * expiry
        return before, left if before else 0.0, here, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        for name in _windows(key, expiry, self._clock()):
            self.clear(name)

    def check(self) -> bool:
        with self._alone() as file:
            return file.execute("SELECT 1").fetchone() is not None

    def clear(self, key: str) -> None:
        with self._alone() as file:
            file.execute("DELETE FROM counters WHERE name = ?", (key,))

    def reset(self) -> int | None:
        with self._alone() as file:
            return file.execute("DELETE FROM counters").rowcount

    def _count(self, file: sqlite3.Connection, name: str, expiry: float, amount: int) -> int:
        now = self._clock()
        self._counted += 1
        if self._counted % _SWEEP == 0:
            file.execute("DELETE FROM counters WHERE ends <= ?", (now,))
        values = {"name": name, "amount": amount, "now": now, "ends": now + expiry}
        return int(file.execute(_COUNT, values).fetchone()[0])

    def _get(self, file: sqlite3.Connection, name: str) -> int:
        query = "SELECT count FROM counters WHERE name = ? AND ends > ?"
        found = file.execute(query, (name, self._clock())).fetchone()
        return 0 if found is None else int(found[0])

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """Hold the file exclusively, among the threads of this process and the processes of this machine."""
        with self._lock:
            if self._opened is None:
                self._opened = _open(self._path)
            self._opened.execute("BEGIN IMMEDIATE")
            try:
                yield self._opened
            except sqlite3.Error:
                self._opened.close()  # nothing of it is kept, and the next one begins anew
                self._opened = None
                raise
            self._opened.execute("COMMIT")


def _open(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            with suppress(OSError):
                each.unlink()
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")
        file.execute(_TABLE)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _windows(key: str, expiry: int, now: float) -> tuple[str, str]:
    """Return the keys of the previous window and of the current one."""
    number = int(now // expiry)
    return f"{key}/{number - 1}", f"{key}/{number}"


def _share(expiry: int, now: float) -> float:
    """Return the fraction of the previous window that still counts."""
    return 1 - now % expiry / expiry
