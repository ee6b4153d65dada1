"""Sample values for a template's parameters: those of its examples, else plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from gateway.interval import Interval
from gateway.model import TypedValue, Value
from gateway.query.parameters import Parameter
from gateway.query.template import Template
from gateway.query.types import Kind, ParameterType

_PLAIN: Mapping[Kind, Value] = {
    Kind.BOOLEAN: True,
    Kind.INTEGER: 1,
    Kind.DECIMAL: Decimal(1),
    Kind.DOUBLE: 1.0,
    Kind.DATE: date(2000, 1, 3),
    Kind.TIMESTAMP: datetime(2000, 1, 3),
    Kind.TIMESTAMPTZ: datetime(2000, 1, 3, tzinfo=UTC),
    Kind.VARCHAR: "a",
    Kind.UUID: UUID(int=1),
    Kind.INTERVAL: Interval(days=1),
}


def every(template: Template) -> dict[str, TypedValue]:
    """Return a value for each parameter; none is NULL."""
    return {
        name: _typed(parameter, _value(template, name, parameter)) for name, parameter in template.parameters.items()
    }


def required(template: Template) -> dict[str, TypedValue]:
    """Return what is bound when a caller gives what must be given, and nothing else: optional ones are NULL."""
    return {
        name: _typed(parameter, _value(template, name, parameter) if parameter.required else parameter.default_at())
        for name, parameter in template.parameters.items()
    }


def _typed(parameter: Parameter, value: Value) -> TypedValue:
    return TypedValue(value=value, type=parameter.type.sql)


def _value(template: Template, name: str, parameter: Parameter) -> Value:
    given = next((example[name] for example in template.examples if example.get(name) is not None), None)
    if given is not None:
        return parameter.read(given)
    if parameter.default is not None:
        return parameter.default_at()
    plain: Value = (parameter.choices or [None])[0]
    if plain is None:
        plain = parameter.min if parameter.min is not None else _plain(parameter.type.scalar)
    return plain if parameter.type.item is None else [plain]


def _plain(kind: ParameterType) -> Value:
    return _PLAIN[kind.kind]
