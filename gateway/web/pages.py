"""Pages for people: the landing page, the queries with a form to try each, what a problem means.

They load nothing from another host, and their policy (CSP) forbids it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from gateway.query.coerce import spell
from gateway.query.parameters import Parameter
from gateway.query.template import Template
from gateway.query.types import Kind
from gateway.web.context import Gateway, Site, found, gateway, site
from gateway.web.describe import describe, example_url, result_columns, summarise
from gateway.web.documents import cacheable, json_bytes
from gateway.web.guard import visible_queries
from gateway.web.openapi import openapi_document
from gateway.web.parsing import no_parameters, read_query_string
from gateway.web.problems import NotFound, kinds
from gateway.web.questions import version_number

routes = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
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
    successor = (template.successor or "").rpartition("/")
    replaced_by = f"{successor[0] or name}/{successor[2]}" if template.successor else None
    return _page("query.html", query=described, fields=fields, versions=versions, replaced_by=replaced_by)


@routes.get("/errors/<code>")
def error(code: str) -> Response:
    kind = kinds().get(code)
    if kind is None:
        raise NotFound(f"No problem has this code; there are: {', '.join(kinds())}.")
    return _page("error.html", kind=kind)


@routes.get("/openapi.json")
def openapi() -> Response:
    no_parameters(read_query_string(request.query_string, accepted=()))
    return cacheable(_openapi(site(), gateway()), "application/json")


def _openapi(what: Site, serving: Gateway) -> bytes:
    """Make the document once for a registry and a day, for versions go away by the day."""
    key, made = what.made.get("openapi", (None, b""))
    registry, today = serving.registry, serving.registry.today()
    if key is None or key[0] is not registry or key[1] != today:
        made = json_bytes(openapi_document(serving, title=what.title))
        what.made["openapi"] = ((registry, today), made)
    body: bytes = made
    return body


def _page(name: str, **values: Any) -> Response:
    html = render_template(name, title=site().title, **values)
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
    value = example.get(name, spell(parameter.default))
    values = value if isinstance(value, list) else [] if value is None else [value]
    kind = parameter.type.scalar.kind
    choices = [str(spell(choice)) for choice in parameter.choices or ()]
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
        "min": spell(parameter.min),
        "max": spell(parameter.max),
        "pattern": parameter.pattern,
        "values": [str(one).lower() if isinstance(one, bool) else str(one) for one in values],
    }
