"""What the readers of a planner keep their answers by."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.model import TypedValue


def given_key(parameters: Mapping[str, TypedValue]) -> tuple[tuple[str, str, str], ...]:
    """Return what tells parameters apart: their names, types and values, ``1`` from ``True`` and ``1.0`` too."""
    return tuple((name, typed.type, repr(typed.value)) for name, typed in parameters.items())
