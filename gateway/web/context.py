"""Context of a request: the site, the gateway in service, the caller, and the record for the log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from flask import Flask, Request, current_app, g, request

from gateway.access.base import CREDENTIALS, Access
from gateway.access.limits import CallerLimits
from gateway.datasets.export_target import ExportTargets
from gateway.jobs.store import JobStore
from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.project.loader import Project
from gateway.project.reload import Reloaded
from gateway.query.template import Template
from gateway.telemetry.events import Observer
from gateway.telemetry.metrics import Metrics
from gateway.web.lengths import Lengths
from gateway.web.origins import Cors
from gateway.web.proxies import Proxies
from gateway.web.records import Record

_EXTENSION = "gateway"
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(slots=True, kw_only=True)
class Site:
    """What one application serves. Whatever the application wires has no default, so that the type check finds what
    was forgotten.

    ``checks`` tell by raising that a part is not ready; the clock, in seconds since the epoch, counts ages;
    ``monotonic`` counts deadlines.
    """

    gateway: Gateway
    """The newest one: a reload replaces it by one assignment. Take it once for a request, and keep it nowhere else."""
    project: Project | None
    """What is in service of the project's files, and which of them are broken; replaced with the gateway."""
    reload: Callable[[], Reloaded]
    """Reads the project's files and puts what changed in service, in all workers of the machine."""
    metrics: Metrics
    clock: Callable[[], float]
    monotonic: Callable[[], float] = time.monotonic
    title: str = "Query Gateway"
    observe: Observer
    checks: Mapping[str, Callable[[], object]]
    max_body: int = 4 * 2**20
    """Bytes of the largest request body that is read."""
    max_stale: float = 2.0**31
    """Seconds after its ``ttl`` that caches on the way may serve an answer, at most."""
    secret: Callable[[], bytes]
    """Returns what signs cursors: the same in all workers of a machine."""
    state: Callable[[], str | None]
    """Says why nothing can be written to the state folder, None where something can."""
    clusters: Callable[[], Mapping[str, Any]]
    """Tells how each cluster is that computes for this machine, by its name in ``/readyz``."""
    jobs: JobStore
    wake: Callable[[str], None]
    """Has the process of this machine that does the jobs of a kind look for them at once."""
    faults: Callable[[], Mapping[str, Any]]
    """Tells what went wrong with the last builds; see ``gateway.jobs.faults``."""
    exports: ExportTargets
    """Where results may be exported to."""
    calls: Callable[[date], Mapping[str, Mapping[date, int]]]
    """Returns how often each query was asked on the days from a day on; empty where that cannot be told."""
    access: Access
    limits: CallerLimits
    proxies: Proxies
    cors: Cors
    cheap: int
    """Bytes up to which a page runs what its address asks for, without being told to."""
    embed: tuple[str, ...]
    """The origins that may show pages in a frame."""
    made: dict[str, Any] = field(default_factory=dict)
    """Documents that were made once for this site."""
    lengths: Lengths = field(default_factory=Lengths)
    dev: Path | None = None
    """Where ``gateway dev`` tells what was saved; None: nobody is writing."""
    stopping: Event = field(default_factory=Event)
    """Set when the server is to stop soon, and others should be asked instead."""

    @property
    def varying(self) -> tuple[str, ...]:
        """Return the fields that tell of the way from the client, for ``Vary``, where answers depend on them."""
        prefix = ("X-Forwarded-Prefix",) if self.proxies.trusted else ()
        return (*prefix, "Origin") if self.cors.varies else prefix


def site() -> Site:
    """Return the site that the current application serves."""
    found: Site = current_app.extensions[_EXTENSION]
    return found


def gateway() -> Gateway:
    """Return the opened gateway: the same one from the first call to the last of a request, whatever is reloaded."""
    if "gateway" not in g:
        g.gateway = site().gateway
    found: Gateway = g.gateway
    return found


def install(extensions: dict[str, Any], value: Site) -> None:
    """Make *value* the site of an application."""
    extensions[_EXTENSION] = value


def site_of(app: Flask) -> Site | None:
    """Return the site that an application serves, if it serves one."""
    found: Site | None = app.extensions.get(_EXTENSION)
    return found


def here(path: str) -> str:
    """Write the address of a path of the gateway as the client of the current request reaches it."""
    return f"{request.script_root}{path}"


def record() -> Record:
    """Return the record of the current request."""
    found: Record = g.record
    return found


def found(template: Template) -> Template:
    """Note that *template* is what the current request asks for, and return it."""
    noted = record()
    noted.query, noted.version, noted.template = template.name, template.version, template
    return template


def open_record(request: Request, started: float) -> None:
    """Start the record of a request; its id is the caller's ``X-Request-Id`` where that is a plain word."""
    given = request.headers.get("X-Request-Id", "")
    name = given if REQUEST_ID.fullmatch(given) else uuid4().hex
    g.record = Record(request=name, started=started, endpoint=request.endpoint or "")


def principal_of(request: Request) -> Principal:
    """Return who asks, found out once a request. Raises ``Unauthenticated``."""
    if "principal" not in g:
        given = {name: request.headers[name] for name in CREDENTIALS if name in request.headers}
        g.principal = site().access.identify(given)
    found: Principal = g.principal
    return found
