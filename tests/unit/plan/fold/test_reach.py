"""What is known of the columns of a fact in each of its partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from partitioned import view

from gateway.catalog import facts
from gateway.catalog.partition_field import PartitionField
from gateway.catalog.stored import StoredColumn
from gateway.plan.fold.reach import buckets_of_partitions, ends_of_partitions
from gateway.plan.index import Axes
from gateway.plan.select import PartitionIndex

TYPES = {"at": "TIMESTAMP", "z": "TIMESTAMP WITH TIME ZONE", "k": "VARCHAR", "n": "INTEGER", "d": "DATE", "f": "DOUBLE"}
NEW_YEAR = datetime(2024, 1, 1), datetime(2024, 1, 1, 23, 59, 59, 999_999)


def level(transform: str, source: str, column: str = "p", **more: Any) -> PartitionField:
    return PartitionField(column=column, transform=transform, source=source, **more)


def ends(fields: Sequence[PartitionField], folders: Sequence[Sequence[str | None]]) -> list[dict[str, Any]]:
    made = view(fields, TYPES, folders)
    found = ends_of_partitions(PartitionIndex(made, Axes(made)))
    return [{column.name: pair for column, pair in each.items()} for each in found]


@pytest.mark.parametrize(
    ("field", "folder", "expected"),
    [
        (level("day", "at"), "2024-01-01", {"at": NEW_YEAR, "p": (date(2024, 1, 1),) * 2}),
        (level("day", "z"), "2024-01-01", {"z": tuple(end.replace(tzinfo=UTC) for end in NEW_YEAR)}),
        (level("month", "d"), "2024-02", {"d": (date(2024, 2, 1), date(2024, 2, 29))}),
        (level("identity", "k", "k"), "x y", {"k": ("x y", "x y")}),
        (level("identity", "n", "n"), "-7", {"n": (-7, -7)}),
        (level("truncate[10]", "n"), "20", {"n": (20, 29)}),
        (level("truncate[2]", "k"), "ab", {"k": (None, None), "p": ("ab", "ab")}),
        (level("bucket[4]", "n"), "3", {"p": (3, 3)}),
        (level("day", "at", enforced=False), "2024-01-01", {"p": (date(2024, 1, 1),) * 2}),
    ],
    ids=lambda value: value.transform if isinstance(value, PartitionField) else None,
)
def test_the_ends_of_a_column_are_those_that_its_partition_allows(
    field: PartitionField, folder: str, expected: dict[str, Any]
) -> None:
    (found,) = ends([field], [[folder]])
    assert {name: found.get(name) for name in expected} == expected


def test_of_several_levels_of_one_column_what_all_of_them_allow_is_known() -> None:
    (found,) = ends([level("month", "at"), level("day", "at", "q")], [["2024-01", "2024-01-01"]])
    assert found["at"] == NEW_YEAR


def test_nothing_is_known_in_a_partition_of_null() -> None:
    first, null = ends([level("day", "at")], [["2024-01-01"], [None]])
    assert first["at"] == NEW_YEAR
    assert null == {}


def test_nothing_is_known_of_a_column_that_a_file_lacks() -> None:
    made = view([level("day", "at")], TYPES, [["2024-01-01"], ["2024-01-02"]])
    held = [StoredColumn(name=name, type=kind) for name, kind in TYPES.items()]
    texts = [facts.text_of(facts.FileFacts(columns=tuple(columns))) for columns in (held, held[1:])]
    files = made.files.set_column(made.files.schema.get_field_index(facts.FACTS), facts.FACTS, facts.encoded(texts))
    lacking = replace(made, files=files)
    found = ends_of_partitions(PartitionIndex(lacking, Axes(lacking)))
    assert [[column.name for column in each] for each in found] == [["p"], ["p"]]


def test_nothing_is_known_of_an_end_that_python_has_not_got() -> None:
    first, last = ends([level("year", "d")], [["2024"], ["9999"]])
    assert first["d"] == (date(2024, 1, 1), date(2024, 12, 31))
    assert last["d"] == (None, None)


def test_the_bucket_of_a_column_is_known_where_the_partition_has_one() -> None:
    made = view([level("bucket[4]", "n")], TYPES, [["3"], [None], ["0"]])
    found = buckets_of_partitions(PartitionIndex(made, Axes(made)))
    assert [[(column.name, count, number) for column, count, number in each] for each in found] == [
        [("n", 4, 3)],
        [],
        [("n", 4, 0)],
    ]
