"""The bound parameters of an answer: typed, with defaults, rounded to their bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.model import TypedValue
from gateway.plan.analysis import NOW
from gateway.query.coerce import format_value

_EXACT = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""
_LONGEST = 2_000
"""Characters of a header; a longer echo is left out, for proxies refuse long headers."""


def echoed(parameters: Mapping[str, TypedValue]) -> dict[str, Any]:
    """Return the parameters as JSON values that, sent back, ask the same question; without the clock."""
    return {name: _json(format_value(typed.value)) for name, typed in parameters.items() if name != NOW}


def instant(parameters: Mapping[str, TypedValue]) -> str | None:
    """Return the instant that the query took for now, rounded down as it declares; None: it reads no clock."""
    return str(format_value(parameters[NOW].value)) if NOW in parameters else None


def echo_header(parameters: Mapping[str, TypedValue]) -> str | None:
    """Return the parameters that have a value as a query string; None where that is empty or too long."""
    pairs = []
    for name, value in echoed(parameters).items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, _text(item)) for item in values if item is not None]
    text = urlencode(pairs)
    return text if 0 < len(text) <= _LONGEST else None


def _json(value: Any) -> Any:
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
