"""Parts of the OpenAPI document that are the same for every site: options, request headers and headers."""

from __future__ import annotations

from typing import Any

from gateway.encode import FORMATS
from gateway.encode.csv import DELIMITERS
from gateway.web.formats import FORMS, SHAPES
from gateway.web.jobs import KEY
from gateway.web.schemas import Schema
from gateway.web.timeouts import TIMEOUT


def _path_parameter(name: str, text: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern, "maxLength": 128}
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _option(name: str, text: str, schema: Schema) -> dict[str, Any]:
    return {"name": f"_{name}", "in": "query", "required": False, "description": text, "schema": schema}


def _condition(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


PARAMETERS: dict[str, Any] = {
    "format": _option("format", "The format; it has precedence over `Accept`.", {"enum": sorted(FORMATS)}),
    "explain_format": _option("format", "JSON, or text for people.", {"enum": ["json", "text"]}),
    "explain_map": _option("map", "A map of each scan in place of lists of what it reads.", {"type": "boolean"}),
    "shape": _option("shape", "How JSON lays out rows.", {"enum": list(SHAPES)}),
    "bom": _option("bom", "CSV for a spreadsheet: a byte order mark, and no formulas.", {"type": "boolean"}),
    "delimiter": _option("delimiter", "What stands between two fields of CSV.", {"enum": list(DELIMITERS)}),
    "limit": _option("limit", "Rows of a page; all of them where it is not given.", {"type": "integer", "minimum": 0}),
    "cursor": _option("cursor", "The page to read, from `next`. Repeat the parameters.", {"type": "string"}),
    "snapshot": _option(
        "snapshot", "The snapshot to answer from: `Gateway-Snapshot` of an answer, or a date.", {"type": "string"}
    ),
    "plan": _option("plan", "What the split is of: part of its address in the plan.", {"type": "string"})
    | {"required": True},
    "from": _option("from", "The row of the split to begin with, from 0.", {"type": "integer", "minimum": 0}),
    "split_format": _option("format", "The format; it has precedence over `Accept`.", {"enum": list(FORMS)}),
    "number": {
        "name": "number",
        "in": "path",
        "required": True,
        "description": "The number of the split.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "timeout": {
        "name": TIMEOUT,
        "in": "header",
        "required": False,
        "description": "Seconds that the caller waits at most; the query is stopped then if nobody else waits for it.",
        "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 999_999_999},
    },
    "range": _condition("Range", "One range of bytes of a result that is kept, such as `bytes=0-99`."),
    "if_range": _condition(
        "If-Range", "The `ETag` of the body that the range is of; the whole comes if it is another."
    ),
    "if_match": _condition("If-Match", "The `ETag` that the result must have, else 412."),
    "if_none_match": _condition("If-None-Match", "The `ETag` of what the caller has: 304 while it is right."),
    "name": _path_parameter("name", "A query.", "^[a-z0-9_.]+$"),
    "version": _path_parameter("version", "A version, or the newest.", "^(latest|v[1-9][0-9]{0,8})$"),
    "table": _path_parameter("table", "A table.", "^[a-z0-9_]+$"),
    "dataset_version": _path_parameter("number", "A version, `v7`, or a tag.", "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    "tag": _path_parameter("tag", "A tag.", "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    "job": _path_parameter("job", "A job.", "^[0-9a-f]{32}$"),
    "idempotency_key": _condition(KEY, "The same key with the same body is the same job, however often it is sent."),
    "prefer": _condition("Prefer", "`respond-async` (RFC 7240) is granted, and done without it too."),
    "code": _path_parameter("code", "A problem code.", "^[a-z-]+$"),
}

HEADERS = {
    "ETag": "Validator of this representation, weak where its rows are sent while they are computed.",
    "Accept-Ranges": "`bytes` where parts of the body can be asked for by `Range`, else `none`.",
    "Cache-Control": "How long the answer is fresh, as its template declares.",
    "Age": "Seconds since the answer was made or last checked.",
    "Cache-Status": "The fate of the request in the gateway's cache (RFC 9211).",
    "Server-Timing": "Milliseconds of each stage.",
    "Content-Disposition": "A name for the file: the query, its version, the parameters that have a value.",
    "Deprecation": "Since when the version is deprecated (RFC 9745).",
    "Sunset": "When it is retired (RFC 8594).",
    "Link": "`next`: the page after this one; `successor-version`: what replaces a deprecated version.",
    "Gateway-Default": "`true`: there is no answer; these are the rows that the template declares for then.",
    "Gateway-Version": "The version of the query that answered.",
    "Gateway-Parameters": "The parameters as they were understood and rounded, as a query string.",
    "Gateway-Rows": "Rows of the whole result.",
    "Gateway-More": "Whether rows follow after this page.",
    "Gateway-Engine": "What computed the answer for this request: `duckdb`, or `dask`.",
    "Gateway-Requests": "Requests to object stores that computing the answer took.",
    "Gateway-Snapshot": "The snapshot of the tables; `_snapshot` asks for the same rows again.",
    "Gateway-Partitions": "Partitions read, of all.",
    "Gateway-Files": "Files read, of all.",
    "Gateway-Bytes": "Bytes of the files read, of all.",
    "X-Request-Id": "The request's id in the server's log; the caller's own where it sent one.",
}
