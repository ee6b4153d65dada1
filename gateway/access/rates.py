"""Rates such as ``1000/minute`` and ``100GiB/hour``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

from gateway.declaration import parse_duration, parse_size

_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_WRITTEN = re.compile(r"\s*([^/]+?)\s*/\s*(\S+)\s*")
_UNLIMITED = "unlimited"
_EXAMPLES = f"write 1000/minute, 100GiB/hour, or {_UNLIMITED}"
_LARGEST = 999_999_999_999_999
"""The largest integer that the header ``RateLimit-Policy`` may hold (RFC 9651, section 3.3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most *amount* (requests or bytes) in any *seconds*."""

    amount: int
    seconds: int


NO_LIMIT = Rate(amount=0, seconds=0)
"""What ``unlimited`` stands for."""


def parse_rate(value: object) -> object:
    """Turn ``"1000/minute"`` or ``"100GiB/hour"`` into a rate; the period may be a duration such as ``10m``.

    >>> parse_rate("100GiB/hour")
    Rate(amount=107374182400, seconds=3600)
    """
    if isinstance(value, Rate) or value is None:
        return value
    if value == _UNLIMITED:
        return NO_LIMIT
    match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a rate: {_EXAMPLES}")
    try:
        amount, seconds = parse_size(int(match[1]) if match[1].isdecimal() else match[1]), _period(match[2])
    except ValueError as error:
        raise ValueError(f"{value!r} is not a rate ({error}): {_EXAMPLES}") from error
    if amount < 1 or seconds < 1:
        raise ValueError(f"{value!r} allows nothing: one in a second is the least")
    if amount > _LARGEST:
        raise ValueError(f"{value!r} is more than can be counted: at most {_LARGEST}, or {_UNLIMITED}")
    return Rate(amount=amount, seconds=seconds)


def _period(text: str) -> int:
    known = _PERIODS.get(text)
    return known if known is not None else int(parse_duration(text))


RateSetting = Annotated[Rate | None, BeforeValidator(parse_rate, json_schema_input_type=str | None)]
"""A rate as it is written in a file; None where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The rates of a principal; None falls back to the default, or to no limit."""

    requests: Rate | None = None
    bytes: Rate | None = None
