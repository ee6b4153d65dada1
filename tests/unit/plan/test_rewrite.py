"""What a scan reads in place of a table, and how folder names become values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gateway.catalog.transforms import parse_transform
from gateway.model import Column
from gateway.plan.rewrite import Layout, folder_value, literal, source


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize(
    ("transform", "pattern", "kind", "folder", "value"),
    [
        ("identity", None, "VARCHAR", "p=JFK", "JFK"),
        ("identity", None, "VARCHAR", "p=NULL", "NULL"),
        ("identity", None, "VARCHAR", "p=null", "null"),
        ("identity", None, "VARCHAR", "p=", ""),
        ("identity", None, "VARCHAR", "p=a%3Db%2Fc", "a=b/c"),
        ("identity", None, "VARCHAR", "p=__HIVE_DEFAULT_PARTITION__", None),
        ("identity", None, "VARCHAR", "p=%5F_HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__"),
        ("bucket[16]", None, "INTEGER", "p=7", 7),
        ("day", None, "DATE", "p=2024-01-31", date(2024, 1, 31)),
        ("day", "%Y%m%d", "DATE", "p=20240131", date(2024, 1, 31)),
        ("month", "%Y%m", "VARCHAR", "p=202401", "2024-01"),
        ("hour", "%Y%m%d%H", "VARCHAR", "p=2024013107", "2024-01-31-07"),
        ("month_of_year", "m%m", "INTEGER", "p=m06", 6),
        ("month_of_year", None, "INTEGER", "p=06", 6),
        ("day_of_month", "%d", "INTEGER", "p=31", 31),
    ],
)
def test_the_name_of_a_folder_becomes_its_value(
    transform: str, pattern: str | None, kind: str, folder: str, value: Any, connection: duckdb.DuckDBPyConnection
) -> None:
    expression = folder_value(Column(name="p", type=kind), parse_transform(transform, format=pattern), "address")
    address = literal(f"s3://bucket/p=above/t/{folder}/q=1/file.parquet?p=below/")
    found = connection.execute(f"SELECT CAST({expression} AS {kind}) FROM (SELECT {address} AS address)").fetchone()
    assert found == (value,)


def test_a_column_with_a_name_of_any_kind_is_found_however_its_folder_spells_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    expression = folder_value(Column(name="größe (cm)", type="VARCHAR"), parse_transform("identity"), "address")
    for folder in ("größe (cm)=1", "gr%C3%B6%c3%9fe%20(cm)=1"):
        sql = f"SELECT {expression} FROM (SELECT {literal(f'/data/{folder}/f.parquet')} AS address)"
        assert connection.execute(sql).fetchone() == ("1",)


@pytest.mark.parametrize("data", ["n", "filename"])
@pytest.mark.parametrize("folders", [["a"], ["a", "b"], ["a", "__HIVE_DEFAULT_PARTITION__"]])
@pytest.mark.parametrize(
    ("where", "expected"),
    [("p = 'a'", 1), ("p IS NULL", None), ("p IN ('a', 'b')", None), ("p > 'x'", 0), ("true", None)],
)
def test_a_filter_on_nothing_but_the_folder_is_answered(
    data: str, folders: list[str], where: str, expected: int | None, tmp_path: Path, connection: Any
) -> None:
    for folder in folders:
        (tmp_path / f"p={folder}").mkdir()
        connection.execute(f"COPY (SELECT 1 AS {data}) TO '{tmp_path}/p={folder}/f.parquet'")
    layout = Layout(
        columns=(Column(name=data, type="INTEGER"), Column(name="p", type="VARCHAR")),
        held=frozenset({data}),
        folders={"p": parse_transform("identity")},
    )
    files = [f"{tmp_path}/p={folder}/f.parquet" for folder in folders]
    found = connection.execute(f"SELECT count(*) FROM {source(layout, files)} AS t WHERE {where}").fetchone()
    counted = {"p IS NULL": sum("HIVE" in one for one in folders), "true": len(folders)}
    wanted = {"p IN ('a', 'b')": sum(one in "ab" for one in folders), **counted}.get(where, expected)
    assert found == (wanted,)


def test_columns_that_files_hold_are_never_read_from_folders() -> None:
    columns = (Column(name="origin", type="VARCHAR"),)
    layout = Layout(columns=columns, held=frozenset({"origin"}), folders={"origin": parse_transform("identity")})
    assert source(layout, ["/a.parquet"]) == (
        """(SELECT CAST("origin" AS VARCHAR) AS "origin" """
        "FROM read_parquet(['/a.parquet'], hive_partitioning = false, can_have_nan = true))"
    )


def test_a_scan_of_no_file_is_an_empty_relation(connection: duckdb.DuckDBPyConnection) -> None:
    layout = Layout(columns=(Column(name="n", type="DECIMAL(6,2)"),), held=frozenset({"n"}), folders={})
    relation = connection.sql(f"SELECT * FROM {source(layout, [])}")
    assert (relation.columns, [str(kind) for kind in relation.types], relation.fetchall()) == (
        ["n"],
        ["DECIMAL(6,2)"],
        [],
    )
