"""Read dates and timestamps: as they are written, as epoch time, as relative times, in the zone of their parameter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from gateway.query.refused import Refused, shown, unexpected
from gateway.query.relative import Now, is_relative, parse, suggested
from gateway.query.types import Kind
from gateway.query.zones import GREENWICH, Shown, how_often, instant, start_of_day, wall

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?([Zz]|[+-][0-9]{2}:[0-9]{2}| [0-9]{2}:[0-9]{2})?)?"
)
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCHS = {"ms": "milliseconds", "s": "seconds"}
"""Units of epoch time, by the words that declare them."""
_EXPECTED = {
    Kind.DATE: "a date such as 2013-01-31",
    Kind.TIMESTAMP: "a timestamp such as 2013-01-31T17:00:00",
    Kind.TIMESTAMPTZ: "a timestamp with its offset such as 2013-01-31T17:00:00Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeForms:
    """What a parameter takes for a time beside its usual form: the zone that it reads in, epoch time, relative times.

    ``epoch`` is a key of ``EPOCHS``; None: it takes none. ``now`` is what relative times count from; None: it takes
    none.
    """

    zone: ZoneInfo | None = None
    epoch: str | None = None
    now: Now | None = None


USUAL = TimeForms()


def read_time(value: Any, kind: Kind, forms: TimeForms = USUAL) -> date:
    """Read a value of a date, timestamp or timestamptz. Raises ``Refused``."""
    try:
        moment = _instant(value, forms)
        if moment is not None:
            return _OF_INSTANTS[kind](moment, forms.zone or GREENWICH)
        return _OF_TEXTS[kind](value, forms)
    except OverflowError as error:
        where = f"in {forms.zone.key}" if forms.zone is not None and kind is not Kind.TIMESTAMPTZ else "in UTC"
        raise Refused(f"{shown(value)} is outside the years 1 to 9999 {where}") from error


def _instant(value: Any, forms: TimeForms) -> datetime | None:
    """Return the instant that epoch time or a relative time stands for, in UTC; None where the value is neither."""
    if forms.now is not None and is_relative(value):
        return parse(value).at(forms.now, forms.zone or GREENWICH)
    if forms.epoch is None or isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int):
        return None
    try:
        return _EPOCH + value * timedelta(**{EPOCHS[forms.epoch]: 1})
    except OverflowError as error:
        raise Refused(f"{shown(value)} {EPOCHS[forms.epoch]} since 1970 are outside the years 1 to 9999") from error


def _date(value: Any, forms: TimeForms) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    moment = _moment(value, Kind.DATE, forms)
    if _is_date(value):
        return moment.date()
    if moment.tzinfo is not None:
        return _date_of_offset(value, moment, forms.zone)
    if moment.time() != time():
        raise Refused(f"{shown(value)} has a time of day, but this is a date: write {moment.date()}")
    return moment.date()


def _date_of_offset(value: Any, moment: datetime, zone: ZoneInfo | None) -> date:
    """Return the date that begins at an instant in the zone of the parameter."""
    if zone is None:
        raise Refused(f"{shown(value)} has a time zone, but a date has none: write the date alone")
    day = wall(moment.astimezone(UTC), zone).date()
    if start_of_day(day, zone) != moment:
        raise Refused(f"{shown(value)} is not the start of a day in {zone.key}, but this is a date: write {day}")
    return day


def _timestamp(value: Any, forms: TimeForms) -> datetime:
    moment = _moment(value, Kind.TIMESTAMP, forms)
    if moment.tzinfo is None:
        return moment
    if forms.zone is None:
        raise Refused(f"{shown(value)} has a time zone, but this timestamp has none: leave the offset out")
    return wall(moment.astimezone(UTC), forms.zone)


def _timestamptz(value: Any, forms: TimeForms) -> datetime:
    moment = _moment(value, Kind.TIMESTAMPTZ, forms)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if forms.zone is None:
        raise Refused(f"{shown(value)} has no time zone: end it with Z or an offset such as +01:00")
    if _is_date(value):
        return start_of_day(moment.date(), forms.zone)
    shows = how_often(moment, forms.zone)
    if shows is not Shown.ONCE:
        when = "twice" if shows is Shown.TWICE else "never"
        raise Refused(f"{shown(value)} is {when} shown by the clocks of {forms.zone.key}: write it with its offset")
    return instant(moment, forms.zone)


def _is_date(value: Any) -> bool:
    """Tell whether a value is written as a date alone."""
    if isinstance(value, str):
        return _DATE.fullmatch(value) is not None
    return not isinstance(value, datetime)


def _moment(value: Any, kind: Kind, forms: TimeForms) -> datetime:
    """Read what is written as a date or a timestamp, with its offset where it has one."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _unexpected(value, kind, forms)
    year, month, day, hour, minute, second, fraction, offset = match.groups(default="")
    if offset.startswith(" "):
        raise Refused(f"{shown(value)} has a space before its offset: a + is written %2B in a query string")
    try:
        numbers = [int(part or 0) for part in (year, month, day, hour, minute, second, fraction.ljust(6, "0"))]
        return datetime(*numbers, tzinfo=_offset(offset))  # type: ignore[arg-type,misc]  # seven integers by the pattern
    except ValueError as error:
        what = "date" if _is_date(value) else "time"
        raise Refused(f"{shown(value)} is not a {what} of the calendar: {error}") from error


def _unexpected(value: Any, kind: Kind, forms: TimeForms) -> Refused:
    """Make the refusal of what is written in no accepted form, with what it may be meant for."""
    expected = _EXPECTED[kind]
    if forms.epoch is not None:
        expected += f", or a whole number of {EPOCHS[forms.epoch]} since 1970"
    if forms.now is not None:
        expected += ", or a relative time such as now-7d/d"
    meant = suggested(value) if isinstance(value, str) else None
    if forms.now is not None and meant is not None:
        expected += f": did you mean {meant!r}?"
    elif meant is not None:
        expected += "; this parameter takes no relative times"
    return unexpected(value, expected)


@lru_cache(maxsize=256)
def _offset(text: str) -> timezone | None:
    if text == "":
        return None
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 15 or minutes > 59:
        raise ValueError("an offset is at most 15:59")
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


_OF_TEXTS: dict[Kind, Callable[[Any, TimeForms], date]] = {
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
}
_OF_INSTANTS: dict[Kind, Callable[[datetime, ZoneInfo], date]] = {
    Kind.DATE: lambda moment, zone: wall(moment, zone).date(),
    Kind.TIMESTAMP: wall,
    Kind.TIMESTAMPTZ: lambda moment, zone: moment,
}
