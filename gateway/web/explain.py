"""Explain endpoint: what a query would read and why, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flask import Blueprint, Response, request

from gateway.access.base import TABLE
from gateway.catalog.snapshot_ids import OPTION
from gateway.catalog.versions import DatasetVersion
from gateway.errors import MalformedRequest, NotAcceptable
from gateway.web.accept import choose
from gateway.web.bound_parameters import echo_header
from gateway.web.context import gateway, principal_of, record
from gateway.web.documents import json_response
from gateway.web.formats import TRUTH
from gateway.web.guard import may
from gateway.web.parsing import read_query_string
from gateway.web.questions import read_question

routes = Blueprint("explain", __name__)
FORMATS = {"json": "application/json", "text": "text/plain; charset=utf-8"}


@routes.route("/v1/queries/<name>/<version>/explain", methods=["GET", "POST"])
def explain(name: str, version: str) -> Response:
    options = read_query_string(request.query_string, accepted=("_format", "_map", OPTION))
    chosen = _format(options.options.get("_format"))
    drawn = _drawn(options.options.get("_map", "false"))
    explanation = gateway().explain(read_question(name, version, options), principal=principal_of(request))
    explanation = replace(explanation, datasets=_told(explanation.datasets))
    query = explanation.plan.query
    if chosen == "json":
        response = json_response(explanation.as_dict(drawn=drawn))
    else:
        response = Response(explanation.as_text() + "\n", content_type=FORMATS[chosen])
        response.headers["Cache-Control"] = "no-cache"
    response.headers["Gateway-Version"] = str(query.version)
    understood = echo_header(query, record().template)
    if understood is not None:
        response.headers["Gateway-Parameters"] = understood
    response.vary.add("Accept")
    return response


def _told(datasets: Mapping[str, DatasetVersion | str]) -> Mapping[str, DatasetVersion | str]:
    """Leave out what the caller may not know of datasets: who sees the table is told what it is built of."""
    return {name: found for name, found in datasets.items() if may(TABLE, name)}


def _drawn(option: str) -> bool:
    if option.lower() not in TRUTH:
        raise MalformedRequest("_map is true or false.", option="_map")
    return TRUTH[option.lower()]


def _format(option: str | None) -> str:
    available = [{"format": name, "media_type": media_type} for name, media_type in FORMATS.items()]
    if option is not None:
        if option not in FORMATS:
            raise NotAcceptable("An explanation is json or text.", available=available)
        return option
    accept = request.headers.get("Accept", "")
    best = choose(accept, FORMATS) if accept.strip() else "json"
    if best is None:
        raise NotAcceptable("None of the types in Accept can be had.", available=available)
    return best
