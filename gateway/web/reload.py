"""Reload endpoint: put changed declarations in service now."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.access.base import RELOAD
from gateway.web.context import site
from gateway.web.documents import json_response
from gateway.web.guard import require
from gateway.web.parsing import no_parameters, read_query_string

routes = Blueprint("reload", __name__)


@routes.post("/v1/reload")
def reload() -> Response:
    """Read the project's files; answer when this worker serves what they say, while the others follow."""
    require(RELOAD)
    no_parameters(read_query_string(request.query_string, accepted=()))
    return json_response(site().reload().as_dict())
