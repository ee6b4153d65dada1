"""Single flight: identical concurrent work is done once, by the threads of a process and the workers of a machine.

    caller 1 ── join ──┐ leads: submits the work            ┌── result, not shared
    caller 2 ── join ──┤ waits          pool thread: lease ─┤
    caller 3 ── join ──┘ deadline passes: DeadlineExceeded  └── result, shared

The work runs on a thread of its own, every caller waits for it no longer than its own deadline, and a caller that
gives up changes nothing for the others. When the last who waits gives up for its deadline, the work is cancelled. A
caller that disconnects leaves it running, because what is kept is of use to the next; only what cannot be kept is
cancelled with the last who waited. Among processes the work is guarded by a lease (``leases``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, Protocol, TypeVar

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import ClientGone, DeadlineExceeded, GatewayError, QueueFull, ShuttingDown
from gateway.execution.leases import Lease
from gateway.model import Result
from gateway.streaming import Streamed

_ERROR_KEPT = 1.5
"""Seconds that an error is given to those who ask the same again, so that a failure is not a stampede."""
_POLL = (0.005, 0.1)
"""Shortest and longest pause, in seconds, between two attempts to take a lease that another process holds."""
_PULSE = 0.1
"""Seconds between two checks whether a caller is still there."""

T = TypeVar("T")


class Gone(Protocol):
    """Tells whether a caller has left, e.g. a ``threading.Event``."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work, named by the key of its result (hexadecimal digits).

    ``lookup`` finds the result where another process has made it meanwhile; it is asked once the lease is held.
    ``unshared`` tells that results of this key are not kept, so that waiting for another's is of no use.
    ``settled`` makes a call once the result that was computed is where ``lookup`` of another process finds it.
    """

    key: str
    compute: Callable[[Cancellation], Result]
    lookup: Callable[[], Result | None]
    unshared: Callable[[], bool]
    settled: Callable[[Callable[[], None]], None] = lambda call: call()


@dataclass(slots=True, kw_only=True, eq=False)
class InFlight:
    """Work that is being done: for as long as there are ``waiters``; ``callers`` counts those that it answers."""

    future: Future[tuple[Any, bool]]
    cancellation: Cancellation
    unshared: Callable[[], bool]
    waiters: int = 1
    callers: int = 0


class Shared(NamedTuple):
    """What became of the work that a caller waited for."""

    result: Result | Streamed
    shared: bool
    """Somebody else's work gave it."""
    callers: int
    """Callers in this process to whom it is given: there may be more in others."""


class SingleFlight:
    """Work in flight, by key; at most *max_in_flight* pieces of it.

    *pool* runs the work and is shut down with this. *monotonic* and *pause* are the clock and the sleep of a process
    that waits for a lease.
    """

    def __init__(
        self,
        lease: Lease,
        pool: Executor,
        *,
        max_in_flight: int = 1_000,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lease, self._monotonic, self._pause = lease, monotonic, pause
        self._lock = Lock()
        self._in_flight: dict[str, InFlight] = {}
        self._failed: dict[str, tuple[float, GatewayError]] = {}
        self._pool, self._max_in_flight, self._count = pool, max_in_flight, 0
        self._closed = False

    def run(
        self,
        task: Task,
        *,
        deadline: float,
        gone: Gone | None = None,
        first_rows: Future[Streamed] | None = None,
    ) -> Shared:
        """Return the result of the task's work, and with whom it is shared.

        *deadline* is an instant of ``monotonic``. *first_rows* may be there for this caller before the end.
        Raises what the work raised, ``DeadlineExceeded``, or ``ClientGone``.
        """
        entry, leader = self._join(task)
        with self._counted(entry):
            result, shared = self._wait(entry, deadline, gone, first_rows)
            return Shared(result, shared or not leader, entry.callers)

    def start(self, task: Task) -> tuple[Future[tuple[Result, bool]], bool]:
        """Begin the work unless it is in flight already; return its future, and whether this call began it.

        It goes on to its end, whoever else waits for it.
        """
        entry, leader = self._join(task)
        return entry.future, leader

    def run_alone(self, compute: Callable[[Cancellation], T], *, deadline: float, gone: Gone | None = None) -> T:
        """Compute something for one caller, which nobody shares and nobody keeps; see ``run``."""
        with self._lock:
            entry = self._submit(lambda cancellation: (compute(cancellation), False), unshared=lambda: True)
        entry.future.add_done_callback(lambda _: self._ended())
        made: T = self._wait(entry, deadline, gone)[0]
        return made

    def wait_elsewhere(self, key: str, *, seconds: float) -> bool:
        """Wait while another process holds the lease of a key, so long at most; tell whether one did."""
        pause, longest = _POLL
        waited = False
        while not self._lease.take(key):
            waited = True
            if pause > seconds:
                return waited
            self._pause(pause)
            seconds -= pause
            pause = min(pause * 2, longest)
        self._lease.release(key)
        return waited

    def close(self) -> None:
        """Take no more work, and wait for what is in flight. Whoever opened the lease closes it, once all is kept."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _join(self, task: Task) -> tuple[InFlight, bool]:
        """Join the work in flight on the same key, or start it; tell whether this call did."""
        with self._lock:
            before = self._in_flight.get(task.key)
            if before is not None and before.cancellation.reason is None:
                before.waiters += 1
                return before, False
            failed = self._failed.get(task.key)
            if failed is not None and self._recent(failed[0]):
                raise failed[1]
            cancelled = None if before is None else before.future
            entry = self._submit(partial(self._lead, task, cancelled), task.unshared)
            self._in_flight[task.key] = entry
        entry.future.add_done_callback(lambda _: self._finish(task.key, entry))
        return entry, True

    @contextmanager
    def _counted(self, entry: InFlight) -> Iterator[None]:
        """Count a caller of the work, unless it leaves before its end."""
        with self._lock:
            entry.callers += 1
        try:
            yield
        except BaseException:
            with self._lock:
                entry.callers -= 1
            raise

    def _submit(self, compute: Callable[[Cancellation], tuple[Any, bool]], unshared: Callable[[], bool]) -> InFlight:
        if self._closed:
            raise ShuttingDown("The gateway is stopping.", retry_after=1.0)
        if self._count >= self._max_in_flight:
            raise QueueFull("Too many answers are being computed or waited for.", retry_after=1.0)
        cancellation = Cancellation()
        future = self._pool.submit(compute, cancellation)
        self._count += 1
        return InFlight(future=future, cancellation=cancellation, unshared=unshared)

    def _wait(
        self, entry: InFlight, deadline: float, gone: Gone | None, first_rows: Future[Streamed] | None = None
    ) -> tuple[Any, bool]:
        """Wait for the end of the work, or for its first rows, until the deadline or the disconnect of one caller."""
        ends: list[Future[Any]] = [entry.future, *([] if first_rows is None else [first_rows])]
        while True:
            left = max(deadline, entry.cancellation.until) - self._monotonic()
            last = gone is None or left <= _PULSE
            wait(ends, timeout=max(0.0, left if last else _PULSE), return_when=FIRST_COMPLETED)
            if entry.future.done():
                return entry.future.result()
            if first_rows is not None and first_rows.done():
                return first_rows.result(), False
            if gone is not None and gone.is_set():
                raise self._disconnected(entry)
            if last:
                raise self._deadline_passed(entry)

    def _deadline_passed(self, entry: InFlight) -> GatewayError:
        stopped = DeadlineExceeded("The query was stopped: it was not ready in time.", retry_after=1.0)
        if self._leave(entry, stopped):
            return stopped
        return DeadlineExceeded("The answer was not ready in time; it is still being computed.", retry_after=1.0)

    def _disconnected(self, entry: InFlight) -> GatewayError:
        left = ClientGone("The client has left before it was answered.")
        # What can be kept is finished for the next who asks.
        if entry.unshared():
            self._leave(entry, left)
        return left

    def _leave(self, entry: InFlight, reason: GatewayError) -> bool:
        """Let one caller leave; tell whether it was the last, for which the work is cancelled."""
        with self._lock:
            entry.waiters -= 1
            if entry.waiters > 0:
                return False
            # Under the lock, so that nobody joins what is being cancelled.
            entry.cancellation.cancel(reason)
            return True

    def _lead(
        self, task: Task, cancelled: Future[tuple[Result, bool]] | None, cancellation: Cancellation
    ) -> tuple[Result, bool]:
        if cancelled is not None:
            wait([cancelled])  # it holds the lease of this process until it has ended
        with self._leased(task, cancellation):
            found = task.lookup()
            return (task.compute(cancellation), False) if found is None else (found, True)

    @contextmanager
    def _leased(self, task: Task, cancellation: Cancellation) -> Iterator[None]:
        """Hold the lease of a task, or go without it where another process holds it for a result it cannot share."""
        pause, longest = _POLL
        cancellation.check()
        while not self._lease.take(task.key):
            if task.unshared():
                yield
                return
            self._pause(pause)
            cancellation.check()
            pause = min(pause * 2, longest)
        try:
            yield
        finally:
            task.settled(partial(self._lease.release, task.key))

    def _finish(self, key: str, entry: InFlight) -> None:
        self._ended()
        with self._lock:
            if self._in_flight.get(key) is entry:
                del self._in_flight[key]
            self._failed = {other: seen for other, seen in self._failed.items() if self._recent(seen[0])}
            error = None if entry.future.cancelled() else entry.future.exception()
            # What a caller's own deadline or disconnect ended says nothing to the next who asks.
            if isinstance(error, GatewayError) and entry.cancellation.reason is None:
                self._failed[key] = (self._monotonic(), error)

    def _ended(self) -> None:
        with self._lock:
            self._count -= 1

    def _recent(self, instant: float) -> bool:
        return self._monotonic() < instant + _ERROR_KEPT
