"""Spellings of parameter values: what a caller may write for a value, as text or as JSON, and means the same by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "decimal(9,4)": st.decimals(-99_999, 99_999, places=4, allow_nan=False).map(lambda value: value + 0),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    "varchar": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    "list[varchar]": st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), max_size=3),
    "list[bigint]": st.lists(st.integers(-(2**60), 2**60), max_size=3),
}
"""Values by type; those of ``timestamptz`` are the time in UTC."""


def texts(kind: str, value: Any) -> list[list[str]]:
    """List ways to write a value in a query string; each is the texts given under the name of the parameter."""
    if kind.startswith("list["):
        return list(_lists(kind[5:-1], value))
    return [[text] for text in _texts(kind, value)]


def documents(kind: str, value: Any) -> list[Any]:
    """List ways to write a value in JSON."""
    if kind.startswith("list["):
        return [[documents(kind[5:-1], item)[-1] for item in value]]
    if kind in ("boolean", "varchar"):
        return [value]
    spelled: list[Any] = list(_texts(kind, value))
    return [*spelled, value] if kind in ("bigint", "double") else spelled


def _lists(kind: str, value: list[Any]) -> Iterator[list[str]]:
    yield [json.dumps(value)]
    if value and not any(str(item).startswith("[") for item in value):
        yield [_texts(kind, item)[0] for item in value]


def _texts(kind: str, value: Any) -> list[str]:
    match value:
        case bool():
            return ["true" if value else "false"]
        case float():
            return [repr(value), f"{value:.16e}", f"{value:.16E}"]
        case Decimal():
            return [f"{value:f}", *([f"{value.normalize():f}"] if value else ["0", "-0", "0.0"])]
        case int() if value >= 0:
            return [str(value), f"00{value}"]
        case datetime():
            return _instants(value) if kind == "timestamptz" else _moments(value)
        case date():
            return [value.isoformat(), f"{value.isoformat()}T00:00", f"{value.isoformat()} 00:00:00.000"]
        case _:
            return [str(value)]


def _moments(value: datetime) -> list[str]:
    found = [value.isoformat(), value.isoformat(sep=" ", timespec="microseconds")]
    if value.second == value.microsecond == 0:
        found.append(value.isoformat(timespec="minutes"))
    if value == datetime(value.year, value.month, value.day):
        found.append(value.date().isoformat())
    return found


def _instants(value: datetime) -> list[str]:
    shifted = [value.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes))) for minutes in (90, -300)]
    return [f"{value.isoformat()}Z", f"{value.isoformat(sep=' ')}+00:00", *(moment.isoformat() for moment in shifted)]
