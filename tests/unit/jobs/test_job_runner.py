"""Who does jobs: one process of a machine, another one where it ended, another machine where that is gone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from waiting import wait_for

from gateway.catalog.store import S3Settings, open_store
from gateway.errors import MalformedRequest, StorageFailed
from gateway.jobs.faults import Faults
from gateway.jobs.job import JobState, Record
from gateway.jobs.runner import Handler, JobRunner, signal_of
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.telemetry.events import Event as Told
from gateway.telemetry.events import Unexpected

KIND = "build"


class Machine:
    """A state folder with one process that does jobs; its clock is moved by the test."""

    def __init__(self, folder: Path, name: str, handler: Handler, *, lease: float = 60, expected: bool = True) -> None:
        self.ahead, self.told, self.expected = 0.0, list[Told](), expected
        self.store = JobStore(
            lambda: open_store("jobs", S3Settings(), folder, make=True),
            clock=lambda: time.time() + self.ahead,
            lease=lease,
        )
        state = folder / name
        state.mkdir(exist_ok=True)
        self.faults = Faults(state / "faults")
        self.runner = JobRunner(
            KIND,
            self.store,
            handler,
            folder=state,
            machine=name,
            faults=self.faults,
            observe=self.told.append,
            expected=lambda: self.expected,
            monotonic=self._steps,
        )
        self._now = 0.0

    def _steps(self) -> float:
        self._now += 100.0  # no pause is waited for
        return self._now

    def look(self, record: Record) -> Record:
        found = self.store.find(KIND, record.job.resource, record.job.id)
        assert found is not None
        return found


def done(work: Work) -> Mapping[str, Any]:
    return {"asked": dict(work.job.question)}


def test_jobs_are_done_in_turn_and_told(tmp_path: Path) -> None:
    order: list[int] = []

    def noting(work: Work) -> Mapping[str, Any]:
        order.append(work.job.question["number"])
        return done(work)

    machine = Machine(tmp_path, "m", noting)
    records = [machine.store.submit(KIND, "a" if number % 2 else "b", {"number": number}) for number in range(4)]
    machine.runner.tick()
    assert order == [0, 1, 2, 3]
    assert [machine.look(each).state for each in records] == [JobState.DONE] * 4
    assert [type(each).__name__ for each in machine.told] == ["JobTakenUp", "JobEnded"] * 4


def test_while_no_jobs_are_expected_the_records_are_read_only_after_a_signal(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "m", done, expected=False)
    first = machine.store.submit(KIND, "a", {})
    machine.runner.tick()
    assert machine.look(first).end is None
    signal_of(tmp_path / "m", KIND).touch()
    machine.runner.tick()
    second = machine.store.submit(KIND, "b", {})
    machine.runner.tick()
    assert [machine.look(each).end is None for each in (first, second)] == [False, True]
    machine.expected = True
    machine.runner.tick()
    assert machine.look(second).end is not None


@pytest.mark.parametrize(
    ("error", "attempts", "code"),
    [
        (MalformedRequest("No."), 1, "malformed-request"),
        (StorageFailed("It is busy.", passing=True), 4, "storage-failed"),
        (KeyError("bug"), 1, "internal-error"),
    ],
)
def test_a_job_that_fails_has_ended_and_is_tried_again_only_where_that_may_help(
    tmp_path: Path, error: Exception, attempts: int, code: str
) -> None:
    calls: list[Work] = []

    def failing(work: Work) -> Mapping[str, Any]:
        calls.append(work)
        raise error

    machine = Machine(tmp_path, "m", failing)
    record = machine.store.submit(KIND, "a", {})
    machine.runner.tick()
    end = machine.look(record).end
    assert end is not None
    assert end.problem is not None
    assert (len(calls), end.state, end.problem["code"]) == (attempts, JobState.FAILED, code)
    assert machine.faults.read()["resources"]["a"]["code"] == code
    assert any(isinstance(each, Unexpected) for each in machine.told) == (code == "internal-error")
    following = Machine(tmp_path, "m", done)  # another process of the machine, once this one has ended
    machine.runner.close()
    following.store.submit(KIND, "a", {})
    following.runner.tick()
    assert following.faults.read()["resources"] == {}


def test_what_a_process_of_this_machine_left_is_gone_on_with_at_once_and_that_of_another_after_its_lease(
    tmp_path: Path,
) -> None:
    here, there = Machine(tmp_path, "m", done), Machine(tmp_path, "n", done)
    record = here.store.submit(KIND, "a", {})
    assert here.store.claim(record, worker="m:1", machine="m") is not None  # and it is killed
    there.runner.tick()
    assert there.look(record).state is JobState.RUNNING
    here.runner.tick()
    assert (here.look(record).state, here.look(record).attempts) == (JobState.DONE, 2)
    other = here.store.submit(KIND, "a", {})
    assert here.store.claim(other, worker="m:1", machine="m") is not None
    there.ahead = 61
    there.runner.tick()
    assert there.look(other).state is JobState.DONE


def test_a_job_whose_workers_end_again_and_again_before_it_gets_anywhere_is_given_up(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "m", done)
    record = machine.store.submit(KIND, "a", {})
    for _ in range(10):
        assert machine.store.claim(machine.look(record), worker="m:1", machine="m") is not None
    machine.runner.tick()
    end = machine.look(record).end
    assert end is not None
    assert end.problem is not None
    assert (end.state, end.problem["code"]) == (JobState.FAILED, "job-abandoned")


def waiting(started: Event) -> Handler:
    def handler(work: Work) -> Mapping[str, Any]:
        work.progress({"built": 1})
        started.set()
        while True:
            work.cancellation.check()
            Event().wait(0.01)

    return handler


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_job_that_runs_is_stopped_by_who_cancels_it_and_handed_on_by_a_server_that_stops(
    tmp_path: Path, how: str
) -> None:
    started = Event()
    machine = Machine(tmp_path, "m", waiting(started), lease=2)
    record = machine.store.submit(KIND, "a", {})
    machine.runner.start()
    assert started.wait(60)
    if how == "cancel":
        assert machine.store.cancel(record).cancelling
        wait_for(lambda: machine.look(record).state is JobState.CANCELLED)
        machine.runner.close()
        return
    machine.runner.close()
    left = machine.look(record)
    assert left.last is not None
    assert (left.state, left.last.released) == (JobState.WAITING, True)
    other = Machine(tmp_path, "n", done)
    other.runner.tick()
    assert other.look(record).state is JobState.DONE


def test_records_that_cannot_be_read_are_told_and_the_next_look_goes_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "m", done)
    (tmp_path / "jobs").write_text("a file is in the way")
    machine.runner.tick()
    assert "jobs" in machine.faults.read()["unreachable"]
    (tmp_path / "jobs").unlink()
    record = machine.store.submit(KIND, "a", {})
    machine.runner.tick()
    assert machine.look(record).state is JobState.DONE
    assert machine.faults.read()["unreachable"] is None
