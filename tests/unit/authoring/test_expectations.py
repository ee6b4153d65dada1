"""What a test expects of an answer, and how a difference is told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from gateway.authoring.expectations import Failure, failures, same_value
from gateway.authoring.testfile import Case
from gateway.model import Column, Reading, Result

TABLE = pa.table({"carrier": ["UA", "DL"], "flights": pa.array([2, 1], pa.int64())})
COLUMNS = (Column(name="carrier", type="VARCHAR"), Column(name="flights", type="BIGINT"))
READING = Reading(
    table="t",
    snapshot="s",
    listed_at=0.0,
    partitions=2,
    partitions_total=9,
    files=3,
    files_total=9,
    size=2048,
    size_total=9000,
)
UA, DL, AA = {"carrier": "UA", "flights": 2}, {"carrier": "DL", "flights": 1}, {"carrier": "AA", "flights": 7}


def told(*, ordered: bool = True, table: pa.Table = TABLE, **expected: Any) -> list[Failure]:
    result = Result(key="k", table=table, columns=COLUMNS, readings=(READING,), created_at=0.0, seconds=0.0)
    return failures(Case.model_validate({"name": "x", **expected}), result, ordered=ordered)


def test_an_answer_as_expected_has_no_failure() -> None:
    assert (
        told(
            rows=[UA, DL],
            row_count=2,
            columns={"carrier": "text", "flights": "bigint"},
            invariants=["flights > 0", "count(*) = 2", "sum(flights) = 3"],
            reads={"files": 3, "partitions": 2, "bytes": "2KiB"},
        )
        == []
    )


def test_rows_of_an_ordered_query_are_compared_in_order() -> None:
    assert told(rows=[DL, UA]) != []


def test_rows_of_a_query_without_order_are_compared_as_a_multiset() -> None:
    assert told(rows=[DL, UA], ordered=False) == []
    assert told(rows=[DL, DL], ordered=False)[0].shown == (
        "  carrier  flights",
        "- DL       1",
        "+ UA       2",
    )


def test_a_differing_row_is_shown_beside_the_answered_one() -> None:
    [failure] = told(rows=[UA, AA])
    assert failure.message == "1 of 2 rows differ (- expected, + answered)"
    assert failure.shown == ("  carrier  flights", "- AA       7", "+ DL       1")


def test_only_the_first_differing_rows_are_shown() -> None:
    [failure] = told(rows=[AA] * 9)
    assert failure.shown[-1] == "… and 4 more"


def test_columns_that_are_not_named_may_hold_anything() -> None:
    assert told(rows=[{"carrier": "UA"}, {"carrier": "DL"}]) == []


def test_a_column_that_the_answer_does_not_have_is_named() -> None:
    [failure] = told(rows=[{"carier": "UA"}])
    assert failure.message == "the answer has no column carier; it has carrier, flights"


@pytest.mark.parametrize(
    ("count", "holds"), [("2", True), (2, True), (">= 1", True), ("< 2", False), ("<> 2", False), ("<=2", True)]
)
def test_a_number_of_rows_may_be_a_comparison(count: object, holds: bool) -> None:
    assert (told(row_count=count) == []) is holds


def test_columns_are_compared_with_their_types_and_order() -> None:
    [failure] = told(columns={"carrier": "VARCHAR", "flights": "INTEGER"})
    assert failure.shown == ("- flights INTEGER", "+ flights BIGINT")
    [failure] = told(columns={"flights": "BIGINT", "carrier": "VARCHAR"})
    assert failure.message == "the columns are in another order"


def test_a_broken_invariant_says_what_there_is_instead() -> None:
    messages = [one.message for one in told(invariants=["count(*) = 3", "flights > 1", "sum(nope) = 1"])]
    assert messages[:2] == ["count(*) = 3: count(*) is 2", "flights > 1: does not hold in 1 of 2 rows: 2"]
    assert messages[2].startswith("sum(nope) = 1: cannot be evaluated: Referenced column")


def test_an_invariant_of_rows_holds_where_there_are_none() -> None:
    assert told(table=TABLE.slice(0, 0), invariants=["flights > 1"]) == []


def test_an_invariant_that_is_null_does_not_hold() -> None:
    assert told(invariants=["max(flights) > NULL"]) != []


def test_an_invariant_reads_no_file() -> None:
    [failure] = told(invariants=["(SELECT count(*) FROM read_csv('/etc/passwd')) = 0"])
    assert "cannot be evaluated" in failure.message


def test_what_is_read_too_much_is_told_by_table() -> None:
    [failure] = told(reads={"files": 2})
    assert (failure.message, failure.shown) == ("3 files read, at most 2 expected", ("  t: 3",))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1, True, False),
        (True, True, True),
        (None, 0, False),
        (None, None, True),
        ("", None, False),
        (12.5, "12.50", True),
        (9007199254740993, "9007199254740993", True),
        ("1.10", "1.1", False),
        (date(2013, 1, 1), "2013-01-01", True),
        (datetime(2013, 1, 1, 5), "2013-01-01T05:00:00", True),
        (datetime(2013, 1, 1, 5, tzinfo=UTC), "2013-01-01T05:00:00Z", True),
        ("2013-01-01 05:00:00", "2013-01-01T05:00:00", True),
        ([1, None], [1, None], True),
        ({"a": 1}, {"a": 2}, False),
        ("UA", "ua", False),
    ],
)
def test_a_value_of_yaml_is_compared_with_a_value_of_json(expected: object, actual: object, same: bool) -> None:
    assert same_value(expected, actual) is same


def test_decimals_are_written_with_their_digits() -> None:
    table = pa.table({"carrier": ["UA"], "flights": pa.array([Decimal("1.10")])})
    assert told(table=table, rows=[{"flights": 1.1}]) == []
