"""Single flight: who waits for it how long, and what becomes of it when they leave."""

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
class World:
    """SingleFlight whose work runs until it is told to end, and callers on threads of their own."""

    callers: ThreadPoolExecutor
    single_flight: SingleFlight = field(init=False)
    now: float = 0.0
    started: list[Event] = field(default_factory=lambda: [Event() for _ in range(4)])
    end: Event = field(default_factory=Event)
    cancelled: Event = field(default_factory=Event)
    runs: int = 0
    kept: bool = True

    def __post_init__(self) -> None:
        self.single_flight = SingleFlight(NoLease(), ThreadPoolExecutor(8), max_in_flight=2, monotonic=lambda: self.now)

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

    def task(self) -> Task:
        return Task(key=KEY, compute=self.work, lookup=lambda: None, unshared=lambda: not self.kept)

    def ask(self, seconds: float = 60.0, client: Client | None = None) -> Future[Any]:
        """Ask for the work with a deadline; return once it runs and is waited for."""
        client = client or Client()
        deadline = self.now + seconds
        caller = self.callers.submit(self.single_flight.run, self.task(), deadline=deadline, gone=client)
        assert self.started[max(0, self.runs - 1)].wait(SOON)
        assert client.waits.wait(SOON)
        return caller

    def ask_alone(self, client: Client | None = None) -> Future[Any]:
        place = self.runs
        caller = self.callers.submit(self.single_flight.run_alone, self.work, deadline=self.now + 60, gone=client)
        assert self.started[place].wait(SOON)
        return caller

    def is_running(self) -> bool:
        return not self.cancelled.is_set() and self.started[0].is_set() and not self.end.is_set()


@pytest.fixture
def world() -> Iterator[World]:
    with ThreadPoolExecutor(8) as callers:
        made = World(callers)
        yield made
        made.end.set()
        made.single_flight.close()


def test_work_is_cancelled_when_the_deadline_of_its_last_caller_has_passed(world: World) -> None:
    caller = world.ask(1)
    world.now += 1
    with pytest.raises(DeadlineExceeded, match="stopped"):
        caller.result()
    assert world.cancelled.wait(SOON)


def test_a_shorter_deadline_is_its_own_callers_alone(world: World) -> None:
    longer, shorter = world.ask(), world.ask(1)
    world.now += 1
    with pytest.raises(DeadlineExceeded, match="still being computed"):
        shorter.result()
    assert world.is_running()
    world.end.set()
    assert longer.result()[0].key == KEY


def test_a_later_caller_with_a_longer_deadline_keeps_the_work_running(world: World) -> None:
    shorter, longer = world.ask(1), world.ask()
    world.now += 1
    with pytest.raises(DeadlineExceeded):
        shorter.result()
    assert world.is_running()
    world.end.set()
    assert longer.result()[1], "shared"
    assert world.runs == 1


def test_each_caller_is_told_how_many_one_run_answers(world: World) -> None:
    future, _ = world.single_flight.start(world.task())  # which answers nobody
    assert world.started[0].wait(SOON)
    client = Client()
    gone, callers = world.ask(client=client), [world.ask() for _ in range(2)]
    client.set()
    with pytest.raises(ClientGone):
        gone.result()
    world.end.set()
    assert [caller.result().callers for caller in callers] == [2, 2]
    assert (future.result()[1], world.runs) == (False, 1)


def test_work_outlives_the_disconnect_of_its_only_caller(world: World) -> None:
    client = Client()
    caller = world.ask(client=client)
    client.set()
    with pytest.raises(ClientGone):
        caller.result()
    assert world.is_running()
    following = world.ask()
    world.end.set()
    following.result()
    assert world.runs == 1


def test_work_whose_result_cannot_be_kept_is_cancelled_with_its_last_caller(world: World) -> None:
    world.kept = False
    leaver, other = Client(), Client()
    callers = [world.ask(client=leaver), world.ask(client=other)]
    leaver.set()
    with pytest.raises(ClientGone):
        callers[0].result()
    assert world.is_running()
    other.set()
    with pytest.raises(ClientGone):
        callers[1].result()
    assert world.cancelled.wait(SOON)


def test_work_for_one_caller_alone_is_cancelled_with_it(world: World) -> None:
    client = Client()
    caller = world.ask_alone(client)
    client.set()
    with pytest.raises(ClientGone):
        caller.result()
    assert world.cancelled.wait(SOON)


def test_nobody_joins_work_that_was_cancelled(world: World) -> None:
    caller = world.ask(1)
    world.now += 1
    with pytest.raises(DeadlineExceeded):
        caller.result()
    following = world.ask()
    assert world.started[1].wait(SOON)
    world.end.set()
    assert following.result()[0].key == KEY
    assert world.runs == 2


def test_work_that_goes_on_for_nobody_in_particular_is_not_cancelled(world: World) -> None:
    future, _ = world.single_flight.start(world.task())
    caller = world.ask(1)
    world.now += 1
    with pytest.raises(DeadlineExceeded, match="still being computed"):
        caller.result()
    world.end.set()
    assert future.result()[0].key == KEY


def test_more_than_there_is_room_for_is_refused(world: World) -> None:
    callers = [world.ask(), world.ask_alone()]
    with pytest.raises(QueueFull):
        world.single_flight.run_alone(world.work, deadline=world.now + 60)
    world.end.set()
    for caller in callers:
        caller.result()
    world.single_flight.run_alone(world.work, deadline=world.now + 60)


def test_a_failure_is_shared_with_those_who_ask_right_after() -> None:
    runs = []

    def fail(cancellation: Cancellation) -> Result:
        runs.append(1)
        raise EngineFailed("It broke.")

    single_flight = SingleFlight(NoLease(), ThreadPoolExecutor(1))
    task = Task(key=KEY, compute=fail, lookup=lambda: None, unshared=lambda: False)
    ask: Callable[[], object] = lambda: single_flight.run(task, deadline=time.monotonic() + SOON)  # noqa: E731 - asked twice
    for _ in range(2):
        with pytest.raises(EngineFailed):
            ask()
    assert len(runs) == 1
    single_flight.close()
