"""Single flight: identical concurrent work is done once, by the threads of a process and the workers of a machine.

A fill is detached from its callers: it runs on a thread of its own, every caller waits for it no longer than its own
deadline, and a caller that gives up changes nothing for the others. Between processes the work is guarded by a
lease, which the kernel (or the lease's own expiry) releases when its holder dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf
from pathlib import Path
from threading import Lock
from typing import Protocol

from gateway.errors import DeadlineExceeded, GatewayError, ShuttingDown
from gateway.model import Result

_REMEMBER = 1.5
"""Seconds that the error of a fill is given to those who ask the same again, so that a failure is not a stampede."""
_POLL = (0.005, 0.1)
"""Shortest and longest pause, in seconds, between two attempts to take a lease that another process holds."""
_SPAN = 2**62
"""Offsets of the lock file; a key is one byte of it, so two keys meet with a chance of one in 2**62."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One piece of work, named by the key of its result (hexadecimal digits).

    ``lookup`` finds the result where another process has made it meanwhile; it is asked once the lease is held.
    ``unshared`` tells that results of this key are not kept, so that waiting for another's is of no use.
    """

    key: str
    work: Callable[[], Result]
    lookup: Callable[[], Result | None]
    unshared: Callable[[], bool]


class Lease(Protocol):
    """The right to do one piece of work, among all who share the lease."""

    def take(self, key: str) -> bool:
        """Take the lease of *key* if nobody holds it; return whether it was taken."""

    def release(self, key: str) -> None:
        """Give the lease of *key* back."""

    def close(self) -> None:
        """Give all leases back; idempotent."""


class NoLease:
    """Every lease is free: for a process that shares its results with no other."""

    def take(self, key: str) -> bool:
        return True

    def release(self, key: str) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""


class MachineLease:
    """Leases among the processes of a machine: a byte of one file a key, locked by ``fcntl`` (POSIX record locks).

    The kernel frees the locks of a process that dies. The file is opened once and never removed: closing any
    descriptor of it would free every lock that the process holds.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def take(self, key: str) -> bool:
        try:
            lockf(self._file, LOCK_EX | LOCK_NB, 1, _offset(key))
        except OSError:
            return False
        return True

    def release(self, key: str) -> None:
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

    def release(self, key: str) -> None:
        for lease in reversed(self._leases):
            lease.release(key)

    def close(self) -> None:
        for lease in reversed(self._leases):
            lease.close()


class Flights:
    """Work in the air, by key.

    *pool* runs the fills and is shut down with the flights; its size bounds those that run or wait at once.
    *monotonic* and *pause* are the clock and the sleep of a process that waits for a lease.
    """

    def __init__(
        self,
        lease: Lease,
        pool: Executor,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lease, self._monotonic, self._pause = lease, monotonic, pause
        self._lock = Lock()
        self._flying: dict[str, Future[tuple[Result, bool]]] = {}
        self._failed: dict[str, tuple[float, GatewayError]] = {}
        self._pool = pool
        self._closed = False

    def fly(self, flight: Flight, *, deadline: float) -> tuple[Result, bool]:
        """Return the result of the flight's work, and whether somebody else's was shared.

        *deadline* is an instant of ``monotonic``. Raises what the work raised, or ``DeadlineExceeded``.
        """
        future, leader = self.start(flight)
        done, _ = wait([future], timeout=max(0.0, deadline - self._monotonic()))
        if not done:
            raise DeadlineExceeded("The answer was not ready in time; it is still being computed.", retry_after=1.0)
        result, shared = future.result()
        return result, shared or not leader

    def start(self, flight: Flight) -> tuple[Future[tuple[Result, bool]], bool]:
        """Begin the work unless it is in the air already; return its future, and whether this call began it."""
        with self._lock:
            if self._closed:
                raise ShuttingDown("The gateway is stopping.", retry_after=1.0)
            flying = self._flying.get(flight.key)
            if flying is not None:
                return flying, False
            failed = self._failed.get(flight.key)
            if failed is not None and self._recent(failed[0]):
                raise failed[1]
            future = self._pool.submit(self._run, flight)
            self._flying[flight.key] = future
        future.add_done_callback(lambda done: self._landed(flight.key, done))
        return future, True

    def close(self) -> None:
        """Take no more work, and wait for what is in the air."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lease.close()

    def _run(self, flight: Flight) -> tuple[Result, bool]:
        with self._held(flight):
            found = flight.lookup()
            return (flight.work(), False) if found is None else (found, True)

    @contextmanager
    def _held(self, flight: Flight) -> Iterator[None]:
        """Hold the lease of a flight; go without it where another process holds it for a result it cannot share."""
        pause, longest = _POLL
        while not self._lease.take(flight.key):
            if flight.unshared():
                yield
                return
            self._pause(pause)
            pause = min(pause * 2, longest)
        try:
            yield
        finally:
            self._lease.release(flight.key)

    def _landed(self, key: str, future: Future[tuple[Result, bool]]) -> None:
        with self._lock:
            del self._flying[key]
            self._failed = {other: seen for other, seen in self._failed.items() if self._recent(seen[0])}
            error = None if future.cancelled() else future.exception()
            if isinstance(error, GatewayError):
                self._failed[key] = (self._monotonic(), error)

    def _recent(self, instant: float) -> bool:
        return self._monotonic() < instant + _REMEMBER


def _offset(key: str) -> int:
    return int(key[:16], 16) % _SPAN
