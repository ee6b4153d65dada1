"""Opens the records of jobs, and what does the builds among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from gateway.access.base import Access
from gateway.app.build_watch import BuildWatch
from gateway.app.datasets import open_builder
from gateway.app.state import deployment
from gateway.app.written import sharing
from gateway.cache.epochs import made_once
from gateway.catalog.store import Store, open_store
from gateway.catalog.versions import Versions
from gateway.datasets.build import KIND, Builder, BuildProgress, Built, OnProgress, silent
from gateway.datasets.describe import of_build
from gateway.datasets.tags import tag
from gateway.errors import GatewayError, JobCancelled, StorageFailed, TagTaken
from gateway.jobs.at_once import AtOnce
from gateway.jobs.doing import Doer, Handler
from gateway.jobs.faults import Faults
from gateway.jobs.holding import Holding
from gateway.jobs.job import JobState, Record
from gateway.jobs.runner import JobRunner, signal_of
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.pipeline import Gateway
from gateway.settings import Settings
from gateway.telemetry.events import Observer, unobserved

_MEMORY = 2**28
"""Bytes for sorting the rows of a build within a server; the rest goes to disk."""


def open_jobs(settings: Settings, observe: Observer) -> JobStore:
    """Open the records of jobs: beside the snapshots that are kept, or in the state folder where none are."""
    location = settings.snapshots.location
    place = str(jobs_folder(settings) / "records") if location is None else f"{location.rstrip('/')}/_jobs"

    def opened() -> Store:
        return open_store(place, settings.storage, settings.project, observe=observe, make=True)

    return JobStore(opened, clock=time.time)


def wake(settings: Settings, kind: str) -> None:
    """Have the process of this machine that does the jobs of a kind look for them at once."""
    signal = signal_of(jobs_folder(settings), kind)
    signal.parent.mkdir(parents=True, exist_ok=True)
    signal.touch()


def build_runner(
    settings: Settings, jobs: JobStore, serving: Callable[[], Gateway], access: Access, observe: Observer
) -> JobRunner:
    """Return what builds datasets for those who ask over HTTP, and those that are due."""

    def build(work: Work) -> Mapping[str, Any]:
        return _build(settings, serving(), access, work)

    def expected() -> bool:
        return any(table.query is not None for table in serving().catalog.tables.values())

    return runner_of(KIND, settings, jobs, build, observe, expected=expected)


def runner_of(
    kind: str,
    settings: Settings,
    jobs: JobStore,
    handler: Handler,
    observe: Observer,
    *,
    expected: Callable[[], bool] = lambda: True,
) -> JobRunner:
    """Return what does the jobs of a kind on this machine, by their *handler*, while some are *expected*."""
    folder = jobs_folder(settings)
    return JobRunner(
        kind,
        jobs,
        handler,
        folder=folder,
        machine=_machine(folder),
        faults=_faults(settings, kind),
        observe=observe,
        expected=expected,
    )


def build_watch(settings: Settings, jobs: JobStore, serving: Callable[[], Gateway], observe: Observer) -> BuildWatch:
    """Return what asks for the builds that are due."""
    lock = jobs_folder(settings) / f"watch.{deployment(settings)}.lock"
    return BuildWatch(serving, jobs, lock=lock, wake=lambda: wake(settings, KIND), observe=observe)


def build_faults(settings: Settings) -> Faults:
    """Open what is told of the builds that failed last, to all workers of the machine."""
    return _faults(settings, KIND)


def _faults(settings: Settings, kind: str) -> Faults:
    return Faults(jobs_folder(settings) / f"{kind}.faults")


def build_now(
    settings: Settings,
    gateway: Gateway,
    name: str,
    *,
    on_progress: OnProgress,
    waiting: Callable[[str], None],
    announce: Callable[[], None],
) -> Built:
    """Build a dataset in this process, by a job that servers list and cancel; return what came of it.

    *waiting* is told who builds it now, again and again; *announce* is called once the version is there. Raises
    ``GatewayError``.
    """
    builder, folder = open_builder(settings, gateway), jobs_folder(settings)
    builder.dataset(name)  # what is wrong with it is said before there is a record
    made, failed = list[Built](), list[Exception]()

    def build(work: Work) -> Mapping[str, Any]:
        try:
            made[:] = [_built(builder, work, on_progress, announce)]
        except Exception as error:
            failed[:] = [error]
            raise
        return of_build(made[0])

    jobs, holding = open_jobs(settings, unobserved), Holding(folder, KIND, _machine(folder))
    doer = Doer(KIND, jobs, build, faults=_faults(settings, KIND), observe=unobserved, tries=1)

    def told(record: Record) -> None:
        waiting(_who(record, holding))

    record = AtOnce(KIND, jobs, doer, holding, waiting=told).do(name)
    if record.state is JobState.CANCELLED:
        raise JobCancelled("Somebody has cancelled the build. What it finished is taken over by the next one.")
    if record.state is JobState.FAILED or not made:
        raise failed[0] if failed else StorageFailed("Another worker has ended the build, and it is not known how.")
    return made[0]


def _who(record: Record, holding: Holding) -> str:
    """Say who works on a job."""
    last = record.last
    if last is None or last.machine not in (holding.machine, holding.command):
        return "another machine"
    return f"process {last.worker.rpartition(':')[2]} of this machine"


def _build(settings: Settings, gateway: Gateway, access: Access, work: Work) -> Mapping[str, Any]:
    def announce() -> None:
        for each in sharing(settings, gateway.catalog.tables, work.job.resource):
            with suppress(GatewayError):  # told by the catalog; the version is there all the same
                gateway.catalog.refresh(each, announced=True)

    builder = open_builder(settings, gateway, memory=_MEMORY, access=access)
    return of_build(_built(builder, work, silent, announce))


def _built(builder: Builder, work: Work, on_progress: OnProgress, announce: Callable[[], None]) -> Built:
    """Build the dataset that a job names, have the version known, and name it as the job says."""

    def tell(progress: BuildProgress) -> None:
        on_progress(progress)
        work.progress(
            {
                "partitions": progress.total,
                "unchanged": progress.unchanged,
                "built": progress.built,
                "rows": progress.rows,
            }
        )

    name, label = work.job.resource, work.job.question.get("tag")
    table = builder.dataset(name)
    versions = Versions(builder.open_store(table))
    if label is not None:
        _refuse_taken(versions, label)
    built = builder.build(name, on_progress=tell, cancellation=work.cancellation)
    announce()  # also where nothing was published: a worker that was killed may have published it, and told nobody
    if label is not None:
        tag(versions, table.keep, label, built.version.version, now=time.time())
    return built


def _refuse_taken(versions: Versions, label: str) -> None:
    """Raise ``TagTaken`` where a version that was followed by others has a tag, before anything is built."""
    number = versions.tags().get(label)
    if number is not None and number not in versions.numbers()[-1:]:
        raise TagTaken(f"The tag {label} is that of v{number}: move it, or take another name.", version=number)


def jobs_folder(settings: Settings) -> Path:
    """Return the folder of what the workers of a machine share of jobs."""
    return settings.state / "jobs"


def _machine(folder: Path) -> str:
    """Name the state folder: the workers that share it share the lock that says who does the jobs."""
    path = folder / "machine"
    made_once(path, uuid4().hex.encode())
    return path.read_text()
