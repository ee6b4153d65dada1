"""Calendar transforms that the texts of a level can be made by: integer, padded and dated spellings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import pyarrow as pa

from gateway.catalog.transforms import Calendar, TransformError, parse_transform

_DAYS = ("%Y{a}%m{a}%d", "%d{a}%m{a}%Y", "%m{a}%d{a}%Y")
_FORMS = {
    "hour": tuple(f"{day}{{b}}%H" for day in _DAYS),
    "day": _DAYS,
    "month": ("%Y{a}%m", "%m{a}%Y"),
    "year": ("%Y",),
}
"""How units are spelled, with ``{a}`` and ``{b}`` for what stands between the parts."""
_BETWEEN = ("-", "", "_", ".", "/", " ")
_BEFORE_HOUR = ("-", "", "_", "T", " ", ".", "/", ":")
_DIGITS = {
    "%Y": r"(?:1|2|3)\d{3}",
    "%m": r"(?:0[1-9]|1[0-2])",
    "%d": r"(?:0[1-9]|[12]\d|3[01])",
    "%H": r"(?:[01]\d|2[0-3])",
}
_REST = r"(?P<after>(?:\D|0+1?)*)"
"""What may follow a unit: words, and the first of what is finer, as in ``2024-02-01`` or ``2024-02-01 00:00:00``."""
_USUAL = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%d-%H"}
_PARTS = {"month_of_year": ("%m", 1, 12), "day_of_month": ("%d", 1, 31), "hour_of_day": ("%H", 0, 23)}


def calendars(texts: Sequence[str]) -> list[Calendar]:
    """List the calendar transforms that all *texts* can be folder texts of, the usual spelling of each unit first.

    >>> [(each.unit, each.pattern) for each in calendars(["20240131", "20240201"])]
    [('day', '%Y%m%d')]
    >>> [(each.unit, each.pattern) for each in calendars(["2024-01-31 09:30:15"])]
    []
    >>> [(each.unit, each.pattern) for each in calendars(["01", "12"])]
    [('month_of_year', '%m'), ('day_of_month', '%d'), ('hour_of_day', '%H')]
    """
    return [*_units(texts), *_parts(texts)] if texts else []


def _units(texts: Sequence[str]) -> Iterator[Calendar]:
    for unit, pattern in dict.fromkeys(_spelled(texts[0])):
        transform = _calendar(unit, None if pattern == _USUAL[unit] else pattern)
        if transform is not None and _reads(transform, texts):
            yield transform


def _spelled(text: str) -> Iterator[tuple[str, str]]:
    """List the formats by which one text spells a unit; what stands before and after is part of the format."""
    if "%" in text:
        return
    for unit, form, expression in _expressions():
        found = expression.fullmatch(text)
        if found is not None:
            yield unit, f"{found['before']}{form}{found['after']}"


@cache
def _expressions() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    found = []
    for unit, forms in _FORMS.items():
        for form in forms:
            for between in _BETWEEN if "{a}" in form else ("",):
                for before_hour in _BEFORE_HOUR if "{b}" in form else ("",):
                    pattern = form.format(a=between, b=before_hour)
                    expression = re.escape(pattern)
                    for directive, digits in _DIGITS.items():
                        expression = expression.replace(directive, digits)
                    found.append((unit, pattern, re.compile(rf"(?P<before>\D*){expression}{_REST}", re.DOTALL)))
    return tuple(found)


def _calendar(unit: str, pattern: str | None) -> Calendar | None:
    try:
        transform = parse_transform(unit, format=pattern)
    except TransformError:
        return None
    return transform if isinstance(transform, Calendar) else None


def _reads(transform: Calendar, texts: Sequence[str]) -> bool:
    try:
        transform.numbers(pa.array(texts, pa.string()))
    except TransformError:
        return False
    return True


def _parts(texts: Sequence[str]) -> Iterator[Calendar]:
    if not all(re.fullmatch(r"\d{1,2}", text) for text in texts):
        return
    padded = all(len(text) == 2 for text in texts) and any(text.startswith("0") for text in texts)
    for unit, (pattern, low, high) in _PARTS.items():
        if all(low <= int(text) <= high for text in texts):
            transform = _calendar(unit, pattern if padded else None)
            if transform is not None:
                yield transform
