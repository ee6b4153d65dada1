"""Builds of datasets: asked for, looked at, cancelled. They are jobs, and are always done behind the answer."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request

from gateway.access.base import BUILD, CANCEL, READ, TAG
from gateway.datasets.build import KIND, refuse_pinned
from gateway.datasets.tags import check_name
from gateway.errors import InvalidParameters
from gateway.jobs.job import Record
from gateway.web.context import principal_of, site
from gateway.web.datasets import dataset
from gateway.web.documents import json_response
from gateway.web.guard import require
from gateway.web.jobs import accepted, cancelled, described, no_job, read_key, shown
from gateway.web.parsing import no_parameters, read_json_object, read_query_string

routes = Blueprint("builds", __name__)
_ASKED: Final = ("tag",)


@routes.post("/v1/datasets/<table>/builds")
def build(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    require(BUILD, dataset(table).name)
    record = submit_build(table, read_json_object(request), read_key())
    return accepted(record, _address(record))


@routes.get("/v1/datasets/<table>/builds")
def builds(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    require(READ, dataset(table).name)
    found = [described(record, _address(record)) for record in site().jobs.all(KIND, table)]
    return json_response({"dataset": table, "builds": found})


@routes.get("/v1/datasets/<table>/builds/<job>")
def one_build(table: str, job: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    require(READ, dataset(table).name)
    record = _found(table, job)
    return shown(record, _address(record))


@routes.delete("/v1/datasets/<table>/builds/<job>")
def cancel(table: str, job: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    record = cancel_build(table, job)
    return cancelled(record, _address(record))


def submit_build(table: str, asked: dict[str, Any], key: str | None) -> Record:
    """Have a dataset built behind the answer, for the caller; see ``JobStore.submit``."""
    declared = dataset(table)
    require(BUILD, table)
    refuse_pinned(declared)
    body = _read_body(asked)
    if "tag" in body:
        require(TAG, table)
    record = site().jobs.submit(KIND, table, body, asked_by=principal_of(request).name, key=key)
    site().wake(KIND)
    return record


def cancel_build(table: str, job: str) -> Record:
    """Have a build cancelled, if the caller may. Raises ``JobNotFound``."""
    require(CANCEL, dataset(table).name)
    return site().jobs.cancel(_found(table, job))


def _found(table: str, job: str) -> Record:
    record = site().jobs.find(KIND, table, job)
    if record is None:
        raise no_job("build", job)
    return record


def _address(record: Record) -> str:
    return f"/v1/datasets/{record.job.resource}/builds/{record.job.id}"


def _read_body(body: dict[str, Any]) -> dict[str, Any]:
    """Check what is asked of a build. Raises ``InvalidParameters``."""
    wrong = [{"parameter": name, "detail": "not known; accepted: tag"} for name in body if name not in _ASKED]
    if wrong:
        raise InvalidParameters(wrong)
    if "tag" in body:
        check_name(body["tag"])
    return body
