"""Formats dates, times, timestamps and intervals (RFC 3339, ISO 8601), for every value of DuckDB.

Arrow's own casts make the text where the year has four digits, which is nearly always; the rest is computed here.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from gateway.encode.arrays import Array, pc

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400
_FIRST, _LAST = -719_528, 2_932_896
"""Days from 1970 to 0000-01-01 and to 9999-12-31."""
_INFINITE_DAY = 2**31 - 1
_INFINITE_INSTANT = 2**63 - 1


def dates(array: Array) -> Array:
    """``2013-01-31``; ``infinity``; ``+12345-01-01`` and ``-0043-03-15`` where the year has no four digits."""
    days = array.cast(pa.int32()).cast(pa.int64())
    return _with_far(array, days, _FIRST, _LAST, _far_date, lambda near: pc.cast(near, pa.string()))


def timestamps(array: Array) -> Array:
    """``2013-01-31T05:00:00``, with the fraction in full unless it is zero, and ``Z`` where the type has a zone."""
    unit, zone = array.type.unit, array.type.tz is not None
    second = _UNITS[unit]
    ticks = array.cast(pa.int64())
    first, last = max(_FIRST * _DAY * second, -(2**63)), min((_LAST + 1) * _DAY * second - 1, 2**63 - 2)

    def near(instants: Array) -> Array:
        naive = instants.cast(pa.int64()).cast(pa.timestamp(unit))
        text = pc.replace_substring(pc.cast(naive, pa.string()), " ", "T", max_replacements=1)
        return _suffixed(_without_zero_fraction(text), "Z" if zone else "")

    return _with_far(array, ticks, first, last, lambda tick: _far_timestamp(tick, second, zone), near)


def times(array: Array) -> Array:
    """``05:00:00``, with the fraction in full unless it is zero; the end of the day is ``24:00:00``."""
    ticks = array.cast(pa.int64())
    end = _DAY * _UNITS[array.type.unit]
    last = pc.if_else(pc.equal(ticks, end), 0, ticks).cast(array.type)
    return pc.if_else(pc.equal(ticks, end), "24:00:00", _without_zero_fraction(pc.cast(last, pa.string())))


def intervals(array: Array) -> Array:
    """ISO 8601 durations, e.g. ``P1Y2M3DT4H5M6.789S``; a negative part has its own sign; nothing is ``PT0S``."""
    return pa.array([None if value is None else _duration(*value) for value in array.to_pylist()], pa.string())


def _duration(months: int, days: int, nanoseconds: int) -> str:
    date = _parts((_split(months, 12)[0], "Y"), (_split(months, 12)[1], "M"), (days, "D"))
    minutes, rest = _split(nanoseconds, 60 * 10**9)
    hours, minutes = _split(minutes, 60)
    seconds, fraction = _split(rest, 10**9)
    time = _parts((hours, "H"), (minutes, "M"))
    if rest:
        digits = f".{abs(fraction):09}".rstrip("0") if fraction else ""
        time += f"{'-' if rest < 0 else ''}{abs(seconds)}{digits}S"
    if time or not date:
        return f"P{date}T{time or '0S'}"
    return f"P{date}"


def _parts(*parts: tuple[int, str]) -> str:
    return "".join(f"{number}{letter}" for number, letter in parts if number)


def _split(number: int, width: int) -> tuple[int, int]:
    """Divide towards zero, so that all parts have the sign of the whole."""
    whole, rest = divmod(abs(number), width)
    return (whole, rest) if number >= 0 else (-whole, -rest)


def _with_far(
    array: Array,
    ticks: Array,
    first: int,
    last: int,
    far: Callable[[int], str],
    near: Callable[[Array], Array],
) -> Array:
    """Make texts by *near*, and by *far*, one at a time, for ticks that are not from *first* to *last*."""
    inside = pc.and_(pc.greater_equal(ticks, first), pc.less_equal(ticks, last))
    if pc.all(inside).as_py() is not False:
        return near(array)
    texts = near(pc.if_else(inside, array, pa.scalar(None, array.type)))
    outside = pc.filter(ticks, pc.invert(inside)).to_pylist()
    return pc.replace_with_mask(
        texts, pc.fill_null(pc.invert(inside), False), pa.array([far(int(tick)) for tick in outside], pa.string())
    )


def _far_date(day: int) -> str:
    if abs(day) >= _INFINITE_DAY:
        return "infinity" if day > 0 else "-infinity"
    year, month, date = _civil(day)
    return f"{_year(year)}-{month:02}-{date:02}"


def _far_timestamp(tick: int, second: int, zone: bool) -> str:
    if abs(tick) >= _INFINITE_INSTANT:
        return "infinity" if tick > 0 else "-infinity"
    seconds, fraction = divmod(tick, second)
    day, seconds = divmod(seconds, _DAY)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    digits = f".{fraction:0{len(str(second)) - 1}}" if fraction else ""
    return f"{_far_date(day)}T{clock}{digits}{'Z' if zone else ''}"


def _year(year: int) -> str:
    return f"{year:04}" if 0 <= year <= 9999 else f"{year:+05}"


def _civil(day: int) -> tuple[int, int, int]:
    """Turn days since 1970 into year (astronomical), month and day of the proleptic Gregorian calendar.

    Source: H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    """
    era, of_era = divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def _without_zero_fraction(texts: Array) -> Array:
    return pc.replace_substring_regex(texts, r"\.0+$", "")


def _suffixed(texts: Array, suffix: str) -> Array:
    return pc.binary_join_element_wise(texts, suffix, "") if suffix else texts
