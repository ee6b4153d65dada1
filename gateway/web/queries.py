"""Catalogue endpoints: all queries, and each version."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from gateway.query.template import Template
from gateway.web.context import found, gateway, here
from gateway.web.describe import describe, result_columns, summarise, version_url
from gateway.web.documents import json_response
from gateway.web.guard import visible_queries
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.questions import LATEST, version_number

routes = Blueprint("queries", __name__)


@routes.get("/v1/queries")
def catalogue() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    entries = []
    for name, versions in visible_queries().items():
        newest = gateway().registry.template(name, None)
        entries.append(
            _summary(newest)
            | {"url": here(f"/v1/queries/{name}"), "latest": newest.version, "versions": sorted(versions)}
            | _broken(name)
        )
    return json_response({"queries": entries})


@routes.get("/v1/queries/<name>")
def query(name: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    newest = gateway().registry.template(name, None)
    versions = gateway().registry.queries()[name]
    document = {
        "query": name,
        "latest": newest.version,
        "versions": [_summary(versions[number]) for number in sorted(versions)],
        "newest": _described(newest),
    } | _broken(name)
    return json_response(document)


@routes.get("/v1/queries/<name>/<version>")
def one_version(name: str, version: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    template = found(gateway().registry.template(name, version_number(name, version)))
    response = json_response(_described(template))
    if version == LATEST:
        response.headers["Content-Location"] = here(version_url(template))
    return response


def _summary(template: Template) -> dict[str, Any]:
    return summarise(template, gateway().registry.state(template))


def _described(template: Template) -> dict[str, Any]:
    registry = gateway().registry
    return describe(template, result_columns(gateway(), template), registry.state(template))


def _broken(name: str) -> dict[str, Any]:
    """Tell which versions of a query have a broken file, and what is served of each."""
    found = {f"v{version}": file for (query, version), file in gateway().registry.broken.items() if query == name}
    return {"broken": {version: file.as_dict() for version, file in found.items()}} if found else {}
