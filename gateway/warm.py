"""Prepare answers before anybody waits for them: before their ``ttl`` ends, and right after what they read changed.

Templates say whose answers (``warm:`` in the front matter): of sets of parameters, or of the questions asked last. One
process of a machine does it, one answer at a time, and only while no query waits and a slot is free.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.answer import Answer
from gateway.cache.key import question_key
from gateway.cache.recent_questions import RecentQuestions
from gateway.concurrency.leader import Leadership
from gateway.concurrency.ticker import Ticker, Wait
from gateway.errors import GatewayError
from gateway.model import BoundQuery, Principal, Request
from gateway.query.registry import Registry
from gateway.telemetry.events import AnswerPrepared, Observer, unobserved

ANYBODY = Principal(name="")
"""The principal of prepared answers; those that depend on who asks are not prepared. No caller has this name."""
_POLL = 0.2
"""Seconds between two checks of what is due."""
_TURN = 1.0
"""Seconds after which a change of data is looked for again, however much is due."""
_RELOAD = 5.0
"""Seconds between two readings of the recent questions."""
_EARLY = (0.5, 0.25)
"""An answer is renewed after half of its ``ttl``, and up to a quarter later, so that renewals spread out."""
_SHORTEST = 0.5
"""Seconds between two renewals of an answer at least; a change of its data does not wait for them."""
_MOVING = 10.0
"""Seconds between two renewals at least of a question in relative times, which may mean another one every second."""
_BACKOFF = (1.0, 300.0)
"""Shortest and longest pause, in seconds, after renewing an answer failed."""


@dataclass(slots=True, kw_only=True)
class _Task:
    """An answer to be kept ready. ``due`` is in seconds since the epoch."""

    request: Request
    query: BoundQuery
    due: float
    failures: int = 0


def wanted(registry: Registry) -> Mapping[tuple[str, int], int]:
    """Return how many of the newest questions are prepared, by query and version."""
    return {
        (template.name, template.version): template.front.warm.recent
        for template in registry.templates()
        if template.front.warm.recent
    }


def questions(
    registry: Registry, usage: RecentQuestions | None, *, now: float | None = None
) -> Mapping[str, tuple[Request, BoundQuery]]:
    """Return every question whose answer is prepared, by its key; those that no longer bind are left out.

    *now* is what relative times count from, in seconds since the epoch; None: the present.
    """
    found: dict[str, tuple[Request, BoundQuery]] = {}
    for request in (*_declared(registry), *_recent(usage)):
        with suppress(GatewayError):
            query = registry.bind(request, now=now)
            if query.cache.enabled:
                found.setdefault(question_key(query, ANYBODY), (request, query))
    return found


def _declared(registry: Registry) -> Iterator[Request]:
    for template in registry.templates():
        for values in template.warm_sets:
            yield Request(query=template.name, version=template.version, parameters=values)


def _recent(usage: RecentQuestions | None) -> Iterator[Request]:
    for requests in usage.recent().values() if usage is not None else ():
        yield from requests


class Warmer:
    """Keeps answers ready. ``tick`` checks once; ``start`` checks five times a second in a thread.

    *lock* is the file by which one process of a machine is chosen. *registry* gives the newest. *snapshots* tells
    the ids of the newest snapshots of tables, *renew* makes sure of an answer, *idle* tells whether there is room for
    it now. *clock* gives seconds since the epoch, *jitter* a number in [0, 1).
    """

    def __init__(
        self,
        lock: Path,
        *,
        registry: Callable[[], Registry],
        usage: RecentQuestions,
        snapshots: Callable[[Collection[str]], Mapping[str, str]],
        renew: Callable[[Request], Answer],
        idle: Callable[[], bool],
        observe: Observer = unobserved,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._registry, self._usage = registry, usage
        self._snapshots, self._renew, self._idle = snapshots, renew, idle
        self._observe, self._clock, self._jitter = observe, clock, jitter
        self._tasks: dict[str, _Task] = {}
        self._seen: Mapping[str, str] = {}
        self._reload_at = 0.0
        self._leading = Leadership(lock)
        self._ticker = Ticker("warm", self.tick, lambda: _POLL)

    def start(self, wait: Wait | None = None) -> None:
        """Check until closed; ``wait`` sleeps so many seconds and returns True to stop."""
        self._ticker.start(wait)

    def tick(self) -> None:
        """Flush the recent questions; renew what is due, where this process is the one that prepares."""
        if self._clock() >= self._reload_at:
            self._reload_at = self._clock() + _RELOAD
            self._usage.flush()
            if self._leading.take():
                self._reload()
        if self._leading.held:
            self._notice_changes()
            self._prepare_due(until=self._clock() + _TURN)

    def close(self) -> None:
        """Stop after the answer under way, and let another process go on; idempotent."""
        self._ticker.close()
        self._usage.flush()
        self._leading.release()

    def _reload(self) -> None:
        """Take up new questions, let go of those that are no longer wanted."""
        now, tasks = self._clock(), {}
        for key, (request, query) in questions(self._registry(), self._usage, now=now).items():
            tasks[key] = self._tasks.get(key) or _Task(request=request, query=query, due=now)
        self._tasks = tasks

    def _notice_changes(self) -> None:
        """Renew at once what reads a table that changed."""
        tables = {table for task in self._tasks.values() for table in task.query.tables}
        try:
            newest = self._snapshots(tables)
        except GatewayError:  # the catalog told its observer; what is kept stays, and its ttl counts on
            return
        changed = {table for table, snapshot in newest.items() if self._seen.get(table, snapshot) != snapshot}
        self._seen = newest
        if changed:
            for task in self._tasks.values():
                if not changed.isdisjoint(task.query.tables):
                    task.due = min(task.due, self._clock())

    def _prepare_due(self, *, until: float) -> None:
        for task in sorted(self._tasks.values(), key=lambda task: task.due):
            now = self._clock()
            if task.due > now or now >= until or self._ticker.stopping or not self._idle():
                return
            self._prepare(task)

    def _prepare(self, task: _Task) -> None:
        started = self._clock()
        try:
            outcome = "kept" if self._renew(task.request).status.hit else "computed"
        except GatewayError as error:
            outcome = error.code
            pause, longest = _BACKOFF
            task.due = self._clock() + min(pause * 2**task.failures, longest)
            task.failures = min(task.failures + 1, 16)
        else:
            task.due, task.failures = self._next(task.query, started), 0
        self._observe(AnswerPrepared(query=task.query.name, version=task.query.version, outcome=outcome))

    def _next(self, query: BoundQuery, started: float) -> float:
        """Say when an answer that was renewed at *started* is to be renewed again."""
        half, spread = _EARLY
        due = started + max(query.cache.ttl * (half + spread * self._jitter()), _SHORTEST)
        width = query.cache.clock
        bucket = math.inf if width is None else (started // width + 1) * width
        return min(due, bucket, max(query.until, started + _MOVING))
