"""JSON Schema (2020-12) of parameters, of result columns, and of the documents around them."""

from __future__ import annotations

import re
from typing import Any

from gateway.jobs.job import JobState
from gateway.query.coerce import format_value
from gateway.query.parameters import Parameter
from gateway.query.relative import PATTERN
from gateway.query.types import TIMES, Kind, ParameterType
from gateway.query.zones import GREENWICH
from gateway.web.bound_parameters import as_json

Schema = dict[str, Any]

_DAY, _TIME, _OFFSET = r"\d{4}-\d{2}-\d{2}", r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?", r"([Zz]|[+-]\d{2}:\d{2})"
_PLAIN: dict[Kind, Schema] = {
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DOUBLE: {"type": "number"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.TIMESTAMP: {"type": "string", "format": "local-date-time", "pattern": f"^{_DAY}({_TIME})?$"},
    Kind.TIMESTAMPTZ: {"type": "string", "format": "date-time"},
    Kind.UUID: {"type": "string", "format": "uuid"},
    Kind.INTERVAL: {"type": "string", "format": "duration"},
}


def parameter_schema(parameter: Parameter, *, textual: bool) -> Schema:
    """Describe what a caller may give: as texts of a query string, or as a JSON value."""
    schema = _value_schema(parameter, textual=textual)
    if parameter.type.item is not None:
        schema = {"type": "array", "items": schema, "maxItems": parameter.max_items}
    if parameter.optional and not textual:
        schema = {"anyOf": [schema, {"type": "null"}]}
    if parameter.default is not None:
        schema["default"] = as_json(parameter.default)
    return schema


def _value_schema(parameter: Parameter, *, textual: bool) -> Schema:
    type_ = parameter.type.scalar
    if parameter.choices is not None:
        return {"enum": [as_json(choice) for choice in parameter.choices]}
    if type_.kind in TIMES:
        return _time_schema(parameter)
    schema = _type_schema(type_, textual=textual)
    if type_.kind is Kind.VARCHAR:
        schema["minLength"], schema["maxLength"] = parameter.min_length, parameter.max_length
        if parameter.pattern is not None:
            schema["pattern"] = f"^(?:{parameter.pattern})$"
    return schema | _bounds(parameter, known=schema.get("type") in ("integer", "number"))


def _bounds(parameter: Parameter, *, known: bool) -> Schema:
    """Write the least and the greatest value; *known*: of a type that JSON Schema has bounds of."""
    bounds = {"minimum": parameter.min, "maximum": parameter.max}
    return {name if known else f"x-{name}": format_value(bound) for name, bound in bounds.items() if bound is not None}


def _time_schema(parameter: Parameter) -> Schema:
    """Describe every form in which a time may be written."""
    kind, zone = parameter.type.scalar.kind, parameter.zone
    forms = [dict(_PLAIN[kind])]
    if zone is not None and kind is not Kind.DATE:
        text = f"With an offset, or as clocks in {zone.key} show it."
        forms = [{"type": "string", "pattern": f"^{_DAY}({_TIME}{_OFFSET}?)?$", "description": text}]
    if parameter.epoch is not None:
        unit = "Milliseconds" if parameter.epoch == "ms" else "Seconds"
        forms.append({"type": "integer", "description": f"{unit} since 1970-01-01T00:00:00Z."})
    if parameter.relative is not None:
        text = f"A relative time; days are those of {(zone or GREENWICH).key}."
        forms.append({"type": "string", "pattern": PATTERN, "description": text, "examples": ["now-7d", "now/d"]})
    return (forms[0] if len(forms) == 1 else {"anyOf": forms}) | _bounds(parameter, known=False)


def _type_schema(type_: ParameterType, *, textual: bool) -> Schema:
    if type_.kind is Kind.INTEGER:
        schema: Schema = {"type": "integer"}
        if type_.low >= -(2**63) and type_.high < 2**64:
            schema |= {"minimum": type_.low, "maximum": type_.high}
        return schema
    if type_.kind is Kind.DECIMAL:
        whole = max(type_.width - type_.scale, 1)
        schema = {
            "type": "string",
            "format": "decimal",
            "pattern": rf"^-?\d{{1,{whole}}}(\.\d{{1,{type_.scale or 1}}})?$",
        }
        return schema if textual else {"anyOf": [schema, {"type": "number"}]}
    if type_.kind is Kind.VARCHAR:
        return {"type": "string"}
    return dict(_PLAIN[type_.kind])


def column_schema(type_: str) -> Schema:
    """Describe a column of a JSON result by its DuckDB type; ``docs/formats.md`` is the rule. Any value may be null.

    >>> column_schema("BIGINT[]")["items"]["type"]
    ['integer', 'string', 'null']
    """
    item = re.fullmatch(r"(.+)\[\d*\]", type_)
    if item is not None:
        return {"type": ["array", "null"], "items": column_schema(item[1]), "x-type": type_}
    schema = _COLUMNS.get(type_.split("(")[0], {})
    kinds = schema.get("type")
    nullable = {} if kinds is None else {"type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}
    return {**schema, **nullable, "x-type": type_}


_WIDE: Schema = {"type": ["integer", "string"]}
"""Beyond 2^53 - 1 the digits come as a string, which no reader of JSON rounds."""
_TEXT: Schema = {"type": "string"}
_COLUMNS: dict[str, Schema] = {
    "BOOLEAN": {"type": "boolean"},
    **{name: {"type": "integer"} for name in ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")},
    **dict.fromkeys(("BIGINT", "HUGEINT", "UBIGINT", "UHUGEINT"), _WIDE),
    **{name: {"type": "number"} for name in ("FLOAT", "DOUBLE")},
    "DECIMAL": _TEXT | {"format": "decimal"},
    "DATE": _TEXT | {"format": "date"},
    **dict.fromkeys(("VARCHAR", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), _TEXT),
    "TIMESTAMP WITH TIME ZONE": _TEXT | {"format": "date-time"},
    "INTERVAL": _TEXT | {"format": "duration"},
    "UUID": _TEXT | {"format": "uuid"},
    "BLOB": _TEXT | {"contentEncoding": "base64"},
}


_STEPS = ("created", "started", "ended")
DOCUMENTS: dict[str, Schema] = {
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
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"parameter": {"type": "string"}, "detail": {"type": "string"}},
                    "required": ["parameter", "detail"],
                },
                "description": "Of `invalid-parameters`: what is wrong with which parameter or option.",
            },
            "suggestions": {"type": "array", "items": {"type": "string"}, "description": "Similar names that exist."},
        },
        "required": ["type", "title", "status", "detail", "request_id"],
    },
    "Splits": {
        "type": "object",
        "description": "A plan to read a result in parallel: the same for the same question, snapshot and number.",
        "properties": {
            "id": {"type": "string"},
            "snapshot": {"type": ["string", "null"]},
            "columns": {"type": "array", "items": {"type": "object"}},
            "rows": {"type": ["integer", "null"], "description": "Of all splits; null: not known."},
            "bytes": {"type": ["integer", "null"], "description": "Of the files that are read; null: none are."},
            "by": {"enum": ["files", "rows"]},
            "splits": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "number": {"type": "integer"},
                        "rows": {"type": ["integer", "null"]},
                        "bytes": {"type": ["integer", "null"]},
                        "url": {"type": "string", "format": "uri-reference"},
                    },
                    "required": ["number", "rows", "bytes", "url"],
                },
            },
        },
        "required": ["id", "snapshot", "columns", "rows", "bytes", "by", "splits"],
    },
    "Job": {
        "type": "object",
        "description": "Work that outlives the request that asked for it.",
        "properties": {
            "id": {"type": "string"},
            "state": {"enum": [*JobState]},
            "trigger": {
                "type": "string",
                "description": "What had it made: a `request`, a `command`, or a server.",
            },
            "asked_by": {"type": ["string", "null"]},
            **{f"{what}_at": {"type": ["string", "null"], "format": "date-time"} for what in _STEPS},
            "attempts": {"type": "integer", "description": "How many workers have taken it up."},
            "cancelling": {"type": "boolean"},
            "progress": {"type": ["object", "null"], "description": "How far it is, as it was told last."},
            "asked": {"type": "object"},
            "result": {"type": "object", "description": "Of a job that is done."},
            "problem": {"type": "object", "description": "Of one that failed: the members of a problem document."},
            "url": {"type": "string", "format": "uri-reference"},
        },
        "required": ["id", "state", "created_at", "attempts", "progress", "url"],
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
            "parameters": {
                "type": "object",
                "additionalProperties": True,
                "description": "The parameters as they were understood and rounded.",
            },
            "now": {
                "type": "string",
                "format": "date-time",
                "description": "What a query that reads the clock took for now.",
            },
            "rows": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "Rows of the whole result; null where nobody knows them yet.",
            },
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
        "required": ["query", "version", "parameters", "rows", "more", "columns"],
    },
}
"""The documents that addresses of all queries share."""
