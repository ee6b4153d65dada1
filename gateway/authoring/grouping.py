"""Diagnostics of one cause, told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.errors import Diagnostic, Rule

_COMMON = frozenset(
    {Rule.UNKNOWN_COLUMN, Rule.UNKNOWN_TABLE, Rule.UNKNOWN_SCHEMA, Rule.UNKNOWN_FUNCTION, Rule.BINDING, Rule.OWNER}
)
"""Rules whose diagnostics have one cause where they say the same: it lies in another file."""


def grouped(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Tell once what is said in several places for one cause; the first place stands, the others are in ``also``."""
    groups: dict[object, list[Diagnostic]] = {}
    for item in diagnostics:
        common = item.rule in _COMMON and not item.also
        key = (item.rule, item.severity, item.message, item.hint) if common else id(item)
        groups.setdefault(key, []).append(item)
    return tuple(
        replace(first, also=tuple(item.place for item in others)) if others else first
        for first, *others in groups.values()
    )
