"""Admission: how many queries run at once, in a bounded number of slots with a bounded queue before them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import Any, Protocol

from gateway.concurrency.cancellation import Cancellation
from gateway.concurrency.origin import origin
from gateway.engine.base import Engine, Runs
from gateway.errors import DeadlineExceeded, GatewayError, QueryStopped, QueueFull
from gateway.execution.fair_queue import Turns, Waiter
from gateway.telemetry.events import AdmissionChanged, Observer, QueryRefused, unobserved

CHEAP = 64 * 2**20
"""Planned bytes up to which a query counts as cheap, where nothing else is set."""
_RETRY = (1.0, 60.0)
"""Least and most seconds after which a refused caller is told to try again."""
_LATEST = 0.2
"""Weight of the latest query in the mean of how long queries run."""
_CANCELLED = "cancelled"
_REASONS = {
    "full": "The line of waiting queries is full.",
    "wait": "No query slot came free within the time that a query may wait.",
    "deadline": "No query slot came free before the deadline.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A query that runs or waits: what it is, for whom, since when, and how it is stopped."""

    text: str
    """The text that it is run for (``BoundQuery.origin``); empty: none."""
    principal: str
    cost: int
    since: list[float]
    """When it came and, where it runs, when it began to: instants of ``monotonic``."""
    cancellation: Cancellation

    def as_dict(self, number: str, now: float) -> dict[str, Any]:
        """Tell of it; *now* is an instant of ``monotonic``."""
        return {
            "id": number,
            "text": self.text,
            "principal": self.principal,
            "bytes": self.cost,
            "state": "running" if len(self.since) > 1 else "waiting",
            "seconds": round(now - self.since[-1], 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRequest:
    """What is asked of the slots for one query; see ``Admission.slot``."""

    deadline: float
    principal: str = ""
    cost: int = 0
    """Bytes that it plans to read."""
    cancellation: Cancellation | None = None
    trial: bool = False
    """Run it where nothing else does, because it may be what ended the engine's process."""
    holds: bool = False
    """Hold the slot after the statement too, to the end of the context: another engine goes on with the query."""


class Slots(Protocol):
    """The slots in which queries run: of this process, or of the machine."""

    @property
    def idle(self) -> bool:
        """Whether nobody waits and a slot is free: what can wait may run."""

    def status(self) -> Mapping[str, Any]:
        """Tell how many queries run and wait, and what is known of their processes. Raises ``EngineFailed``."""

    def under_way(self) -> list[dict[str, Any]]:
        """Tell of each query that runs or waits, the first that came first. Raises ``EngineFailed``."""

    def stop(self, number: str) -> bool:
        """Stop the query of this id; False: none runs or waits. Raises ``EngineFailed``."""

    def lend(self, engine: Engine, request: SlotRequest) -> AbstractContextManager[Runs]:
        """Lend *engine*, or one like it in the process that has the slot, for one query; see ``Admission.slot``.

        The slot may go to another query once the statement has ended, unless the request ``holds`` it.
        """


class Admission:
    """Let at most *slots* queries run and at most *queue* wait, each *wait* seconds and until its deadline at most.

    A query that plans to read up to *cheap* bytes is a cheap one; ``fair_queue`` says in which order they run.
    *observe* is told of every change in the numbers, under a lock.
    """

    def __init__(
        self,
        *,
        slots: int,
        queue: int,
        wait: float = 10.0,
        cheap: int = CHEAP,
        observe: Observer = unobserved,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.slots = slots
        self._wait, self._cheap, self._observe, self._monotonic = wait, cheap, observe, monotonic
        self._lock = Lock()
        self._turns = Turns(slots=slots, places=queue, changed=self._changed)
        self._seconds = _RETRY[0]
        self._numbers, self._under_way = count(1), dict[str, UnderWay]()

    @property
    def running(self) -> int:
        """Number of queries that hold a slot."""
        return self._turns.running

    @property
    def waiting(self) -> int:
        """Number of queries that wait for a slot."""
        return self._turns.waiting

    @property
    def depth(self) -> int:
        """Number of queries that run or wait."""
        with self._lock:
            return self._turns.running + self._turns.waiting

    @property
    def idle(self) -> bool:
        """Tell whether nobody waits and a slot is free: what can wait may run."""
        with self._lock:
            return self._turns.running < self.slots and self._turns.waiting == 0

    def status(self) -> Mapping[str, Any]:
        """Tell how many queries run and wait."""
        return {"running": self.running, "waiting": self.waiting, "slots": self.slots}

    def under_way(self) -> list[dict[str, Any]]:
        """Tell of each query that runs or waits, the first that came first."""
        now = self._monotonic()
        return [one.as_dict(number, now) for number, one in list(self._under_way.items())]

    def stop(self, number: str) -> bool:
        """Stop the query of this id; False: none runs or waits."""
        found = self._under_way.get(number)
        if found is not None:
            found.cancellation.cancel(QueryStopped("Somebody who runs this server has stopped the query."))
        return found is not None

    @contextmanager
    def slot(
        self,
        deadline: float,
        *,
        principal: str = "",
        cost: int = 0,
        text: str = "",
        cancellation: Cancellation | None = None,
    ) -> Iterator[None]:
        """Hold one slot for a query of *principal* that plans to read *cost* bytes, on behalf of *text*.

        Raises ``QueueFull`` when the queue is full or no slot came free in time, ``DeadlineExceeded`` when the
        *deadline*, an instant of ``monotonic``, came first, and the reason of the *cancellation* that ends the wait.
        """
        waiter, cancelling = Waiter(principal=principal, heavy=cost > self._cheap), cancellation or Cancellation()
        since = [self._monotonic()]
        known = UnderWay(text=text, principal=principal, cost=cost, since=since, cancellation=cancelling)
        with self._noted(known):
            with cancelling.stops(lambda: self._give_up(waiter, _CANCELLED)):
                self._take(waiter, deadline - since[0])
            if waiter.refused is not None:
                raise self._refused(waiter, waiter.refused, cancelling)
            since.append(self._monotonic())
            try:
                yield
            finally:
                with self._lock:
                    self._seconds += _LATEST * (self._monotonic() - since[-1] - self._seconds)
                    self._turns.finish(waiter)

    @contextmanager
    def lend(self, engine: Engine, request: SlotRequest) -> Iterator[Runs]:
        """Lend *engine* in a slot; see ``Slots.lend``. There is but one process to run in, also for a trial."""
        with self.slot(
            request.deadline,
            principal=request.principal,
            cost=request.cost,
            text=origin(),
            cancellation=request.cancellation,
        ):
            yield engine

    def _take(self, waiter: Waiter, left: float) -> None:
        """Wait for a slot, for as many seconds as are *left* at most."""
        with self._lock:
            self._turns.join(waiter)
        if not waiter.settled.wait(max(0.0, min(left, self._wait))):
            self._give_up(waiter, "wait" if self._wait < left else "deadline")

    def _give_up(self, waiter: Waiter, reason: str) -> None:
        with self._lock:
            self._turns.give_up(waiter, reason)

    @contextmanager
    def _noted(self, known: UnderWay) -> Iterator[None]:
        """Tell of a query as long as the context lasts."""
        number = f"{os.getpid()}.{next(self._numbers)}"
        self._under_way[number] = known
        try:
            yield
        finally:
            del self._under_way[number]

    def _refused(self, waiter: Waiter, reason: str, cancellation: Cancellation) -> GatewayError:
        if cancellation.reason is not None:
            return cancellation.reason
        self._observe(QueryRefused(reason=reason, cost="heavy" if waiter.heavy else "cheap"))
        kind = DeadlineExceeded if reason == "deadline" else QueueFull
        return kind(_REASONS[reason], retry_after=self._retry_after())

    def _retry_after(self) -> float:
        """Guess when the queries that wait now will have run, from how long those before them took."""
        least, most = _RETRY
        return min(max(least, self._seconds * (self.waiting + 1) / self.slots), most)

    def _changed(self, running: int, waiting: int) -> None:
        self._observe(AdmissionChanged(running=running, waiting=waiting))
