"""Parameters are echoed as they were understood."""

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs

from gateway.model import TypedValue
from gateway.plan.analysis import NOW
from gateway.web.bound_parameters import echoed, instant, query_string

PARAMETERS = {
    "start": TypedValue(value=datetime(2013, 1, 1, 5), type="TIMESTAMP"),
    "price": TypedValue(value=Decimal("1.10"), type="DECIMAL(6,2)"),
    "large": TypedValue(value=2**60, type="BIGINT"),
    "late": TypedValue(value=True, type="BOOLEAN"),
    "carriers": TypedValue(value=["UA", "A&B"], type="VARCHAR[]"),
    "origin": TypedValue(value=None, type="VARCHAR"),
    NOW: TypedValue(value=datetime(2013, 1, 1, 12, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE"),
}


def test_values_are_echoed_as_json_that_asks_the_same() -> None:
    assert echoed(PARAMETERS) == {
        "start": "2013-01-01T05:00:00",
        "price": "1.10",
        "large": str(2**60),
        "late": True,
        "carriers": ["UA", "A&B"],
        "origin": None,
    }


def test_the_header_is_a_query_string_of_what_has_a_value() -> None:
    assert query_string(PARAMETERS) == (
        "start=2013-01-01T05%3A00%3A00&price=1.10&large=1152921504606846976&late=true&carriers=UA&carriers=A%26B"
    )


def test_a_header_that_proxies_would_refuse_is_left_out() -> None:
    assert query_string({"list": TypedValue(value=["x"] * 1_000, type="VARCHAR[]")}) is None


def test_a_query_without_parameters_has_no_header() -> None:
    assert query_string({}) is None


def test_the_instant_of_a_query_that_reads_the_clock_is_told() -> None:
    assert (instant(PARAMETERS), instant({})) == ("2013-01-01T12:00:00Z", None)


def test_the_header_tells_lists_that_repeated_names_cannot() -> None:
    lists = {"none": [], "bracket": ["[a", 'b"'], "wide": [2**60]}
    header = query_string({name: TypedValue(value=list(value), type="any[]") for name, value in lists.items()})
    assert parse_qs(header or "") == {"none": ["[]"], "bracket": ['["[a", "b\\""]'], "wide": [str(2**60)]}
