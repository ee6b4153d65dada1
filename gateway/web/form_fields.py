"""The fields of a query's form: one control a parameter, filled from the address of the page or from an example."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.query.coerce import format_value
from gateway.query.parameters import Parameter
from gateway.query.refused import Refused
from gateway.query.template import Template
from gateway.query.types import Kind
from gateway.web.bound_parameters import texts

_INPUTS = {Kind.DATE: "date", Kind.INTEGER: "number"}


def form_fields(template: Template, given: Mapping[str, Sequence[str]] | None) -> list[dict[str, Any]]:
    """Describe the controls of a template's form, filled with the texts *given*; None: from its first example."""
    filled = _example(template) if given is None else given
    return [_field(name, parameter, filled.get(name, [])) for name, parameter in template.parameters.items()]


def _example(template: Template) -> dict[str, list[str]]:
    """Return the values of the first example."""
    example = template.examples[0] if template.examples else {}
    return {name: texts(value) for name, value in example.items()}


def _field(name: str, parameter: Parameter, values: Sequence[str]) -> dict[str, Any]:
    kind = parameter.type.scalar.kind
    choices = [str(format_value(choice)) for choice in parameter.choices or ()]
    several = parameter.type.item is not None
    control = ("boxes" if several else "select") if choices or kind is Kind.BOOLEAN else "lines" if several else "input"
    default = texts(format_value(parameter.default))
    if several:
        values, default = ([item for text in each for item in _items(text)] for each in (values, default))
    return {
        "name": name,
        "type": str(parameter.type),
        "kind": kind.value,
        "required": parameter.required,
        "description": parameter.description,
        "control": control,
        "choices": [choice for choice in choices if choice] or ["true", "false"],
        "input": _input(parameter, kind, values),
        "forms": _forms(parameter),
        "zone": parameter.zone.key if parameter.zone is not None else None,
        "relative": parameter.relative is not None,
        "min": format_value(parameter.min),
        "max": format_value(parameter.max),
        "values": values,
        "default": ", ".join(text or "an empty text" for text in default) if default else None,
        "empty": kind is Kind.VARCHAR and _takes_empty(parameter, several),
        "is_empty": "" in values,
    }


def _takes_empty(parameter: Parameter, several: bool) -> bool:
    """Tell whether an empty text is a value of a parameter."""
    try:
        parameter.read([""] if several else "")
    except Refused:
        return False
    return True


def _items(text: str) -> list[str]:
    """Read one text of a list as the items that it stands for; no list of texts and numbers stands for itself."""
    try:
        items = json.loads(text, parse_int=str, parse_float=str) if text.startswith("[") else [text]
    except (ValueError, RecursionError):
        return [text]
    return items if all(isinstance(item, str) for item in items) else [text]


def _input(parameter: Parameter, kind: Kind, values: Sequence[str]) -> str:
    """Choose the type of an input: one that takes all that may be written, and shows what was written wrong."""
    free = parameter.epoch or parameter.relative or kind not in _INPUTS
    return "text" if free or not all(map(_is_plain, values)) else _INPUTS[kind]


def _is_plain(value: str) -> bool:
    """Tell whether a number or a date is written so that a browser's own control can show it."""
    return value.isascii() and value.replace("-", "").isdecimal()


def _forms(parameter: Parameter) -> str:
    """Say in which forms a time may be written beside the usual one."""
    forms = [
        *(["now-7d, now/d or the like"] if parameter.relative is not None else []),
        *([f"{'milliseconds' if parameter.epoch == 'ms' else 'seconds'} since 1970"] if parameter.epoch else []),
        *([f"with an offset; days are those of {parameter.zone.key}"] if parameter.zone is not None else []),
    ]
    return "; ".join(forms)
