"""The pages, which people read, in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.web.openapi_parts import problems, references

_HTML = "text/html"


def text(operation_id: str, summary: str, media_type: str) -> dict[str, Any]:
    """Describe an address that answers a text."""
    answer = {"description": summary, "content": {media_type: {"schema": {"type": "string"}}}}
    return {
        "get": {
            "operationId": operation_id,
            "summary": summary,
            "tags": ["operations"],
            "responses": {"200": answer},
        }
    }


def page_paths() -> dict[str, Any]:
    """Describe all pages."""
    return {
        "/": _page("landing", "The queries, for people"),
        "/docs": _page("docs", "Try the queries in a browser"),
        "/docs/{name}": _newest_path(),
        "/docs/{name}/{version}": _page("try_query", "Try a query in a browser", ["name", "version"]),
        "/docs/key": _key_paths(),
        "/tables": _page("show_tables", "All tables, for people"),
        "/tables/{table}": _page("show_table", "A table, for people", ["table"], (404, 502, 503)),
        "/datasets": _page("show_datasets", "All datasets, for people"),
        "/datasets/{table}": _page("show_dataset", "A dataset and its builds, for people", ["table"], (404, 502, 503)),
        "/datasets/{table}/builds": _form_path("press_build", "Have a dataset built, from its page", ["table"]),
        "/datasets/{table}/builds/{job}/cancel": _form_path(
            "press_cancel", "Have a build cancelled, from the page of its dataset", ["table", "job"]
        ),
        "/status": _page("status", "How the gateway is now, for people"),
        "/status/stop": _form_path("press_stop", "Stop a query, from the page", ()),
        "/learn": _page("learn", "How data is fetched, for people who know pandas"),
        "/errors/{code}": _page("error", "What a problem type means", ["code"]),
    }


def _page(
    operation_id: str, summary: str, parameters: Iterable[str] = (), refused: Iterable[int] = (404,)
) -> dict[str, Any]:
    described = text(operation_id, summary, _HTML)
    if parameters:
        described["get"]["parameters"] = references(parameters)
        described["get"]["responses"] |= problems(refused)
    return described


def _newest_path() -> dict[str, Any]:
    described = _page("try_newest", "To the page of a query's newest version", ["name"])
    described["get"]["responses"]["302"] = {"description": "`Location` names it, with the query string that was sent."}
    del described["get"]["responses"]["200"]
    return described


def _key_paths() -> dict[str, Any]:
    asked, entered = text("key", "Enter a key, for people", _HTML), text("enter_key", "Keep a key", _HTML)
    fields = {"key": {"type": "string", "description": "Empty: forget it."}, "next": {"type": "string"}}
    form = {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": fields}}}
    refused = {"description": "The key is not valid.", "content": {_HTML: {"schema": {"type": "string"}}}}
    kept = {"description": "The browser keeps the key in a cookie that pages of this server alone can send."}
    responses = {"303": kept, "401": refused, **problems((403, 404, 413))}
    post = entered["get"] | {"responses": responses, "requestBody": {"content": form}}
    return {"get": asked["get"] | {"responses": asked["get"]["responses"] | problems((404,))}, "post": post}


def _form_path(operation_id: str, summary: str, parameters: Iterable[str]) -> dict[str, Any]:
    return {
        "post": {
            "operationId": operation_id,
            "summary": summary,
            "tags": ["operations"],
            "parameters": references(parameters),
            "responses": {"303": {"description": "Done; back to the page."}, **problems((403, 404, 409))},
        }
    }
