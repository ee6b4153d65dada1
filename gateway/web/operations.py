"""Liveness and readiness endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response

from gateway.access.base import RELOAD
from gateway.declaration import FileKind
from gateway.errors import GatewayError, QueryNotFound, ShuttingDown, TableInvalid, Unauthenticated
from gateway.project.loader import Project
from gateway.web.context import gateway, site
from gateway.web.documents import json_response
from gateway.web.guard import may, may_see_details
from gateway.web.problems import public_detail

routes = Blueprint("operations", __name__)
_COUNTED = 10.0
"""Seconds for which it is not counted again what is kept."""


@routes.get("/healthz")
def alive() -> Response:
    """Answer that the process serves requests; nothing is asked of anyone else."""
    return json_response({"status": "ok"})


@routes.get("/readyz")
def ready() -> Response:
    """Answer whether requests should be sent here, check by check, with the age of every table's manifest.

    A table that was listed once stays readable, so a failing refresh is told and does not make the server unready; nor
    does a store that is left alone, for what is kept is answered; nor a cluster that is gone, for this machine computes
    what it can; nor a state folder that cannot be written, for answers are computed without it; nor does
    a build of a dataset that failed, for the version before is served; nor do files of the
    project that are broken, for what they declared before is served. A project without a query in service is not ready,
    nor is one whose tables are all broken, with nothing from before: it would answer nobody, and the mount or the
    checkout may be missing.
    """
    fine, checks = checked()
    status = 200 if fine else 503
    if not may_see_details():
        return json_response({"status": "ok" if fine else "failing"}, status=status)
    return json_response({"status": "ok" if fine else "failing", "checks": checks, **details()}, status=status)


def checked() -> tuple[bool, dict[str, Any]]:
    """Check whether requests should be sent here; return that, and what came of each check."""
    checks = {name: _checked(check) for name, check in site().checks.items()}
    checks["server"] = _checked(_staying)
    declared = _checked(_declared)
    if declared["status"] != "ok":
        checks["project"] = declared
    checks["tables"] = _checked(lambda: gateway().catalog.pin(_needed_tables()))
    return all(check["status"] == "ok" for check in checks.values()), checks


def kept() -> list[dict[str, Any]]:
    """Tell how full each tier of the cache is: the memory of this worker, what the machine and what all hosts share."""
    now = site().monotonic()
    counted_at, rooms = site().made.get("rooms", (-_COUNTED, []))
    if now - counted_at >= _COUNTED:
        rooms = gateway().cache.rooms()
        site().made["rooms"] = now, rooms
    return [
        {
            "tier": tier,
            "kind": kind,
            "used": room.used,
            "bound": room.bound,
            "status": "ok" if room.works else "failing",
        }
        for kind, tier, room in rooms
    ]


def details() -> dict[str, Any]:
    """Tell how the parts of the gateway are, for those who may see that."""
    document: dict[str, Any] = {
        "tables": {name: _table(name) for name in sorted(gateway().catalog.tables)},
        "queries": len(gateway().registry.queries()),
    }
    with suppress(GatewayError):  # a check says so
        document["engine"] = _engine(gateway().admission.status())
    problem = site().state()
    document["state"] = {"status": "ok"} if problem is None else {"status": "failing", "detail": problem}
    document["stores"] = dict(gateway().stores.states())
    document.update(site().clusters())
    builds = _builds()
    if builds:
        document["builds"] = builds
    project = site().project
    if project is not None:
        document["project"] = _project(project)
    failures = site().access.failures()
    if failures:
        # Only which: the reason may name people, and is in the log.
        document["access"] = {"unreadable": sorted(failures)}
    return document


def _builds() -> dict[str, Any]:
    """Tell whose last build failed and how, and why the records of builds cannot be read, where it is so."""
    faults = site().faults()
    failed = {name: fault for name, fault in faults.get("resources", {}).items() if name in gateway().catalog.tables}
    told: dict[str, Any] = {"failed": failed} if failed else {}
    return told | ({"records": faults["unreachable"]} if faults.get("unreachable") else {})


def _engine(status: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what runs, which processes of the engine have ended, and which of the queries as they are now run apart."""
    apart = status.get("apart", {})
    known = {template.unbound.origin: template for template in gateway().registry.templates()}
    told = [
        {"query": known[text].name, "version": known[text].version, **why}
        for text, why in apart.items()
        if text in known
    ]
    return {**status, "apart": told} if "apart" in status else dict(status)


def _staying() -> None:
    if site().stopping.is_set():
        raise ShuttingDown("This server is stopping: ask another one.")


def _declared() -> None:
    """Refuse a project of which no query is in service, or no table for all have mistakes."""
    project = site().project
    if project is None:
        return
    broken = [file for file in project.broken if file.kind is FileKind.TABLE]
    if broken and not gateway().catalog.tables:
        raise TableInvalid([error for file in broken for error in file.diagnostics])
    if not gateway().registry.queries():
        raise QueryNotFound("No query is in service: the project has none, or all have mistakes.")


def _needed_tables() -> list[str]:
    """Name the tables without which the server is not ready: not the datasets that were not built yet."""
    catalog = gateway().catalog
    unbuilt = {name for name, table in catalog.tables.items() if table.query and catalog.status(name).snapshot is None}
    return [name for name in catalog.tables if name not in unbuilt]


def _checked(check: Callable[[], object]) -> dict[str, Any]:
    try:
        check()
    except GatewayError as error:
        return {"status": "failing", "code": error.code, "detail": public_detail(error)}
    return {"status": "ok"}


def _project(project: Project) -> dict[str, Any]:
    """Tell which commit is in service, and which files are broken: how, only to those who may reload them."""
    known: dict[str, Any] = {"commit": project.commit, "broken": len(project.broken)}
    with suppress(Unauthenticated):
        if may(RELOAD):
            known["broken"] = [broken.as_dict() for broken in project.broken]
    return known


def _table(name: str) -> dict[str, Any]:
    status = gateway().catalog.status(name)
    known: dict[str, Any] = {
        "snapshot": status.snapshot,
        "age": None if status.age is None else round(status.age, 3),
        "late": status.late,
        "problems": status.problems,
    }
    if status.failure is not None:
        known["failure"] = {"detail": status.failure.error, "failures": status.failure.failures}
    return known
