"""Slots for queries: who runs, who waits and how long, who is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event

import pytest

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import DeadlineExceeded, QueryStopped, QueueFull
from gateway.execution.admission import Admission
from gateway.telemetry import events
from gateway.telemetry.events import AdmissionChanged, QueryRefused

SOON = 10.0
HEAVY = 2**30


class Queries:
    """Queries on threads of their own, which run until they are told to end."""

    def __init__(self, admission: Admission, pool: ThreadPoolExecutor) -> None:
        self.admission, self._pool = admission, pool
        self.order: list[str] = []
        self._ends: dict[str, Event] = {}

    def start(
        self,
        name: str,
        *,
        principal: str = "",
        cost: int = 0,
        displaces: Future[None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Future[None]:
        """Ask for a slot; return once the query runs or waits, or what it *displaces* has failed."""
        before = self.admission.depth
        self._ends[name] = Event()
        asked = self._pool.submit(self._run, name, principal, cost, cancellation)
        until(lambda: self.admission.depth > before if displaces is None else displaces.done())
        return asked

    def end(self, name: str) -> None:
        """Let a query that runs end; return once its slot is free or was given on."""
        before = self.admission.depth
        self._ends[name].set()
        until(lambda: self.admission.depth < before)

    def end_in_order(self) -> list[str]:
        """End every query as soon as it runs, and return the order in which they ran."""
        for place in range(self.admission.depth):
            until(partial(lambda place: len(self.order) > place, place))
            if not self._ends[self.order[place]].is_set():
                self.end(self.order[place])
        return self.order

    def _run(self, name: str, principal: str, cost: int, cancellation: Cancellation | None) -> None:
        soon = time.monotonic() + SOON
        with self.admission.slot(soon, principal=principal, cost=cost, cancellation=cancellation):
            self.order.append(name)
            self._ends[name].wait(SOON)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    pulse, deadline = Event(), time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline
        pulse.wait(0.001)


@contextmanager
def queries(*, slots: int, queue: int = 64) -> Iterator[Queries]:
    with ThreadPoolExecutor(32) as pool:
        yield Queries(Admission(slots=slots, queue=queue), pool)


def test_there_is_room_while_a_slot_is_free() -> None:
    admission, soon = Admission(slots=2, queue=1), time.monotonic() + SOON
    assert admission.idle
    with admission.slot(soon):
        assert admission.idle
        with admission.slot(soon):
            assert not admission.idle
        assert admission.idle
    assert admission.idle


def test_a_query_that_waits_past_its_deadline_leaves_no_trace() -> None:
    admission = Admission(slots=1, queue=1)
    with (
        admission.slot(time.monotonic() + SOON),
        pytest.raises(DeadlineExceeded),
        admission.slot(time.monotonic()),
    ):
        pass
    assert admission.idle


def test_nobody_waits_longer_than_the_operator_allows() -> None:
    admission = Admission(slots=1, queue=1, wait=0.0)
    with (
        admission.slot(time.monotonic() + SOON),
        pytest.raises(QueueFull, match="within the time"),
        admission.slot(time.monotonic() + SOON),
    ):
        pass
    assert admission.idle


def test_a_query_that_fails_frees_its_slot() -> None:
    admission = Admission(slots=1, queue=0)
    with pytest.raises(ZeroDivisionError), admission.slot(time.monotonic() + SOON):
        raise ZeroDivisionError
    assert admission.idle


def test_one_too_many_is_refused_at_once_and_told_when_to_come_back() -> None:
    with queries(slots=1, queue=1) as running:
        running.start("a")
        running.start("b")
        with pytest.raises(QueueFull) as refused, running.admission.slot(time.monotonic() + SOON):
            pass
        assert refused.value.retry_after is not None
        assert refused.value.retry_after >= 1
        assert running.end_in_order() == ["a", "b"]


def test_the_more_wait_the_later_a_refused_caller_is_told_to_come_back() -> None:
    clock = iter([0.0, 0.0, 100.0, *[100.0] * 20])
    admission = Admission(slots=1, queue=0, monotonic=lambda: next(clock))
    with admission.slot(200.0):
        """It takes 100 s: the mean grows to about 20 s."""
    with admission.slot(200.0), pytest.raises(QueueFull) as refused, admission.slot(200.0):
        pass
    assert refused.value.retry_after == pytest.approx(20.8)


def test_queries_of_one_principal_run_in_the_order_in_which_they_came() -> None:
    with queries(slots=1) as running:
        for name in "abcd":
            running.start(name, principal="p")
        assert running.end_in_order() == ["a", "b", "c", "d"]


def test_principals_take_turns() -> None:
    with queries(slots=1) as running:
        running.start("first")
        for name in ("p1", "p2", "p3", "q1"):
            running.start(name, principal=name[0])
        assert running.end_in_order() == ["first", "p1", "q1", "p2", "p3"]


def test_a_slot_stays_free_for_cheap_queries() -> None:
    with queries(slots=2) as running:
        running.start("heavy 1", cost=HEAVY)
        running.start("heavy 2", cost=HEAVY)
        running.start("cheap")
        until(lambda: len(running.order) == 2)
        assert running.order == ["heavy 1", "cheap"]
        assert running.end_in_order() == ["heavy 1", "cheap", "heavy 2"]


def test_a_flood_of_cheap_queries_lets_heavy_ones_pass() -> None:
    with queries(slots=1) as running:
        running.start("first")
        for name in ("c1", "c2", "c3"):
            running.start(name)
        running.start("heavy", cost=HEAVY)
        assert running.end_in_order().index("heavy") <= 2


def test_heavy_queries_leave_room_in_the_line_for_cheap_ones() -> None:
    with queries(slots=1, queue=4) as running:
        for name in ("h0", "h1", "h2", "h3"):
            running.start(name, cost=HEAVY)
        with pytest.raises(QueueFull), running.admission.slot(time.monotonic() + SOON, cost=HEAVY):
            pass
        running.start("cheap")
        assert sorted(running.end_in_order()) == ["cheap", "h0", "h1", "h2", "h3"]


def test_in_a_full_line_a_newcomer_takes_the_place_of_whoever_waits_most() -> None:
    with queries(slots=1, queue=3) as running:
        *_, last = [running.start(name, principal="p") for name in ("p0", "p1", "p2", "p3")]
        running.start("q1", principal="q", displaces=last)
        assert isinstance(last.exception(), QueueFull)
        assert running.end_in_order() == ["p0", "p1", "q1", "p2"]


def test_a_query_that_is_cancelled_while_it_waits_leaves_no_trace() -> None:
    cancellation = Cancellation()
    with queries(slots=1) as running:
        running.start("first")
        waiting = running.start("second", cancellation=cancellation)
        cancellation.cancel(DeadlineExceeded("It is too late."))
        assert isinstance(waiting.exception(SOON), DeadlineExceeded)
        assert (running.admission.running, running.admission.waiting) == (1, 0)
        assert running.end_in_order() == ["first"]


def test_a_query_that_is_cancelled_before_it_waits_leaves_no_trace() -> None:
    cancellation = Cancellation()
    cancellation.cancel(DeadlineExceeded("It is too late."))
    admission = Admission(slots=1, queue=1)
    with (
        pytest.raises(DeadlineExceeded, match="too late"),
        admission.slot(time.monotonic() + SOON, cancellation=cancellation),
    ):
        pytest.fail("it was given a slot")
    assert (admission.running, admission.waiting) == (0, 0)


def test_the_numbers_and_the_refusals_are_told() -> None:
    events: list[events.Event] = []
    admission = Admission(slots=1, queue=0, observe=events.append)
    with (
        admission.slot(time.monotonic() + SOON),
        pytest.raises(QueueFull),
        admission.slot(time.monotonic(), cost=HEAVY),
    ):
        pass
    assert events == [
        AdmissionChanged(running=1, waiting=0),
        AdmissionChanged(running=1, waiting=0),
        QueryRefused(reason="full", cost="heavy"),
        AdmissionChanged(running=0, waiting=0),
    ]


def test_what_runs_and_waits_is_told_and_stopped_by_its_id() -> None:
    with queries(slots=1) as asked:
        asked.start("first", principal="ana", cost=7)
        waiting = asked.start("second", principal="bob")
        told = asked.admission.under_way()
        assert [(one["principal"], one["bytes"], one["state"]) for one in told] == [
            ("ana", 7, "running"),
            ("bob", 0, "waiting"),
        ]
        assert asked.admission.stop(told[1]["id"])
        with pytest.raises(QueryStopped):
            waiting.result(SOON)
        assert not asked.admission.stop(told[1]["id"])
        asked.end("first")
        until(lambda: asked.admission.under_way() == [])


def test_the_cancellation_of_a_query_that_runs_is_told_that_it_was_stopped() -> None:
    cancellation = Cancellation()
    with queries(slots=1) as asked:
        asked.start("first", cancellation=cancellation)
        [told] = asked.admission.under_way()
        assert asked.admission.stop(told["id"])
        assert isinstance(cancellation.reason, QueryStopped)
        asked.end("first")
