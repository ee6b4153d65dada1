"""A command does a job itself and at once: others see it, wait for it, and go on with it where the command ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.store import S3Settings, open_store
from gateway.errors import StorageFailed
from gateway.jobs.at_once import AtOnce
from gateway.jobs.doing import Doer, Handler
from gateway.jobs.faults import Faults
from gateway.jobs.holding import Holding
from gateway.jobs.job import End, JobState, Record
from gateway.jobs.runner import JobRunner
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.telemetry.events import unobserved

KIND = "build"


def done(work: Work) -> Mapping[str, Any]:
    return {"asked": dict(work.job.question)}


class Place:
    """The records that machines share, and what the processes of each do with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = JobStore(lambda: open_store("jobs", S3Settings(), folder, make=True), clock=time.time, lease=600)

    def holding(self, machine: str = "m") -> Holding:
        (self.folder / machine).mkdir(exist_ok=True)
        return Holding(self.folder / machine, KIND, machine)

    def command(
        self,
        handler: Handler = done,
        *,
        machine: str = "m",
        waiting: Callable[[Record], None] = lambda record: None,
        sleep: Callable[[float], None] = lambda seconds: None,
    ) -> AtOnce:
        faults = Faults(self.folder / "faults")
        doer = Doer(KIND, self.store, handler, faults=faults, observe=unobserved, tries=1)
        return AtOnce(KIND, self.store, doer, self.holding(machine), waiting=waiting, sleep=sleep)

    def tick(self, machine: str = "m") -> None:
        """Let the process of a machine that does all jobs look once."""
        runner = JobRunner(
            KIND,
            self.store,
            done,
            folder=self.holding(machine).folder,
            machine=machine,
            faults=Faults(self.folder / "faults"),
            observe=unobserved,
        )
        runner.tick()
        runner.close()

    def begun(self, machine: str = "m", resource: str = "a") -> str:
        """Leave a job as a command leaves it that works on it, and return its id."""
        worker = {"worker": "1", "machine": self.holding(machine).command}
        job, _ = self.store.begin(KIND, resource, {}, trigger="command", **worker)
        return job.id

    def record(self, name: str, resource: str = "a") -> Record:
        found = self.store.find(KIND, resource, name)
        assert found is not None
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_a_command_does_is_a_job_that_is_never_free_for_others(place: Place) -> None:
    seen: list[tuple[JobState, int]] = []

    def looking(work: Work) -> Mapping[str, Any]:
        place.tick("other")  # another machine finds nothing to do
        [record] = place.store.unended(KIND)
        seen.append((record.state, record.attempts))
        return done(work)

    record = place.command(looking).do("a")
    assert seen == [(JobState.RUNNING, 1)]
    assert (record.state, record.job.trigger, record.attempts) == (JobState.DONE, "command", 1)
    assert [each.job.id for each in place.store.all(KIND, "a")] == [record.job.id]


def test_the_process_that_does_all_jobs_leaves_a_command_alone_while_it_lives(place: Place) -> None:
    name, lock = place.begun(), place.holding().of_command("a")
    assert lock.take()
    place.tick()
    assert (place.record(name).state, place.record(name).attempts) == (JobState.RUNNING, 1)
    lock.release()
    place.tick("other")
    assert place.record(name).attempts == 1  # of another machine only the lease tells
    place.tick()
    assert (place.record(name).state, place.record(name).attempts) == (JobState.DONE, 2)


def test_a_command_goes_on_with_what_one_before_it_was_at(place: Place) -> None:
    name = place.begun()
    record = place.command().do("a")
    assert (record.job.id, record.state, record.attempts) == (name, JobState.DONE, 2)


@pytest.mark.parametrize("machine", ["m", "other"])
def test_a_command_does_what_was_asked_for_before_it_and_waits_for_others(place: Place, machine: str) -> None:
    """A server of the machine works on a job, or a command of another machine."""
    leads = place.holding("m").leadership()
    assert leads.take()
    asked = place.store.submit(KIND, "a", {})
    at = "m" if machine == "m" else place.holding("other").command
    assert place.store.claim(asked, worker="1", machine=at) is not None
    told: list[str] = []

    def sleep(_: float) -> None:
        place.store.finish(asked.job, End(state=JobState.DONE, at=1.0))

    record = place.command(waiting=lambda each: told.append(each.job.id), sleep=sleep).do("a")
    assert told == [asked.job.id]
    assert (record.job.id != asked.job.id, record.state) == (True, JobState.DONE)
    leads.release()


def test_a_job_that_waits_is_done_by_the_command_and_one_of_another_dataset_is_not(place: Place) -> None:
    asked, other = place.store.submit(KIND, "a", {"tag": "x"}), place.store.submit(KIND, "b", {})
    record = place.command().do("a")
    assert (record.job.id, record.end and record.end.result) == (asked.job.id, {"asked": {"tag": "x"}})
    assert place.record(other.job.id, "b").state is JobState.WAITING


def test_a_job_that_somebody_wants_cancelled_is_cancelled_and_another_one_done(place: Place) -> None:
    name = place.begun()
    place.store.cancel(place.record(name))
    record = place.command().do("a")
    assert (place.record(name).state, record.state) == (JobState.CANCELLED, JobState.DONE)
    assert record.job.id != name


def test_a_command_is_cancelled_as_any_job_is(place: Place) -> None:
    def cancelling(work: Work) -> Mapping[str, Any]:
        place.store.cancel(place.record(work.job.id))
        work.tell()
        work.cancellation.check()
        return done(work)

    assert place.command(cancelling).do("a").state is JobState.CANCELLED


def test_a_command_that_is_interrupted_has_its_job_cancelled(place: Place) -> None:
    def interrupted(_: Work) -> Mapping[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.command(interrupted).do("a")
    assert [each.state for each in place.store.all(KIND, "a")] == [JobState.CANCELLED]
    assert place.holding().of_command("a").take()


def test_a_lock_that_nobody_holds_and_that_cannot_be_taken_is_told(place: Place) -> None:
    (place.holding().folder / f"{KIND}.a.lock").mkdir()
    with pytest.raises(StorageFailed, match="cannot be taken"):
        place.command().do("a")
