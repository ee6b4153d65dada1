"""The OpenAPI 3.1 document of a site: every query version is a path of its own, made from its template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version as installed_version
from typing import Any

from gateway.datasets.splits import MOST
from gateway.encode import FORMATS
from gateway.model import Column
from gateway.query.registry import Lifecycle, Registry
from gateway.query.template import Template
from gateway.web.bound_parameters import as_json
from gateway.web.describe import freshness, version_url
from gateway.web.formats import FORMS
from gateway.web.openapi_components import HEADERS, PARAMETERS
from gateway.web.openapi_datasets import dataset_paths
from gateway.web.openapi_exports import export_paths
from gateway.web.openapi_pages import page_paths, text
from gateway.web.openapi_parts import ANY, Operation, problems, read, references
from gateway.web.problems import MEDIA_TYPE, kinds
from gateway.web.schemas import DOCUMENTS, Schema, column_schema, parameter_schema

_ASKED = ("format", "shape", "bom", "delimiter", "limit", "cursor", "snapshot", "timeout")
_EXPLAINED = ("explain_format", "explain_map", "snapshot")
_TEXTS = ("csv", "ndjson")
_CONDITIONS = ("if_match", "if_none_match", "range", "if_range")
_TOO_LONG = {"description": "The address is longer than the server reads (8,190 bytes): ask by POST."}
_RESULT_PROBLEMS = (400, 404, 406, 410, 412, 413, 415, 416, 422, 429, 500, 502, 503, 504)


def openapi_document(
    registry: Registry,
    described: Iterable[tuple[Template, Iterable[Column] | None]],
    *,
    title: str,
    root: str,
    guarded: bool,
) -> dict[str, Any]:
    """Make the whole document of versions that are *described* by their result columns, None where nobody knows them.

    *root* is where the reader of the document finds the gateway. *guarded*: callers show a key or a token.
    """
    paths: dict[str, Any] = {}
    rows: dict[str, Schema] = {}
    for template, known in described:
        paths.update(_version_paths(template, registry.state(template)))
        rows[_row_name(template)] = _rows_schema(known)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": installed_version("query-gateway"),
            "summary": "Named, versioned SQL queries over partitioned Parquet.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root}],
        "tags": [
            {"name": "queries", "description": "Run named queries and read about them."},
            {"name": "tables", "description": "The tables behind the queries."},
            {"name": "datasets", "description": "Results that are built ahead as tables."},
            {"name": "operations", "description": "For those who run the gateway."},
        ],
        "paths": paths | _catalogue_paths() | _table_paths() | dataset_paths() | _operation_paths() | page_paths(),
        "components": _components(rows),
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
            operation["responses"] = problems((401, 403, 429)) | operation["responses"]
    return document


def _row_name(template: Template) -> str:
    """Name the schema of a row, as generators of typed clients name their type after it."""
    return f"{template.name}_v{template.version}_row"


def _version_paths(template: Template, state: Lifecycle) -> dict[str, Any]:
    url = version_url(template)
    name = f"{template.name}_v{template.version}"
    rows = {"$ref": f"#/components/schemas/{_row_name(template)}"}
    return {
        url: {"get": read(f"describe_{name}", f"About {template.name} v{template.version}", "queries")},
        f"{url}/result": {
            "get": _run(template, f"run_{name}", rows, state)
            | {"parameters": _query_parameters(template, (*_ASKED, *_CONDITIONS))},
            "post": _run(template, f"post_{name}", rows, state)
            | {"parameters": references(_ASKED), "requestBody": _body(template)},
        },
        f"{url}/splits": {"post": _planned_splits(template, f"plan_splits_{name}", state)},
        f"{url}/splits/{{number}}": {"get": _read_split(f"read_split_{name}", state)},
        **export_paths(url, name, _body(template)["content"]["application/json"]["schema"]),
        f"{url}/explain": {
            "get": _explained(template, f"explain_{name}", state)
            | {"parameters": _query_parameters(template, _EXPLAINED)},
            "post": _explained(template, f"post_explain_{name}", state)
            | {
                "parameters": references(_EXPLAINED),
                "requestBody": _body(template),
            },
        },
    }


def _run(template: Template, operation_id: str, rows: Schema, state: Lifecycle) -> Operation:
    content = {known.media_type.partition(";")[0]: {"schema": _body_schema(known.name)} for known in FORMATS.values()}
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
                "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS},
                "content": content,
            },
            "206": {"description": "The part of the result that `Range` asks for."},
            "304": {"description": "The result is the one that `If-None-Match` names."},
            "414": _TOO_LONG,
            **problems(_RESULT_PROBLEMS),
        },
    }


def _planned_splits(template: Template, operation_id: str, state: Lifecycle) -> Operation:
    asked = _body(template)["content"]["application/json"]["schema"]
    number = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
    schema = {
        "type": "object",
        "properties": {
            "parameters": asked,
            "splits": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 16},
            "seed": number | {"description": "Splits come in an order that follows from it and from the epoch."},
            "epoch": number,
            "snapshot": {"type": "string", "description": "`Gateway-Snapshot` of an answer, or a date."},
        },
        "additionalProperties": False,
    }
    return {
        "operationId": operation_id,
        "summary": f"Plan to read in parallel: {template.front.summary}",
        "tags": ["queries"],
        "deprecated": state is not Lifecycle.CURRENT,
        "parameters": references(("timeout",)),
        "requestBody": {"required": False, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {
                "description": "The splits and their addresses.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Splits"}}},
            },
            **problems((400, 404, 410, 413, 415, 422, 429, 500, 502, 503, 504)),
        },
    }


def _read_split(operation_id: str, state: Lifecycle) -> Operation:
    forms = {FORMATS[form].media_type.partition(";")[0]: {"schema": _body_schema(form)} for form in FORMS}
    return {
        "operationId": operation_id,
        "summary": "Read one split",
        "tags": ["queries"],
        "deprecated": state is not Lifecycle.CURRENT,
        "parameters": references(("number", "plan", "from", "split_format", "bom", "delimiter", "timeout")),
        "responses": {
            "200": {"description": "The rows of the split.", "content": forms},
            "304": {"description": "The rows are those that `If-None-Match` names."},
            **problems((400, 404, 406, 410, 412, 422, 429, 500, 502, 503, 504)),
        },
    }


def _explained(template: Template, operation_id: str, state: Lifecycle) -> Operation:
    content = {"application/json": {"schema": ANY}, "text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": operation_id,
        "summary": f"What would be read: {template.front.summary}",
        "tags": ["queries"],
        "deprecated": state is not Lifecycle.CURRENT,
        "responses": {
            "200": {"description": "The plan.", "content": content},
            "414": _TOO_LONG,
            **problems((400, 404, 406, 410, 413, 415, 422, 502, 503)),
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
            entry["example"] = as_json(shown[name])
        if declared.type.item is not None:
            entry |= {"style": "form", "explode": True}
        parameters.append(entry)
    return parameters + references(options)


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
        media["example"] = {name: as_json(value) for name, value in template.examples[0].items()}
    return {"required": bool(schema["required"]), "content": {"application/json": media}}


def _rows_schema(columns: Iterable[Column] | None) -> Schema:
    if columns is None:
        return ANY
    properties = {column.name: column_schema(column.type) for column in columns}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _body_schema(form: str) -> Schema:
    """Describe the body of a format that is not JSON; without a type, generated clients know nothing of any format."""
    return {"type": "string"} if form in _TEXTS else {"type": "string", "format": "binary"}


def _envelope(row: Schema) -> Schema:
    """Describe the JSON around the rows; ``_shape`` decides how the rows themselves are laid out."""
    shapes = [
        {"type": "array", "items": row, "description": "objects"},
        {"type": "array", "items": {"type": "array"}, "description": "arrays and cells"},
        {"type": "object", "additionalProperties": {"type": "array"}, "description": "columns"},
    ]
    return {
        "allOf": [{"$ref": "#/components/schemas/Result"}],
        "properties": {"data": {"anyOf": shapes}},
        "required": ["data"],
    }


def _catalogue_paths() -> dict[str, Any]:
    return {
        "/v1/queries": {"get": read("list_queries", "All queries", "queries")},
        "/v1/queries/{name}": {
            "get": read("describe_query", "A query and its versions", "queries", parameters=["name"])
        },
    }


def _table_paths() -> dict[str, Any]:
    refresh = read(
        "refresh_table", "List the files of a table, or of some partitions, anew", "tables", parameters=["table"]
    )
    refresh["requestBody"] = {
        "required": False,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refresh"}}},
    }
    refresh["responses"] |= problems((413, 415, 422, 502))
    pages = ["table", "limit", "cursor"]
    return {
        "/v1/tables": {"get": read("list_tables", "All tables", "tables")},
        "/v1/tables/{table}": {"get": read("describe_table", "A table", "tables", parameters=["table"])},
        "/v1/tables/{table}/partitions": {
            "get": read("list_partitions", "The partitions of a table, in pages", "tables", parameters=pages)
        },
        "/v1/tables/{table}/snapshots": {
            "get": read("list_snapshots", "The snapshots of a table that are kept", "tables", parameters=["table"])
        },
        "/v1/tables/{table}/refresh": {"post": refresh},
    }


def _operation_paths() -> dict[str, Any]:
    ready = read("ready", "Whether requests should be sent here", "operations")
    ready["responses"]["503"] = {"description": "Not ready.", "content": {"application/json": {"schema": ANY}}}
    reload = read("reload", "Read the project's files again, and serve what they say now", "operations")
    return {
        "/v1/cache": {"delete": _drop()},
        "/v1/reload": {"post": reload},
        "/v1/running": {"get": read("list_running", "The queries that run and wait on this machine", "operations")},
        "/v1/running/{number}": {"delete": _stop()},
        "/healthz": {"get": read("alive", "Whether the process serves requests", "operations")},
        "/readyz": {"get": ready},
        "/metrics": text("metrics", "Metrics for Prometheus", "text/plain"),
        "/openapi.json": {"get": read("openapi", "This document", "operations")},
    }


def _stop() -> Operation:
    number = {"name": "number", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 128}}
    return {
        "operationId": "stop_query",
        "summary": "Stop a query that runs or waits",
        "tags": ["operations"],
        "parameters": [number],
        "responses": {"202": {"description": "It is being stopped."}, **problems((400, 403, 404, 502))},
    }


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
            "200": {"description": "How many were dropped.", "content": {"application/json": {"schema": ANY}}},
            "414": _TOO_LONG,
            **problems((400, 422)),
        },
    }


def _problem_responses() -> dict[str, Any]:
    responses = {}
    for status in sorted({kind.status for kind in kinds().values()}):
        codes = [kind.code for kind in kinds().values() if kind.status == status]
        responses[f"Problem{status}"] = {
            "description": " or ".join(f"`{code}`" for code in codes),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses


def _components(rows: Mapping[str, Schema]) -> dict[str, Any]:
    return {
        "parameters": PARAMETERS,
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()},
        "responses": _problem_responses(),
        "schemas": {**DOCUMENTS, **rows},
    }
