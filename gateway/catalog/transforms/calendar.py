"""``year``, ``month``, ``day``, ``hour``, and the calendar parts of ``year=/month=/day=`` layouts.

The first four keep order and stand alone. ``month_of_year``, ``day_of_month`` and ``hour_of_day`` are numbers that
repeat; beside a ``year`` (or ``month``, ``day``) of the same source they complete it, which ``joint_spans`` knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gateway.catalog.transforms.base import Spans, Transform, TransformError, WideSpans, flat, known
from gateway.catalog.transforms.keys import (
    HIGHEST,
    LOWEST,
    Array,
    Dictionary,
    Key,
    KeyKind,
    KeyType,
    Ordinals,
    Values,
    key_type,
    ordinals,
)
from gateway.catalog.transforms.moments import FIRST_DAY, LAST_DAY

Edge = Literal["earliest", "latest"]
Mask = npt.NDArray[np.bool_]
UNITS = ("year", "month", "day", "hour")
NUMPY_UNITS = {"year": "Y", "month": "M", "day": "D", "hour": "h"}
PARTS = {"month_of_year": ("month", 1, 12), "day_of_month": ("day", 1, 31), "hour_of_day": ("hour", 0, 23)}
DEFAULT_FORMATS = {"month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%d-%H"}
_EXAMPLES = {
    "year": "2013",
    "month": "2013-06",
    "day": "2013-06-01",
    "hour": "2013-06-01-09",
    "month_of_year": "1 to 12",
    "day_of_month": "1 to 31",
    "hour_of_day": "0 to 23",
}
_DIRECTIVES = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
_ISO = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10), "hour": slice(11, 13)}


@dataclass(frozen=True, slots=True)
class Calendar(Transform):
    """A calendar unit of a DATE, TIMESTAMP or TIMESTAMPTZ.

    ``zone`` (IANA) is where the day of a TIMESTAMPTZ is taken. ``pattern`` is the strftime format of the folder text
    (``%Y %m %d %H``); without one, units are written ISO 8601 (hours ``YYYY-MM-DD-HH``) and parts as plain numbers.
    """

    unit: str
    pattern: str | None = None
    zone: str = "UTC"

    @property
    def name(self) -> str:
        return self.unit

    @property
    def part(self) -> str:
        """The calendar field that the unit ends with: year, month, day or hour."""
        return PARTS[self.unit][0] if self.unit in PARTS else self.unit

    @property
    def repeats(self) -> bool:
        """Whether the same number comes back every year, month or day."""
        return self.unit in PARTS

    def problem(self, source_type: str) -> TransformError | None:
        kind = key_type(source_type)
        if kind is None or kind.kind not in (KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ):
            return TransformError(f"{self.unit} needs a date or a timestamp, not {source_type}")
        if kind.kind is KeyKind.DATE and self.part == "hour":
            return TransformError(f"a DATE has no {self.unit}", "use day")
        if kind.kind is not KeyKind.TIMESTAMPTZ and self.zone != "UTC":
            return TransformError(f"a zone says nothing about {source_type}", "a zone is for TIMESTAMPTZ sources")
        return None

    def result_type(self, source_type: str) -> str:
        return {"month": "VARCHAR", "hour": "VARCHAR", "day": "DATE"}.get(self.unit, "INTEGER")

    def apply(self, values: Values, source_type: str) -> Dictionary:
        array = flat(values, source_type)
        present = np.asarray(array.is_valid(), dtype=np.bool_)
        kind = known(source_type)
        unique, positions = np.unique(self._of_ordinals(ordinals(array, kind)[present], kind), return_inverse=True)
        rows = np.zeros(len(array), dtype=np.int32)
        rows[present] = positions
        indices: Array = pa.array(rows, mask=~present)
        return pa.DictionaryArray.from_arrays(indices, self._texts(unique))

    def decode(self, texts: Array, source_type: str) -> Array:
        numbers = self.numbers(texts)
        if self.unit in ("month", "hour"):
            return _written(numbers, self.unit, DEFAULT_FORMATS[self.unit])
        return pa.array(numbers, pa.int32()).cast(pa.date32()) if self.unit == "day" else pa.array(numbers, pa.int32())

    def encode(self, values: Array, source_type: str) -> Array:
        if self.unit in ("month", "hour"):
            return self._texts(Calendar(self.unit).numbers(values))
        numbers = values.cast(pa.int32()) if self.unit == "day" else values
        return self._texts(np.asarray(numbers, dtype=np.int64))

    def numbers(self, texts: Array) -> Ordinals:
        """Read folder texts: units counted from the epoch (years from 0), or the number of a part."""
        fields = self._fields(texts)
        if self.repeats:
            _, low, high = PARTS[self.unit]
            found = fields[self.part]
            if len(found) and not (found.min() >= low and found.max() <= high):
                raise TransformError(f"a {self.unit} is not in {low} to {high}")
            return found
        return _units(fields, self.unit)

    def spans(self, texts: Array, source_type: str) -> Spans | WideSpans | None:
        if self.repeats:
            return None
        return unit_spans(self.numbers(texts), self.unit, known(source_type), self.zone)

    def codes(self, texts: Array, source_type: str) -> Ordinals | None:
        return self.numbers(texts) if self.repeats else None

    def codes_of(self, keys: Sequence[Key], source_type: str) -> Ordinals:
        kind = known(source_type)
        return self._of_ordinals(np.array(keys, dtype=np.int64), kind)

    def _fields(self, texts: Array) -> dict[str, Ordinals]:
        """Pick the calendar fields out of folder texts; padding is free unless a format was declared."""
        digits = r"\d{2}" if self.pattern or not self.repeats else r"\d{1,2}"
        expression = re.escape(self.pattern or DEFAULT_FORMATS.get(self.unit) or _DIRECTIVES[self.part])
        for field, directive in _DIRECTIVES.items():
            pattern = r"\d{4}" if field == "year" else digits
            expression = expression.replace(directive, f"(?P<{field}>{pattern})")
        found: Array = pc.extract_regex(texts, f"^(?:{expression})$")
        if found.null_count:
            bad = texts.filter(found.is_null())[0].as_py()
            raise TransformError(f"{bad!r} is not a {self.unit}", f"expected {self.pattern or _EXAMPLES[self.unit]}")
        return {field.name: np.asarray(pc.struct_field(found, field.name).cast(pa.int64())) for field in found.type}

    def _texts(self, numbers: Ordinals) -> Array:
        if not self.repeats:
            return _written(numbers, self.unit, self.pattern or DEFAULT_FORMATS.get(self.unit, "%Y"))
        if self.pattern is None:
            return pa.array(numbers, pa.int64()).cast(pa.string())
        directive = _DIRECTIVES[self.part]
        return pa.array([self.pattern.replace(directive, f"{n:02d}") for n in numbers.tolist()], pa.string())

    def _of_ordinals(self, keys: Ordinals, kind: KeyType) -> Ordinals:
        """Return the unit (from the epoch; years from 0) or part of each source key, on the wall clock of the zone."""
        local = _wall_clock(keys, kind, self.zone)
        days = local // (86400 * kind.per_second) if kind.per_second else local
        if len(days) and not (days.min() >= FIRST_DAY and days.max() <= LAST_DAY):
            raise TransformError(f"{self.unit} of a date before year 1, after year 9999, or infinite")
        if self.part == "hour":
            hours = local // (3600 * kind.per_second)
            return hours % 24 if self.repeats else hours
        dates = days.astype("datetime64[D]")
        if self.part == "day":
            return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1 if self.repeats else days
        months = dates.astype("datetime64[M]").astype(np.int64)
        if self.part == "month":
            return months % 12 + 1 if self.repeats else months
        return dates.astype("datetime64[Y]").astype(np.int64) + 1970


def check_format(unit: str, pattern: str) -> None:
    """Refuse a folder format that does not tell its unit exactly once. Raises ``TransformError``."""
    wanted = [PARTS[unit][0]] if unit in PARTS else list(UNITS[: UNITS.index(unit) + 1])
    needed = [_DIRECTIVES[field] for field in wanted]
    if sorted(re.findall(r"%.?", pattern)) != sorted(needed):
        raise TransformError(f"the format {pattern!r} does not fit {unit}", f"use {' '.join(needed)}, each once")


def check_zone(zone: str) -> None:
    """Refuse a time zone that is not in the IANA database. Raises ``TransformError``."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TransformError(f"unknown time zone {zone!r}", "use an IANA name such as Europe/Berlin") from error


def unit_spans(numbers: Ordinals, unit: str, kind: KeyType, zone: str) -> Spans:
    """Return the source keys from the first to the last of each unit, on the wall clock of *zone*."""
    count = numbers - 1970 if unit == "year" else numbers
    numpy_unit = NUMPY_UNITS[unit]
    edges = [np.asarray(count + step).astype(f"datetime64[{numpy_unit}]") for step in (0, 1)]
    if kind.kind is KeyKind.DATE:
        first, after = (edge.astype("datetime64[D]").astype(np.int64) for edge in edges)
        return Spans(first, after - 1)
    seconds = [edge.astype("datetime64[s]").astype(np.int64) for edge in edges]
    if zone == "UTC":
        first, after = (_scaled(edge, kind.per_second) for edge in seconds)
        return Spans(first, np.where(after == HIGHEST, HIGHEST, after - 1))
    lo = _instants(seconds[0] * kind.per_second, zone, ambiguous="earliest", nonexistent="latest")
    hi = _instants(seconds[1] * kind.per_second - 1, zone, ambiguous="latest", nonexistent="earliest")
    return Spans(np.minimum(lo, hi), np.maximum(lo, hi))


def joint_spans(fields: Sequence[tuple[Calendar, Ordinals]], kind: KeyType) -> tuple[Spans | None, list[Calendar]]:
    """Combine calendar fields of one source (each with its number per row) into one interval a row.

    Returns the intervals (None if no field keeps order) and the repeating parts that no unit could use, e.g. a
    ``day_of_month`` without a month.
    """
    parts = {calendar.part: (calendar, numbers) for calendar, numbers in fields if calendar.repeats}
    spans: Spans | None = None
    for calendar, numbers in sorted((f for f in fields if not f[0].repeats), key=lambda f: UNITS.index(f[0].unit)):
        unit, counted, broken = calendar.unit, numbers, np.zeros(len(numbers), dtype=np.bool_)
        for finer in UNITS[UNITS.index(unit) + 1 :]:
            if finer not in parts or parts[finer][0].zone != calendar.zone:
                break
            counted, wrong = _refined(counted, unit, parts[finer][1])
            unit, broken = finer, broken | wrong
        here = unit_spans(counted, unit, kind, calendar.zone)
        here = Spans(np.where(broken, LOWEST, here.lo), np.where(broken, HIGHEST, here.hi))
        spans = here if spans is None else Spans(np.maximum(spans.lo, here.lo), np.minimum(spans.hi, here.hi))
    return spans, _unused(fields)


def _unused(fields: Sequence[tuple[Calendar, Ordinals]]) -> list[Calendar]:
    """List the repeating parts that do not directly continue a unit."""
    covered = {calendar.unit for calendar, _ in fields if not calendar.repeats}
    unused = []
    for calendar in sorted((c for c, _ in fields if c.repeats), key=lambda c: UNITS.index(c.part)):
        coarser = UNITS[UNITS.index(calendar.part) - 1]
        if coarser in covered:
            covered.add(calendar.part)
        else:
            unused.append(calendar)
    return unused


def _refined(counted: Ordinals, unit: str, part: Ordinals) -> tuple[Ordinals, Mask]:
    """Count the next finer unit from a unit and the number of the part; mark days that no month has."""
    if unit == "year":
        return (counted - 1970) * 12 + part - 1, np.zeros(len(part), dtype=np.bool_)
    if unit == "day":
        return counted * 24 + part, np.zeros(len(part), dtype=np.bool_)
    days = counted.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + part - 1
    return days, days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) != counted


def _units(fields: Mapping[str, Ordinals], unit: str) -> Ordinals:
    """Count the unit from the epoch (years from 0). Raises ``TransformError`` for a date that does not exist."""
    year = fields["year"]
    if len(year) and year.min() < 1:
        raise TransformError("there is no year 0000")
    if unit == "year":
        return year
    counted, wrong = _refined(year, "year", fields["month"])
    wrong = wrong | (fields["month"] < 1) | (fields["month"] > 12)
    if unit in ("day", "hour"):
        counted, beyond = _refined(counted, "month", fields["day"])
        wrong = wrong | beyond
    if unit == "hour":
        counted = counted * 24 + fields["hour"]
        wrong = wrong | (fields["hour"] > 23)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise TransformError(f"no such {unit}: {' '.join(str(numbers[at]) for numbers in fields.values())}")
    return counted


def _written(numbers: Ordinals, unit: str, pattern: str) -> Array:
    """Write units (from the epoch; years from 0) by a strftime pattern."""
    count = numbers - 1970 if unit == "year" else numbers
    texts = []
    for iso in np.datetime_as_string(np.asarray(count).astype(f"datetime64[{NUMPY_UNITS[unit]}]")).tolist():
        text = pattern
        for field, directive in _DIRECTIVES.items():
            text = text.replace(directive, iso[_ISO[field]])
        texts.append(text)
    return pa.array(texts, pa.string())


def _wall_clock(keys: Ordinals, kind: KeyType, zone: str) -> Ordinals:
    if kind.kind is not KeyKind.TIMESTAMPTZ or zone == "UTC":
        return keys
    there: Any = pa.array(keys, pa.timestamp("us", tz=zone))
    return np.asarray(pc.local_timestamp(there).cast(pa.int64()), dtype=np.int64)


def _instants(wall: Ordinals, zone: str, *, ambiguous: Edge, nonexistent: Edge) -> Ordinals:
    """Return the UTC instants (µs) of wall-clock times; see ``pyarrow.compute.assume_timezone`` for the two rules."""
    local = pa.array(wall, pa.timestamp("us"))
    found = pc.assume_timezone(local, zone, ambiguous=ambiguous, nonexistent=nonexistent)
    return np.asarray(found.cast(pa.int64()), dtype=np.int64)


def _scaled(seconds: Ordinals, per_second: int) -> Ordinals:
    """Convert seconds to a timestamp's unit; out of its range becomes the extreme."""
    limit = HIGHEST // per_second
    scaled = np.clip(seconds, -limit, limit) * per_second
    return np.where(seconds > limit, HIGHEST, np.where(seconds < -limit, LOWEST, scaled))
