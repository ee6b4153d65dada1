"""Purge endpoint: drop cached results."""

from __future__ import annotations

from flask import Blueprint, Response, request

from gateway.access.base import CACHE
from gateway.cache.tier import Purge
from gateway.declaration import parse_duration
from gateway.errors import InvalidParameters
from gateway.suggestions import did_you_mean
from gateway.web.context import gateway, site
from gateway.web.documents import json_response
from gateway.web.guard import require
from gateway.web.parsing import QueryString, read_query_string

routes = Blueprint("cache", __name__)
CRITERIA = ("query", "table", "older")


@routes.delete("/v1/cache")
def drop() -> Response:
    """Drop the results of a query, over a table, made so long ago; all that is given must hold."""
    require(CACHE)
    which, spool = _criteria(read_query_string(request.query_string, accepted=())), gateway().spool
    dropped = dict(gateway().cache.drop(which))
    if spool is not None and (of_splits := spool.drop(which)):
        dropped[spool.name] = of_splits
    return json_response({"dropped": dropped})


def _criteria(query: QueryString) -> Purge:
    given = {name: values[-1] for name, values in query.parameters.items()}
    wrong = [
        {"parameter": name, "detail": did_you_mean(name, CRITERIA) or f"accepted: {', '.join(CRITERIA)}"}
        for name in given
        if name not in CRITERIA
    ]
    wrong += [
        {"parameter": name, "detail": "is given twice: all that is given must hold, so drop one after the other"}
        for name, values in query.parameters.items()
        if len(values) > 1
    ]
    before = None
    if "older" in given:
        try:
            before = site().clock() - parse_duration(given["older"])
        except ValueError as error:
            wrong.append({"parameter": "older", "detail": str(error)})
    if not given:
        wrong.append({"parameter": "query", "detail": f"say what to drop: {', '.join(CRITERIA)}"})
    if wrong:
        raise InvalidParameters(wrong)
    return Purge(query=given.get("query"), table=given.get("table"), before=before)
