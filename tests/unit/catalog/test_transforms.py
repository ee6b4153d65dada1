"""Transforms: what the Iceberg table spec defines, checked against its vectors and its Python library, and our own."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg import transforms as iceberg
from pyiceberg import types as iceberg_types
from pyiceberg.utils.datetime import date_to_days, datetime_to_micros

from gateway.catalog.transforms import KINDS, Spans, TransformError, parse_transform
from gateway.catalog.transforms.hashing import Bucket
from gateway.catalog.transforms.keys import key_type

MAX = 2**31 - 1


def folders(spec: object, values: list[Any], source_type: str, **options: str) -> list[str | None]:
    """Return the folder texts of values."""
    kind = key_type(source_type)
    assert kind is not None
    given_values = [str(value) if isinstance(value, UUID) else value for value in values]
    texts: list[str | None] = (
        parse_transform(spec, **options).apply(pa.array(given_values, kind.arrow), source_type).to_pylist()
    )
    return texts


@pytest.mark.parametrize(
    ("value", "source_type", "expected"),
    [
        (34, "INTEGER", 2017239379),
        (34, "BIGINT", 2017239379),
        (Decimal("14.20"), "DECIMAL(9,2)", -500754589),
        (date(2017, 11, 16), "DATE", -653330422),
        (time(22, 31, 8), "TIME", -662762989),
        (datetime(2017, 11, 16, 22, 31, 8), "TIMESTAMP", -2047944441),
        (datetime(2017, 11, 16, 22, 31, 8, 1), "TIMESTAMP", -1207196810),
        (datetime(2017, 11, 16, 22, 31, 8, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE", -2047944441),
        (datetime(2017, 11, 16, 22, 31, 8), "TIMESTAMP_NS", -2047944441),
        ("iceberg", "VARCHAR", 1210000089),
        (UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7"), "UUID", 1488055340),
        (b"\x00\x01\x02\x03", "BLOB", -188683207),
    ],
)
def test_buckets_hash_as_appendix_b_of_the_iceberg_spec_says(value: Any, source_type: str, expected: int) -> None:
    assert [str((expected & MAX) % 1_000_003)] == folders("bucket[1000003]", [value], source_type)


@settings(max_examples=150)
@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=8), st.integers(1, 1000))
def test_buckets_of_integers_are_those_of_pyiceberg(values: list[int | None], count: int) -> None:
    oracle = iceberg.BucketTransform(count).transform(iceberg_types.LongType())
    expected = [None if value is None else str(oracle(value)) for value in values]
    assert expected == folders(f"bucket[{count}]", values, "BIGINT")


@settings(max_examples=100)
@given(st.lists(st.decimals(-(10**6), 10**6, places=3), max_size=6), st.lists(st.text(max_size=8), max_size=6))
def test_buckets_of_decimals_and_texts_are_those_of_pyiceberg(numbers: list[Decimal], texts: list[str]) -> None:
    texts = [text for text in texts if text.isprintable()]
    decimals = iceberg.BucketTransform(64).transform(iceberg_types.DecimalType(10, 3))
    strings = iceberg.BucketTransform(64).transform(iceberg_types.StringType())
    assert [str(decimals(number)) for number in numbers] == folders("bucket[64]", numbers, "DECIMAL(10,3)")
    assert [str(strings(text)) for text in texts] == folders("bucket[64]", texts, "VARCHAR")


@settings(max_examples=100)
@given(st.lists(st.integers(-(2**31) + 1000, MAX), max_size=6), st.integers(1, 1000))
def test_truncated_integers_are_those_of_pyiceberg(values: list[int], width: int) -> None:
    oracle = iceberg.TruncateTransform(width).transform(iceberg_types.IntegerType())
    assert [str(oracle(value)) for value in values] == folders(f"truncate[{width}]", values, "INTEGER")


@settings(max_examples=100)
@given(
    st.lists(st.decimals(-(10**6), 10**6, places=2), max_size=6),
    st.lists(st.text("aé\U0001f600", max_size=8), max_size=6),
    st.integers(1, 60),
)
def test_truncated_decimals_and_texts_are_those_of_pyiceberg(
    numbers: list[Decimal], texts: list[str], width: int
) -> None:
    decimals = iceberg.TruncateTransform(width).transform(iceberg_types.DecimalType(10, 2))
    strings = iceberg.TruncateTransform(width).transform(iceberg_types.StringType())
    assert [str(decimals(number)) for number in numbers] == folders(f"truncate[{width}]", numbers, "DECIMAL(10,2)")
    assert [strings(text) for text in texts] == folders(f"truncate[{width}]", texts, "VARCHAR")


@settings(max_examples=150)
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23)))
def test_calendar_units_of_timestamps_are_those_of_pyiceberg(value: datetime) -> None:
    micros, kind = datetime_to_micros(value), iceberg_types.TimestampType()
    for name, oracle, unit in (
        ("year", iceberg.YearTransform(), "year"),
        ("month", iceberg.MonthTransform(), "month"),
        ("day", iceberg.DayTransform(), "day"),
        ("hour", iceberg.HourTransform(), "hour"),
    ):
        text = folders(name, [value], "TIMESTAMP")[0]
        counted = int(parse_transform(name).numbers(pa.array([text]))[0]) - (1970 if unit == "year" else 0)  # type: ignore[attr-defined]
        assert oracle.transform(kind)(micros) == counted, name
        assert oracle.to_human_string(kind, counted) == text


@settings(max_examples=100)
@given(st.dates())
def test_calendar_units_of_dates_are_those_of_pyiceberg(value: date) -> None:
    kind = iceberg_types.DateType()
    for name, oracle in (("month", iceberg.MonthTransform()), ("day", iceberg.DayTransform())):
        expected = oracle.to_human_string(kind, oracle.transform(kind)(date_to_days(value)))
        assert [expected] == folders(name, [value], "DATE")


def test_null_has_no_folder_in_any_transform() -> None:
    for spec in ("identity", "bucket[3]", "truncate[2]", "range[1, 2]", "lookup{1: a, *: b}"):
        assert folders(spec, [None], "INTEGER") == [None]
    for kind in ("year", "month", "day", "hour", "month_of_year", "day_of_month", "hour_of_day"):
        assert folders(kind, [None], "TIMESTAMP") == [None]


@pytest.mark.parametrize(
    ("spec", "source_type", "value", "text"),
    [
        ("identity", "VARCHAR", "a/b=c", "a/b=c"),
        ("identity", "DECIMAL(9,2)", Decimal("-0.05"), "-0.05"),
        ("identity", "TIMESTAMP", datetime(2013, 6, 1, 9, 0, 0, 500), "2013-06-01 09:00:00.0005"),
        ("identity", "TIMESTAMP WITH TIME ZONE", datetime(2013, 6, 1, 9, tzinfo=UTC), "2013-06-01 09:00:00+00"),
        ("identity", "BOOLEAN", True, "true"),
        ("identity", "UUID", UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("truncate[10]", "INTEGER", -10, "-10"),
        ("year", "DATE", 2013, "2013"),
        ("month", "TIMESTAMP", "2013-06", "2013-06"),
        ("hour", "TIMESTAMP", "2013-06-01-09", "2013-06-01-09"),
        ("day", "DATE", date(2013, 6, 1), "2013-06-01"),
        ("month_of_year", "DATE", 6, "6"),
        ("range[0, 10]", "INTEGER", "0..10", "0..10"),
        ("lookup{US: america, *: other}", "VARCHAR", "other", "other"),
    ],
)
def test_a_folder_text_reads_back_as_its_partition_value(spec: str, source_type: str, value: Any, text: str) -> None:
    transform = parse_transform(spec)
    assert value == transform.parse(text, source_type)
    assert text == transform.format(value, source_type)


def test_a_declared_format_pads_and_orders_the_folder_text() -> None:
    assert folders("month_of_year", [date(2013, 6, 1)], "DATE", format="%m") == ["06"]
    assert folders("day", [date(2013, 6, 1)], "DATE", format="%Y%m%d") == ["20130601"]
    assert parse_transform("month", format="%Y%m").parse("201306", "DATE") == "2013-06"


def test_the_day_of_an_instant_is_the_day_of_the_declared_zone() -> None:
    instant = datetime(2013, 6, 1, 2, tzinfo=UTC)
    assert folders("day", [instant], "TIMESTAMP WITH TIME ZONE", zone="America/New_York") == ["2013-05-31"]
    assert folders("day", [instant], "TIMESTAMP WITH TIME ZONE") == ["2013-06-01"]


def instants(spec: str, text: str, zone: str) -> tuple[datetime, datetime]:
    spans = parse_transform(spec, zone=zone).spans(pa.array([text]), "TIMESTAMP WITH TIME ZONE")
    assert isinstance(spans, Spans)
    first, last = (datetime.fromtimestamp(int(end[0]) / 1e6, UTC) for end in (spans.lo, spans.hi))
    return first, last.replace(microsecond=0)


def test_days_at_the_change_of_clocks_have_23_and_25_hours() -> None:
    zone = "America/New_York"
    first, last = instants("day", "2013-03-10", zone)
    assert (datetime(2013, 3, 10, 5, tzinfo=UTC), datetime(2013, 3, 11, 3, 59, 59, tzinfo=UTC)) == (first, last)
    first, last = instants("day", "2013-11-03", zone)
    assert (datetime(2013, 11, 3, 4, tzinfo=UTC), datetime(2013, 11, 4, 4, 59, 59, tzinfo=UTC)) == (first, last)


def test_the_hour_that_clocks_repeat_covers_both_its_passes() -> None:
    first, last = instants("hour", "2013-11-03-01", "America/New_York")
    assert (datetime(2013, 11, 3, 5, tzinfo=UTC), datetime(2013, 11, 3, 6, 59, 59, tzinfo=UTC)) == (first, last)


@pytest.mark.parametrize(
    "spec",
    [
        *(kind for kind in KINDS if kind not in ("bucket", "truncate", "range", "lookup")),
        "bucket[16]",
        "truncate[4]",
        "range[0, 10, 100]",
        "lookup{US: america, 'a, b': \"x: y\", *: other}",
    ],
)
def test_the_name_of_a_transform_reads_back_as_itself(spec: str) -> None:
    transform = parse_transform(spec)
    assert transform == parse_transform(transform.name)


def test_arguments_may_be_given_as_a_mapping() -> None:
    assert Bucket(16) == parse_transform({"bucket": 16})
    assert parse_transform("range[0, 10]") == parse_transform({"range": [0, 10]})
    assert parse_transform("lookup{US: a, *: b}") == parse_transform({"lookup": {"*": "b", "US": "a"}})


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("dya", {}, "unknown transform"),
        ("bucket", {}, "whole number"),
        ("bucket[0]", {}, "whole number"),
        ("day[3]", {}, "no arguments"),
        ("range[]", {}, "empty"),
        ("lookup{a: x, a: y}", {}, "twice"),
        ({"lookup": {False: "x"}}, {}, "YAML"),
        ("day", {"format": "%Y-%m"}, "does not fit"),
        ("day", {"zone": "Mars/Olympus"}, "time zone"),
        ("bucket[3]", {"format": "%Y"}, "says nothing"),
        (7, {}, "not a transform"),
    ],
)
def test_a_declaration_that_is_no_transform_is_refused_in_plain_words(
    spec: object, options: dict[str, str], message: str
) -> None:
    with pytest.raises(TransformError, match=message):
        parse_transform(spec, **options)


@pytest.mark.parametrize(
    ("spec", "source_type"),
    [
        ("bucket[3]", "DOUBLE"),
        ("truncate[3]", "DATE"),
        ("day", "VARCHAR"),
        ("hour", "DATE"),
        ("range[10, 0]", "INTEGER"),
        ("range[a, b]", "INTEGER"),
        ("lookup{a: x}", "INTEGER"),
        ("lookup{1: x, 01: y}", "INTEGER"),
        ("identity", "STRUCT(a INTEGER)"),
    ],
)
def test_a_source_that_does_not_fit_is_refused(spec: str, source_type: str) -> None:
    assert not parse_transform(spec).accepts(source_type)


@pytest.mark.parametrize(
    ("spec", "source_type", "text"),
    [
        ("day", "DATE", "2013-02-30"),
        ("day", "DATE", "2013-2-3"),
        ("month", "DATE", "2013-13"),
        ("hour", "TIMESTAMP", "2013-01-01-24"),
        ("month_of_year", "DATE", "0"),
        ("bucket[4]", "INTEGER", "4"),
        ("truncate[10]", "INTEGER", "11"),
        ("truncate[2]", "VARCHAR", "abc"),
        ("range[0, 10]", "INTEGER", "0..9"),
        ("lookup{a: x}", "VARCHAR", "y"),
        ("identity", "INTEGER", "abc"),
    ],
)
def test_a_folder_that_the_transform_does_not_make_is_refused(spec: str, source_type: str, text: str) -> None:
    with pytest.raises(TransformError):
        parse_transform(spec).parse(text, source_type)


def test_a_value_that_a_lookup_does_not_map_is_named() -> None:
    with pytest.raises(TransformError, match="'FR'"):
        folders("lookup{US: america}", ["US", "FR"], "VARCHAR")


def test_a_timestamp_beyond_the_calendar_has_no_folder() -> None:
    with pytest.raises(TransformError, match="year 9999"):
        parse_transform("day").apply(pa.array([2**63 - 1], pa.int64()).cast(pa.timestamp("us")), "TIMESTAMP")
