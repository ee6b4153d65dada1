from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.errors import InvalidParameters
from gateway.model import TypedValue, Value
from gateway.query.coerce import Refused
from gateway.query.parameters import Parameter, bind_parameters


def parameter(type_: str, **others: Any) -> Parameter:
    return Parameter.model_validate({"type": type_, **others})


def read(type_: str, given: Any, **others: Any) -> Value:
    return parameter(type_, **others).read(given)


def errors(declared: dict[str, Parameter], given: dict[str, Any], *, textual: bool = False) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as caught:
        bind_parameters(declared, given, textual=textual)
    return {item["parameter"]: item["detail"] for item in caught.value.errors}


def test_values_are_bound_with_the_type_of_the_engine_in_declared_order() -> None:
    declared = {"b": parameter("decimal(5,2)"), "a": parameter("list[date]")}
    bound = bind_parameters(declared, {"a": ["2013-01-01"], "b": 1})
    assert list(bound.items()) == [
        ("b", TypedValue(value=Decimal("1.00"), type="DECIMAL(5,2)")),
        ("a", TypedValue(value=[date(2013, 1, 1)], type="DATE[]")),
    ]


def test_every_wrong_missing_and_unknown_parameter_is_named_at_once() -> None:
    declared = {"start": parameter("date"), "top": parameter("integer", max=10), "end": parameter("date")}
    found = errors(declared, {"start": "x", "top": 11, "strat": 1, "other": 2})
    assert list(found) == ["start", "top", "end", "strat", "other"]
    assert found["top"] == "11 is above the maximum, 10"
    assert found["end"] == "is missing: a date is required"
    assert found["strat"].endswith("did you mean 'start'?")
    assert found["other"].endswith("accepted: start, top, end")


def test_an_unknown_parameter_is_refused_although_optional_ones_are_missing() -> None:
    assert list(errors({"a": parameter("date", optional=True)}, {"z": 1})) == ["z"]


def test_a_missing_optional_parameter_is_null() -> None:
    assert bind_parameters({"a": parameter("bigint", optional=True)}, {}) == {
        "a": TypedValue(value=None, type="BIGINT")
    }


def test_a_missing_parameter_takes_its_default() -> None:
    assert bind_parameters({"a": parameter("integer", default=0)}, {})["a"].value == 0


def test_null_is_a_value_of_an_optional_parameter_even_beside_a_default() -> None:
    assert bind_parameters({"a": parameter("integer", default=5, optional=True)}, {"a": None})["a"].value is None


def test_null_is_refused_where_the_parameter_is_not_optional() -> None:
    assert "not optional" in errors({"a": parameter("integer", default=5)}, {"a": None})["a"]


def test_a_list_in_text_is_a_repeated_name() -> None:
    declared = {"a": parameter("list[varchar]")}
    assert bind_parameters(declared, {"a": ["x", "y,z", ""]}, textual=True)["a"].value == ["x", "y,z", ""]


def test_a_list_in_text_may_be_json() -> None:
    declared = {"a": parameter("list[varchar]"), "b": parameter("list[integer]")}
    bound = bind_parameters(declared, {"a": ['["[x]", "y"]', "z"], "b": ["[]"]}, textual=True)
    assert [item.value for item in bound.values()] == [["[x]", "y", "z"], []]


@pytest.mark.parametrize("text", ["[x]", "[1", "[" * 50_000, "[NaN]", "[1]]", '["\\ud800"]', "[1, [2]]", "[null]"])
def test_a_text_that_starts_like_json_and_is_none_is_refused(text: str) -> None:
    assert list(errors({"a": parameter("list[varchar]")}, {"a": [text]}, textual=True)) == ["a"]


def test_a_single_value_is_not_given_twice() -> None:
    assert errors({"a": parameter("varchar")}, {"a": ["x", "x"]}, textual=True) == {
        "a": "is given 2 times, but is one value"
    }


def test_a_wrong_item_is_named_by_its_number() -> None:
    assert errors({"a": parameter("list[date]")}, {"a": ["2013-01-01", "x"]})["a"].startswith("item 2: 'x'")


def test_a_list_has_a_largest_number_of_items() -> None:
    assert len(read("list[integer]", [1] * 10_000)) == 10_000  # type: ignore[arg-type]  # a list
    with pytest.raises(Refused, match="at most 10000"):
        read("list[integer]", [1] * 10_001)


def test_a_text_has_a_largest_length() -> None:
    with pytest.raises(Refused, match="has 10001 characters"):
        read("varchar", "x" * 10_001)


def test_a_pattern_holds_for_the_whole_text() -> None:
    assert read("varchar", "N12", pattern="N[0-9]+") == "N12"
    with pytest.raises(Refused, match="does not match the pattern"):
        read("varchar", "N12\n", pattern="N[0-9]+")


def test_choices_are_compared_after_reading() -> None:
    assert read("decimal(4,2)", "1.5", choices=["1.50", 2]) == Decimal("1.50")
    with pytest.raises(Refused, match="is not one of JFK, LGA"):
        read("varchar", "jfk", choices=["JFK", "LGA"])


@pytest.mark.parametrize(
    ("type_", "bucket", "given", "expected"),
    [
        ("timestamp", "1h", "2013-01-01T05:59:59", datetime(2013, 1, 1, 5)),
        ("timestamp", "5m", "1969-12-31T23:59:59", datetime(1969, 12, 31, 23, 55)),
        ("timestamp", "7d", "2013-01-09", datetime(2013, 1, 7)),
        ("timestamptz", "1d", "2013-01-01T01:00:00+02:00", datetime(2012, 12, 31, tzinfo=UTC)),
        ("date", "7d", "2013-01-13", date(2013, 1, 7)),
        ("integer", 10, "-1", -10),
        (
            "decimal(38,2)",
            "0.25",
            "123456789012345678901234567890123456.74",
            Decimal("123456789012345678901234567890123456.50"),
        ),
    ],
)
def test_a_bucket_rounds_down(type_: str, bucket: Any, given: str, expected: Value) -> None:
    assert read(type_, given, bucket=bucket) == expected


def test_a_value_that_cannot_be_rounded_down_is_refused() -> None:
    with pytest.raises(Refused, match="too early"):
        read("date", "0001-01-01", bucket="100d")
    with pytest.raises(Refused, match="too small"):
        read("tinyint", -128, bucket=100)
    with pytest.raises(Refused, match="too small"):
        read("decimal(3,2)", "-9.99", bucket="5")


def wrong(**fields: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        Parameter.model_validate(fields)
    return {".".join(map(str, item["loc"])): item["msg"] for item in caught.value.errors()}


def test_every_mistake_of_a_declaration_is_found_at_its_field() -> None:
    found = wrong(type="integer", min="a", max=1.5, default=True, pattern="x", max_items=3, nonfinite=True)
    assert set(found) == {"min", "max", "default", "pattern", "max_items", "nonfinite"}


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"type": "varchar", "pattern": "("}, "pattern", "not a regular expression"),
        ({"type": "varchar", "choices": []}, "choices", "at least 1"),
        ({"type": "varchar", "choices": [1]}, "choices", "put it in quotes"),
        ({"type": "varchar", "min_length": 5, "max_length": 4}, "max_length", "below min_length"),
        ({"type": "varchar", "min": "a"}, "min", "not for varchar"),
        ({"type": "integer", "min": 5, "max": 4}, "max", "is below min, 5"),
        ({"type": "integer", "max": 4, "default": 5}, "default", "above the maximum"),
        ({"type": "list[integer]", "default": 5}, "default", "not a list"),
        ({"type": "date", "bucket": "5m"}, "bucket", "whole days"),
        ({"type": "timestamp", "bucket": "0s"}, "bucket", "above zero"),
        ({"type": "timestamp", "bucket": "x"}, "bucket", "not a duration"),
        ({"type": "double", "bucket": 1}, "bucket", "not for double"),
        ({"type": "integer", "bucket": 10, "min": 5}, "bucket", "does not divide min"),
        ({"type": "integer", "bucket": 10, "choices": [10]}, "bucket", "beside choices"),
        ({"type": "integer", "optional": "yes"}, "optional", "valid boolean"),
        ({"type": "integer", "unknown": 1}, "unknown", "not permitted"),
    ],
)
def test_a_wrong_declaration_is_refused(fields: dict[str, Any], field: str, message: str) -> None:
    assert message in wrong(**fields)[field]


def test_bounds_hold_for_the_items_of_a_list() -> None:
    with pytest.raises(Refused, match="item 2: 11 is above the maximum"):
        read("list[integer]", [1, 11], max=10)
