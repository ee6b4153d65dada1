"""The OpenAPI 3.1 document of a site: every query version is a path of its own, made from its template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version as installed_version
from typing import Any

from gateway.encode import FORMATS
from gateway.model import Column
from gateway.query.registry import Lifecycle, Registry
from gateway.query.template import Template
from gateway.web.describe import freshness, version_url
from gateway.web.formats import SHAPES
from gateway.web.problems import MEDIA_TYPE, kinds
from gateway.web.schemas import Schema, column_schema, parameter_schema
from gateway.web.timeouts import TIMEOUT

Operation = dict[str, Any]

_ANY: Schema = {"type": "object"}
_ASKED = ("format", "shape", "limit", "cursor", "timeout")
_TOO_LONG = {"description": "The address is longer than the server reads (8,190 bytes): ask by POST."}
_RESULT_PROBLEMS = (400, 404, 406, 410, 413, 415, 422, 429, 500, 502, 503, 504)


def openapi_document(
    registry: Registry, described: Iterable[tuple[Template, Iterable[Column] | None]], *, title: str, guarded: bool
) -> dict[str, Any]:
    """Make the whole document of versions that are *described* by their result columns, None where nobody knows them.

    *guarded*: callers show a key or a token.
    """
    paths: dict[str, Any] = {}
    for template, known in described:
        paths.update(_version_paths(template, known, registry.state(template)))
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": installed_version("query-gateway"),
            "summary": "Named, versioned SQL queries over partitioned Parquet.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            {"name": "queries", "description": "Run named queries and read about them."},
            {"name": "tables", "description": "The tables behind the queries."},
            {"name": "operations", "description": "For those who run the gateway."},
        ],
        "paths": paths | _catalogue_paths() | _table_paths() | _operation_paths(),
        "components": _components(),
    }
    return _guarded(document) if guarded else document


def _guarded(document: dict[str, Any]) -> dict[str, Any]:
    """Say how a caller tells who asks, and what is answered to those who may not."""
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key, or a token of the issuer (JWT)."},
        "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key."},
    }
    # Nothing shown is enough for what is granted to everybody.
    document["security"] = [{"bearer": []}, {"key": []}, {}]
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"] = _problems((401, 403, 429)) | operation["responses"]
    return document


def _version_paths(template: Template, columns: Iterable[Column] | None, state: Lifecycle) -> dict[str, Any]:
    url = version_url(template)
    name = f"{template.name}_v{template.version}"
    rows = _rows_schema(columns)
    return {
        url: {"get": _read(f"describe_{name}", f"About {template.name} v{template.version}", "queries")},
        f"{url}/result": {
            "get": _run(template, f"run_{name}", rows, state) | {"parameters": _query_parameters(template, _ASKED)},
            "post": _run(template, f"post_{name}", rows, state)
            | {"parameters": _references(_ASKED), "requestBody": _body(template)},
        },
        f"{url}/explain": {
            "get": _explained(template, f"explain_{name}", state)
            | {"parameters": _query_parameters(template, ("explain_format",))},
            "post": _explained(template, f"post_explain_{name}", state)
            | {"parameters": _references(("explain_format",)), "requestBody": _body(template)},
        },
    }


def _run(template: Template, operation_id: str, rows: Schema, state: Lifecycle) -> Operation:
    content: dict[str, Any] = {known.media_type.partition(";")[0]: {"schema": {}} for known in FORMATS.values()}
    content["application/json"] = {"schema": _envelope(rows)}
    return {
        "operationId": operation_id,
        "summary": template.front.summary,
        "description": f"{template.front.description}{_going_away(template, state)}".strip(),
        "tags": ["queries"],
        "deprecated": state is not Lifecycle.CURRENT,
        "x-freshness": freshness(template.unbound.cache),
        "responses": {
            "200": {
                "description": "The result.",
                "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS},
                "content": content,
            },
            "304": {"description": "The result is the one that `If-None-Match` names."},
            "414": _TOO_LONG,
            **_problems(_RESULT_PROBLEMS),
        },
    }


def _explained(template: Template, operation_id: str, state: Lifecycle) -> Operation:
    content = {"application/json": {"schema": _ANY}, "text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": operation_id,
        "summary": f"What would be read: {template.front.summary}",
        "tags": ["queries"],
        "deprecated": state is not Lifecycle.CURRENT,
        "responses": {
            "200": {"description": "The plan.", "content": content},
            "414": _TOO_LONG,
            **_problems((400, 404, 406, 410, 413, 415, 422, 502, 503)),
        },
    }


def _going_away(template: Template, state: Lifecycle) -> str:
    """Write what a reader should know of a version that goes away, as a paragraph of its own."""
    instead = f" Use {template.front.successor} instead." if template.front.successor is not None else ""
    if state is Lifecycle.RETIRED:
        return f"\n\nRetired since {template.front.sunset}: answers 410.{instead}"
    if state is Lifecycle.DEPRECATED:
        end = f", and retired on {template.front.sunset}" if template.front.sunset is not None else ""
        return f"\n\nDeprecated since {template.front.deprecated}{end}.{instead}"
    return ""


def _query_parameters(template: Template, options: Iterable[str]) -> list[dict[str, Any]]:
    shown: Mapping[str, Any] = template.examples[0] if template.examples else {}
    parameters = []
    for name, declared in template.parameters.items():
        entry: dict[str, Any] = {
            "name": name,
            "in": "query",
            "required": declared.required,
            "description": declared.description,
            "schema": parameter_schema(declared, textual=True),
        }
        if shown.get(name) is not None:
            entry["example"] = shown[name]
        if declared.type.item is not None:
            entry |= {"style": "form", "explode": True}
        parameters.append(entry)
    return parameters + _references(options)


def _references(options: Iterable[str]) -> list[dict[str, Any]]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in options]


def _body(template: Template) -> dict[str, Any]:
    declared = template.parameters
    schema = {
        "type": "object",
        "properties": {
            name: {"description": parameter.description, **parameter_schema(parameter, textual=False)}
            for name, parameter in declared.items()
        },
        "required": [name for name, parameter in declared.items() if parameter.required],
        "additionalProperties": False,
    }
    media: dict[str, Any] = {"schema": schema}
    if template.examples:
        media["example"] = dict(template.examples[0])
    return {"required": bool(schema["required"]), "content": {"application/json": media}}


def _rows_schema(columns: Iterable[Column] | None) -> Schema:
    if columns is None:
        return _ANY
    properties = {column.name: column_schema(column.type) for column in columns}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _envelope(row: Schema) -> Schema:
    """Describe the JSON around the rows; ``_shape`` decides how the rows themselves are laid out."""
    shapes = [
        {"type": "array", "items": row, "description": "objects"},
        {"type": "array", "items": {"type": "array"}, "description": "arrays"},
        {"type": "object", "additionalProperties": {"type": "array"}, "description": "columns"},
    ]
    return {"allOf": [{"$ref": "#/components/schemas/Result"}], "properties": {"data": {"anyOf": shapes}}}


def _read(operation_id: str, summary: str, tag: str, *, parameters: Iterable[str] = ()) -> Operation:
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": [tag],
        "parameters": _references(parameters),
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": _ANY}}},
            **_problems((400, 404, 410, 503)),
        },
    }


def _catalogue_paths() -> dict[str, Any]:
    return {
        "/v1/queries": {"get": _read("list_queries", "All queries", "queries")},
        "/v1/queries/{name}": {
            "get": _read("describe_query", "A query and its versions", "queries", parameters=["name"])
        },
    }


def _table_paths() -> dict[str, Any]:
    refresh = _read(
        "refresh_table", "List the files of a table, or of some partitions, anew", "tables", parameters=["table"]
    )
    refresh["requestBody"] = {
        "required": False,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refresh"}}},
    }
    refresh["responses"] |= _problems((413, 415, 422, 502))
    pages = ["table", "limit", "cursor"]
    return {
        "/v1/tables": {"get": _read("list_tables", "All tables", "tables")},
        "/v1/tables/{table}": {"get": _read("describe_table", "A table", "tables", parameters=["table"])},
        "/v1/tables/{table}/partitions": {
            "get": _read("list_partitions", "The partitions of a table, in pages", "tables", parameters=pages)
        },
        "/v1/tables/{table}/refresh": {"post": refresh},
    }


def _operation_paths() -> dict[str, Any]:
    def page(operation_id: str, summary: str, media_type: str) -> dict[str, Any]:
        answer = {"description": summary, "content": {media_type: {"schema": {"type": "string"}}}}
        return {
            "get": {
                "operationId": operation_id,
                "summary": summary,
                "tags": ["operations"],
                "responses": {"200": answer},
            }
        }

    ready = _read("ready", "Whether requests should be sent here", "operations")
    ready["responses"]["503"] = {"description": "Not ready.", "content": {"application/json": {"schema": _ANY}}}
    reload = _read("reload", "Read the project's files again, and serve what they say now", "operations")
    error = page("error", "What a problem type means", "text/html")
    error["get"]["parameters"] = _references(["code"])
    error["get"]["responses"] |= _problems((404,))
    tried = page("try_query", "Try a query in a browser", "text/html")
    tried["get"]["parameters"] = _references(["name", "version"])
    tried["get"]["responses"] |= _problems((404,))
    return {
        "/": page("landing", "The queries, for people", "text/html"),
        "/docs": page("docs", "Try the queries in a browser", "text/html"),
        "/docs/{name}/{version}": tried,
        "/docs/key": _key_paths(page),
        "/errors/{code}": error,
        "/v1/cache": {"delete": _drop()},
        "/v1/reload": {"post": reload},
        "/healthz": {"get": _read("alive", "Whether the process serves requests", "operations")},
        "/readyz": {"get": ready},
        "/metrics": page("metrics", "Metrics for Prometheus", "text/plain"),
        "/openapi.json": {"get": _read("openapi", "This document", "operations")},
    }


def _key_paths(page: Callable[[str, str, str], dict[str, Any]]) -> dict[str, Any]:
    asked, entered = page("key", "Enter a key, for people", "text/html"), page("enter_key", "Keep a key", "text/html")
    fields = {"key": {"type": "string", "description": "Empty: forget it."}, "next": {"type": "string"}}
    form = {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": fields}}}
    refused = {"description": "The key is not valid.", "content": {"text/html": {"schema": {"type": "string"}}}}
    kept = {"description": "The browser keeps the key in a cookie that pages of this server alone can send."}
    responses = {"303": kept, "401": refused, **_problems((403, 404, 413))}
    post = entered["get"] | {"responses": responses, "requestBody": {"content": form}}
    return {"get": asked["get"] | {"responses": asked["get"]["responses"] | _problems((404,))}, "post": post}


def _drop() -> Operation:
    criteria = {
        "query": "Results of this query.",
        "table": "Results that read this table.",
        "older": "Results made longer ago than this, such as 1h.",
    }
    return {
        "operationId": "drop_results",
        "summary": "Drop kept results",
        "description": "Every criterion that is given must hold; one is required.",
        "tags": ["operations"],
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
            for name, text in criteria.items()
        ],
        "responses": {
            "200": {"description": "How many were dropped.", "content": {"application/json": {"schema": _ANY}}},
            "414": _TOO_LONG,
            **_problems((400, 422)),
        },
    }


def _problems(statuses: Iterable[int]) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in statuses}


def _problem_responses() -> dict[str, Any]:
    responses = {}
    for status in sorted({kind.status for kind in kinds().values()}):
        codes = [kind.code for kind in kinds().values() if kind.status == status]
        responses[f"Problem{status}"] = {
            "description": " or ".join(f"`{code}`" for code in codes),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses


def _components() -> dict[str, Any]:
    return {
        "parameters": _PARAMETERS,
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
        "responses": _problem_responses(),
        "schemas": _SCHEMAS,
    }


def _path_parameter(name: str, text: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern, "maxLength": 128}
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _option(name: str, text: str, schema: Schema) -> dict[str, Any]:
    return {"name": f"_{name}", "in": "query", "required": False, "description": text, "schema": schema}


_PARAMETERS = {
    "format": _option("format", "The format; it has precedence over `Accept`.", {"enum": sorted(FORMATS)}),
    "explain_format": _option("format", "JSON, or text for people.", {"enum": ["json", "text"]}),
    "shape": _option("shape", "How JSON lays out rows.", {"enum": list(SHAPES)}),
    "limit": _option("limit", "Rows of a page; all of them where it is not given.", {"type": "integer", "minimum": 0}),
    "cursor": _option("cursor", "The page to read, from `next`. Repeat the parameters.", {"type": "string"}),
    "timeout": {
        "name": TIMEOUT,
        "in": "header",
        "required": False,
        "description": "Seconds that the caller waits at most; the query is stopped then if nobody else waits for it.",
        "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 999_999_999},
    },
    "name": _path_parameter("name", "A query.", "^[a-z0-9_.]+$"),
    "version": _path_parameter("version", "A version, or the newest.", "^(latest|v[1-9][0-9]{0,8})$"),
    "table": _path_parameter("table", "A table.", "^[a-z0-9_]+$"),
    "code": _path_parameter("code", "A problem code.", "^[a-z-]+$"),
}

_HEADERS = {
    "ETag": "Validator of this representation, strong where its files have strong ones; for `If-None-Match`.",
    "Cache-Control": "How long the answer is fresh, as its template declares.",
    "Age": "Seconds since the answer was made or last checked.",
    "Cache-Status": "The fate of the request in the gateway's cache (RFC 9211).",
    "Server-Timing": "Milliseconds of each stage.",
    "Deprecation": "Since when the version is deprecated (RFC 9745).",
    "Sunset": "When it is retired (RFC 8594).",
    "Link": "`next`: the page after this one; `successor-version`: what replaces a deprecated version.",
    "Gateway-Default": "`true`: there is no answer; these are the rows that the template declares for then.",
    "Gateway-Version": "The version of the query that answered.",
    "Gateway-Parameters": "The parameters as they were understood and rounded, as a query string.",
    "Gateway-Rows": "Rows of the whole result.",
    "Gateway-More": "Whether rows follow after this page.",
    "Gateway-Partitions": "Partitions read, of all.",
    "Gateway-Files": "Files read, of all.",
    "Gateway-Bytes": "Bytes of the files read, of all.",
    "X-Request-Id": "The request's id in the server's log; the caller's own where it sent one.",
}

_SCHEMAS: dict[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "A problem document (RFC 9457); `type` is a page of this server.",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
            "request_id": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail", "request_id"],
    },
    "Refresh": {
        "type": "object",
        "properties": {
            "partitions": {
                "type": "array",
                "items": {"type": "string", "pattern": "="},
                "minItems": 1,
                "examples": [["day=2013-06-01"]],
            }
        },
        "additionalProperties": False,
    },
    "Result": {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "version": {"type": "integer"},
            "parameters": {"type": "object", "description": "The parameters as they were understood and rounded."},
            "now": {
                "type": "string",
                "format": "date-time",
                "description": "What a query that reads the clock took for now.",
            },
            "rows": {"type": "integer", "minimum": 0, "description": "Rows of the whole result."},
            "more": {"type": "boolean", "description": "Whether rows follow after this page."},
            "next": {"type": "string", "format": "uri-reference", "description": "The page after this one."},
            "columns": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "type": {"type": "string"}},
                    "required": ["name", "type"],
                },
            },
        },
        "required": ["query", "version", "parameters", "rows", "more", "columns", "data"],
    },
}
