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
from gateway.datasets.build import KIND, BuildProgress
from gateway.datasets.describe import of_build
from gateway.datasets.tags import tag
from gateway.errors import GatewayError, TagTaken
from gateway.jobs.faults import Faults
from gateway.jobs.runner import Handler, JobRunner, signal_of
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.pipeline import Gateway
from gateway.settings import Settings
from gateway.telemetry.events import Observer

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

    return runner_of(KIND, settings, jobs, build, observe)


def runner_of(kind: str, settings: Settings, jobs: JobStore, handler: Handler, observe: Observer) -> JobRunner:
    """Return what does the jobs of a kind on this machine, by their *handler*."""
    folder = jobs_folder(settings)
    faults = _faults(settings, kind)
    return JobRunner(kind, jobs, handler, folder=folder, machine=_machine(folder), faults=faults, observe=observe)


def build_watch(settings: Settings, jobs: JobStore, serving: Callable[[], Gateway], observe: Observer) -> BuildWatch:
    """Return what asks for the builds that are due."""
    lock = jobs_folder(settings) / f"watch.{deployment(settings)}.lock"
    return BuildWatch(serving, jobs, lock=lock, wake=lambda: wake(settings, KIND), observe=observe)


def build_faults(settings: Settings) -> Faults:
    """Open what is told of the builds that failed last, to all workers of the machine."""
    return _faults(settings, KIND)


def _faults(settings: Settings, kind: str) -> Faults:
    return Faults(jobs_folder(settings) / f"{kind}.faults")


def _build(settings: Settings, gateway: Gateway, access: Access, work: Work) -> Mapping[str, Any]:
    name, builder = work.job.resource, open_builder(settings, gateway, memory=_MEMORY, access=access)

    def tell(progress: BuildProgress) -> None:
        work.progress(
            {
                "partitions": progress.total,
                "unchanged": progress.unchanged,
                "built": progress.built,
                "rows": progress.rows,
            }
        )

    label = work.job.question.get("tag")
    table = builder.dataset(name)
    versions = Versions(builder.open_store(table))
    if label is not None:
        _refuse_taken(versions, label)
    built = builder.build(name, on_progress=tell, cancellation=work.cancellation)
    # Also where nothing was published: a worker that was killed may have published it, and told nobody.
    for each in sharing(settings, gateway.catalog.tables, name):
        with suppress(GatewayError):  # told by the catalog; the version is there all the same
            gateway.catalog.refresh(each, announced=True)
    if label is not None:
        tag(versions, table.keep, label, built.version.version, now=time.time())
    return of_build(built)


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
