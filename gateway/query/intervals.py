"""Read and write intervals: ISO 8601 durations, or words. What is written in hours stays in hours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.interval import DAY, Interval
from gateway.query.refused import Refused, shown, unexpected

LONGEST = 3_652_058
"""Days from year 1 to year 9999."""
_WHOLE = "(-?[0-9]{1,15})"
_ISO = re.compile(
    rf"(-)?P(?:{_WHOLE}W)?(?:{_WHOLE}D)?"
    rf"(?:T(?=[-0-9])(?:{_WHOLE}H)?(?:{_WHOLE}M)?(?:(-?)([0-9]{{1,15}})(?:\.([0-9]{{1,6}}))?S)?)?"
)
_WORDS = re.compile(rf"{_WHOLE} ?(microsecond|millisecond|second|minute|hour|day|week)s?")
_WORDED = re.compile(rf"{_WORDS.pattern}(?: {_WORDS.pattern}){{0,6}}")
_MICROSECONDS: Mapping[str, int] = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
}
_DAYS: Mapping[str, int] = {"day": 1, "week": 7}


def read_interval(value: object) -> Interval:
    """Read a text, with the days and the microseconds that DuckDB's INTERVAL has for it. Raises ``Refused``.

    >>> str(read_interval("-1 day 36 hours"))
    '-1 days 129600000000 microseconds'
    """
    found = None
    if isinstance(value, str):
        found = _iso(value) if value.lstrip("-").startswith("P") else _worded(value)
    if found is None:
        expected = "an interval such as 'P7D', 'PT1H30M' or '7 days'"
        if isinstance(value, str) and re.search(r"month|year|\d[MY](?!.*T)|P-?\d+M", value, re.IGNORECASE):
            expected += "; months and years have no fixed length, so write days"
        raise unexpected(value, expected)
    if max(abs(found.days) * DAY, abs(found.microseconds), abs(found.length)) > LONGEST * DAY:
        raise Refused(f"{shown(value)} is longer than {LONGEST} days")
    return found


def format_interval(value: Interval) -> str:
    """Write an interval as ``read_interval`` reads it, field by field.

    >>> format_interval(Interval(days=-1, microseconds=-500_000)), format_interval(Interval(days=1, microseconds=-1))
    ('-P1DT0.500000S', 'P1DT-0.000001S')
    """
    days, micros = value.days, value.microseconds
    sign = "-" if max(days, micros) <= 0 and value.length else ""
    if sign:
        days, micros = -days, -micros
    seconds, fraction = divmod(abs(micros), 1_000_000)
    part = f".{fraction:06d}" if fraction else ""
    return f"{sign}P{days}DT{'-' if micros < 0 else ''}{seconds}{part}S"


def _iso(text: str) -> Interval | None:
    match = _ISO.fullmatch(text)
    if match is None or all(match[group] is None for group in (2, 3, 4, 5, 7)):
        return None
    weeks, days, hours, minutes, seconds = (int(match[group] or 0) for group in (2, 3, 4, 5, 7))
    seconds_part = seconds * 1_000_000 + int((match[8] or "").ljust(6, "0"))
    micros = (hours * 60 + minutes) * 60_000_000 + (-seconds_part if match[6] else seconds_part)
    sign = -1 if match[1] else 1
    return Interval(days=sign * (weeks * 7 + days), microseconds=sign * micros)


def _worded(text: str) -> Interval | None:
    if not _WORDED.fullmatch(text):
        return None
    parts = [(int(count), unit) for count, unit in _WORDS.findall(text)]
    return Interval(
        days=sum(count * _DAYS.get(unit, 0) for count, unit in parts),
        microseconds=sum(count * _MICROSECONDS.get(unit, 0) for count, unit in parts),
    )
