"""Formats dates, times, timestamps and intervals (RFC 3339, ISO 8601), for every value of DuckDB.

Arrow's own casts make the text where the year has four digits, which is nearly always; the rest is computed here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from gateway.encode.arrays import Array, pc
from gateway.encode.texts import bounds, content, made, whole

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY = 86_400
_FIRST, _LAST = -719_528, 2_932_896
"""Days from 1970 to 0000-01-01 and to 9999-12-31."""
_INFINITE_DAY = 2**31 - 1
_INFINITE_INSTANT = 2**63 - 1


def dates(array: Array) -> Array:
    """``2013-01-31``; ``infinity``; ``+012345-01-01`` and ``-000043-03-15`` where the year has no four digits."""
    days = array.cast(pa.int32()).cast(pa.int64())
    return _with_far(array, days, _FIRST, _LAST, _far_date, lambda near: pc.cast(near, pa.string()))


def timestamps(array: Array) -> Array:
    """``2013-01-31T05:00:00``, with the fraction in full unless it is zero, and ``Z`` where the type has a zone."""
    unit, zone = array.type.unit, array.type.tz is not None
    second = _UNITS[unit]
    ticks = array.cast(pa.int64())
    first = max(_FIRST * _DAY * second, -_INFINITE_INSTANT + 1)
    last = min((_LAST + 1) * _DAY * second - 1, _INFINITE_INSTANT - 1)

    def near(instants: Array) -> Array:
        naive = instants.cast(pa.int64()).cast(pa.timestamp(unit))
        return _without_zero_fraction(naive, second, pa.timestamp("s"), lambda texts: _spelled(texts, zone))

    return _with_far(array, ticks, first, last, lambda tick: _far_timestamp(tick, second, zone), near)


def times(array: Array) -> Array:
    """``05:00:00``, with the fraction in full unless it is zero; the end of the day is ``24:00:00``."""
    second = _UNITS[array.type.unit]
    ends = pc.equal(array.cast(pa.int64()), _DAY * second)
    if not pc.any(ends).as_py():
        return _without_zero_fraction(array, second, pa.time32("s"), lambda texts: texts)
    return pc.if_else(ends, "24:00:00", times(pc.if_else(ends, pa.scalar(0, array.type), array)))


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
    ends = pc.min_max(ticks).as_py()
    if ends["min"] is None or (ends["min"] >= first and ends["max"] <= last):
        return near(array)
    inside = pc.and_(pc.greater_equal(ticks, first), pc.less_equal(ticks, last))
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
    """Write a year: others than 0 to 9999 with a sign and six digits at least.

    It is the expanded form of ISO 8601 and ECMA-262; JavaScript takes ``-0043-03-15`` for a day of 2043.
    """
    return f"{year:04}" if 0 <= year <= 9999 else f"{year:+07}"


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


def _without_zero_fraction(array: Array, second: int, coarse: pa.DataType, spelled: Callable[[Array], Array]) -> Array:
    """Make texts of values of *second* ticks a second; of those without a fraction, by way of the type *coarse*."""
    ticks = pc.fill_null(array.cast(pa.int64()), 0).to_numpy()
    exact = ticks % second == 0
    if not exact.any():
        return spelled(pc.cast(array, pa.string()))
    short = spelled(pc.cast(pc.cast(array, coarse, safe=False), pa.string()))
    if exact.all():
        return short
    return pc.if_else(pa.array(exact), short, spelled(pc.cast(array, pa.string())))


def _spelled(texts: Array, zone: bool) -> Array:
    """Write ``T`` for the space of texts of one length, and add ``Z`` where they are in a *zone*."""
    texts = whole(texts)
    count = len(texts) - texts.null_count
    if count == 0:
        return texts
    old, starts = content(texts).reshape(count, -1), bounds(texts)
    width = old.shape[1]
    new = np.full((count, width + zone), ord("Z"), np.uint8)
    new[:, :width] = old
    new[:, 10] = ord("T")
    return made(texts, starts // width * (width + zone), new.reshape(-1))
