"""Opens DuckDB engines. An engine can read only the locations it was started with; new locations need a new engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from weakref import WeakSet

from gateway.engine.duckdb import DuckDBEngine
from gateway.model import Column

OpenEngine = Callable[[Sequence[str], int], DuckDBEngine]
"""Open an engine that can read these locations; the number is unique in a process. Raises ``EngineFailed``."""


class Engines:
    """The engines of this process. A replaced one is closed once nothing refers to it: after its last query."""

    def __init__(self, open_engine: OpenEngine) -> None:
        self._open = open_engine
        self._lock = Lock()
        self._number = 0
        self._newest: DuckDBEngine | None = None
        self._alive: WeakSet[DuckDBEngine] = WeakSet()

    def reaching(self, locations: Iterable[str], *, rather: DuckDBEngine | None = None) -> DuckDBEngine:
        """Return an engine that can read all *locations*: the one given, else the newest, else a new one."""
        wanted = set(locations)
        with self._lock:
            for known in (rather, self._newest):
                if known is not None and wanted.issubset(known.settings.locations):
                    return known
            self._newest = self._open(sorted(wanted), self._number)
            self._number += 1
            self._alive.add(self._newest)
            return self._newest

    def describe(self, paths: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of the Parquet files at *paths*, as the newest engine sees them."""
        newest = self._newest
        assert newest is not None
        return newest.describe(paths)

    def close(self) -> None:
        """Close every engine that is still open; idempotent."""
        for engine in list(self._alive):
            engine.close()
