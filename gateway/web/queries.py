"""The catalogue of queries, and each version of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from gateway.web.context import gateway, record
from gateway.web.describe import describe, result_columns, summarise, version_url
from gateway.web.documents import json_response
from gateway.web.guard import visible_queries
from gateway.web.headers import template_headers
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
            summarise(newest)
            | {"url": f"/v1/queries/{name}", "latest": newest.version, "versions": sorted(versions)}
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
        "versions": [summarise(versions[number]) for number in sorted(versions)],
        "newest": describe(newest, result_columns(gateway(), newest)),
    } | _broken(name)
    return json_response(document)


@routes.get("/v1/queries/<name>/<version>")
def one_version(name: str, version: str) -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    template = gateway().registry.template(name, version_number(name, version))
    record().query, record().version = template.name, template.version
    response = json_response(describe(template, result_columns(gateway(), template)))
    response.headers.extend(template_headers(template))
    if version == LATEST:
        response.headers["Content-Location"] = version_url(template)
    return response


def _broken(name: str) -> dict[str, Any]:
    """Tell which versions of a query have a broken file, and what is served of each."""
    found = {f"v{version}": file for (query, version), file in gateway().registry.broken.items() if query == name}
    return {"broken": {version: file.as_dict() for version, file in found.items()}} if found else {}
