"""JSON Schema (2020-12) of parameters and of result columns."""

from __future__ import annotations

import re
from typing import Any

from gateway.query.coerce import format_value
from gateway.query.parameters import Parameter
from gateway.query.types import Kind, ParameterType

Schema = dict[str, Any]

_PLAIN: dict[Kind, Schema] = {
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DOUBLE: {"type": "number"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.TIMESTAMP: {
        "type": "string",
        "format": "local-date-time",
        "pattern": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?$",
    },
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
        schema["default"] = format_value(parameter.default)
    return schema


def _value_schema(parameter: Parameter, *, textual: bool) -> Schema:
    type_ = parameter.type.scalar
    if parameter.choices is not None:
        return {"enum": [format_value(choice) for choice in parameter.choices]}
    schema = _type_schema(type_, textual=textual)
    if type_.kind is Kind.VARCHAR:
        schema["minLength"], schema["maxLength"] = parameter.min_length, parameter.max_length
        if parameter.pattern is not None:
            schema["pattern"] = f"^(?:{parameter.pattern})$"
    for keyword, bound in (("minimum", parameter.min), ("maximum", parameter.max)):
        if bound is None:
            continue
        if schema.get("type") in ("integer", "number"):
            schema[keyword] = format_value(bound)
        else:
            schema[f"x-{keyword}"] = format_value(bound)
    return schema


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
