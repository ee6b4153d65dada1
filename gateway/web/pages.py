"""HTML pages: the landing page, a form for each query, and an explanation of each problem."""

from __future__ import annotations

import math
from collections.abc import Mapping
from string import punctuation
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from gateway.encode import FORMATS
from gateway.errors import GatewayError, Unauthenticated
from gateway.pipeline import Gateway
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.web.assets import asset, libraries, modules
from gateway.web.catalogue import DAYS, listed_queries, listed_tables
from gateway.web.context import Site, found, gateway, here, record, site
from gateway.web.describe import describe, example_url, result_columns, summarise
from gateway.web.documents import cacheable, json_bytes
from gateway.web.form_fields import form_fields
from gateway.web.guard import count_request, guarded, visible_queries
from gateway.web.html import page
from gateway.web.key_form import ask_for_key
from gateway.web.openapi import openapi_document
from gateway.web.parsing import QueryString, no_parameters, read_query_string
from gateway.web.plain_answer import PlainAnswer, PlainEstimate, plain_answer, plain_estimate
from gateway.web.problems import NotFound, kinds, problem_document
from gateway.web.problems import problem as as_problem
from gateway.web.questions import read_question, version_number

routes = Blueprint("pages", __name__)
routes.register_error_handler(Unauthenticated, ask_for_key)
_DOCUMENTS = 32
"""OpenAPI documents that are kept, one for each set of queries that somebody may see."""
_INCOMPLETE = 30.0
"""Seconds for which a document is kept that lacks the columns of a version."""
_STATE = (
    *("_view", "_sort", "_filter", "_where", "_hide", "_mark", "_x", "_y", "_color", "_refresh", "_embed"),
    *("_cursor", "_form", "_plain", "_without"),
)
"""Options of a query's page, which its scripts read and write, and its form where there are none."""
_NO = ("0", "false", "off", "no")
_REFUSED = ("Retry-After", "WWW-Authenticate")
"""Headers of a refusal that a page has too."""


@routes.get("/")
def landing() -> Response:
    return page("landing.html", queries=_newest(), broken=_broken_files(), example=_first_example())


@routes.get("/docs")
def docs() -> Response:
    words = request.args.get("_q", "")
    queries, tables = listed_queries(words), listed_tables(words)
    return page("docs.html", queries=queries, tables=tables, broken=_broken_files(), words=words, days=DAYS)


@routes.get("/docs/<name>")
def newest(name: str) -> AnyResponse:
    """Lead to the page of a query's newest version, with what is asked there."""
    version = found(gateway().registry.template(name, None)).version
    asked = quote(request.query_string, safe=punctuation)  # as it was sent, but for bytes that no header may have
    response = redirect(here(f"/docs/{name}/v{version}") + (f"?{asked}" if asked else ""))
    response.headers["Cache-Control"] = "no-cache"
    return response


@routes.get("/docs/<name>/<version>")
def try_query(name: str, version: str) -> Response:
    """Show a query and its form. In a browser without scripts, show the rows too, where they are asked for or cheap."""
    options = read_query_string(request.query_string, accepted=_STATE)
    registry = gateway().registry
    template = found(registry.template(name, version_number(name, version)))
    pressed = "_form" in request.args or "_cursor" in options.options
    asked = pressed or "_plain" in options.options
    plain, estimate, refused = _plainly(name, version, options, pressed=pressed) if asked else (None, None, None)
    fields = form_fields(template, options.parameters if options.parameters or asked else None)
    runs = bool(options.parameters) or not any(field["required"] for field in fields)
    without = ", ".join(name for name in options.options.get("_without", "").split(",") if name in template.parameters)
    opened = runs and bool(request.query_string) and not without
    charted = runs and request.args.get("_view") == "chart"
    described = describe(template, result_columns(gateway(), template), registry.state(template))
    problem = {} if refused is None else problem_document(refused, **_where())
    instead = template.successor
    response = page(
        "query.html",
        query=described,
        fields=fields,
        versions=sorted(registry.queries()[name], reverse=True),
        replaced_by=f"{instead[0]}/v{instead[1]}" if instead is not None else None,
        formats=tuple(FORMATS),
        cheap=site().cheap,
        chart=template.front.chart,
        plain=plain,
        estimate=estimate,
        unscripted=_unscripted() if opened and not asked else None,
        without=without,
        shared=urlencode(options.parameters, doseq=True),
        embed=options.options.get("_embed", "0").lower() not in _NO,
        modules=modules(),
        libraries=libraries() if charted else (),
        problem=problem,
        mistakes={each["parameter"]: each["detail"] for each in problem.get("errors", ())},
    )
    if refused is not None:
        response.status_code = refused.status
        told = as_problem(refused, **_where()).headers
        response.headers.update({name: told[name] for name in _REFUSED if name in told})
    return response


def _plainly(
    name: str, version: str, options: QueryString, *, pressed: bool
) -> tuple[PlainAnswer | None, PlainEstimate | None, GatewayError | None]:
    """Answer a question, unless its button was not *pressed* and it is not cheap; or tell what is wrong with it.

    It counts as one request of its caller.
    """
    estimate = None
    try:
        count_request()
        question = read_question(name, version, options)
        estimate = None if pressed else plain_estimate(question)
        cheap = estimate is None or estimate.cheap
        return plain_answer(question, options) if cheap else None, estimate, None
    except GatewayError as error:
        record().error = error.code
        return None, estimate, error


def _unscripted() -> str:
    """Write the query string that a browser without scripts goes on to where an address asks something."""
    return f"{quote(request.query_string, safe=punctuation)}&_plain=1"


def _where() -> dict[str, Any]:
    return {"request_id": record().request, "prefix": request.script_root}


@routes.get("/static/<filename>")
@routes.get("/static/<build>/<filename>")
def static(filename: str, build: str | None = None) -> Response:
    """Answer a file that pages load."""
    return asset(filename, build)


@routes.get("/errors/<code>")
def error(code: str) -> Response:
    kind = kinds().get(code)
    if kind is None:
        raise NotFound(f"No problem has this code; there are: {', '.join(kinds())}.")
    return page("error.html", kind=kind)


@routes.get("/openapi.json")
def openapi() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    body = _openapi(site(), gateway(), visible_queries())
    return cacheable(body, "application/json", shared=not guarded())


def _openapi(what: Site, serving: Gateway, queries: Mapping[str, Mapping[int, Template]]) -> bytes:
    """Make the document once for a registry, a day (versions go away by the day), and what of it may be seen.

    One that lacks the columns of a version is soon made again: its tables may be readable then.
    """
    made: dict[Any, tuple[Registry, bytes, float]] = what.made.setdefault("openapi", {})
    registry, now, root = serving.registry, what.monotonic(), request.script_root or "/"
    key = (registry.today(), root, tuple(queries))
    known = made.get(key)
    if known is not None and known[0] is registry and now < known[2]:
        return known[1]
    templates = [template for versions in queries.values() for template in versions.values()]
    columns = [result_columns(serving, template) for template in templates]
    described = list(zip(templates, columns, strict=True))
    body = json_bytes(openapi_document(registry, described, title=what.title, root=root, guarded=guarded()))
    if len(made) >= _DOCUMENTS:
        made.clear()
    made[key] = (registry, body, now + _INCOMPLETE if None in columns else math.inf)
    return body


def _newest() -> list[dict[str, Any]]:
    """Summarise the newest version of every query."""
    registry = gateway().registry
    newest = [registry.template(name, None) for name in visible_queries()]
    return [summarise(template, registry.state(template)) for template in newest]


def _broken_files() -> int:
    """Count the files of the project that have errors."""
    project = site().project
    return len(project.broken) if project is not None else 0


def _first_example() -> str:
    """Find an address to show that answers something."""
    for name in visible_queries():
        template = gateway().registry.template(name, None)
        if template.examples:
            return here(example_url(template, template.examples[0]))
    return here("/v1/queries")
