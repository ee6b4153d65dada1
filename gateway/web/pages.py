"""HTML pages: the landing page, a form for each query, and an explanation of each problem."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, request

from gateway.access.authorizer import COOKIE, from_own_page
from gateway.encode import FORMATS
from gateway.errors import Forbidden, GatewayError, Unauthenticated
from gateway.pipeline import Gateway
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.web.context import Site, found, gateway, here, record, site
from gateway.web.describe import describe, example_url, result_columns, summarise
from gateway.web.documents import GZIP, cacheable, file_response, json_bytes
from gateway.web.form_fields import form_fields
from gateway.web.guard import guarded, visible_queries
from gateway.web.html import page
from gateway.web.openapi import openapi_document
from gateway.web.parsing import QueryString, check_coding, no_parameters, read_query_string
from gateway.web.plain_answer import PlainAnswer, plain_answer
from gateway.web.problems import NotFound, kinds, problem_document
from gateway.web.problems import problem as as_problem
from gateway.web.questions import read_question, version_number

routes = Blueprint("pages", __name__)
_FILES = Path(__file__).parent / "static"
_PAGE = re.compile(r"/docs(/[a-z][a-z0-9_.]{0,127}/[a-z0-9]{1,12}(\?[!-~]{1,8000})?)?")
"""Where a person may be sent to after entering a key."""
_NEXT = "/docs"
_LONGEST_COOKIE = 3_800
_DOCUMENTS = 32
"""OpenAPI documents that are kept, one for each set of queries that somebody may see."""
_INCOMPLETE = 30.0
"""Seconds for which a document is kept that lacks the columns of a version."""
_STATE = ("_view", "_sort", "_filter", "_mark", "_x", "_y", "_color", "_refresh", "_embed", "_cursor", "_form")
"""Options of a query's page, which its scripts read and write, and its form where there are none."""
_REFUSED = ("Retry-After", "WWW-Authenticate")
"""Headers of a refusal that a page has too."""


@routes.get("/")
def landing() -> Response:
    return page("landing.html", queries=_newest(), broken=_broken_files(), example=_first_example())


@routes.get("/docs")
def docs() -> Response:
    return page("docs.html", queries=_newest(), broken=_broken_files())


@routes.get("/docs/<name>/<version>")
def try_query(name: str, version: str) -> Response:
    """Show a query and its form. Where the form was sent by a browser without scripts, show the rows too."""
    options = read_query_string(request.query_string, accepted=_STATE)
    registry = gateway().registry
    template = found(registry.template(name, version_number(name, version)))
    asked = "_form" in request.args or "_cursor" in options.options
    plain, refused = _plainly(name, version, options) if asked else (None, None)
    described = describe(template, result_columns(gateway(), template), registry.state(template))
    problem = {} if refused is None else problem_document(refused, **_where())
    instead = template.successor
    response = page(
        "query.html",
        query=described,
        fields=form_fields(template, options.parameters if options.parameters or asked else None),
        versions=sorted(registry.queries()[name], reverse=True),
        replaced_by=f"{instead[0]}/v{instead[1]}" if instead is not None else None,
        formats=tuple(FORMATS),
        cheap=site().cheap,
        chart=template.front.chart,
        plain=plain,
        embed="_embed" in options.options,
        problem=problem,
        mistakes={each["parameter"]: each["detail"] for each in problem.get("errors", ())},
    )
    if refused is not None:
        response.status_code = refused.status
        told = as_problem(refused, **_where()).headers
        response.headers.update({name: told[name] for name in _REFUSED if name in told})
    return response


def _plainly(name: str, version: str, options: QueryString) -> tuple[PlainAnswer, None] | tuple[None, GatewayError]:
    """Answer a form, or tell what is wrong with it on the page itself."""
    try:
        return plain_answer(read_question(name, version, options), options), None
    except GatewayError as error:
        record().error = error.code
        return None, error


def _where() -> dict[str, Any]:
    return {"request_id": record().request, "prefix": request.script_root}


@routes.get("/docs/key")
def key() -> Response:
    if not guarded():
        raise NotFound("Nobody needs a key here.")
    return page("key.html", next=_NEXT, wrong=None)


@routes.post("/docs/key")
def enter_key() -> Response:
    """Keep a key for the pages, in a cookie that scripts cannot read and other sites cannot send."""
    if not guarded():
        raise NotFound("Nobody needs a key here.")
    if not from_own_page({name.lower(): value for name, value in request.headers}):
        raise Forbidden("A key is entered on a page of this server.")
    check_coding(request)
    given, target = request.form.get("key", "").strip(), request.form.get("next", _NEXT)
    response = Response(status=303, headers={"Location": here(target if _PAGE.fullmatch(target) else _NEXT)})
    if given == "":
        _forget_key(response)
        return response
    if len(given) > _LONGEST_COOKIE:
        return _ask_for_key("A browser keeps up to 3,800 characters: this token is longer.")
    try:
        site().access.identify({"x-api-key": given})
    except Unauthenticated as error:
        return _ask_for_key(error.detail)
    response.set_cookie(COOKIE, given, path=_cookie_path(), httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def _forget_key(response: Response) -> None:
    response.delete_cookie(COOKIE, path=_cookie_path(), samesite="Strict", httponly=True)


def _cookie_path() -> str:
    """Return the path of the gateway's addresses: what else the site has below others does not get the key."""
    return request.script_root or "/"


@routes.errorhandler(Unauthenticated)
def ask_for_key(error: Unauthenticated) -> Response:
    """Ask a person for a key where a program would get a problem."""
    record().error = error.code
    if request.endpoint == "pages.openapi":
        return as_problem(error, request_id=record().request, prefix=request.script_root)
    response = _ask_for_key(error.detail if COOKIE in request.cookies else "This page needs a key.")
    response.headers.update(error.headers)
    _forget_key(response)
    return response


def _ask_for_key(wrong: str) -> Response:
    asked = f"{request.path}?{request.query_string.decode('latin-1')}" if request.query_string else request.path
    response = page("key.html", next=asked if _PAGE.fullmatch(asked) else _NEXT, wrong=wrong)
    response.status_code = 401
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/static/<filename>")
def static(filename: str) -> Response:
    """Answer a file that pages load."""
    files = {path.name: path for path in _FILES.iterdir()}
    if filename not in files:
        abort(404)
    return file_response(files[filename], packed=request.accept_encodings.quality(GZIP) > 0)


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
