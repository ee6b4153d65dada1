"""Opens what exports results, and what does the exports that are asked for over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.access.base import EXPORT, QUERY, Access
from gateway.app.jobs import runner_of
from gateway.catalog.store import place_of
from gateway.datasets.export import KIND, Exporter, ExportQuestion, described, progress_of
from gateway.datasets.export_target import ExportTargets, fields_of
from gateway.errors import Forbidden, quoted
from gateway.jobs.runner import JobRunner
from gateway.jobs.store import JobStore
from gateway.jobs.work import Work
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.settings import Settings
from gateway.telemetry.events import Observer

_MEMORY = 2**30
_MEMORY_OF_SERVER = 2**28
"""Bytes for sorting the rows of an export within a server; the rest goes to disk."""


def export_targets(settings: Settings) -> ExportTargets:
    """Return where results may be exported to."""
    named = settings.snapshots.location
    own = [str(settings.state), *(str(settings.project / each) for each in ("catalog", "queries"))]
    return ExportTargets(
        allow=settings.export.allow,
        own=(*own, *([] if named is None else [named])),
        place=lambda location: place_of(location, settings.storage, settings.project),
    )


def open_exporter(settings: Settings, gateway: Gateway, *, memory: int = _MEMORY) -> Exporter:
    """Return what exports results of an open gateway; *memory* is for sorting, in bytes."""
    return Exporter(
        gateway=gateway,
        targets=export_targets(settings),
        root=settings.project,
        s3=settings.writing,
        memory=memory,
    )


def export_runner(
    settings: Settings, jobs: JobStore, serving: Callable[[], Gateway], access: Access, observe: Observer
) -> JobRunner:
    """Return what exports results for those who ask over HTTP, on behalf of each."""

    def export(work: Work) -> Mapping[str, Any]:
        gateway, asked = serving(), work.job.question
        who = Principal(**{**asked["principal"], "groups": frozenset(asked["principal"]["groups"])})
        name = work.job.resource
        if not (access.may(who, QUERY, name) and access.may(who, EXPORT, name)):
            raise Forbidden(f"{quoted(who.name)} may not export {quoted(name)} any more.")
        request = Request(
            query=name, version=asked["version"], parameters=asked["parameters"], snapshot=asked["snapshot"]
        )
        question = ExportQuestion(
            query=gateway.registry.bind(request, now=work.job.created_at),
            to=asked["to"],
            partition_by=fields_of(asked["partition_by"]),
            sort=tuple(asked["sort"]),
            parameters=asked["parameters"],
            name=work.job.id[:16],
        )
        exporter = open_exporter(settings, gateway, memory=_MEMORY_OF_SERVER)
        exported = exporter.export(
            question,
            principal=who,
            cancellation=work.cancellation,
            on_progress=lambda progress: work.progress(progress_of(progress)),
        )
        return described(exported)

    return runner_of(KIND, settings, jobs, export, observe)
