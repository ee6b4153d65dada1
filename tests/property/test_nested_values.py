"""Nested values stored in other types: a query answers just where ``gateway check --data`` finds no mistake."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner
from folders import Files
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.errors import ValueMisfit

STORED: Mapping[str, tuple[pa.DataType, Sequence[Any]]] = {
    "int": (pa.int64(), [1, 70_000, 2**53 + 1]),
    "double": (pa.float64(), [1.0, 2.5, 1e300, 0.1]),
    "decimal": (pa.decimal128(9, 3), [Decimal("1.000"), Decimal("0.125")]),
    "text": (pa.string(), ["1", "007", "1.0", "2024-01-02", "2024-01-02 03:04:05", "2024-01-02T03:04:05", "true", "x"]),
    "written": (pa.string(), ["1.5", "1.50", "-3", "0.1", "2024-01-02 03:04:05.6", "2024-01-02 03:04:05.600", "False"]),
    "bytes": (pa.binary(), [b"x"]),
    "bool": (pa.bool_(), [True]),
    "float": (pa.float32(), [0.5, 3.0]),
    "unsigned": (pa.uint64(), [1, 2**64 - 1]),
    "date": (pa.date32(), [date(2024, 1, 2)]),
    "us": (pa.timestamp("us"), [datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5, 600)]),
    "ns": (pa.timestamp("ns"), [86_400 * 10**9, 10**18 + 1]),
}
DECLARED = ("SMALLINT", "BIGINT", "DOUBLE", "DECIMAL(8,2)", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP", "BLOB")
Value = tuple[pa.DataType, Any, str]
"""A stored type, a value of it, and the declared type."""


@st.composite
def plain(draw: st.DrawFn) -> Value:
    type_, values = STORED[draw(st.sampled_from(sorted(STORED)))]
    return type_, draw(st.sampled_from([*values, *values, None])), draw(st.sampled_from(DECLARED))


@st.composite
def nested(draw: st.DrawFn, inner: st.SearchStrategy[Value] | None = None) -> Value:
    """Draw a list, a map, or a struct that may have fields which are stored or declared only."""
    type_, value, declared = draw(st.one_of(plain(), nested(plain())) if inner is None else inner)
    shape = draw(st.sampled_from(["list", "map", "struct"]))
    if shape == "list":
        return pa.list_(type_), [value, None], f"{declared}[]"
    if shape == "map":
        return pa.map_(pa.string(), type_), [("k", value)], f"MAP(VARCHAR, {declared})"
    fields, values, wanted = [("a", type_)], {"a": value}, [f"{draw(st.sampled_from('aA'))} {declared}"]
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["text", "bytes"]))
        fields.append(("more", STORED[kind][0]))
        values["more"] = STORED[kind][1][0]
    if draw(st.booleans()):
        wanted.insert(0, f"other {draw(st.sampled_from(['DATE', 'BLOB', 'INTEGER[]']))}")
    return pa.struct(fields), values, f"STRUCT({', '.join(wanted)})"


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@settings(deadline=None, max_examples=60)
@given(st.one_of(plain().filter(lambda one: one[1] is not None), nested()))
def test_a_query_answers_where_the_check_finds_nothing(oracle: duckdb.DuckDBPyConnection, drawn: Value) -> None:
    type_, value, declared = drawn
    with tempfile.TemporaryDirectory() as name:
        folder = Files(Path(name))
        folder.declare(f"columns: {{id: BIGINT, v: '{declared}'}}")
        folder.put("a.parquet", pa.table({"id": [1, 2], "v": pa.array([None, value], type_)}))
        done = CliRunner().invoke(main, ["check", "--data", "--project", name, "--format", "json"])
        found = json.loads(done.stdout)["diagnostics"]
        mistakes = [one["message"] for one in found if one["severity"] == "error"]
        try:
            found = [row["v"] for row in folder.answers(["SELECT v FROM t ORDER BY id"])[0]]
        except ValueMisfit:
            assert mistakes
            return
        cast = oracle.sql(f"SELECT CAST(v AS {declared}) AS v FROM '{name}/t/a.parquet' ORDER BY id")
        assert found == [row["v"] for row in cast.to_arrow_table().to_pylist()]
        assert mistakes == []
