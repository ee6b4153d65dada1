"""Single flight: identical concurrent work is done once, by the threads of a process and the workers of a machine.

A fill is detached from its callers: it runs on a thread of its own, every caller waits for it no longer than its own
deadline, and a caller that gives up changes nothing for the others. When the last deadline of those who wait has
passed, the work is cancelled. A caller that disconnects leaves it in the air, because what is kept is of use to the
next; only what cannot be kept is cancelled with the last who waited.

Between processes the work is guarded by a lease, which the kernel (or the lease's own expiry) releases when its
holder dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, lockf
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import ClientGone, DeadlineExceeded, GatewayError, QueueFull, ShuttingDown
from gateway.model import Result, Streamed

_REMEMBER = 1.5
"""Seconds that the error of a fill is given to those who ask the same again, so that a failure is not a stampede."""
_POLL = (0.005, 0.1)
"""Shortest and longest pause, in seconds, between two attempts to take a lease that another process holds."""
_PULSE = 0.1
"""Seconds between two looks at whether a caller is still there."""
_SPAN = 2**62
"""Offsets of the lock file; a key is one byte of it, so two keys meet with a chance of one in 2**62."""


T = TypeVar("T")
Work = Callable[[Cancellation], Result]


class Gone(Protocol):
    """Tells whether a caller has left, e.g. a ``threading.Event``."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One piece of work, named by the key of its result (hexadecimal digits).

    ``lookup`` finds the result where another process has made it meanwhile; it is asked once the lease is held.
    ``unshared`` tells that results of this key are not kept, so that waiting for another's is of no use.
    """

    key: str
    work: Work
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


@dataclass(slots=True, kw_only=True, eq=False)
class _Airborne:
    """Work in the air; ``stakes`` counts those for whom it goes on."""

    future: Future[tuple[Any, bool]]
    cancellation: Cancellation
    unshared: Callable[[], bool]
    stakes: int = 1


class Flights:
    """Work in the air, by key.

    *pool* runs the fills and is shut down with the flights; at most *room* are in the air at once. *monotonic* and
    *pause* are the clock and the sleep of a process that waits for a lease.
    """

    def __init__(
        self,
        lease: Lease,
        pool: Executor,
        *,
        room: int = 1_000,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lease, self._monotonic, self._pause = lease, monotonic, pause
        self._lock = Lock()
        self._flying: dict[str, _Airborne] = {}
        self._failed: dict[str, tuple[float, GatewayError]] = {}
        self._pool, self._room, self._count = pool, room, 0
        self._closed = False

    def fly(
        self,
        flight: Flight,
        *,
        deadline: float,
        gone: Gone | None = None,
        first_rows: Future[Streamed] | None = None,
    ) -> tuple[Result | Streamed, bool]:
        """Return the result of the flight's work, and whether somebody else's was shared.

        *deadline* is an instant of ``monotonic``. *first_rows* may be there for this caller before the end.
        Raises what the work raised, ``DeadlineExceeded``, or ``ClientGone``.
        """
        air, leader = self._board(flight)
        result, shared = self._awaited(air, deadline, gone, first_rows)
        return result, shared or not leader

    def start(self, flight: Flight) -> tuple[Future[tuple[Result, bool]], bool]:
        """Begin the work unless it is in the air already; return its future, and whether this call began it.

        It goes on to its end, whoever else waits for it.
        """
        air, leader = self._board(flight)
        return air.future, leader

    def alone(self, work: Callable[[Cancellation], T], *, deadline: float, gone: Gone | None = None) -> T:
        """Do work for one caller, which nobody shares and nobody keeps; see ``fly``."""
        with self._lock:
            air = self._launched(lambda cancellation: (work(cancellation), False), unshared=lambda: True)
        air.future.add_done_callback(lambda _: self._ended())
        made: T = self._awaited(air, deadline, gone)[0]
        return made

    def close(self) -> None:
        """Take no more work, and wait for what is in the air."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lease.close()

    def _board(self, flight: Flight) -> tuple[_Airborne, bool]:
        """Join the flight that is in the air, or let it take off; tell whether it did."""
        with self._lock:
            before = self._flying.get(flight.key)
            if before is not None and before.cancellation.reason is None:
                before.stakes += 1
                return before, False
            failed = self._failed.get(flight.key)
            if failed is not None and self._recent(failed[0]):
                raise failed[1]
            cancelled = None if before is None else before.future
            air = self._launched(lambda cancellation: self._run(flight, cancellation, cancelled), flight.unshared)
            self._flying[flight.key] = air
        air.future.add_done_callback(lambda _: self._landed(flight.key, air))
        return air, True

    def _launched(self, work: Callable[[Cancellation], tuple[Any, bool]], unshared: Callable[[], bool]) -> _Airborne:
        if self._closed:
            raise ShuttingDown("The gateway is stopping.", retry_after=1.0)
        if self._count >= self._room:
            raise QueueFull("Too many answers are being computed or waited for.", retry_after=1.0)
        cancellation = Cancellation()
        future = self._pool.submit(work, cancellation)
        self._count += 1
        return _Airborne(future=future, cancellation=cancellation, unshared=unshared)

    def _awaited(
        self, air: _Airborne, deadline: float, gone: Gone | None, first_rows: Future[Streamed] | None = None
    ) -> tuple[Any, bool]:
        """Wait for the end of a flight, or for its first rows, until the deadline or the disconnect of one caller."""
        ends: list[Future[Any]] = [air.future, *([] if first_rows is None else [first_rows])]
        while True:
            left = deadline - self._monotonic()
            last = gone is None or left <= _PULSE
            wait(ends, timeout=max(0.0, left if last else _PULSE), return_when=FIRST_COMPLETED)
            if air.future.done():
                return air.future.result()
            if first_rows is not None and first_rows.done():
                return first_rows.result(), False
            if gone is not None and gone.is_set():
                raise self._disconnected(air)
            if last:
                raise self._too_late(air)

    def _too_late(self, air: _Airborne) -> GatewayError:
        stopped = DeadlineExceeded("The query was stopped: it was not ready in time.", retry_after=1.0)
        if self._given_up(air, stopped):
            return stopped
        return DeadlineExceeded("The answer was not ready in time; it is still being computed.", retry_after=1.0)

    def _disconnected(self, air: _Airborne) -> GatewayError:
        left = ClientGone("The client has left before it was answered.")
        # What can be kept is finished for the next who asks.
        if air.unshared():
            self._given_up(air, left)
        return left

    def _given_up(self, air: _Airborne, reason: GatewayError) -> bool:
        """Let one caller leave; tell whether it was the last, for which the work is cancelled."""
        with self._lock:
            air.stakes -= 1
            if air.stakes > 0:
                return False
            # Under the lock, so that nobody boards what is being cancelled.
            air.cancellation.cancel(reason)
            return True

    def _run(
        self, flight: Flight, cancellation: Cancellation, cancelled: Future[tuple[Result, bool]] | None
    ) -> tuple[Result, bool]:
        if cancelled is not None:
            wait([cancelled])  # it holds the lease of this process until it has ended
        with self._held(flight, cancellation):
            found = flight.lookup()
            return (flight.work(cancellation), False) if found is None else (found, True)

    @contextmanager
    def _held(self, flight: Flight, cancellation: Cancellation) -> Iterator[None]:
        """Hold the lease of a flight; go without it where another process holds it for a result it cannot share."""
        pause, longest = _POLL
        cancellation.check()
        while not self._lease.take(flight.key):
            if flight.unshared():
                yield
                return
            self._pause(pause)
            cancellation.check()
            pause = min(pause * 2, longest)
        try:
            yield
        finally:
            self._lease.release(flight.key)

    def _landed(self, key: str, air: _Airborne) -> None:
        self._ended()
        with self._lock:
            if self._flying.get(key) is air:
                del self._flying[key]
            self._failed = {other: seen for other, seen in self._failed.items() if self._recent(seen[0])}
            error = None if air.future.cancelled() else air.future.exception()
            # What a caller's own deadline or disconnect ended says nothing to the next who asks.
            if isinstance(error, GatewayError) and air.cancellation.reason is None:
                self._failed[key] = (self._monotonic(), error)

    def _ended(self) -> None:
        with self._lock:
            self._count -= 1

    def _recent(self, instant: float) -> bool:
        return self._monotonic() < instant + _REMEMBER


def _offset(key: str) -> int:
    return int(key[:16], 16) % _SPAN
