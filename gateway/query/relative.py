"""Relative times: ``now``, ``now-7d``, ``now-1M/M``, ``now+1d/d``, as Grafana and Elasticsearch write them.

``now`` is followed by steps, which are taken from left to right: ``+`` or ``-``, a count (1 where it is left out) and a
unit, or ``/`` and a unit, which rounds down to its start. Units are ``s``, ``m``, ``h`` (also ``H``), ``d``, ``w``
(from Monday), ``M``, ``Q`` and ``y``.

Seconds, minutes and hours are lengths of time. Days and longer ones are counted on the calendar of a zone, with the
same wall-clock time: where the zone does not show it, or shows it twice, it is as ``zones.instant`` has it. A day that
a month lacks is the last of that month. ``docs/templates.md`` has the rules for callers.
"""

from __future__ import annotations

import re
import time
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.query.refused import Refused, shown
from gateway.query.zones import instant, start_of_day, wall, with_offset_of

_STEP = re.compile(r"([+-])([0-9]{0,9})([A-Za-z]+)|/([A-Za-z]+)")
_MOST_STEPS = 8
_LONGEST = 100
"""Characters of a relative time."""
_LENGTHS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_DAYS = {"d": 1, "w": 7}
_MONTHS = {"M": 1, "Q": 3, "y": 12}
_UNITS = (*_LENGTHS, *_DAYS, *_MONTHS)
PATTERN = rf"^now([+-][0-9]{{0,9}}[{''.join(_UNITS)}H]|/[{''.join(_UNITS)}H]){{0,{_MOST_STEPS}}}$"
"""The grammar as a regular expression."""
_SYNONYMS = {
    "s": ("second", "sec"),
    "m": ("minute", "min"),
    "h": ("hour", "hr"),
    "d": ("day",),
    "w": ("week",),
    "M": ("month", "mon"),
    "Q": ("quarter",),
    "y": ("year", "yr"),
}
_WORDS = {word: unit for unit, words in _SYNONYMS.items() for word in words}
_WHOLE = {"today": "now/d", "yesterday": "now-1d/d", "tomorrow": "now+1d/d"}
_BARE = re.compile(r"[+-]?[0-9]{1,9}[A-Za-z]{1,10}(?:/[A-Za-z]{1,10})?")
SECOND = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What ``now`` stands for: an instant in seconds since the epoch, of which whole multiples of *width* count."""

    seconds: float
    width: float = SECOND

    def every(self, width: float | None) -> Now:
        """Return the same with the *width* that a parameter declares; None: it declares none."""
        return self if width is None else Now(seconds=self.seconds, width=width)

    @property
    def start(self) -> float:
        """Return the instant, rounded down."""
        return self.seconds // self.width * self.width

    @property
    def instant(self) -> datetime:
        """Return the instant, rounded down, in UTC."""
        return datetime.fromtimestamp(self.start, UTC)


def present() -> Now:
    """Return the present."""
    return Now(seconds=time.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a relative time: *count* units further, or back to the start of one (None)."""

    count: int | None
    unit: str

    def __str__(self) -> str:
        return f"/{self.unit}" if self.count is None else f"{self.count:+d}{self.unit}"

    def taken(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Take the step from an instant. Raises ``OverflowError``."""
        if self.count is None:
            return _start(moment, self.unit, zone)
        if self.unit in _LENGTHS:
            return moment + self.count * _LENGTHS[self.unit]
        return moment if self.count == 0 else instant(_further(wall(moment, zone), self.count, self.unit), zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeTime:
    """A relative time, as its steps from ``now``; written as a text it is in its shortest form."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "now" + "".join(map(str, self.steps))

    def at(self, now: Now, zone: ZoneInfo) -> datetime:
        """Return the instant that is meant, in UTC. Raises ``Refused`` outside of the years 1 to 9999."""
        try:
            return self._taken(now.instant, self.steps, zone)
        except (OverflowError, ValueError) as error:
            raise Refused(f"'{self}' is outside the years 1 to 9999") from error

    def until(self, now: Now, zone: ZoneInfo) -> float:
        """Return an instant, in seconds since the epoch, before which the same is meant as *now*."""
        soon = now.start + now.width
        rounding = next((place for place, step in enumerate(self.steps) if step.count is None), None)
        if rounding is None or rounding > 1:
            return soon
        try:
            return max(soon, self._end_of_rounding(now.instant, rounding, zone))
        except (OverflowError, ValueError):
            return soon

    def _end_of_rounding(self, now: datetime, rounding: int, zone: ZoneInfo) -> float:
        """Return until when a rounding has the same result that is the first step, or the second after a count.

        The instant that is rounded moves as *now* does until the local day ends, or the clocks change.
        """
        from_, unit = self._taken(now, self.steps[:rounding], zone), self.steps[rounding].unit
        left = min(
            _end(from_, unit, zone) - from_, start_of_day((wall(now, zone) + timedelta(days=1)).date(), zone) - now
        )
        for moment in (now, from_):
            if _offset(moment, zone) != _offset(moment + left, zone):
                return 0.0
        return (now + left).timestamp()

    @staticmethod
    def _taken(moment: datetime, steps: tuple[Step, ...], zone: ZoneInfo) -> datetime:
        for step in steps:
            moment = step.taken(moment, zone)
        return moment


def is_relative(text: object) -> bool:
    """Tell whether a value is meant for a relative time, well written or not."""
    return isinstance(text, str) and text[:3].lower() == "now"


@lru_cache(maxsize=1024)
def parse(text: str) -> RelativeTime:
    """Read a relative time. Raises ``Refused``, with what is meant where that can be told.

    >>> str(parse("now-d/d")), str(parse("now"))
    ('now-1d/d', 'now')
    """
    if len(text) > _LONGEST:
        raise Refused(f"{shown(text)} is longer than the {_LONGEST} characters of a relative time")
    steps = _steps(text)
    if steps is None:
        raise _unreadable(text)
    for step in steps:
        if step.unit not in _UNITS:
            nearest = _nearest(step.unit)
            hint = f"did you mean {nearest!r}? " if nearest else ""
            units = ", ".join(_UNITS)
            raise Refused(f"{shown(text)}: {step.unit[:20]!r} is no unit of time: {hint}there are {units}")
    return RelativeTime(steps=steps)


def suggested(text: str) -> str | None:
    """Suggest the relative time that a text is meant for, None where it is meant for something else.

    >>> suggested("today"), suggested("-7 days"), suggested("NOW - 1h"), suggested("2013-01-31")
    ('now/d', 'now-7d', 'now-1h', None)
    """
    plain = "".join(text[:_LONGEST].split())
    if plain.lower() in _WHOLE:
        return _WHOLE[plain.lower()]
    if _BARE.fullmatch(plain):
        plain = f"now{plain if plain[0] in '+-' else '-' + plain}"
    if plain[:3].lower() != "now":
        return None
    steps = _steps("now" + re.sub(r"[A-Za-z]+", lambda word: _nearest(word[0]) or word[0], plain[3:]))
    known = steps is not None and all(step.unit in _UNITS for step in steps)
    return str(RelativeTime(steps=steps)) if steps is not None and known else None


def _steps(text: str) -> tuple[Step, ...] | None:
    """Take a text apart; None where it is not of the grammar. The units need not be known."""
    if not text.startswith("now"):
        return None
    steps, place = list[Step](), 3
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None or len(steps) == _MOST_STEPS:
            return None
        sign, count, counted, rounded = match.groups()
        unit = counted or rounded
        number = None if sign is None else int(f"{sign}{count or 1}")
        steps.append(Step(count=number, unit="h" if unit == "H" else unit))
        place = match.end()
    return tuple(steps)


def _nearest(word: str) -> str | None:
    """Return the unit that a word is meant for.

    >>> [_nearest(word) for word in ("days", "D", "Months", "min", "ms", "fy")]
    ['d', 'd', 'M', 'm', None, None]
    """
    if word in _UNITS:
        return word
    singular = word.lower().removesuffix("s") if len(word) > 2 else word.lower()
    return _WORDS.get(singular) or next((unit for unit in _UNITS if unit.lower() == singular), None)


def _unreadable(text: str) -> Refused:
    if _steps(text.replace(" ", "+")) is not None:
        return Refused(f"{shown(text)} has a space: a + is written %2B in a query string")
    nearest = suggested(text)
    hint = f"did you mean {nearest!r}?" if nearest else "write it as now-7d, now-1M/M or now+1d/d"
    return Refused(f"{shown(text)} is not a relative time: {hint}")


def _further(shown_time: datetime, count: int, unit: str) -> datetime:
    if unit in _DAYS:
        return shown_time + timedelta(days=count * _DAYS[unit])
    year, month = divmod(shown_time.year * 12 + shown_time.month - 1 + count * _MONTHS[unit], 12)
    if not 1 <= year <= 9999:
        raise OverflowError("there is no such year")
    return shown_time.replace(year=year, month=month + 1, day=min(shown_time.day, monthrange(year, month + 1)[1]))


def _start(moment: datetime, unit: str, zone: ZoneInfo) -> datetime:
    """Round an instant down to the start of a unit on the calendar and the clocks of a zone."""
    shows = wall(moment, zone)
    if unit in _LENGTHS:
        return with_offset_of(shows - _since_start(shows, unit), moment, zone)
    return start_of_day(_first(shows, unit), zone)


def _since_start(shows: datetime, unit: str) -> timedelta:
    """Return how much of an hour, minute or second a wall-clock time has behind it."""
    return (shows - datetime(1, 1, 1)) % _LENGTHS[unit]


def _first(shows: datetime, unit: str) -> datetime:
    """Return the first day of the unit that a wall-clock time is in."""
    if unit in _DAYS:
        return shows - timedelta(days=shows.weekday() if unit == "w" else 0)
    months = _MONTHS[unit]
    return shows.replace(day=1, month=(shows.month - 1) // months * months + 1)


def _end(moment: datetime, unit: str, zone: ZoneInfo) -> datetime:
    """Return the start of the unit after that of an instant, if the clocks do not change before."""
    if unit in _LENGTHS:
        return moment + _LENGTHS[unit] - _since_start(wall(moment, zone), unit)
    return start_of_day(_further(_first(wall(moment, zone), unit), 1, unit), zone)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
