"""The tier in the memory of the process: bytes-weighted, least recently used first out, a lifetime an entry."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from cachetools import TLRUCache

from gateway.cache.tier import Mark
from gateway.model import Result

_OVERHEAD = 2_000
"""Bytes that an entry costs beside its Arrow buffers: measured with tracemalloc on results of one row."""
_MARKS = 100_000


class MemoryTier:
    """Keep results in this process, up to *size* bytes of Arrow buffers."""

    name = "memory"

    def __init__(self, size: int, *, clock: Callable[[], float] = time.time) -> None:
        self._lock = Lock()
        self._results: TLRUCache[str, Any] = TLRUCache(size, _expiry, timer=clock, getsizeof=_weight)
        self._marks: TLRUCache[str, Any] = TLRUCache(_MARKS, _expiry, timer=clock)

    def result(self, key: str) -> Result | None:
        with self._lock:
            entry = self._results.get(key)
        return None if entry is None else entry[0]

    def keep(self, result: Result, *, lifetime: float) -> bool:
        with self._lock:
            if _weight((result, lifetime)) > self._results.maxsize:
                return False
            self._results[result.key] = (result, lifetime)
        return True

    def mark(self, question: str) -> Mark | None:
        with self._lock:
            entry = self._marks.get(question)
        return None if entry is None else entry[0]

    def remember(self, question: str, mark: Mark, *, lifetime: float) -> None:
        with self._lock:
            self._marks[question] = (mark, lifetime)

    def close(self) -> None:
        with self._lock:
            self._results.clear()
            self._marks.clear()


def _expiry(_key: str, entry: tuple[Any, float], now: float) -> float:
    return now + entry[1]


def _weight(entry: tuple[Result, float]) -> int:
    return int(entry[0].table.get_total_buffer_size()) + _OVERHEAD
