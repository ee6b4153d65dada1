"""Access control of requests: authentication, rate limits, and authorization by query and table.

A name that the caller may not see gets the same answer as a name that does not exist. An anonymous caller gets 401
wherever access is denied, again whether or not the name exists.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, g, request

from gateway.access.base import ANONYMOUS, CHALLENGE, METRICS, OPEN, QUERY, TABLE, VARY
from gateway.catalog.table import Table
from gateway.errors import Forbidden, GatewayError, TableNotFound, Unauthenticated, quoted
from gateway.query.registry import unknown_query
from gateway.query.template import Template
from gateway.suggestions import did_you_mean
from gateway.web.context import gateway, principal_of, record, site

_FOR_EVERYBODY = frozenset({"operations.alive", "operations.ready", "pages.static", "pages.error"})
"""Endpoints that ask nobody who they are."""
_METRICS = "prometheus_metrics"


def admit() -> None:
    """Let the current request go on to its route, or raise why not. Nothing of it was read before."""
    if request.endpoint is None or request.endpoint in _FOR_EVERYBODY:
        return
    if request.endpoint == _METRICS:
        if not site().access.shared(METRICS, ""):
            require(METRICS)
        return
    record().principal = principal_of(request)
    if request.path.startswith("/v1/"):
        count_request()
    named = request.view_args or {}
    if "name" in named:
        _see_query(named["name"])
    if "table" in named:
        _see_table(named["table"])


def count_request() -> None:
    """Count the current request against the limits of its caller. Raises ``QuotaExceeded``."""
    g.limit_headers = site().limits.admit(principal_of(request))


def limit_headers() -> Mapping[str, str]:
    """Return the headers that say how much the caller may still ask."""
    headers: Mapping[str, str] = g.get("limit_headers", {})
    return headers


def guarded() -> bool:
    """Tell whether callers are to say who they are."""
    return site().access is not OPEN


def keep_private(response: Response) -> None:
    """Tell caches on the way that a document which is asked for again each time is for this caller only."""
    if guarded() and response.headers.get("Cache-Control") == "no-cache":
        response.headers["Cache-Control"] = "private, no-cache"
        response.vary.update(VARY.split(", "))


def may(action: str, name: str = "") -> bool:
    """Tell whether the caller may do *action* to what is named so."""
    return site().access.may(principal_of(request), action, name)


def require(action: str, name: str = "") -> None:
    """Go on where the caller may do *action*. Raises ``Forbidden``: use it on what the caller may see."""
    if may(action, name):
        return
    needed = f"This needs the grant of {action!r}" + (f" on {quoted(name)}" if name else "")
    if not guarded():
        raise Forbidden(f"{needed}, and callers of this server do not say who they are (access.required).")
    raise _refused(Forbidden(f"{needed}."))


def may_see_details() -> bool:
    """Tell whether the caller may read how the gateway is; who cannot be identified may where everybody may."""
    try:
        return site().access.shared(METRICS, "") or may(METRICS)
    except Unauthenticated:
        return False


def visible_queries() -> Mapping[str, Mapping[int, Template]]:
    """Return the queries that the caller may see, by name, in order."""
    return {name: versions for name, versions in sorted(gateway().registry.queries().items()) if may(QUERY, name)}


def visible_tables() -> Mapping[str, Table]:
    """Return the tables that the caller may see, by name, in order."""
    return {name: table for name, table in sorted(gateway().catalog.tables.items()) if may(TABLE, name)}


def shared(query: str) -> bool:
    """Tell whether the answer to a query is the same for everybody, so that caches on the way may share it."""
    return not principal_of(request).scope and site().access.shared(QUERY, query)


def _see_query(name: str) -> None:
    if not (may(QUERY, name) and name in gateway().registry.queries()):
        raise _refused(unknown_query(name, visible_queries()), hidden=not may(QUERY, name))


def _see_table(name: str) -> None:
    if not (may(TABLE, name) and name in gateway().catalog.tables):
        suggestion = did_you_mean(name, visible_tables())
        missing = TableNotFound(f"No table is named {quoted(name)}" + (f"; {suggestion}" if suggestion else "."))
        raise _refused(missing, hidden=not may(TABLE, name))


def _refused(error: GatewayError, *, hidden: bool = True) -> GatewayError:
    """Return *error*; where who asks is not known and could make a difference, ask for that instead."""
    if not hidden or principal_of(request) != ANONYMOUS:
        return error
    return Unauthenticated("Say who asks: send a key or a token as Authorization: Bearer ….", headers=CHALLENGE)
