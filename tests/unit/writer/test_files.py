from __future__ import annotations

import pyarrow as pa
import pytest

from gateway.writer.files import LARGEST_GROUP, ROW_GROUP, row_group_size, row_groups


def cut(batches: list[list[int]], row_group: int) -> list[tuple[int, list[int]]]:
    """Cut batches whose rows are named after their partition and counted."""
    made = [pa.table({"x": list(range(len(rows))), "p": pa.array(rows, pa.int64())}) for rows in batches]
    return [(number, [group.num_rows for group in groups]) for number, groups in row_groups(iter(made), "p", row_group)]


def test_row_groups_are_cut_where_the_partition_changes() -> None:
    assert cut([[1, 1, 2]], 10) == [(1, [2]), (2, [1])]


def test_a_partition_goes_on_over_batches() -> None:
    assert cut([[1, 1], [1, 2], [2]], 10) == [(1, [3]), (2, [2])]


@pytest.mark.parametrize("batches", [[[1] * 7], [[1] * 3, [1] * 4], [[1]] * 7])
def test_row_groups_do_not_depend_on_the_batches(batches: list[list[int]]) -> None:
    assert cut(batches, 3) == [(1, [3, 3, 1])]


def test_empty_batches_change_nothing() -> None:
    assert cut([[], [1], [], [1], []], 10) == [(1, [2])]


def test_no_batches_make_no_groups() -> None:
    assert cut([], 10) == []


def test_the_partition_number_is_not_written() -> None:
    batch = pa.table({"x": [1], "p": pa.array([1], pa.int64())})
    assert [name for _, groups in row_groups([batch], "p", 10) for group in groups for name in group.column_names] == [
        "x"
    ]


def test_rows_of_usual_width_fill_a_row_group() -> None:
    assert row_group_size(100 * 1_000_000, 1_000_000) == ROW_GROUP


def test_wide_rows_get_smaller_groups() -> None:
    size = row_group_size(2**40, 2**20)
    assert 0 < size * 2**20 <= LARGEST_GROUP


def test_no_rows_have_the_usual_row_group() -> None:
    assert row_group_size(0, 0) == ROW_GROUP
