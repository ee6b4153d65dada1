"""Exports of results as files: asked for, looked at, cancelled. They are jobs, and always done behind the answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, Response, request

from gateway.access.base import EXPORT
from gateway.catalog.partition_field import PartitionField
from gateway.datasets.export import KIND, columns_of
from gateway.datasets.export_target import BY, SORT, TO, checked_columns, fields_of
from gateway.errors import CapacityError, InvalidParameters, UpstreamError
from gateway.jobs.job import Record
from gateway.model import BoundQuery
from gateway.model import Request as Question
from gateway.query.template import Template
from gateway.web.context import found, gateway, principal_of, site
from gateway.web.documents import json_response
from gateway.web.guard import require
from gateway.web.jobs import accepted, cancelled, described, no_job, read_key, shown
from gateway.web.parsing import no_parameters, read_json_object, read_query_string
from gateway.web.questions import read_snapshot, version_number

routes = Blueprint("exports", __name__)
_DESCRIBING: Final = 5.0
"""Seconds in which the columns of a query are found, or else the job finds them."""
_ASKED: Final = ("parameters", "snapshot", TO, BY, SORT)


@routes.post("/v1/queries/<name>/<version>/exports")
def export(name: str, version: str) -> Response:
    template = _granted(name, version)
    body, key = _read_body(read_json_object(request)), read_key()
    snapshot = read_snapshot(body.get("snapshot"), template, option="snapshot")
    parameters = body.get("parameters") or {}
    query = gateway().registry.bind(
        Question(query=name, version=template.version, parameters=parameters, snapshot=snapshot), now=site().clock()
    )
    location = site().exports.check(body.get(TO), gateway().catalog.tables.values())
    _check_columns(query, fields_of(body.get(BY, [])), body.get(SORT, []))
    who = principal_of(request)
    question = {
        "version": template.version,
        "parameters": parameters,
        "snapshot": snapshot,
        TO: location,
        BY: body.get(BY, []),
        SORT: body.get(SORT, []),
        "principal": {"name": who.name, "scope": who.scope, "groups": sorted(who.groups)},
    }
    record = site().jobs.submit(KIND, name, question, asked_by=who.name, key=key)
    site().wake(KIND)
    return accepted(_told(record), _address(record))


@routes.get("/v1/queries/<name>/<version>/exports")
def exports(name: str, version: str) -> Response:
    template = _granted(name, version)
    own = [each for each in site().jobs.all(KIND, name) if _is_own(each, template)]
    return json_response({"query": name, "exports": [described(_told(each), _address(each)) for each in own]})


@routes.get("/v1/queries/<name>/<version>/exports/<job>")
def one_export(name: str, version: str, job: str) -> Response:
    record = _found(_granted(name, version), job)
    return shown(_told(record), _address(record))


@routes.delete("/v1/queries/<name>/<version>/exports/<job>")
def cancel(name: str, version: str, job: str) -> Response:
    record = site().jobs.cancel(_found(_granted(name, version), job))
    return cancelled(_told(record), _address(record))


def _granted(name: str, version: str) -> Template:
    """Return the template that is exported by who may. Raises ``Forbidden``, and what finding it raises."""
    no_parameters(read_query_string(request.query_string, accepted=()))
    template = found(gateway().registry.template(name, version_number(name, version)))
    require(EXPORT, name)
    return template


def _check_columns(query: BoundQuery, fields: Sequence[PartitionField], sort: Sequence[str]) -> None:
    """Raise ``InvalidParameters`` for what cannot be laid out so, where the columns can be found out now."""
    with suppress(UpstreamError, CapacityError):
        checked_columns(fields, sort, columns_of(gateway(), query, seconds=_DESCRIBING))


def _found(template: Template, job: str) -> Record:
    record = site().jobs.find(KIND, template.name, job)
    if record is None or not _is_own(record, template):
        raise no_job("export", job)
    return record


def _is_own(record: Record, template: Template) -> bool:
    """Tell whether who asks had it made: what others asked, and where it went, is theirs."""
    job = record.job
    return job.asked_by == principal_of(request).name and job.question["version"] == template.version


def _told(record: Record) -> Record:
    """Return a record without what is for the worker alone."""
    asked = {name: value for name, value in record.job.question.items() if name != "principal"}
    return replace(record, job=replace(record.job, question=asked))


def _address(record: Record) -> str:
    job = record.job
    return f"/v1/queries/{job.resource}/v{job.question['version']}/exports/{job.id}"


def _read_body(body: dict[str, Any]) -> dict[str, Any]:
    """Check what is asked of an export, but for where it goes. Raises ``InvalidParameters``."""
    accepted_ones = ", ".join(_ASKED)
    wrong = [
        {"parameter": name, "detail": f"not known; accepted: {accepted_ones}"} for name in body if name not in _ASKED
    ]
    if not isinstance(body.get("parameters", {}), dict | None):
        wrong.append({"parameter": "parameters", "detail": "is an object: a value for each name"})
    if not isinstance(body.get("snapshot"), str | None):
        wrong.append({"parameter": "snapshot", "detail": "is a text: a snapshot or a date"})
    sort = body.get(SORT, [])
    if not isinstance(sort, list) or not all(isinstance(each, str) for each in sort):
        wrong.append({"parameter": SORT, "detail": "is a list of texts: columns, or `column desc`"})
    if wrong:
        raise InvalidParameters(wrong)
    return body
