"""Columns as single arrays."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.arrays import once_a_table, whole

CHUNKS = st.lists(st.lists(st.none() | st.text(max_size=3), max_size=4), max_size=4)


@given(CHUNKS, st.integers(0, 5), st.integers(0, 5))
def test_an_array_has_the_values_of_its_column(chunks, start, length):
    table = pa.table({"path": pa.chunked_array(chunks, pa.string())}).slice(start, length)

    assert whole(table, "path").to_pylist() == table["path"].to_pylist()


def test_a_column_of_one_chunk_is_not_copied():
    table = pa.table({"path": pa.array(["a", "b", "c"])})

    assert whole(table, "path").buffers()[2].address == table["path"].chunk(0).buffers()[2].address


def test_what_is_worked_out_once_of_a_table_goes_with_it():
    calls = list[int]()

    @once_a_table
    def rows(table: pa.Table) -> int:
        calls.append(table.num_rows)
        return table.num_rows

    table, other = pa.table({"n": [1, 2]}), pa.table({"n": [1]})

    assert [rows(table), rows(other), rows(table)] == [2, 1, 2]
    del table, other
    assert [rows(pa.table({"n": list(range(size))})) for size in range(20)] == list(range(20))
    assert calls == [2, 1, *range(20)]
