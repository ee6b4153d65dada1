"""Explain endpoint: what a query would read and why, without running it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.errors import NotAcceptable
from gateway.web.context import gateway, principal_of
from gateway.web.documents import json_response
from gateway.web.parsing import read_query_string
from gateway.web.questions import read_question

routes = Blueprint("explain", __name__)
FORMATS = {"json": "application/json", "text": "text/plain"}


@routes.route("/v1/queries/<name>/<version>/explain", methods=["GET", "POST"])
def explain(name: str, version: str) -> Response:
    options = read_query_string(request.query_string, accepted=("_format",))
    chosen = _format(options.options.get("_format"))
    explanation = gateway().explain(read_question(name, version, options), principal=principal_of(request))
    query = explanation.plan.query
    if chosen == "json":
        response = json_response(explanation.as_dict())
    else:
        response = Response(explanation.as_text() + "\n", content_type="text/plain; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
    response.headers["Gateway-Version"] = str(query.version)
    response.headers["Vary"] = "Accept"
    return response


def _format(option: str | None) -> str:
    available = [{"format": name, "media_type": media_type} for name, media_type in FORMATS.items()]
    if option is not None:
        if option not in FORMATS:
            raise NotAcceptable("An explanation is json or text.", available=available)
        return option
    if not request.accept_mimetypes:
        return "json"
    best = request.accept_mimetypes.best_match(list(FORMATS.values()))
    if best is None:
        raise NotAcceptable("None of the types in Accept can be had.", available=available)
    return next(name for name, media_type in FORMATS.items() if media_type == best)
