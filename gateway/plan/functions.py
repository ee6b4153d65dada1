"""Functions of a column that keep order, applied to the intervals of partitions and files.

If every value of a column lies in ``[lo, hi]``, every value of ``f(column)`` lies in ``[f(lo), f(hi)]`` for a monotone
``f``. A function that repeats, such as ``month``, is monotone within a period (the year); an interval that lies in one
period is mapped in the same way, any other becomes unbounded. All of them give NULL for NULL, and the exact values of
DuckDB with ``TimeZone = 'UTC'``; a test compares them with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from gateway.catalog.transforms.keys import (
    HIGHEST,
    INFINITE_DATE,
    LOWEST,
    KeyKind,
    KeyType,
    Ordinals,
    double_ordinals,
    key_type,
)
from gateway.predicate import Function

Step = Callable[[Ordinals], Ordinals]
Times: TypeAlias = Any
"""An array of ``datetime64``, whose unit numpy's stubs lose in arithmetic."""

_DAY = 86_400
_FIRST_DAY = -719_162  # 0001-01-01
_UNDATED = ("cast", "add", "add_months", "add_months_to_time")
"""Functions that do not ask for the year."""
_LONGEST = 106_000_000  # days from the epoch that a TIMESTAMP in µs can hold, rounded down
_TEMPORAL = (KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ)
_FIELDS = ("%Y", "%m", "%d", "%H", "%M", "%S")
_CUTS = {"%Y": "Y", "%m": "M", "%d": "D", "%H": "h", "%M": "m", "%S": "s"}
_NUMPY = {"microsecond": "us", "millisecond": "ms", "second": "s", "minute": "m", "hour": "h", "day": "D", "month": "M"}
_MOST_MONTHS = 120_000
_YEARS = {"decade": 10, "century": 100, "millennium": 1000}

TRUNCATIONS = frozenset({*_NUMPY, "microseconds", "milliseconds", "week", "quarter", "year"} | set(_YEARS))
"""Parts that ``date_trunc`` is understood for."""
PARTS = frozenset({"year", "isoyear", "yearweek", "epoch", "epoch_ms", "epoch_us", "epoch_ns"})
"""Numbers taken from a date or timestamp that keep order."""
REPEATING = frozenset(
    {"quarter", "month", "week", "day", "dayofmonth", "dayofyear", "dayofweek", "weekday", "isodow"}
    | {"hour", "minute"}
)
"""Numbers taken from a date or timestamp that keep order within a period."""


class Intervals(NamedTuple):
    """Closed intervals of 64-bit keys; ``texts`` are the ends instead where the type is VARCHAR (None: unbounded)."""

    lo: Ordinals
    hi: Ordinals
    texts: tuple[list[str | None], list[str | None]] | None = None


@dataclass(frozen=True, slots=True)
class _Mapping:
    """How one function maps keys: ``period`` gives equal keys to values between which ``step`` is monotone."""

    low: Step
    high: Step
    period: Step | None = None


def supported(function: Function, argument: str) -> bool:
    """Return whether intervals of a column of type *argument* can be carried through *function*.

    The functions are ``cast(type)``, ``date_trunc(part)``, ``date_part(part)`` with a name of ``PARTS`` or
    ``REPEATING`` (which are also functions by themselves), ``strftime(format)``, and ``add(n)``: n units of the order
    key of the type, that is integers, days of a DATE, µs of a TIMESTAMP; ``add_months(n)`` to a DATE, and
    ``add_months_to_time(n)`` to a TIMESTAMP, whose order it keeps but within a day.
    """
    source, target = key_type(argument), key_type(function.returns)
    if source is None or target is None or source.wide:
        return False
    return is_text(function, source) or _mapping(function, argument) is not None


def carry(function: Function, argument: str, lo: Ordinals, hi: Ordinals) -> Intervals:
    """Map intervals through a supported function; an end that is not known stays unbounded."""
    source = key_type(argument)
    assert source is not None
    below, above = lo <= LOWEST + 1, hi >= HIGHEST
    if source.kind in _TEMPORAL:
        first, last = (-INFINITE_DATE, INFINITE_DATE) if source.kind is KeyKind.DATE else (LOWEST + 1, HIGHEST)
        infinite = (lo >= last) | (hi <= first)
        below, above = below | infinite | (lo <= first), above | infinite | (hi >= last)
    if is_text(function, source):
        return _carry_text(function, source, lo, hi)
    mapping = _mapping(function, argument)
    assert mapping is not None
    inside_lo, inside_hi = np.where(below, 0, lo), np.where(above, 0, hi)
    low, high = mapping.low(inside_lo), mapping.high(inside_hi)
    if mapping.period is not None:
        unknown = below | above | (mapping.period(inside_lo) != mapping.period(inside_hi))
        below, above = unknown, unknown
    if function.name.startswith("add_months"):
        far = (abs(_days(inside_lo, source)) > _LONGEST // 2) | (abs(_days(inside_hi, source)) > _LONGEST // 2)
        below, above = below | far, above | far
    if function.name not in _UNDATED and source.kind in _TEMPORAL:
        # Before Christ the engine counts otherwise: 44 BC is the year 44 of an instant, and -43 of a day.
        begins = HIGHEST if source.kind is KeyKind.TIMESTAMPTZ else _FIRST_DAY
        unknown = np.where(below, _days(inside_hi, source) < begins, _days(inside_lo, source) < _FIRST_DAY)
        unknown = unknown | (_days(inside_hi, source) > _LONGEST)
        below, above = below | unknown, above | unknown
    return Intervals(np.where(below, LOWEST, low), np.where(above, HIGHEST, high))


def is_text(function: Function, source: KeyType) -> bool:
    """Return whether the function writes dates as text that sorts as they do."""
    if source.kind not in _TEMPORAL or function.returns.upper() != "VARCHAR":
        return False
    if function.name == "cast":
        return source.kind is KeyKind.DATE
    return function.name == "strftime" and _text_format(str(function.arguments[0])) is not None


@lru_cache(maxsize=256)
def _text_format(pattern: str) -> tuple[str, str] | None:
    """Return a sortable strftime format and the numpy unit it is cut to; None if its texts do not sort as dates."""
    found = [pattern[at : at + 2] for at in range(len(pattern)) if pattern[at] == "%"]
    if not found or tuple(found) != _FIELDS[: len(found)]:
        return None
    return pattern, _CUTS[found[-1]]


def _carry_text(function: Function, source: KeyType, lo: Ordinals, hi: Ordinals) -> Intervals:
    """Write both ends as text; only years of four digits sort as texts, so any other interval is unbounded."""
    cut = _text_format("%Y-%m-%d" if function.name == "cast" else str(function.arguments[0]))
    assert cut is not None
    pattern, unit = cut
    first, last = _days(lo, source), _days(hi, source)
    fits = (first >= -354285) & (last <= 2932896) & (lo > LOWEST + 1) & (hi < HIGHEST)
    ends = tuple(_written(np.where(fits, end, 0), source, pattern, unit, fits.tolist()) for end in (lo, hi))
    return Intervals(lo, hi, (ends[0], ends[1]))


def _written(keys: Ordinals, source: KeyType, pattern: str, unit: str, fits: list[bool]) -> list[str | None]:
    texts: list[str | None] = []
    isos = np.datetime_as_string(_times(keys, source).astype(f"datetime64[{unit}]")).tolist()
    for iso, known in zip(isos, fits, strict=True):
        padded = iso + "-01-01T00:00:00"[len(iso) - 4 :]
        text = pattern
        for directive, start, stop in zip(_FIELDS, (0, 5, 8, 11, 14, 17), (4, 7, 10, 13, 16, 19), strict=True):
            text = text.replace(directive, padded[start:stop])
        texts.append(text if known else None)
    return texts


@lru_cache(maxsize=1024)
def _mapping(function: Function, argument: str) -> _Mapping | None:
    source, target = key_type(argument), key_type(function.returns)
    if source is None or target is None or target.wide or source.wide:
        return None
    if function.name == "cast":
        return _cast(source, target)
    if function.name == "add":
        return _add(function, source, target)
    if function.name == "add_months":
        return _add_months(function, source, target)
    if function.name == "add_months_to_time":
        return _add_months_to_time(function, source, target)
    if source.kind not in _TEMPORAL or source.per_second not in (0, 10**6):
        return None
    if function.name == "date_trunc":
        return _truncate(str(function.arguments[0]).lower(), source, target)
    name = str(function.arguments[0]).lower() if function.name == "date_part" and function.arguments else function.name
    return _number(name, source, target)


def _both(step: Step) -> _Mapping:
    return _Mapping(step, step)


def _cast(source: KeyType, target: KeyType) -> _Mapping | None:
    """Casts that keep order. Those that round map each end outwards."""
    match source.kind, target.kind:
        case (KeyKind.BOOLEAN | KeyKind.INTEGER, KeyKind.INTEGER | KeyKind.DECIMAL):
            return _both(lambda keys: _times_factor(keys, 10**target.scale))
        case (KeyKind.BOOLEAN | KeyKind.INTEGER, KeyKind.DOUBLE):
            return _both(lambda keys: double_ordinals(keys.astype(target.arrow.to_pandas_dtype()).astype(np.float64)))
        case (KeyKind.DOUBLE, KeyKind.DOUBLE) if target.arrow.bit_width == 64:
            return _both(lambda keys: keys)
        case (KeyKind.DECIMAL, KeyKind.DECIMAL) if target.scale >= source.scale:
            return _both(lambda keys: _times_factor(keys, 10 ** (target.scale - source.scale)))
        case (KeyKind.DECIMAL, KeyKind.INTEGER):
            unit = 10**source.scale
            return _Mapping(lambda keys: keys // unit, lambda keys: -(-keys // unit))
        case (KeyKind.DATE, KeyKind.DATE):
            return _both(lambda keys: keys)
        case (KeyKind.DATE, KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ):
            return _both(lambda keys: _times_factor(keys, _DAY * target.per_second))
        case (KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ, KeyKind.DATE):
            return _both(lambda keys: keys // (_DAY * source.per_second))
        case (KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ, KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ):
            return _cast_units(source.per_second, target.per_second)
        case _:
            return None


def _cast_units(source: int, target: int) -> _Mapping:
    if target >= source:
        return _both(lambda keys: _times_factor(keys, target // source))
    step = source // target
    return _Mapping(lambda keys: keys // step, lambda keys: -(-keys // step))


def _add(function: Function, source: KeyType, target: KeyType) -> _Mapping | None:
    if source != target or source.kind not in (KeyKind.INTEGER, KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ):
        return None
    step = function.arguments[0]
    if not isinstance(step, int) or not LOWEST < step < HIGHEST:
        return None
    return _both(lambda keys: _plus(keys, step))


def _add_months(function: Function, source: KeyType, target: KeyType) -> _Mapping | None:
    """Move days by months; the last days of a long month become the last of a short one."""
    months = function.arguments[0]
    if source.kind is not KeyKind.DATE or target.kind is not KeyKind.TIMESTAMP or target.per_second != 10**6:
        return None
    if not isinstance(months, int) or abs(months) > _MOST_MONTHS:
        return None

    def moved(keys: Ordinals) -> Ordinals:
        days = keys.astype("datetime64[D]")
        month = days.astype("datetime64[M]")
        length = (month + months + 1).astype("datetime64[D]") - (month + months).astype("datetime64[D]")
        within = np.minimum(days - month.astype("datetime64[D]"), length - np.timedelta64(1, "D"))
        return _to_keys((month + months).astype("datetime64[D]") + within, target)

    return _both(moved)


def _add_months_to_time(function: Function, source: KeyType, target: KeyType) -> _Mapping | None:
    """Move times by months: of two days that become one, the later time of day may have been on the earlier day."""
    days = key_type("DATE")
    if source != target or source.kind is not KeyKind.TIMESTAMP or source.per_second != 10**6 or days is None:
        return None
    of_days = _add_months(function, days, target)
    if of_days is None:
        return None
    whole = _DAY * 10**6

    def ends(keys: Ordinals) -> tuple[Ordinals, Ordinals, Any]:
        day, within = keys // whole, keys % whole
        month = day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return of_days.low(day), within, day - month < 27

    def low(keys: Ordinals) -> Ordinals:
        moved, within, alone = ends(keys)
        return moved + np.where(alone, within, 0)

    def high(keys: Ordinals) -> Ordinals:
        moved, within, alone = ends(keys)
        return moved + np.where(alone, within, whole - 1)

    return _Mapping(low, high)


def _truncate(part: str, source: KeyType, target: KeyType) -> _Mapping | None:
    part = part.removesuffix("s") if part in ("microseconds", "milliseconds") else part
    if part not in TRUNCATIONS or target.kind not in _TEMPORAL or target.per_second not in (0, 10**6):
        return None
    return _both(lambda keys: _to_keys(_cut(_times(keys, source), part), target))


def _number(name: str, source: KeyType, target: KeyType) -> _Mapping | None:
    if name in PARTS:
        as_target = double_ordinals if target.kind is KeyKind.DOUBLE else None
        step = _part(name, source)
        if as_target is None:
            return _both(step) if target.kind is KeyKind.INTEGER and name != "epoch" else None
        if name == "epoch":
            # The engine computes it in two ways (TIMESTAMP, TIMESTAMPTZ) that round differently, by the last digit.
            return _Mapping(
                lambda keys: double_ordinals((_micros(keys, source) - 1) / 1e6) - 1,
                lambda keys: double_ordinals((_micros(keys, source) + 1) / 1e6) + 1,
            )
        return _both(lambda keys: double_ordinals(step(keys).astype(np.float64)))
    if name not in REPEATING or target.kind is not KeyKind.INTEGER:
        return None
    count, period = _repeating(name)
    return _Mapping(
        lambda keys: count(_times(keys, source)),
        lambda keys: count(_times(keys, source)),
        lambda keys: period(_times(keys, source)).astype(np.int64),
    )


def _part(name: str, source: KeyType) -> Step:
    match name:
        case "year":
            return lambda keys: _years(_times(keys, source))
        case "isoyear":
            return lambda keys: _iso(_times(keys, source))[0]
        case "yearweek":
            return lambda keys: _yearweek(_times(keys, source))
        case "epoch_ms":
            return lambda keys: _toward_zero(_micros(keys, source), 1_000)
        case "epoch_ns":
            return lambda keys: _times_factor(_micros(keys, source), 1_000)
        case _:
            return lambda keys: _micros(keys, source)


def _repeating(name: str) -> tuple[Callable[[Times], Ordinals], Callable[[Times], Times]]:
    """Return what counts the number, and what cuts a time to the period within which the count keeps order."""
    match name:
        case "quarter":
            return (lambda t: _count(t, "M", "Y") // 3 + 1), (lambda t: t.astype("datetime64[Y]"))
        case "month":
            return (lambda t: _count(t, "M", "Y") + 1), (lambda t: t.astype("datetime64[Y]"))
        case "week":
            return (lambda t: _iso(t)[1]), (lambda t: _iso(t)[0].astype("datetime64[Y]"))
        case "day" | "dayofmonth":
            return (lambda t: _count(t, "D", "M") + 1), (lambda t: t.astype("datetime64[M]"))
        case "dayofyear":
            return (lambda t: _count(t, "D", "Y") + 1), (lambda t: t.astype("datetime64[Y]"))
        case "dayofweek" | "weekday":
            return (lambda t: _weekday(t, 4)), (lambda t: t.astype("datetime64[D]") - _weekday(t, 4))
        case "isodow":
            return (lambda t: _weekday(t, 3) + 1), (lambda t: t.astype("datetime64[D]") - _weekday(t, 3))
        case "hour":
            return (lambda t: _count(t, "h", "D")), (lambda t: t.astype("datetime64[D]"))
        case _:
            return (lambda t: _count(t, "m", "h")), (lambda t: t.astype("datetime64[h]"))


def _count(times: Times, unit: str, period: str) -> Ordinals:
    start = times.astype(f"datetime64[{period}]").astype(f"datetime64[{unit}]")
    counted: Ordinals = (times.astype(f"datetime64[{unit}]") - start).astype(np.int64)
    return counted


def _weekday(times: Times, offset: int) -> Ordinals:
    """Count days from the start of the week; the epoch is a Thursday: 4 from Sunday, 3 from Monday."""
    counted: Ordinals = (times.astype("datetime64[D]").astype(np.int64) + offset) % 7
    return counted


def _iso(times: Times) -> tuple[Ordinals, Ordinals]:
    """Return ISO 8601 year and week: those of the week's Thursday."""
    thursday = times.astype("datetime64[D]") - _weekday(times, 3) + 3
    return _years(thursday), _count(thursday, "D", "Y") // 7 + 1


def _yearweek(times: Times) -> Ordinals:
    year, week = _iso(times)
    return year * 100 + np.where(year > 0, week, -week)


def _years(times: Times) -> Ordinals:
    counted: Ordinals = times.astype("datetime64[Y]").astype(np.int64) + 1970
    return counted


def _cut(times: Times, part: str) -> Times:
    if part == "week":
        days: Times = times.astype("datetime64[D]") - _weekday(times, 3)
        return days
    if part == "quarter":
        months = times.astype("datetime64[M]").astype(np.int64)
        return (months - months % 3).astype("datetime64[M]")
    if part in _YEARS:
        years = _years(times)
        return (years - years % _YEARS[part] - 1970).astype("datetime64[Y]")
    return times.astype(f"datetime64[{_NUMPY.get(part, 'Y')}]")


def _times(keys: Ordinals, source: KeyType) -> Times:
    return keys.astype("datetime64[us]") if source.per_second else keys.astype("datetime64[D]")


def _to_keys(times: Times, target: KeyType) -> Ordinals:
    days: Ordinals = times.astype("datetime64[D]").astype(np.int64)
    if not target.per_second:
        return days
    exact = times.astype("datetime64[us]").astype(np.int64)
    return np.where(days > _LONGEST, HIGHEST, np.where(days < -_LONGEST, LOWEST, exact))


def _days(keys: Ordinals, source: KeyType) -> Ordinals:
    return keys // (_DAY * source.per_second) if source.per_second else keys


def _micros(keys: Ordinals, source: KeyType) -> Ordinals:
    return keys if source.per_second else _times_factor(keys, _DAY * 10**6)


def _toward_zero(keys: Ordinals, step: int) -> Ordinals:
    return np.where(keys < 0, -(-keys // step), keys // step)


def _times_factor(keys: Ordinals, factor: int) -> Ordinals:
    """Multiply; beyond 64 bits the extreme stands for what does not fit."""
    limit = HIGHEST // factor
    inside = np.clip(keys, -limit, limit) * factor
    return np.where(keys > limit, HIGHEST, np.where(keys < -limit, LOWEST, inside))


def _plus(keys: Ordinals, step: int) -> Ordinals:
    if step >= 0:
        return np.where(keys > HIGHEST - step, HIGHEST, np.minimum(keys, HIGHEST - step) + step)
    return np.where(keys < LOWEST - step, LOWEST, np.maximum(keys, LOWEST - step) + step)
