"""Every value survives its own spelling, and two values share canonical bytes only if they are one value."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.canonical import canonical_bytes
from gateway.errors import InvalidParameters
from gateway.interval import Interval
from gateway.model import TypedValue, Value
from gateway.query.coerce import coerce, format_value
from gateway.query.parameters import Parameter, bind_parameters
from gateway.query.refused import Refused
from gateway.query.types import ParameterType, parse_type

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "tinyint": st.integers(-128, 127),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "uhugeint": st.integers(0, 2**128 - 1),
    "decimal(38,10)": st.decimals(-(10**28) + 1, 10**28 - 1, places=10, allow_nan=False).map(
        lambda value: value + 0 if value else Decimal("0E-10")
    ),
    "decimal(4,0)": st.integers(-9_999, 9_999).map(Decimal),
    "double": st.floats(),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(timezones=st.just(UTC)),
    "varchar": TEXT,
    "uuid": st.uuids(),
    "interval": st.builds(Interval, days=st.integers(-10_000, 10_000), microseconds=st.integers(-(10**17), 10**17)),
}


def typed() -> st.SearchStrategy[tuple[ParameterType, Any]]:
    scalars = st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name]))
    return scalars.map(lambda pair: (parse_type(pair[0]), pair[1]))


def same(one: Value, other: Value) -> bool:
    """Tell whether two values of one type are one value to the engine's cache."""
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, Interval) and isinstance(other, Interval):
        return (one.days, one.microseconds) == (other.days, other.microseconds)
    return one == other


@given(typed())
def test_a_value_survives_its_json_spelling(pair: tuple[ParameterType, Any]) -> None:
    type_, value = pair
    spelled = json.loads(json.dumps(format_value(value)))
    assert same(coerce(spelled, type_, nonfinite=True), value)


@given(typed())
def test_a_value_survives_its_spelling_as_text(pair: tuple[ParameterType, Any]) -> None:
    type_, value = pair
    spelled = format_value(value)
    text = spelled if isinstance(spelled, str) else json.dumps(spelled)
    assert same(coerce(text, type_, nonfinite=True), value)


@given(
    st.sampled_from(["bigint", "varchar", "date"]).flatmap(
        lambda name: st.tuples(st.just(name), st.lists(VALUES[name], max_size=5))
    )
)
def test_a_list_survives_as_json_text_in_a_query_string(pair: tuple[str, list[Any]]) -> None:
    name, values = pair
    declared = {"a": Parameter.model_validate({"type": f"list[{name}]"})}
    text = json.dumps([format_value(value) for value in values])
    assert bind_parameters(declared, {"a": [text]}, textual=True)["a"].value == values


@given(st.sampled_from(sorted(VALUES)), st.one_of(TEXT, st.from_regex(r"-?[0-9:.TZPDH+\- e]{0,24}", fullmatch=True)))
def test_any_text_is_read_or_refused_and_what_is_read_has_one_spelling(name: str, text: str) -> None:
    type_ = parse_type(name)
    try:
        value = coerce(text, type_, nonfinite=True)
    except Refused:
        return
    assert same(coerce(format_value(value), type_, nonfinite=True), value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*sorted(VALUES), *(f"list[{name}]" for name in sorted(VALUES))]), JSON)
def test_any_json_is_bound_or_refused_as_invalid(name: str, value: Any) -> None:
    declared = {"a": Parameter.model_validate({"type": name, "optional": True})}
    try:
        bound = bind_parameters(declared, {"a": value})["a"]
    except InvalidParameters as error:
        json.dumps(error.errors)
        return
    assert bound.type == parse_type(name).sql
    canonical_bytes(bound)


def bound() -> st.SearchStrategy[TypedValue]:
    scalars = typed().map(lambda pair: TypedValue(value=pair[1], type=pair[0].sql))
    small = st.sampled_from([0, 1, True, False, 0.0, -0.0, 1.0, Decimal(0), Decimal(1), "0", "1", "", None, math.nan])
    lists = st.lists(small, max_size=3).map(list)
    loose = st.one_of(small, lists).flatmap(
        lambda value: st.sampled_from(["BIGINT", "DOUBLE", "VARCHAR[]"]).map(
            lambda name: TypedValue(value=value, type=name)
        )
    )
    return st.one_of(scalars, loose)


def identical(one: Value, other: Value) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(identical, one, other))
    return type(one) is type(other) and same(one, other)


@given(bound(), bound())
@settings(max_examples=500)
def test_different_values_never_share_canonical_bytes(one: TypedValue, other: TypedValue) -> None:
    shared = canonical_bytes(one) == canonical_bytes(other)
    assert shared == (one.type == other.type and identical(one.value, other.value))


@given(st.decimals(-999, 999, places=2), st.integers(0, 5))
def test_spellings_of_one_decimal_share_canonical_bytes(value: Decimal, zeros: int) -> None:
    longer = Decimal(f"{value}{'0' * zeros}")
    spelled = [canonical_bytes(TypedValue(value=item, type="DECIMAL(9,7)")) for item in (value, longer)]
    assert spelled[0] == spelled[1]


def test_one_is_four_keys() -> None:
    values: list[Value] = [1, True, 1.0, Decimal(1)]
    assert len({canonical_bytes(TypedValue(value=value, type="BIGINT")) for value in values}) == 4


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    bucket=st.sampled_from([("5m", 300), ("1h", 3_600), ("7h", 25_200), ("1d", 86_400), ("7d", 604_800)]),
)
@settings(max_examples=50)
def test_buckets_are_those_of_the_engine(connection: Any, moment: datetime, bucket: tuple[str, int]) -> None:
    text, seconds = bucket
    parameter = Parameter.model_validate({"type": "timestamp", "bucket": text})
    row = connection.execute("SELECT time_bucket(to_seconds($1), $2::TIMESTAMP)", [seconds, moment]).fetchone()
    assert parameter.read(format_value(moment)) == row[0]


@given(st.dates(date(2, 1, 1)), st.sampled_from(["1d", "7d", "30d"]))
def test_rounding_down_twice_changes_nothing(day: date, bucket: str) -> None:
    parameter = Parameter.model_validate({"type": "date", "bucket": bucket})
    once = parameter.read(format_value(day))
    assert parameter.read(format_value(once)) == once
