"""What a caller is told whose query ended the engine's process: for every reason that there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import copy_context
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from waiting import wait_for

from gateway.cli.apart import REASONS
from gateway.concurrency.origin import on_behalf_of
from gateway.errors import DeadlineExceeded, EngineFailed, Fate
from gateway.model import Statement
from gateway.processes.connections import Connections
from gateway.processes.frames import Channel, Lost, handed_in
from gateway.processes.roles import Doors, Role
from gateway.processes.streams import Seat


@pytest.fixture
def doors() -> Iterator[Doors]:
    made = Doors.make()
    yield made
    made.close()


def told(doors: Doors, fate: Fate, reason: str) -> Exception:
    """Return the error of a query of which the next process says this."""

    def say() -> None:
        with closing(handed_in(doors.doors[Role.MAIN].inside)) as channel, suppress(Lost):
            while True:
                if channel.receive().head["op"] == "fate":
                    channel.send({"op": "fate", "fate": fate, "why": reason})

    teller = Thread(target=say)
    teller.start()
    connections = Connections(doors, [])
    try:
        return connections.lost("1", Role.MAIN)
    finally:
        connections.close()  # the connection is kept until then
        teller.join()


@pytest.mark.parametrize("reason", REASONS)
def test_the_caller_of_a_culprit_is_told_why_and_the_query_is_not_run_again(doors: Doors, reason: str) -> None:
    error = told(doors, Fate.CULPRIT, reason)
    assert isinstance(error, DeadlineExceeded if reason == "deadline" else EngineFailed)
    assert getattr(error, "lost", None) is None


@pytest.mark.parametrize("reason", [*REASONS, "killed", "exit"])
@pytest.mark.parametrize("fate", [Fate.SUSPECT, Fate.BYSTANDER])
def test_what_may_be_the_fault_of_another_is_run_again(doors: Doors, fate: Fate, reason: str) -> None:
    error = told(doors, fate, reason)
    assert isinstance(error, EngineFailed)
    assert error.lost is fate


class Processes:
    """Processes behind *doors* that say of every query that it was a suspect, and end the trial they are asked for."""

    def __init__(self, doors: Doors) -> None:
        self._doors, self.tried, self._threads = doors, list[dict[str, Any]](), list[Thread]()
        self.executing = Event()

    def start(self) -> None:
        for role in (Role.MAIN, Role.TRIAL):
            self._run(self._take_in, role)

    def _run(self, work: Callable[..., None], *given: Any) -> None:
        Thread(target=work, args=given, daemon=True).start()

    def _take_in(self, role: Role) -> None:
        with suppress(Lost):
            while True:
                self._run(self._converse, role, handed_in(self._doors.doors[role].inside))

    def _converse(self, role: Role, channel: Channel) -> None:
        with closing(channel), suppress(Lost):
            while True:
                message = channel.receive().head
                if message["op"] == "fate":
                    channel.send({"op": "fate", "fate": Fate.SUSPECT, "why": "memory"})
                elif message["op"] == "admit":
                    channel.send({"op": "admitted"})
                elif message["op"] == "execute" and role is Role.MAIN:
                    self.executing.set()
                elif message["op"] == "execute":
                    self.tried.append(message)
                    return


STATEMENT = Statement(sql="SELECT 1", parameters={}, files=())


def test_a_query_that_was_given_up_before_its_process_ended_is_tried_alone(doors: Doors) -> None:
    processes = Processes(doors)
    processes.start()
    connections = Connections(doors, [])
    seat = Seat(connections, connections.connect(Role.MAIN), Role.MAIN)
    with ThreadPoolExecutor(1) as pool, on_behalf_of("slow/v1/abc"):
        cancels: list[Callable[[], None]] = []
        run = partial(seat.execute, STATEMENT, deadline=time.monotonic(), started=cancels.append)
        running = pool.submit(copy_context().run, run)
        assert processes.executing.wait(60)
        cancels[0]()
        assert isinstance(running.exception(60), EngineFailed)
    wait_for(lambda: processes.tried, "the trial")
    assert processes.tried[0]["origin"] == "slow/v1/abc"
    seat.leave()
    connections.close()
