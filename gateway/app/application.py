"""The HTTP application of one worker process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from flask import Flask
from prometheus_client import CollectorRegistry

from gateway.app.engine_processes import EngineProcesses
from gateway.app.exports import export_targets
from gateway.app.jobs import build_faults, open_jobs, wake
from gateway.app.reloading import reloader_of
from gateway.app.runners import start_runners
from gateway.app.serving import open_serving, started
from gateway.app.state import CursorKey, StateFolder, calls_folder, cursor_key, deployment
from gateway.cache.files import bytes_of
from gateway.cache.recent_questions import RecentQuestions
from gateway.cache.results import ResultCache
from gateway.engine.current import Reaching
from gateway.pipeline import Gateway
from gateway.project.loader import Project
from gateway.settings import Settings
from gateway.telemetry.audit import AuditLog, open_file
from gateway.telemetry.events import Observer, fan_out
from gateway.telemetry.json_log import JsonLog, LineWriter
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.resources import FarBytes, ResourceMonitor
from gateway.telemetry.text_log import standard_output
from gateway.telemetry.usage import CallCounter
from gateway.warm import ANYBODY, Warmer, wanted
from gateway.web.context import Site
from gateway.web.origins import Cors
from gateway.web.proxies import Proxies, networks
from gateway.web.site import build_site


@contextmanager
def open_app(
    settings: Settings,
    *,
    dev: Path | None = None,
    processes: EngineProcesses | None = None,
    key: CursorKey | None = None,
) -> Iterator[Flask]:
    """Open the HTTP application of one process; what it opened is closed in reverse order.

    The engines run in *processes* of their own; None: in this one. *key* signs cursors; None: that of the state folder.
    *dev* is the file through which ``gateway dev`` reports saves to the pages.
    """
    if processes is not None:
        processes.forked()
    server, metrics = settings.server, Metrics(CollectorRegistry())
    with _auditing(settings, metrics) as audit, ExitStack() as stack:
        lines = JsonLog(standard_output(settings.log.format, "log", lost=metrics))
        calls = started(CallCounter(calls_folder(settings), observe=lines), stack)
        observe = fan_out(metrics, lines, calls, *audit)
        found = open_serving(settings, observe, processes, stack)
        access, opened = found.access, found.opened
        key = key or cursor_key(settings)
        state = started(StateFolder(settings.state, epochs=opened.epochs, key=key, observe=observe), stack)

        def serving() -> Gateway:
            return site.gateway

        def serve(gateway: Gateway, project: Project) -> None:
            site.gateway, site.project = gateway, project
            gateway.catalog.take_over()
            if gateway.recent is not None:
                gateway.recent.want(wanted(project.registry))

        jobs = open_jobs(settings, observe)
        reloader = reloader_of(opened, settings, found.seen, serve, observe)
        site = Site(
            gateway=opened.gateway,
            project=opened.project,
            reload=reloader.request,
            metrics=metrics,
            clock=time.time,
            title=settings.title,
            observe=observe,
            checks={"engine": lambda: serving().engine.ping(), "access": access.ready},
            max_stale=settings.cache.max_stale,
            secret=key,
            state=state.problem,
            clusters=lambda: _clusters(serving()),
            jobs=jobs,
            wake=lambda kind: wake(settings, kind),
            faults=build_faults(settings).read,
            exports=export_targets(settings),
            calls=calls.by_day,
            access=access,
            limits=found.limits,
            proxies=Proxies(root_path=server.root_path, trusted=networks(server.trusted_proxies)),
            cors=Cors(origins=frozenset(server.cors)),
            cheap=settings.engine.cheap,
            embed=server.embed,
            dev=dev,
        )
        started(reloader, stack)
        if settings.jobs.run:
            start_runners(settings, jobs, serving, access, observe, stack)
        if opened.gateway.recent is not None and settings.cache.warm:
            started(_warmer(serving, opened.gateway.recent, settings), stack)
        started(_monitor(serving, settings), stack)
        yield build_site(site)


def _clusters(gateway: Gateway) -> Mapping[str, Any]:
    """Tell how the clusters are, by the names that they have in ``/readyz``."""
    cluster, wholes = gateway.runner.cluster, gateway.runner.wholes
    found = {"cluster": cluster, "spark": None if wholes is None else wholes.cluster}
    return {name: each.status() for name, each in found.items() if each is not None}


@contextmanager
def _auditing(settings: Settings, metrics: Metrics) -> Iterator[list[Observer]]:
    """Open where audit lines go. Raises ``SettingsInvalid`` where the file cannot be written."""
    log = settings.log
    if log.audit == "off":
        yield []
        return
    digest = log.audit_parameters == "digest"
    if log.audit == "stdout":
        yield [AuditLog(standard_output(log.format, "audit", lost=metrics), digest=digest)]
        return
    descriptor = open_file(settings.project / log.audit)
    try:
        yield [AuditLog(LineWriter("audit", descriptor=descriptor, lost=metrics), digest=digest)]
    finally:
        os.close(descriptor)


def _monitor(serving: Callable[[], Gateway], settings: Settings) -> ResourceMonitor:
    """Make what measures what this worker holds."""
    return ResourceMonitor(
        settings.state,
        cache=lambda: serving().cache.used,
        partials=lambda: serving().cache.partials.used,
        disk=lambda: _far(serving().cache, settings),
        engine=lambda: cast(Reaching, serving().engine).memory(),
        observe=serving().observe,
    )


def _far(cache: ResultCache, settings: Settings) -> FarBytes:
    """Measure what the workers of the machine share."""
    partials = bytes_of(settings.state / "partials")
    return FarBytes(
        disk=bytes_of(settings.state / "results") + partials,
        partials_disk=partials,
        partials_redis=cache.partials.shared,
    )


def _warmer(serving: Callable[[], Gateway], recent: RecentQuestions, settings: Settings) -> Warmer:
    """Make what prepares answers ahead, in one process of the machine."""
    return Warmer(
        settings.state / "usage" / f"warmer.{deployment(settings)}.lock",
        registry=lambda: serving().registry,
        usage=recent,
        snapshots=lambda tables: {name: found.id for name, found in serving().catalog.pin(tables).items()},
        renew=lambda request: serving().renew(request, principal=ANYBODY),
        idle=lambda: serving().admission.idle,
        observe=serving().observe,
    )
