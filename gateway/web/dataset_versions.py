"""Versions of datasets: what they were made of, and the tags that name them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from gateway.access.base import READ, TAG
from gateway.catalog.versions import DatasetVersion, Versions
from gateway.datasets.describe import lineage, summary
from gateway.datasets.tags import number_of, readers_of, untag, version_of
from gateway.datasets.tags import tag as give
from gateway.errors import DatasetVersionNotFound, InvalidParameters
from gateway.web.context import gateway, here, site
from gateway.web.datasets import dataset, versions_of
from gateway.web.documents import json_response
from gateway.web.guard import require, visible_tables
from gateway.web.parsing import no_parameters, read_json_object, read_query_string

routes = Blueprint("dataset_versions", __name__)


@routes.get("/v1/datasets/<table>/versions")
def versions(table: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    found = versions_of(dataset(table).name)
    numbers = [] if found is None else reversed(found.numbers())
    read = [found.read(number) for number in numbers] if found is not None else []
    return json_response({"dataset": table, "versions": [_listed(table, each) for each in read if each is not None]})


@routes.get("/v1/datasets/<table>/versions/<number>")
def one_version(table: str, number: str) -> Response:
    """Answer what a version was made of: it names queries and their parameters, so it has a grant of its own."""
    no_parameters(read_query_string(request.query_string, accepted=()))
    require(READ, dataset(table).name)
    return json_response(lineage(version_of(_built(table), number)))


@routes.put("/v1/datasets/<table>/tags/<tag>")
def put_tag(table: str, tag: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    declared = dataset(table)
    require(TAG, table)
    body, there = _read_body(read_json_object(request)), _built(table)
    number, move = number_of(there, body["version"]), body.get("move", False)
    new = give(there, declared.keep, tag, number, now=site().clock(), move=move)
    return json_response({"dataset": table, "tag": tag, "version": number}, status=201 if new else 200)


@routes.delete("/v1/datasets/<table>/tags/<tag>")
def delete_tag(table: str, tag: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    declared = dataset(table)
    require(TAG, table)
    tables = gateway().catalog.tables.values()
    readers = readers_of(tag, declared, tables, site().exports.place)
    seen = visible_tables()
    shown = [each for each in readers if each in seen]
    untag(_built(table), tag, readers=shown or (["another table"] if readers else []))
    return Response(status=204)


def _listed(table: str, version: DatasetVersion) -> dict[str, Any]:
    return summary(version) | {"url": here(f"/v1/datasets/{table}/versions/v{version.version}")}


def _built(table: str) -> Versions:
    found = versions_of(table)
    if found is None:
        raise DatasetVersionNotFound("The dataset was not built yet.")
    return found


def _read_body(body: dict[str, Any]) -> dict[str, Any]:
    """Check what is asked of a tag. Raises ``InvalidParameters``."""
    wrong = [
        {"parameter": name, "detail": "not known; accepted: version, move"}
        for name in body
        if name not in ("version", "move")
    ]
    if not isinstance(body.get("version"), str):
        wrong.append({"parameter": "version", "detail": "is required: the version to name, such as v7, or its tag"})
    if not isinstance(body.get("move", False), bool):
        wrong.append({"parameter": "move", "detail": "is true or false"})
    if wrong:
        raise InvalidParameters(wrong)
    return body
