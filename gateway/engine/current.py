"""Opens DuckDB engines. An engine can read only the locations it was started with; new locations need a new engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from gateway.engine.base import Engine
from gateway.model import Column


class Reaching(Engine, Protocol):
    """An engine that can read some locations, and no others."""

    @property
    def locations(self) -> Sequence[str]:
        """What it can read."""

    def memory(self) -> tuple[Mapping[str, int], int]:
        """Return the bytes in use, by what they are used for, and those of temporary files."""


Opened = TypeVar("Opened", bound=Reaching)


class Engines(Generic[Opened]):
    """The engines of this process. A replaced one is closed once nothing refers to it: after its last query.

    *open_engine* opens one that can read given locations, with a number that is unique in a process; it raises
    ``EngineFailed``.
    """

    def __init__(self, open_engine: Callable[[Sequence[str], int], Opened]) -> None:
        self._open = open_engine
        self._lock = Lock()
        self._number = 0
        self._newest: Opened | None = None
        self._alive: WeakSet[Opened] = WeakSet()

    def reaching(self, locations: Iterable[str], *, rather: Opened | None = None) -> Opened:
        """Return an engine that can read all *locations*: the one given, else the newest, else a new one."""
        wanted = set(locations)
        with self._lock:
            for known in (rather, self._newest):
                if known is not None and wanted.issubset(known.locations):
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
