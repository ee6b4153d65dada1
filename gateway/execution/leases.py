"""The right to do one piece of work, among the processes of a machine and among hosts.

A lease is freed when its holder dies: by the kernel on one machine, by its own expiry among hosts (``cache.redis``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf
from pathlib import Path
from threading import Lock
from typing import Protocol

_SPAN = 2**62
"""Offsets of the lock file; a key is one byte of it, so two keys meet with a chance of one in 2**62."""


class Lease(Protocol):
    """The right to do one piece of work, among all who share the lease."""

    def take(self, key: str) -> bool:
        """Take the lease of *key* if nobody holds it; return whether it was taken."""

    def take_all(self, keys: Sequence[str]) -> list[str]:
        """Take those leases of several that nobody holds, all at once; return their keys."""

    def release(self, key: str) -> None:
        """Give the lease of *key* back."""

    def release_all(self, keys: Sequence[str]) -> None:
        """Give several leases back, all at once."""

    def close(self) -> None:
        """Give all leases back; idempotent."""


class OneByOne(ABC):
    """A lease to which several keys at once mean no more than one after the other."""

    @abstractmethod
    def take(self, key: str) -> bool:
        """Take the lease of *key* if nobody holds it; return whether it was taken."""

    @abstractmethod
    def release(self, key: str) -> None:
        """Give the lease of *key* back."""

    def take_all(self, keys: Sequence[str]) -> list[str]:
        """Take those leases of several that nobody holds; return their keys."""
        return [key for key in keys if self.take(key)]

    def release_all(self, keys: Sequence[str]) -> None:
        """Give several leases back."""
        for key in keys:
            self.release(key)


class MachineLease(OneByOne):
    """Leases among the processes of a machine: a byte of one file a key, locked by ``fcntl`` (POSIX record locks).

    The kernel frees the locks of a process that dies. The file is opened once and never removed: closing any
    descriptor of it would free every lock that the process holds. Within a process it does not exclude: who takes a
    lease that the process holds already has it too, and the last of them frees it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file, self._lock, self._held = path.open("ab"), Lock(), Counter[str]()

    def take(self, key: str) -> bool:
        with self._lock:
            try:
                lockf(self._file, LOCK_EX | LOCK_NB, 1, _offset(key))
            except OSError:
                return False
            self._held[key] += 1
            return True

    def release(self, key: str) -> None:
        with self._lock:
            self._held[key] -= 1
            if self._held[key] <= 0:
                del self._held[key]
                lockf(self._file, LOCK_UN, 1, _offset(key))

    def close(self) -> None:
        self._file.close()


class Leases:
    """Several leases as one: all of them are held, or none."""

    def __init__(self, leases: Sequence[Lease]) -> None:
        self._leases = tuple(leases)

    def take(self, key: str) -> bool:
        taken: list[Lease] = []
        for lease in self._leases:
            if not lease.take(key):
                for other in reversed(taken):
                    other.release(key)
                return False
            taken.append(lease)
        return True

    def take_all(self, keys: Sequence[str]) -> list[str]:
        held = list(keys)
        for depth, lease in enumerate(self._leases):
            taken = set(lease.take_all(held))
            lost = [key for key in held if key not in taken]
            for other in reversed(self._leases[:depth]):
                other.release_all(lost)
            held = [key for key in held if key in taken]
        return held

    def release(self, key: str) -> None:
        for lease in reversed(self._leases):
            lease.release(key)

    def release_all(self, keys: Sequence[str]) -> None:
        for lease in reversed(self._leases):
            lease.release_all(keys)

    def close(self) -> None:
        for lease in reversed(self._leases):
            lease.close()


def _offset(key: str) -> int:
    return int(key[:16], 16) % _SPAN
