"""Work in the air: who waits for it how long, and what becomes of it when they leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
from serving import NoLease

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import ClientGone, DeadlineExceeded, EngineFailed, QueueFull
from gateway.execution.single_flight import SingleFlight, Task
from gateway.model import Result

SOON = 10.0
KEY = "ab" * 20


class Client(Event):
    """A client that may leave: it is gone once it is set. ``waits`` is set once somebody looked whether it is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = Event()

    def is_set(self) -> bool:
        self.waits.set()
        return super().is_set()


@dataclass
class Sky:
    """SingleFlight whose work runs until it is told to end, and callers on threads of their own."""

    callers: ThreadPoolExecutor
    flights: SingleFlight = field(init=False)
    now: float = 0.0
    started: list[Event] = field(default_factory=lambda: [Event() for _ in range(4)])
    end: Event = field(default_factory=Event)
    cancelled: Event = field(default_factory=Event)
    runs: int = 0
    kept: bool = True

    def __post_init__(self) -> None:
        self.flights = SingleFlight(NoLease(), ThreadPoolExecutor(8), max_in_flight=2, monotonic=lambda: self.now)

    def work(self, cancellation: Cancellation) -> Result:
        self.started[self.runs].set()
        self.runs += 1
        with cancellation.stops(self.end.set):
            assert self.end.wait(SOON)
        if cancellation.reason is not None:
            self.end.clear()
            self.cancelled.set()
        cancellation.check()
        return Result(key=KEY, table=pa.table({}), columns=(), readings=(), created_at=0.0, seconds=0.0)

    def flight(self) -> Task:
        return Task(key=KEY, work=self.work, lookup=lambda: None, unshared=lambda: not self.kept)

    def ask(self, seconds: float = 60.0, client: Client | None = None) -> Future[Any]:
        """Ask for the work with a deadline; return once it runs and is waited for."""
        client = client or Client()
        deadline = self.now + seconds
        caller = self.callers.submit(self.flights.run, self.flight(), deadline=deadline, gone=client)
        assert self.started[max(0, self.runs - 1)].wait(SOON)
        assert client.waits.wait(SOON)
        return caller

    def ask_alone(self, client: Client | None = None) -> Future[Any]:
        place = self.runs
        caller = self.callers.submit(self.flights.run_alone, self.work, deadline=self.now + 60, gone=client)
        assert self.started[place].wait(SOON)
        return caller

    def in_the_air(self) -> bool:
        return not self.cancelled.is_set() and self.started[0].is_set() and not self.end.is_set()


@pytest.fixture
def sky() -> Iterator[Sky]:
    with ThreadPoolExecutor(8) as callers:
        made = Sky(callers)
        yield made
        made.end.set()
        made.flights.close()


def test_work_is_cancelled_when_the_deadline_of_its_last_caller_has_passed(sky: Sky) -> None:
    caller = sky.ask(1)
    sky.now += 1
    with pytest.raises(DeadlineExceeded, match="stopped"):
        caller.result()
    assert sky.cancelled.wait(SOON)


def test_a_shorter_deadline_is_its_own_callers_alone(sky: Sky) -> None:
    longer, shorter = sky.ask(), sky.ask(1)
    sky.now += 1
    with pytest.raises(DeadlineExceeded, match="still being computed"):
        shorter.result()
    assert sky.in_the_air()
    sky.end.set()
    assert longer.result()[0].key == KEY


def test_a_later_caller_with_a_longer_deadline_keeps_the_work_in_the_air(sky: Sky) -> None:
    shorter, longer = sky.ask(1), sky.ask()
    sky.now += 1
    with pytest.raises(DeadlineExceeded):
        shorter.result()
    assert sky.in_the_air()
    sky.end.set()
    assert longer.result()[1], "shared"
    assert sky.runs == 1


def test_work_outlives_the_disconnect_of_its_only_caller(sky: Sky) -> None:
    client = Client()
    caller = sky.ask(client=client)
    client.set()
    with pytest.raises(ClientGone):
        caller.result()
    assert sky.in_the_air()
    following = sky.ask()
    sky.end.set()
    following.result()
    assert sky.runs == 1


def test_work_whose_result_cannot_be_kept_is_cancelled_with_its_last_caller(sky: Sky) -> None:
    sky.kept = False
    leaver, other = Client(), Client()
    callers = [sky.ask(client=leaver), sky.ask(client=other)]
    leaver.set()
    with pytest.raises(ClientGone):
        callers[0].result()
    assert sky.in_the_air()
    other.set()
    with pytest.raises(ClientGone):
        callers[1].result()
    assert sky.cancelled.wait(SOON)


def test_work_for_one_caller_alone_is_cancelled_with_it(sky: Sky) -> None:
    client = Client()
    caller = sky.ask_alone(client)
    client.set()
    with pytest.raises(ClientGone):
        caller.result()
    assert sky.cancelled.wait(SOON)


def test_nobody_joins_work_that_was_cancelled(sky: Sky) -> None:
    caller = sky.ask(1)
    sky.now += 1
    with pytest.raises(DeadlineExceeded):
        caller.result()
    following = sky.ask()
    assert sky.started[1].wait(SOON)
    sky.end.set()
    assert following.result()[0].key == KEY
    assert sky.runs == 2


def test_work_that_goes_on_for_nobody_in_particular_is_not_cancelled(sky: Sky) -> None:
    future, _ = sky.flights.start(sky.flight())
    caller = sky.ask(1)
    sky.now += 1
    with pytest.raises(DeadlineExceeded, match="still being computed"):
        caller.result()
    sky.end.set()
    assert future.result()[0].key == KEY


def test_more_than_there_is_room_for_is_refused(sky: Sky) -> None:
    callers = [sky.ask(), sky.ask_alone()]
    with pytest.raises(QueueFull):
        sky.flights.run_alone(sky.work, deadline=sky.now + 60)
    sky.end.set()
    for caller in callers:
        caller.result()
    sky.flights.run_alone(sky.work, deadline=sky.now + 60)


def test_a_failure_is_shared_with_those_who_ask_right_after() -> None:
    runs = []

    def fail(cancellation: Cancellation) -> Result:
        runs.append(1)
        raise EngineFailed("It broke.")

    flights = SingleFlight(NoLease(), ThreadPoolExecutor(1))
    flight = Task(key=KEY, work=fail, lookup=lambda: None, unshared=lambda: False)
    ask: Callable[[], object] = lambda: flights.run(flight, deadline=time.monotonic() + SOON)  # noqa: E731 - asked twice
    for _ in range(2):
        with pytest.raises(EngineFailed):
            ask()
    assert len(runs) == 1
    flights.close()
