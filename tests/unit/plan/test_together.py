"""What is said of several columns together leaves out the partitions that hold nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import pytest
from partitioned import View, view

from gateway.catalog.partition_field import PartitionField
from gateway.model import Value
from gateway.plan.details import partitions_text
from gateway.plan.select import PartitionIndex
from gateway.plan.together import Boxes
from gateway.predicate import Elsewhere, Term

TYPES = {"country": "VARCHAR", "d": "DATE", "ts": "TIMESTAMP", "n": "INTEGER"}
COUNTRY, D, TS, N = (Term(name, kind) for name, kind in TYPES.items())
IDENTITY = PartitionField(column="country", transform="identity", source="country")
MONTH = PartitionField(column="mo", transform="month", source="d")


def lookup(**values: str) -> PartitionField:
    return PartitionField(column="region", transform={"lookup": values}, source="country")


def cuts(snapshot: View, *terms: Term) -> Sequence[Boxes]:
    found = PartitionIndex.build(snapshot).axes.cuts(terms)
    return [each for each in found if isinstance(each, Boxes)]


def picked(snapshot: View, terms: tuple[Term, ...], boxes: list[Value]) -> list[int]:
    index = PartitionIndex.build(snapshot)
    return list(index.select(Elsewhere(terms, 0), [boxes]).positions())


MONTHS = view([IDENTITY, MONTH], TYPES, [["JP", "2024-02"], ["JP", "2024-03"], ["US", "2024-03"], [None, "2024-03"]])
MARCH = [date(2024, 3, 1), date(2024, 3, 31)]


def test_a_box_of_ranges_leaves_out_the_partition_that_it_is() -> None:
    assert picked(MONTHS, (COUNTRY, D), [[["JP", "JP"], MARCH]]) == [0, 2]


def test_a_partition_stays_while_one_of_its_days_does() -> None:
    march: list[Value] = [[["US", "US"], [date(2024, 3, day)] * 2] for day in range(1, 32)]
    assert picked(MONTHS, (COUNTRY, D), march) == [0, 1]
    assert picked(MONTHS, (COUNTRY, D), march[:-1]) == [0, 1, 2]


def test_a_partition_with_a_null_holds_no_values_together() -> None:
    assert picked(MONTHS, (COUNTRY, D), [[["US", "US"], MARCH]]) == [0, 1]


def test_days_are_asked_about_first_and_then_whole_partitions() -> None:
    fine, coarse = cuts(MONTHS, COUNTRY, D)
    assert (fine.grain, len(fine.ends)) == ("value/value", 29 + 31 + 31)
    assert (coarse.grain, len(coarse.ends)) == ("value/range", 3)


def test_whole_partitions_alone_are_asked_about_where_they_have_too_many_days() -> None:
    years = [PartitionField(column="y", transform="year", source="d"), IDENTITY]
    many = view(years, TYPES, [[f"{year}", "US"] for year in range(1950, 1990)])
    assert [each.grain for each in cuts(many, D, COUNTRY)] == ["range/value"]


def test_times_are_cut_into_days_or_hours() -> None:
    days = view([PartitionField(column="day", transform="day", source="ts"), IDENTITY], TYPES, [["2024-03-01", "US"]])
    hours = view(
        [PartitionField(column="h", transform="hour", source="ts"), IDENTITY], TYPES, [["2024-03-01-07", "US"]]
    )
    assert [each.grain for each in cuts(days, TS, COUNTRY)] == ["day/value"]
    assert [each.grain for each in cuts(hours, TS, COUNTRY)] == ["hour/value"]
    assert (
        picked(days, (TS, COUNTRY), [[[datetime(2024, 3, 1), datetime(2024, 3, 1, 23, 59, 59, 999999)], ["US"] * 2]])
        == []
    )


def test_each_value_of_a_lookup_counts_and_its_default_holds_any() -> None:
    snapshot = view([lookup(US="NA", CA="NA", **{"*": "rest"}), MONTH], TYPES, [["NA", "2024-03"], ["rest", "2024-03"]])
    boxes: list[Value] = [[["US", "US"], MARCH], [["CA", "CA"], MARCH]]
    assert picked(snapshot, (COUNTRY, D), boxes) == [1]
    assert picked(snapshot, (COUNTRY, D), boxes[:1]) == [0, 1]


@pytest.mark.parametrize("field", [
    PartitionField(column="b", transform={"bucket": 4}, source="n"),
    PartitionField(column="p", transform={"truncate": 2}, source="country"),
])  # fmt: skip
def test_columns_that_may_be_many_values_tell_nothing(field: PartitionField) -> None:
    snapshot = view([field, MONTH], TYPES, [["1" if field.source == "n" else "JP", "2024-03"]])
    own = N if field.source == "n" else COUNTRY
    assert picked(snapshot, (own, D), [[["1", "1"], MARCH]]) == [0]


def test_an_explanation_names_the_partitions() -> None:
    index = PartitionIndex.build(MONTHS)
    both = Elsewhere((COUNTRY, D), 0)
    japan: list[Value] = [[["JP", "JP"], MARCH], [["JP", "JP"], [date(2024, 2, 1), date(2024, 2, 29)]]]
    assert partitions_text(index, both, [japan]) == "(country, mo) = (US, 2024-03)"
    assert partitions_text(index, both, [japan[:1]]) == "(country, mo) IN (2 values)"
