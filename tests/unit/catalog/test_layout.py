"""Folders become partitions, and paths that break the declaration are told and kept."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from gateway.catalog.layout import HIVE_NULL, Layout, LevelReader, arrange, data_files
from gateway.catalog.transforms import parse_transform


def level(column: str, transform: str = "identity", source_type: str = "VARCHAR") -> LevelReader:
    return LevelReader(column, parse_transform(transform), source_type)


def arranged(paths: list[str], *levels: LevelReader) -> Layout:
    return arrange(pa.array(sorted(paths), pa.string()), levels)


def partitions(paths: list[str], *levels: LevelReader) -> list[tuple[Any, ...]]:
    """Each partition as its texts and whether they are known."""
    layout = arranged(paths, *levels)
    return list(zip(*(texts.to_pylist() for texts in layout.texts), layout.known.tolist(), strict=True))


def reasons(paths: list[str], *levels: LevelReader) -> list[str]:
    return [problem.reason for problem in arranged(paths, *levels).problems]


def test_folders_become_partitions_with_their_files_in_path_order() -> None:
    paths = sorted(["day=2013-01-02/a.parquet", "day=2013-01-01/b.parquet", "day=2013-01-01/a.parquet"])
    layout = arrange(pa.array(paths), [level("day", "day", "TIMESTAMP")])
    assert layout.texts[0].to_pylist() == ["2013-01-01", "2013-01-02"]
    assert layout.starts.tolist() == [0, 2]
    assert [paths[row] for row in layout.order] == paths


def test_partitions_stand_in_the_order_of_their_values_not_of_their_texts() -> None:
    paths = [f"month={month}/a.parquet" for month in (1, 10, 2, 9)]
    assert partitions(paths, level("month", "month_of_year", "DATE")) == [
        ("1", True),
        ("2", True),
        ("9", True),
        ("10", True),
    ]


def test_the_declared_order_of_columns_decides_whatever_the_order_of_folders() -> None:
    paths = ["b=1/a=2/x.parquet", "a=1/b=2/x.parquet"]
    assert partitions(paths, level("a"), level("b")) == [("1", "2", True), ("2", "1", True)]


def test_two_spellings_of_one_value_are_two_partitions_side_by_side() -> None:
    paths = ["month=06/a.parquet", "month=6/a.parquet", "month=5/a.parquet"]
    assert partitions(paths, level("month", "month_of_year", "DATE")) == [("5", True), ("06", True), ("6", True)]


def test_percent_encoded_names_are_decoded_and_join_their_plain_spelling() -> None:
    paths = ["city=a%2Fb/1.parquet", "city=%61%2fb/2.parquet", "c%69ty=a%2Fb/3.parquet"]
    assert partitions(paths, level("city")) == [("a/b", True)]


def test_the_default_partition_is_null_and_stands_after_all_values() -> None:
    paths = [f"city={HIVE_NULL}/a.parquet", "city=zz/a.parquet", "city=/a.parquet"]
    assert partitions(paths, level("city")) == [("", True), ("zz", True), (None, True)]


def test_a_value_may_hold_an_equals_sign() -> None:
    assert partitions(["q=a=b/x.parquet"], level("q")) == [("a=b", True)]


def test_plain_folders_between_the_partitions_mean_nothing() -> None:
    assert partitions(["v2/city=a/part/x.parquet"], level("city")) == [("a", True)]


def test_a_table_without_partition_columns_is_one_partition() -> None:
    layout = arranged(["b.parquet", "folder/a.parquet"])
    assert layout.starts.tolist() == [0]
    assert layout.known.tolist() == [True]


def test_nothing_is_no_partition() -> None:
    layout = arranged([], level("day", "day", "DATE"))
    assert (layout.starts.tolist(), layout.texts[0].to_pylist(), layout.problems) == ([], [], ())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("day=2013-01-01/x.parquet", "the partition column 'city' is missing"),
        ("x.parquet", "the partition columns 'day', 'city' are missing"),
        ("day=2013-01-01/cty=a/x.parquet", "'cty' is not a declared partition column (did you mean 'city'?)"),
        ("day=2013-01-01/city=a/extra=1/x.parquet", "'extra' is not a declared partition column"),
        ("day=2013-01-01/city=a/city=b/x.parquet", "the partition column 'city' stands twice"),
        ("day=2013-01-01/city=%ff/x.parquet", "the folder of 'city': 'city=%ff' does not decode to UTF-8"),
    ],
)
def test_a_path_that_breaks_the_declaration_is_told_with_its_reason(path: str, reason: str) -> None:
    levels = (level("day", "day", "DATE"), level("city"))
    assert reasons([path, "day=2013-01-01/city=a/x.parquet"], *levels) == [reason]


def test_a_folder_that_is_no_value_is_told_with_what_it_should_be() -> None:
    [reason] = reasons(["day=yesterday/x.parquet"], level("day", "day", "DATE"))
    assert reason.startswith("the folder of 'day': ")
    assert "yesterday" in reason


def test_files_whose_folder_is_no_value_stay_in_one_partition_after_the_known_ones() -> None:
    paths = ["day=2013-01-01/x.parquet", "day=oops/x.parquet", "x.parquet", f"day={HIVE_NULL}/x.parquet"]
    layout = arranged(paths, level("day", "day", "DATE"))
    assert layout.known.tolist() == [True, True, False]
    assert layout.texts[0].to_pylist() == ["2013-01-01", None, None]
    assert sorted(layout.order.tolist()) == [0, 1, 2, 3]


def test_one_bad_folder_among_many_spoils_no_other() -> None:
    paths = [f"n={number}/x.parquet" for number in range(100)] + ["n=a/x.parquet", "n=b/x.parquet"]
    layout = arranged(paths, level("n", "identity", "INTEGER"))
    assert layout.texts[0].to_pylist() == [*map(str, range(100)), None]
    assert layout.problem_count == 2


def test_a_level_that_a_path_lacks_is_unknown_and_the_others_count() -> None:
    paths = ["day=2013-01-01/x.parquet", "city=a/x.parquet", "day=2013-01-01/city=a/x.parquet", "x.parquet"]
    layout = arranged(paths, level("day", "day", "DATE"), level("city"))
    found = zip(layout.texts[0].to_pylist(), layout.texts[1].to_pylist(), layout.levels.tolist(), strict=True)
    assert list(found) == [("2013-01-01", "a", 3), ("2013-01-01", None, 1), (None, "a", 2), (None, None, 0)]
    assert (layout.known.tolist(), layout.problem_count) == ([True, False, False, False], 3)


def test_a_level_is_known_beside_folders_that_are_not_declared() -> None:
    assert partitions(["extra=1/city=a/x.parquet"], level("city")) == [("a", True)]


def test_the_name_of_a_level_may_be_in_any_case() -> None:
    paths = ["City=a/1.parquet", "CITY=b/2.parquet", "city=a/3.parquet"]
    assert partitions(paths, level("city")) == [("a", True), ("b", True)]
    assert reasons(paths, level("city")) == []


def test_each_of_several_layouts_is_one_that_a_path_may_have() -> None:
    paths = ["day=2013-01-02/x.parquet", "month=2013-01/x.parquet", "month=2013-01/day=2013-01-02/x.parquet"]
    levels = (level("month", "month", "DATE"), level("day", "day", "DATE"))
    layout = arrange(pa.array(sorted(paths)), levels, [frozenset({"month"}), frozenset({"day"})])
    assert [problem.path for problem in layout.problems] == ["month=2013-01/day=2013-01-02/x.parquet"]


def test_only_the_first_problems_are_described_and_all_are_counted() -> None:
    layout = arranged([f"x{number}.parquet" for number in range(1_500)], level("day"))
    assert (len(layout.problems), layout.problem_count) == (1_000, 1_500)


def listing(*paths: str, size: int = 1) -> pa.Table:
    return pa.table({"path": pa.array(paths, pa.string()), "size": pa.array([size] * len(paths), pa.int64())})


@pytest.mark.parametrize(
    "path",
    [
        "_SUCCESS",
        "_temporary/0/day=1/x.parquet",
        "day=1/.x.parquet.crc",
        "day=1/.hidden/x.parquet",
        "day=1/_x.parquet",
        ".x.parquet",
    ],
)
def test_names_that_start_with_a_dot_or_an_underscore_are_hidden(path: str) -> None:
    data, ignored = data_files(listing(path))
    assert (len(data), len(ignored)) == (0, 0)


@pytest.mark.parametrize("path", ["day=1/x.parquet", "x.PARQUET", "x.parq", "_key=1/x.parquet", "a_b/c.d.parquet"])
def test_parquet_files_are_data_whatever_the_case_and_an_underscore_may_start_a_key(path: str) -> None:
    assert data_files(listing(path))[0]["path"].to_pylist() == [path]


def test_a_file_of_another_kind_is_ignored_visibly_and_an_empty_one_silently() -> None:
    assert data_files(listing("day=1/part-0"))[1]["path"].to_pylist() == ["day=1/part-0"]
    assert data_files(listing("day=1", size=0))[1]["path"].to_pylist() == []
