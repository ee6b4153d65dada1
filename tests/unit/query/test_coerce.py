from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from gateway.interval import Interval
from gateway.query.coerce import Refused, coerce, format_value, shown
from gateway.query.types import parse_type

ACCEPTED: list[tuple[str, Any, Any]] = [
    ("boolean", "true", True),
    ("boolean", False, False),
    ("integer", "-7", -7),
    ("integer", "007", 7),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("hugeint", str(-(2**127)), -(2**127)),
    ("utinyint", "255", 255),
    ("decimal(5,2)", "12.5", Decimal("12.50")),
    ("decimal(5,2)", "12.50000", Decimal("12.50")),
    ("decimal(5,2)", 1.1, Decimal("1.10")),
    ("decimal(5,2)", 7, Decimal("7.00")),
    ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    ("decimal(3,3)", "-0.125", Decimal("-0.125")),
    ("decimal(3,1)", "-0.0", Decimal("0.0")),
    ("double", "1e-3", 0.001),
    ("double", 3, 3.0),
    ("date", "2013-02-28", date(2013, 2, 28)),
    ("timestamp", "2013-01-31", datetime(2013, 1, 31)),
    ("timestamp", "2013-01-31T17:05", datetime(2013, 1, 31, 17, 5)),
    ("timestamp", "2013-01-31 17:05:06.5", datetime(2013, 1, 31, 17, 5, 6, 500_000)),
    ("timestamptz", "2013-01-31T17:00:00Z", datetime(2013, 1, 31, 17, tzinfo=UTC)),
    ("timestamptz", "2013-01-31T17:00+05:30", datetime(2013, 1, 31, 11, 30, tzinfo=UTC)),
    ("varchar", "", ""),
    ("varchar", "Zürich ✈", "Zürich ✈"),
    ("uuid", "123E4567-e89b-12d3-a456-426614174000", UUID("123e4567-e89b-12d3-a456-426614174000")),
    ("interval", "P7D", Interval(days=7, microseconds=0)),
    ("interval", "PT0S", Interval(days=0, microseconds=0)),
    ("interval", "-P1DT1H30M0.5S", Interval(days=-1, microseconds=-5_400_500_000)),
    ("interval", "P2W", Interval(days=14, microseconds=0)),
    ("interval", "1 hour 30 minutes", Interval(days=0, microseconds=5_400_000_000)),
    ("interval", "PT36H", Interval(days=0, microseconds=129_600_000_000)),
    ("interval", "-1 day 36 hours", Interval(days=-1, microseconds=129_600_000_000)),
    ("interval", "PT-0.5S", Interval(days=0, microseconds=-500_000)),
    ("interval", "-P1DT-1H", Interval(days=-1, microseconds=3_600_000_000)),
    ("interval", "7 days", Interval(days=7, microseconds=0)),
]


@pytest.mark.parametrize(("type_", "given", "expected"), ACCEPTED)
def test_a_value_written_by_the_rule_of_its_type_is_read(type_: str, given: Any, expected: Any) -> None:
    value = coerce(given, parse_type(type_))
    assert (type(value), value, str(value)) == (type(expected), expected, str(expected))


REFUSED: list[tuple[str, Any, str]] = [
    ("boolean", "1", "true or false"),
    ("boolean", "True", "true or false"),
    ("boolean", 1, "true or false"),
    ("boolean", "", "is empty"),
    ("integer", "1.0", "an integer"),
    ("integer", 1.0, "an integer"),
    ("integer", True, "an integer"),
    ("integer", "+1", "an integer"),
    ("integer", " 1", "an integer"),
    ("integer", "1_000", "an integer"),
    ("integer", "0x10", "an integer"),
    ("integer", "١٢", "an integer"),
    ("integer", "", "is empty: expected an integer"),
    ("integer", 2**31, "outside integer: -2147483648 to 2147483647"),
    ("integer", "9" * 45, "outside integer"),
    ("integer", "9" * 5_000, "an integer"),
    ("integer", 10**1_000, "many digits"),
    ("integer", [1], "a JSON list is not an integer"),
    ("integer", {"a": 1}, "a JSON object is not an integer"),
    ("integer", "1 OR 1=1", "an integer"),
    ("utinyint", -1, "outside utinyint"),
    ("decimal(5,2)", "1.234", "2 after the point"),
    ("decimal(5,2)", "1234.5", "at most 3 digits before"),
    ("decimal(5,2)", "1e2", "a decimal number"),
    ("decimal(5,2)", math.nan, "a decimal number"),
    ("decimal(5,2)", "NaN", "a decimal number"),
    ("decimal(38,20)", 0.12345678901234567, "write it as a text"),
    ("double", "nan", "not a finite number"),
    ("double", "-Infinity", "not a finite number"),
    ("double", math.inf, "not a finite number"),
    ("double", "1e999", "too large"),
    ("double", 10**400, "too large"),
    ("double", "1,5", "a number"),
    ("double", "0x1p3", "a number"),
    ("date", "2013-02-29", "not a date of the calendar"),
    ("date", "2013-1-1", "a date such as"),
    ("date", "20130101", "a date such as"),
    ("date", "2013-01-01T00:00:00.000001", "has a time of day"),
    ("date", "2013-01-01T00:00Z", "has a time zone"),
    ("date", "2013-02-30T00:00", "not a time of the calendar"),
    ("date", "2013-01-01' OR 1=1--", "a date such as"),
    ("date", 20130101, "a date such as"),
    ("timestamp", "2013-01-01T00:00:00Z", "leave the offset out"),
    ("timestamp", "2013-01-01T24:00", "not a time of the calendar"),
    ("timestamp", "2013-01-01T00:00:60", "not a time of the calendar"),
    ("timestamp", "2013-01-01T00:00:00.1234567", "a timestamp such as"),
    ("timestamp", "2013-01-01T", "a timestamp such as"),
    ("timestamp", "now", "a timestamp such as"),
    ("timestamptz", "2013-01-01T00:00:00", "has no time zone"),
    ("timestamptz", "2013-01-01", "has no time zone"),
    ("timestamptz", "2013-01-01T00:00:00 02:00", "%2B in a query string"),
    ("timestamptz", "2013-01-01T00:00:00+99:00", "not a time of the calendar"),
    ("timestamptz", "0001-01-01T00:00:00+02:00", "outside the years"),
    ("varchar", 5, "put it in quotes"),
    ("varchar", None, "put it in quotes"),
    ("varchar", "a\0b", "NUL"),
    ("varchar", "a\ud800", "half of a surrogate pair at character 2"),
    ("uuid", "123e4567e89b12d3a456426614174000", "a UUID such as"),
    ("uuid", "{123e4567-e89b-12d3-a456-426614174000}", "a UUID such as"),
    ("interval", "1 month", "months and years have no fixed length"),
    ("interval", "P1Y", "months and years have no fixed length"),
    ("interval", "P1M", "months and years have no fixed length"),
    ("interval", "P", "an interval such as"),
    ("interval", "PT", "an interval such as"),
    ("interval", "", "is empty"),
    ("interval", "5", "an interval such as"),
    ("interval", "999999999999999 weeks", "longer than"),
    ("interval", "P999999999D", "longer than"),
]


@pytest.mark.parametrize(("type_", "given", "message"), REFUSED, ids=lambda value: repr(value)[:40])
def test_a_value_written_otherwise_is_refused_with_what_is_expected(type_: str, given: Any, message: str) -> None:
    with pytest.raises(Refused) as caught:
        coerce(given, parse_type(type_))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("given", "spelled"), [(None, "null"), (True, "true"), (False, "false")])
@pytest.mark.parametrize("type_", ["timestamp", "integer", "double", "varchar", "decimal(9,2)", "date", "uuid"])
def test_what_json_calls_null_and_true_is_called_so_in_messages(type_: str, given: object, spelled: str) -> None:
    with pytest.raises(Refused) as caught:
        coerce(given, parse_type(type_))
    assert spelled in str(caught.value)
    assert str(given) not in str(caught.value)


def test_nan_and_infinity_are_read_where_they_are_declared() -> None:
    assert coerce("-inf", parse_type("double"), nonfinite=True) == -math.inf
    assert math.isnan(float(str(coerce("NaN", parse_type("double"), nonfinite=True))))


def test_long_values_are_cut_in_messages() -> None:
    assert len(shown("x" * 10_000)) == 60


def test_dates_as_yaml_reads_them_are_taken_as_they_are() -> None:
    assert coerce(date(2013, 1, 1), parse_type("timestamp")) == datetime(2013, 1, 1)


def test_timestamps_with_a_zone_are_spelled_in_utc() -> None:
    assert format_value(datetime(2013, 1, 1, tzinfo=UTC)) == "2013-01-01T00:00:00Z"
