"""``/status``: how the gateway is now, for people: what runs and waits, the parts, the age of tables, the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gateway.access.base import READ
from gateway.datasets.build import KIND
from gateway.errors import GatewayError, Unauthenticated
from gateway.plan.explain import readable
from gateway.web.ago import ago
from gateway.web.context import gateway, here, site
from gateway.web.forms import refuse_foreign_pages
from gateway.web.guard import may, may_see_details, visible_queries, visible_tables
from gateway.web.html import page
from gateway.web.jobs import described
from gateway.web.key_form import ask_for_key
from gateway.web.operations import checked, details, kept
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.problems import public_detail
from gateway.web.running import stop_query, under_way

routes = Blueprint("status_pages", __name__)
routes.register_error_handler(Unauthenticated, ask_for_key)
_FATES = {
    "hit": "from the cache",
    "stale": "from the cache, though older than its time",
    "collapsed": "by a run shared with others",
    "miss": "computed",
    "bypass": "computed, never kept",
}
"""What became of answers, by the word of their metric."""


@routes.get("/status")
def status() -> Response:
    options = read_query_string(request.query_string, accepted=("_part",))
    no_parameters(options)
    known = {"readable": readable, "ago": ago, "queries": set(visible_queries()), "tables": set(visible_tables())}
    match options.options.get("_part"):
        case "now":
            return page("status-now.html", **known, now=_now())
        case "rest":
            return page("status-rest.html", **known, **_rest())
        case _:
            return page("status.html", **known, now=_now(), **_rest())


@routes.post("/status/stop")
def stop() -> AnyResponse:
    """Stop a query, from the page."""
    refuse_foreign_pages()
    stop_query(request.form.get("id", ""))
    return redirect(here("/status"), 303)


def _now() -> Mapping[str, Any]:
    """Tell what runs and waits, or why that cannot be told."""
    try:
        return under_way()
    except GatewayError as error:
        return {"error": public_detail(error)}


def _rest() -> dict[str, Any]:
    """Tell how everything else is; to those who may not see details, only whether requests should be sent here."""
    fine, checks = checked()
    if not may_see_details():
        return {"fine": fine, "details": None, "jobs": _jobs()}
    answers = site().metrics.answers()
    fates = [(words, answers[fate]) for fate, words in _FATES.items() if fate in answers]
    others = sum(count for fate, count in answers.items() if fate not in _FATES)
    return {
        "fine": fine,
        "checks": checks,
        "details": details(),
        "fates": [*fates, ("otherwise", others)] if others else fates,
        "kept": kept(),
        "jobs": _jobs(),
    }


def _jobs() -> list[dict[str, Any]]:
    """Describe the builds that have not ended, of datasets whose builds the caller may read of."""
    read_of = {name for name, table in gateway().catalog.tables.items() if table.query is not None and may(READ, name)}
    if not read_of:
        return []
    try:
        found = site().jobs.unended(KIND)
    except GatewayError:
        return []
    return [
        described(each, f"/v1/datasets/{each.job.resource}/builds/{each.job.id}") | {"dataset": each.job.resource}
        for each in found
        if each.job.resource in read_of
    ]
