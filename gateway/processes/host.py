"""What the connections to one engine's process share: its engines, its slots, and what the supervisor is told.

What runs is reported to the supervisor before it begins, with its deadline, so that it can be stopped from outside
whatever this process is busy with. The supervisor tells what ran in processes that ended, and what runs apart.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread
from typing import Any

from gateway.engine.current import Engines
from gateway.engine.duckdb import DuckDBEngine
from gateway.errors import DeadlineExceeded, Fate
from gateway.execution.admission import Admission
from gateway.processes.frames import Channel, Lost
from gateway.processes.live import LiveQuery
from gateway.processes.roles import Role

_VERDICT = 3.0
"""Seconds that the supervisor may take to say what became of a query."""

PULSE = 1.0
"""Seconds between two signs of life."""


@dataclass(slots=True)
class Standing:
    """What the supervisor knows, as told last: the fates of queries of ended processes, what runs apart."""

    fates: dict[str, tuple[Fate, str]] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    told: Mapping[str, Any] = field(default_factory=dict)
    changed: Condition = field(default_factory=Condition)

    def learn(self, message: Mapping[str, Any]) -> None:
        """Take in what the supervisor says."""
        with self.changed:
            self.fates.update({number: (Fate(fate), why) for number, (fate, why) in message["fates"].items()})
            self.apart = frozenset(message["apart"])
            self.told = message["status"]
            self.changed.notify_all()

    def fate(self, number: str, role: str) -> tuple[Fate, str]:
        """Return the fate of a query whose process has ended, and why that ended.

        What was in a process of the main role is known from the start of the next; of others it may be told yet.
        """
        with self.changed:
            if role != Role.MAIN:
                self.changed.wait_for(lambda: number in self.fates, timeout=_VERDICT)
            return self.fates.get(number, (Fate.BYSTANDER, "crash"))


class Host:
    """One process of *role*; what runs in it is reported over *supervisor*."""

    def __init__(
        self, role: Role, engines: Engines[DuckDBEngine], admission: Admission, supervisor: Channel, standing: Standing
    ) -> None:
        self.role, self.engines, self.admission, self.standing = role, engines, admission, standing
        self.queries: dict[str, LiveQuery] = {}
        """What runs, by its number."""
        self.leavers = Leavers()
        self._supervisor, self._lock = supervisor, Lock()

    def start(self) -> None:
        """Listen to the supervisor, and show it signs of life."""
        Thread(target=self._listen, name="supervisor", daemon=True).start()
        Thread(target=self._beat, name="pulse", daemon=True).start()

    @contextmanager
    def running(
        self, number: str, text: str, deadline: float | None, *, remote: bool = False, brief: bool = False
    ) -> Iterator[None]:
        """Report that something runs, until the context ends: it may wait for a bucket where it is *remote*.

        What comes after its deadline, to a process that is busy or stood still, does not run: it would seem to have
        ignored its interrupt. Raises ``DeadlineExceeded``.
        """
        if deadline is not None and time.monotonic() > deadline:
            raise DeadlineExceeded("The query was stopped: its time was over before it began.", retry_after=1.0)
        self.report(start=[number, text, deadline, remote, brief])
        try:
            yield
        finally:
            self.report(end=number)

    @contextmanager
    def known(self, number: str, query: LiveQuery) -> Iterator[None]:
        """Let other connections find a query, until the context ends."""
        self.queries[number] = query
        try:
            yield
        finally:
            del self.queries[number]

    def report(self, **what: Any) -> None:
        """Tell the supervisor."""
        with self._lock:
            self._supervisor.send(what)

    def _beat(self) -> None:
        """Tell the supervisor every now and then that this process answers."""
        with suppress(Lost):
            while True:
                self.report(alive=True)
                time.sleep(PULSE)

    def _listen(self) -> None:
        try:
            while True:
                self.standing.learn(self._supervisor.receive().head)
        except Lost:
            return


class Leavers:
    """Calls back when the other end of a connection is closed while a query runs for it."""

    def __init__(self) -> None:
        self._poll, self._lock = select.epoll(), Lock()
        self._calls: dict[int, Callable[[], None]] = {}
        Thread(target=self._run, name="leavers", daemon=True).start()

    @contextmanager
    def watching(self, channel: Channel, call: Callable[[], None]) -> Iterator[None]:
        """Call *call* if the other end closes within this context."""
        number = channel.fileno()
        with self._lock:
            self._calls[number] = call
            self._poll.register(number, select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLONESHOT)
        try:
            yield
        finally:
            with self._lock:
                self._poll.unregister(number)
                del self._calls[number]

    def _run(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                with self._lock:
                    call = self._calls.get(number)
                if call is not None:
                    call()
