"""The bound parameters of an answer: typed, with defaults, rounded to their bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.model import BoundQuery, TypedValue
from gateway.plan.analysis import NOW
from gateway.query.coerce import format_value
from gateway.query.template import Template

_EXACT = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""
_LONGEST = 2_000
"""Characters of a header; a longer echo is left out, for proxies refuse long headers."""


def echoed(parameters: Mapping[str, TypedValue]) -> dict[str, Any]:
    """Return the parameters as JSON values that, sent back, ask the same question; without the clock."""
    return {name: as_json(typed.value) for name, typed in parameters.items() if name != NOW}


def instant(parameters: Mapping[str, TypedValue]) -> str | None:
    """Return the instant that the query took for now, rounded down as it declares; None: it reads no clock."""
    return str(format_value(parameters[NOW].value)) if NOW in parameters else None


def echo_header(query: BoundQuery, template: Template | None) -> str | None:
    """Return the parameters that have a value as a query string that asks the same question.

    None where that is empty or too long, or where no query string can ask it: one that is left out has its default,
    and cannot be NULL.
    """
    declared = {} if template is None else template.parameters
    if any(query.parameters[name].value is None for name, each in declared.items() if each.default is not None):
        return None
    return query_string(query.parameters)


def query_string(parameters: Mapping[str, TypedValue]) -> str | None:
    """Return the parameters that have a value as a query string; None where that is empty or too long."""
    pairs = [(name, text) for name, value in echoed(parameters).items() for text in texts(value)]
    text = urlencode(pairs)
    return text if 0 < len(text) <= _LONGEST else None


def texts(value: Any) -> list[str]:
    """Write a JSON value as a query string has it: as the texts under one name, none for null.

    >>> texts(["a", "b"]), texts([]), texts(["[a"])
    (['a', 'b'], ['[]'], ['["[a"]'])
    """
    if not isinstance(value, list):
        return [] if value is None else [_text(value)]
    items = [_text(item) for item in value]
    return [json.dumps(value)] if not items or any(item.startswith("[") for item in items) else items


def as_json(value: Any) -> Any:
    """Format a value as JSON that means the same to every reader: integers that some would round are texts.

    >>> as_json([2**53 - 1, 2**53])
    [9007199254740991, '9007199254740992']
    """
    if isinstance(value, list):
        return [as_json(item) for item in value]
    value = format_value(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
