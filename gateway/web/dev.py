"""Errors in the project's files, for pages that are open while an author edits them (``gateway dev``)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.web.context import site
from gateway.web.parsing import no_parameters, read_query_string

routes = Blueprint("dev", __name__)


@routes.get("/dev/saved")
def saved() -> Response:
    """Return what ``gateway dev`` wrote of the last save: a number that grows, and what it said in the terminal."""
    no_parameters(read_query_string(request.query_string, accepted=()))
    told = site().dev
    body = told.read_bytes() if told is not None and told.exists() else b'{"number": null, "broken": false}'
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
