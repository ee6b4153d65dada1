"""The records of jobs, in a folder that several processes write."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.catalog.store import S3Settings, open_store
from gateway.errors import GatewayError, IdempotencyKeyReused
from gateway.jobs.job import End, JobState, Record
from gateway.jobs.store import JobStore

KIND, RESOURCE = "build", "sales"


class Clock:
    """Tells a time that is moved on from that of the files."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> JobStore:
    """Records in a folder."""
    return JobStore(lambda: open_store("jobs", S3Settings(), tmp_path, make=True), clock=clock, lease=60, keep=1000)


def found(jobs: JobStore, record: Record) -> Record:
    there = jobs.find(KIND, RESOURCE, record.job.id)
    assert there is not None
    return there


def test_a_job_waits_runs_and_ends(jobs: JobStore) -> None:
    made = jobs.submit(KIND, RESOURCE, {"tag": "a"}, asked_by="ana")
    assert (found(jobs, made).state, found(jobs, made).job) == (JobState.WAITING, made.job)
    [waiting] = jobs.unended(KIND)
    attempt = jobs.claim(waiting, worker="w", machine="m")
    assert attempt is not None
    jobs.beat(made.job, replace(attempt, progress={"built": 3}))
    running = found(jobs, made)
    assert (running.state, running.last and running.last.progress) == (JobState.RUNNING, {"built": 3})
    assert jobs.finish(made.job, End(state=JobState.DONE, at=5.0, result={"version": 7}))
    assert not jobs.finish(made.job, End(state=JobState.FAILED, at=6.0))
    done = found(jobs, made)
    assert (done.state, done.end and done.end.result) == (JobState.DONE, {"version": 7})
    assert jobs.unended(KIND) == []
    assert [each.job for each in jobs.all(KIND, RESOURCE)] == [made.job]


def test_of_many_that_take_a_job_up_one_has_it(jobs: JobStore) -> None:
    record = jobs.submit(KIND, RESOURCE, {})
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: jobs.claim(record, worker=f"{number}", machine="m"), range(32)))
    assert sum(attempt is not None for attempt in taken) == 1


def test_a_job_whose_worker_died_is_free_once_its_lease_is_over(jobs: JobStore, clock: Clock) -> None:
    record = jobs.submit(KIND, RESOURCE, {})
    first = jobs.claim(record, worker="dead", machine="m")
    assert first is not None
    assert found(jobs, record).live
    clock.ahead = 61
    assert found(jobs, record).state is JobState.WAITING
    second = jobs.claim(found(jobs, record), worker="other", machine="n")
    assert (second and second.number, second and second.futile) == (2, 1)
    assert jobs.beat(record.job, first).lost


def test_what_was_given_up_is_free_at_once(jobs: JobStore) -> None:
    record = jobs.submit(KIND, RESOURCE, {})
    attempt = jobs.claim(record, worker="w", machine="m")
    assert attempt is not None
    jobs.beat(record.job, replace(attempt, released=True))
    again = jobs.claim(found(jobs, record), worker="x", machine="n")
    assert (again and again.futile) == 0


def test_a_key_names_one_job_of_one_principal(jobs: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: jobs.submit(KIND, RESOURCE, {"tag": "a"}, asked_by="ana", key="k"), range(16)))
    assert len({each.job.id for each in made}) == 1
    with pytest.raises(IdempotencyKeyReused):
        jobs.submit(KIND, RESOURCE, {"tag": "b"}, asked_by="ana", key="k")
    other = jobs.submit(KIND, RESOURCE, {"tag": "b"}, asked_by="bob", key="k")
    jobs.finish(made[0].job, End(state=JobState.DONE, at=1.0))
    assert jobs.submit(KIND, RESOURCE, {"tag": "a"}, asked_by="ana", key="k").state is JobState.DONE
    assert [each.job for each in jobs.unended(KIND)] == [other.job]


def test_a_job_that_waits_is_cancelled_at_once_and_one_that_runs_is_told(jobs: JobStore) -> None:
    waiting, running = jobs.submit(KIND, RESOURCE, {}), jobs.submit(KIND, RESOURCE, {})
    attempt = jobs.claim(running, worker="w", machine="m")
    assert attempt is not None
    assert jobs.cancel(waiting).state is jobs.cancel(waiting).state is JobState.CANCELLED
    assert jobs.claim(waiting, worker="w", machine="m") is None
    told = jobs.cancel(running)
    assert (told.state, told.cancelling) == (JobState.RUNNING, True)
    assert jobs.beat(running.job, attempt).cancelling


def test_records_go_when_they_are_old_and_their_keys_are_free_again(jobs: JobStore, clock: Clock) -> None:
    old, open_ = jobs.submit(KIND, RESOURCE, {"tag": "a"}, key="k"), jobs.submit(KIND, RESOURCE, {})
    jobs.finish(old.job, End(state=JobState.DONE, at=1.0))
    jobs.sweep(KIND)
    assert found(jobs, old).end is not None
    clock.ahead = 2000
    jobs.sweep(KIND)
    assert [each.job for each in jobs.all(KIND, RESOURCE)] == [open_.job]
    assert jobs.submit(KIND, RESOURCE, {"tag": "b"}, key="k").job.id == old.job.id


def test_what_somebody_left_who_was_killed_does_no_harm(jobs: JobStore, clock: Clock, tmp_path: Path) -> None:
    record = jobs.submit(KIND, RESOURCE, {})
    orphan = tmp_path / "jobs" / "open" / KIND / RESOURCE / ("0" * 32)
    orphan.touch()
    ended = jobs.submit(KIND, RESOURCE, {})
    mark = tmp_path / "jobs" / "open" / ended.job.folder
    jobs.finish(ended.job, End(state=JobState.DONE, at=1.0))
    mark.touch()  # it was killed between the end and the mark
    assert ([each.job for each in jobs.unended(KIND)], mark.exists(), orphan.exists()) == ([record.job], False, True)
    clock.ahead = 4000
    jobs.unended(KIND)
    assert not orphan.exists()


def test_a_damaged_record_is_named(jobs: JobStore, tmp_path: Path) -> None:
    record = jobs.submit(KIND, RESOURCE, {})
    path = tmp_path / "jobs" / "jobs" / record.job.folder / "job.json"
    os.truncate(path, 10)
    with pytest.raises(GatewayError, match=r"job\.json is damaged"):
        found(jobs, record)


@pytest.mark.parametrize("name", ["", "..", "x", "0" * 31, "0" * 32])
def test_what_is_no_id_finds_nothing(jobs: JobStore, name: str) -> None:
    assert jobs.find(KIND, RESOURCE, name) is None
