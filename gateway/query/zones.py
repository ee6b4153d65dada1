"""Instants and wall-clock times of a zone, where clocks are put forward and back as well.

An instant is an aware ``datetime`` in UTC, a wall-clock time a naive one. Clocks that are put forward skip wall-clock
times (a gap), clocks that are put back show some twice (an overlap).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from gateway.suggestions import did_you_mean

GREENWICH = ZoneInfo("UTC")
"""The zone of parameters that declare none."""


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_OTHERS = ("posix", "right/", "localtime", "Factory")
"""What stands beside the zones in a system's database, and differs from one system to another."""


class Shown(Enum):
    """How often the clocks of a zone show a wall-clock time."""

    NEVER = 0
    ONCE = 1
    TWICE = 2


def read_zone(name: object) -> ZoneInfo:
    """Read the name of a zone of the IANA database, such as ``Europe/Berlin``. Raises ``ValueError``."""
    if isinstance(name, ZoneInfo):
        return name
    text = str(name)[:64]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith(_OTHERS):
        raise _unknown(text)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _unknown(text) from error


def _unknown(name: str) -> ValueError:
    hint = did_you_mean(name, available_timezones()) or "write one of the IANA database, such as Europe/Berlin or UTC"
    return ValueError(f"there is no time zone {name!r}: {hint}")


def wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the clocks of a zone show at an instant. Raises ``OverflowError`` outside of the years 1 to 9999.

    >>> wall(datetime(2013, 7, 1, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    datetime.datetime(2013, 7, 1, 14, 0)
    """
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall-clock time: the first of two, and in a gap as much later as clocks are put forward.

    Raises ``OverflowError`` outside of the years 1 to 9999.

    >>> instant(datetime(2013, 3, 31, 2, 30), ZoneInfo("Europe/Berlin"))  # clocks go from 02:00 to 03:00
    datetime.datetime(2013, 3, 31, 1, 30, tzinfo=datetime.timezone.utc)
    """
    return shown.replace(tzinfo=zone, fold=0).astimezone(UTC)


def first_instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant of a wall-clock time: in a gap, the instant at which the clocks are put forward.

    Raises ``OverflowError`` outside of the years 1 to 9999.

    >>> first_instant(datetime(2013, 3, 31, 2, 30), ZoneInfo("Europe/Berlin"))
    datetime.datetime(2013, 3, 31, 1, 0, tzinfo=datetime.timezone.utc)
    """
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first if first <= second else _change(second, first, zone)


def _change(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant after *early*, and not after *late*, at which the offset of a zone changes: a whole second."""
    early = early.replace(microsecond=0)
    before = early.astimezone(zone).utcoffset()

    def changed(seconds: int) -> bool:
        return (early + timedelta(seconds=seconds)).astimezone(zone).utcoffset() != before

    return early + timedelta(seconds=bisect_left(range(int((late - early).total_seconds())), True, key=changed))


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day, which is not at midnight where the clocks skip it."""
    return first_instant(datetime(day.year, day.month, day.day), zone)


def how_often(shown: datetime, zone: ZoneInfo) -> Shown:
    """Tell how often the clocks of a zone show a wall-clock time."""
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return Shown.ONCE
    return Shown.TWICE if first < second else Shown.NEVER


def with_offset_of(shown: datetime, before: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall-clock time under the offset that holds at the instant *before*, if it is shown so.

    Else it is as ``first_instant`` has it.
    """
    candidate = shown.replace(tzinfo=UTC) - (wall(before, zone) - before.replace(tzinfo=None))
    return candidate if wall(candidate, zone) == shown else first_instant(shown, zone)
