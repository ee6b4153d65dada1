"""What is made once, whoever asks for it at the same time, and kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Once(Generic[Key, Made]):
    """Keeps the *size* things that were asked for last; thread-safe.

    Each is made by the first thread that asks for it; the others wait. Where that fails they make it themselves, all at
    once, so that nobody fails by what another was refused, nor waits for more than one: the condition of cachetools'
    decorators has them try one after the other.
    """

    def __init__(self, size: int) -> None:
        self._kept: LRUCache[Key, Made] = LRUCache(size)
        self._making: dict[Key, Future[Made]] = {}
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[], Made]) -> Made:
        """Return what is kept under *key*, or what *make* returns. Raises what that raises."""
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            made = self._making.get(key)
            if made is None:
                mine = self._making[key] = Future[Made]()
        if made is None:
            return self._make(key, make, mine)
        try:
            return made.result()
        except Exception:  # noqa: BLE001 - it is raised where it was met
            return make()

    def _make(self, key: Key, make: Callable[[], Made], future: Future[Made]) -> Made:
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                del self._making[key]
            future.set_exception(error)
            raise
        with self._lock:
            self._kept[key] = made
            del self._making[key]
        future.set_result(made)
        return made
