"""HTML pages: the landing page, a form for each query, and an explanation of each problem.

They load nothing from another host, and their policy (CSP) forbids it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request

from gateway.access.authorizer import COOKIE
from gateway.errors import Forbidden, Unauthenticated
from gateway.pipeline import Gateway
from gateway.query.coerce import format_value
from gateway.query.parameters import Parameter
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.query.types import Kind
from gateway.web.context import Site, found, gateway, record, site
from gateway.web.describe import describe, example_url, result_columns, summarise
from gateway.web.documents import cacheable, json_bytes
from gateway.web.guard import guarded, visible_queries
from gateway.web.openapi import openapi_document
from gateway.web.parsing import check_coding, no_parameters, read_query_string
from gateway.web.problems import NotFound, kinds, problem
from gateway.web.questions import version_number

routes = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")
_PAGE = re.compile(r"/docs(/[a-z][a-z0-9_.]{0,127}/[a-z0-9]{1,12})?")
"""Where a person may be sent to after entering a key."""
_NEXT = "/docs"
_LONGEST_COOKIE = 3_800
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCUMENTS = 32
"""OpenAPI documents that are kept, one for each set of queries that somebody may see."""
_INCOMPLETE = 30.0
"""Seconds for which a document is kept that lacks the columns of a version."""
_INPUTS = {Kind.DATE: "date", Kind.INTEGER: "number"}


@routes.get("/")
def landing() -> Response:
    return _page("landing.html", queries=_newest(), example=_first_example())


@routes.get("/docs")
def docs() -> Response:
    return _page("docs.html", queries=_newest())


@routes.get("/docs/<name>/<version>")
def try_query(name: str, version: str) -> Response:
    registry = gateway().registry
    template = found(registry.template(name, version_number(name, version)))
    described = describe(template, result_columns(gateway(), template), registry.state(template))
    fields = [_field(key, parameter, _example(template)) for key, parameter in template.parameters.items()]
    versions = sorted(registry.queries()[name], reverse=True)
    instead = template.successor
    replaced_by = f"{instead[0]}/v{instead[1]}" if instead is not None else None
    return _page("query.html", query=described, fields=fields, versions=versions, replaced_by=replaced_by)


@routes.get("/docs/key")
def key() -> Response:
    if not guarded():
        raise NotFound("Nobody needs a key here.")
    return _page("key.html", next=_NEXT, wrong=None)


@routes.post("/docs/key")
def enter_key() -> Response:
    """Keep a key for the pages, in a cookie that scripts cannot read and other sites cannot send."""
    if not guarded():
        raise NotFound("Nobody needs a key here.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("A key is entered on a page of this server.")
    check_coding(request)
    given, target = request.form.get("key", "").strip(), request.form.get("next", _NEXT)
    response = Response(status=303, headers={"Location": target if _PAGE.fullmatch(target) else _NEXT})
    if given == "":
        response.delete_cookie(COOKIE, samesite="Strict", httponly=True)
        return response
    if len(given) > _LONGEST_COOKIE:
        return _ask_for_key("A browser keeps up to 3,800 characters: this token is longer.")
    try:
        site().access.identify({"x-api-key": given})
    except Unauthenticated as error:
        return _ask_for_key(error.detail)
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(COOKIE, given, httponly=True, samesite="Strict", secure=secure)
    return response


@routes.errorhandler(Unauthenticated)
def ask_for_key(error: Unauthenticated) -> Response:
    """Ask a person for a key where a program would get a problem."""
    record().error = error.code
    if request.endpoint == "pages.openapi":
        return problem(error, request_id=record().request)
    response = _ask_for_key(error.detail if COOKIE in request.cookies else "This page needs a key.")
    response.headers.update(error.headers)
    response.delete_cookie(COOKIE, samesite="Strict", httponly=True)
    return response


def _ask_for_key(wrong: str) -> Response:
    response = _page("key.html", next=request.path if _PAGE.fullmatch(request.path) else _NEXT, wrong=wrong)
    response.status_code = 401
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/errors/<code>")
def error(code: str) -> Response:
    kind = kinds().get(code)
    if kind is None:
        raise NotFound(f"No problem has this code; there are: {', '.join(kinds())}.")
    return _page("error.html", kind=kind)


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
    registry, key, now = serving.registry, (serving.registry.today(), tuple(queries)), what.monotonic()
    known = made.get(key)
    if known is not None and known[0] is registry and now < known[2]:
        return known[1]
    templates = [template for versions in queries.values() for template in versions.values()]
    columns = [result_columns(serving, template) for template in templates]
    described = list(zip(templates, columns, strict=True))
    body = json_bytes(openapi_document(registry, described, title=what.title, guarded=guarded()))
    if len(made) >= _DOCUMENTS:
        made.clear()
    made[key] = (registry, body, now + _INCOMPLETE if None in columns else math.inf)
    return body


def _page(name: str, **values: Any) -> Response:
    who = record().principal
    html = render_template(name, title=site().title, guarded=guarded(), who=who, dev=site().dev is not None, **values)
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _newest() -> list[dict[str, Any]]:
    """Summarise the newest version of every query."""
    registry = gateway().registry
    newest = [registry.template(name, None) for name in visible_queries()]
    return [summarise(template, registry.state(template)) for template in newest]


def _first_example() -> str:
    """Find an address to show that answers something."""
    for name in visible_queries():
        template = gateway().registry.template(name, None)
        if template.examples:
            return example_url(template, template.examples[0])
    return "/v1/queries"


def _example(template: Template) -> dict[str, Any]:
    return dict(template.examples[0]) if template.examples else {}


def _field(name: str, parameter: Parameter, example: dict[str, Any]) -> dict[str, Any]:
    """Describe the control that asks for one parameter, filled from the first example."""
    value = example.get(name, format_value(parameter.default))
    values = value if isinstance(value, list) else [] if value is None else [value]
    kind = parameter.type.scalar.kind
    choices = [str(format_value(choice)) for choice in parameter.choices or ()]
    control = "select" if choices or kind is Kind.BOOLEAN else "lines" if parameter.type.item is not None else "input"
    return {
        "name": name,
        "type": str(parameter.type),
        "required": parameter.required,
        "description": parameter.description,
        "control": control,
        "multiple": parameter.type.item is not None,
        "choices": choices or ["true", "false"],
        "input": _INPUTS.get(kind, "text"),
        "min": format_value(parameter.min),
        "max": format_value(parameter.max),
        "pattern": parameter.pattern,
        "values": [str(item).lower() if isinstance(item, bool) else str(item) for item in values],
    }
