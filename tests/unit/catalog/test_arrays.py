"""Columns as single arrays."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.arrays import whole

CHUNKS = st.lists(st.lists(st.none() | st.text(max_size=3), max_size=4), max_size=4)


@given(CHUNKS, st.integers(0, 5), st.integers(0, 5))
def test_an_array_has_the_values_of_its_column(chunks, start, length):
    table = pa.table({"path": pa.chunked_array(chunks, pa.string())}).slice(start, length)

    assert whole(table, "path").to_pylist() == table["path"].to_pylist()


def test_a_column_of_one_chunk_is_not_copied():
    table = pa.table({"path": pa.array(["a", "b", "c"])})

    assert whole(table, "path").buffers()[2].address == table["path"].chunk(0).buffers()[2].address
