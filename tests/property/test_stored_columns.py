"""The columns that are read from a footer are those that DuckDB sees, and damage is always told as damage."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.stored import KEYWORDS, StoredColumn, distinct, stored_schema
from gateway.catalog.thrift import Malformed

PLAIN = [
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.binary(5)),
    *(pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    *(pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Europe/Paris")),
    *(pa.decimal128(5, 2), pa.decimal128(18, 0), pa.decimal128(38, 37), pa.decimal256(39, 2), pa.decimal256(20, 2)),
    *(pa.duration("us"), pa.null(), pa.dictionary(pa.int32(), pa.string())),
]
NAMES = st.sampled_from(
    ["a", "A", "b", "a.b", "A_1", "select", "my name", "été", "ÉTÉ", 'q"q', "X", "date", "_", "1st"]
)
FIELDS = st.lists(st.deferred(lambda: st.builds(pa.field, NAMES, TYPES)), min_size=1, max_size=4)
TYPES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(PLAIN),
    lambda inner: st.one_of(
        inner.map(pa.list_),
        inner.map(pa.large_list),
        st.tuples(st.sampled_from([pa.string(), pa.int32()]), inner).map(lambda pair: pa.map_(*pair)),
        st.lists(st.builds(pa.field, NAMES, inner), min_size=1, max_size=3).map(pa.struct),
    ),
    max_leaves=4,
)
OPTIONS = st.fixed_dictionaries(
    {
        "version": st.sampled_from(["1.0", "2.4", "2.6"]),
        "store_schema": st.booleans(),
        "use_deprecated_int96_timestamps": st.booleans(),
        "use_compliant_nested_type": st.booleans(),
        "store_decimal_as_integer": st.booleans(),
    }
)
DUCKDB = [
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE", "DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"),
    *("TIMESTAMP_NS", "TIMESTAMPTZ", "INTERVAL", "UUID", "JSON", "VARCHAR", "BLOB", "BIT", "INTEGER[]", "INTEGER[2]"),
    *("DECIMAL(4,1)", "DECIMAL(9,2)", "DECIMAL(18,4)", "DECIMAL(38,10)", "MAP(VARCHAR, BLOB)"),
    'STRUCT(a STRUCT("select" DATE), "B b" UUID[])[]',
]


def footer_of(content: bytes) -> bytes:
    length = int.from_bytes(content[-8:-4], "little")
    return content[-8 - length : -8]


def seen(path: Path) -> list[tuple[str, str]]:
    rows = duckdb.connect().execute("DESCRIBE FROM read_parquet($1)", [str(path)]).fetchall()
    return [(row[0], row[1]) for row in rows]


def told(path: Path) -> list[tuple[str, str | None]]:
    columns = stored_schema(footer_of(path.read_bytes())).columns
    names = distinct(column.name for column in columns)
    return [(name, column.type) for name, column in zip(names, columns, strict=True)]


@settings(max_examples=200, deadline=None)
@given(fields=FIELDS, options=OPTIONS)
def test_the_columns_of_a_footer_are_those_that_duckdb_sees(fields: list[pa.Field[Any]], options: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        try:
            pq.write_table(pa.schema(fields).empty_table(), path, **options)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return  # Arrow has types that it cannot write
        assert told(path) == seen(path)


def test_the_columns_of_files_that_duckdb_wrote_are_those_that_it_sees(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = ", ".join(f"CAST(NULL AS {kind}) AS c{number}" for number, kind in enumerate(DUCKDB))
    duckdb.connect().execute(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")
    assert told(path) == seen(path)
    assert len(told(path)) == len(DUCKDB)


def test_a_column_whose_writer_knew_no_type_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": pa.nulls(1), "x": [1]}), path)
    assert stored_schema(footer_of(path.read_bytes())).columns == (
        StoredColumn(name="n", type="INTEGER", untyped=True),
        StoredColumn(name="x", type="BIGINT"),
    )


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_malformed_or_a_schema_and_nothing_else(data: st.DataObject) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1], "s": [{"x": [1.5]}], "m": pa.nulls(1)}), sink)
    footer = bytearray(footer_of(sink.getvalue().to_pybytes()))
    for _ in range(data.draw(st.integers(1, 4))):
        footer[data.draw(st.integers(0, min(200, len(footer) - 1)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(footer)))
    with suppress(Malformed):
        stored_schema(bytes(footer[:cut]))


def test_lists_that_claim_to_be_endless_are_malformed() -> None:
    with pytest.raises(Malformed, match="longer than the data"):
        stored_schema(b"\x29\xfc\xff\xff\xff\xff\x0f")


def test_names_of_fields_are_quoted_where_duckdb_quotes_them() -> None:
    rows = duckdb.connect().execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    assert {row[0] for row in rows} == set(KEYWORDS)
