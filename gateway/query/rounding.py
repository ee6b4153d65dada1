"""Round parameter values down to their bucket, so that requests of one bucket share an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateway.query.coerce import format_value
from gateway.query.refused import Refused
from gateway.query.types import Kind, ParameterType
from gateway.query.zones import first_instant, wall, with_offset_of

_ORIGIN = datetime(2000, 1, 3)
"""A Monday: where buckets of time start, as in DuckDB's ``time_bucket``."""
DAY = timedelta(days=1)
_EXACT = Context(prec=60)


def floor(value: Any, width: Any, type_: ParameterType, zone: ZoneInfo | None = None) -> Any:
    """Round down to a multiple of *width*. Raises ``Refused`` where that leaves the type."""
    try:
        if zone is not None and type_.kind is Kind.TIMESTAMPTZ:
            return _floor_in_zone(value, width, zone)
        floored = _FLOORS[type_.kind](value, width)
    except OverflowError as error:
        raise Refused(f"{format_value(value)} is too early to be rounded down to its bucket") from error
    too_small = floored < type_.low if type_.kind is Kind.INTEGER else False
    if type_.kind is Kind.DECIMAL:
        too_small = floored < -(Decimal(10) ** (type_.width - type_.scale)) + Decimal((0, (1,), -type_.scale))
    if too_small:
        raise Refused(f"{value} is too small to be rounded down to a multiple of {width}")
    return floored


def _floor_timestamp(value: datetime, width: timedelta) -> datetime:
    return value - (value - _ORIGIN) % width


def _floor_timestamptz(value: datetime, width: timedelta) -> datetime:
    return value - (value - _ORIGIN.replace(tzinfo=UTC)) % width


def _floor_in_zone(value: datetime, width: timedelta, zone: ZoneInfo) -> datetime:
    """Round down what the clocks of a zone show."""
    floored = _floor_timestamp(wall(value, zone), width)
    return first_instant(floored, zone) if width % DAY == timedelta() else with_offset_of(floored, value, zone)


def _floor_date(value: date, width: timedelta) -> date:
    return value - (value - _ORIGIN.date()) % width


def _floor_decimal(value: Decimal, width: Decimal) -> Decimal:
    # In units of the scale, because decimal arithmetic rounds to the precision of its context.
    exponent = -int(value.as_tuple().exponent)
    units, step = (int(number.scaleb(exponent, _EXACT)) for number in (value, width))
    return Decimal(units - units % step).scaleb(-exponent, _EXACT)


_FLOORS: dict[Kind, Callable[[Any, Any], Any]] = {
    Kind.INTEGER: lambda value, width: value - value % width,
    Kind.DECIMAL: _floor_decimal,
    Kind.DATE: _floor_date,
    Kind.TIMESTAMP: _floor_timestamp,
    Kind.TIMESTAMPTZ: _floor_timestamptz,
}
