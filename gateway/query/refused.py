"""The refusal of a parameter's value, and how a caller's value is repeated in it."""

from __future__ import annotations

_SHOWN = 60
"""Characters of a caller's value that a message repeats at most."""


class Refused(ValueError):
    """A value does not follow the rule of its type; the message says what was given and what is expected."""


def shown(value: object) -> str:
    """Repeat a caller's value in a message: escaped, and cut where it is long."""
    if isinstance(value, (list, dict)):
        return "a JSON list" if isinstance(value, list) else "a JSON object"
    if isinstance(value, int) and value.bit_length() > _SHOWN * 3:
        return "a number of many digits"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def unexpected(value: object, expected: str) -> Refused:
    """Make the refusal of a value that is not written as is *expected*."""
    if value == "":
        return Refused(f"is empty: expected {expected}")
    return Refused(f"{shown(value)} is not {expected}")
