"""Starts what does the jobs of a machine: builds, those that are due among them, and exports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from gateway.access.base import Access
from gateway.app.build_watch import BuildWatch
from gateway.app.exports import export_runner
from gateway.app.jobs import build_runner, build_watch
from gateway.app.serving import started
from gateway.jobs.runner import JobRunner
from gateway.jobs.store import JobStore
from gateway.pipeline import Gateway
from gateway.settings import Settings
from gateway.telemetry.events import Observer


def start_runners(
    settings: Settings,
    jobs: JobStore,
    serving: Callable[[], Gateway],
    access: Access,
    observe: Observer,
    stack: ExitStack,
) -> None:
    """Start what does the jobs, each in a thread; *stack* closes them."""
    for each in _runners(settings, jobs, serving, access, observe):
        started(each, stack)


def _runners(
    settings: Settings, jobs: JobStore, serving: Callable[[], Gateway], access: Access, observe: Observer
) -> Iterator[JobRunner | BuildWatch]:
    yield build_runner(settings, jobs, serving, access, observe)
    yield build_watch(settings, jobs, serving, observe)
    if settings.export.allow:
        yield export_runner(settings, jobs, serving, access, observe)
