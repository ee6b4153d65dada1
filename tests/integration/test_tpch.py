"""TPC-H as templates over partitioned tables answers like plain DuckDB over the unpartitioned ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gateway.app import open_gateway
from gateway.config import load_settings
from gateway.demo import tpch
from gateway.demo.warehouse import build_tpch
from gateway.model import Principal, Request
from gateway.observe import unobserved
from gateway.pipeline import Gateway

SCALE = 0.01


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    project = build_tpch(tmp_path_factory.mktemp("tpch"), SCALE, lambda *_: None)
    with open_gateway(load_settings(project, {}), observe=unobserved, background=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("tpch-plain")
    with closing(duckdb.connect()) as connection:
        for name, path in tpch.generate(folder, SCALE).items():
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")
        extension = files("duckdb_extension_tpch") / "extensions" / f"v{duckdb.__version__}" / "tpch.duckdb_extension"
        connection.load_extension(str(extension))
        yield connection


def test_all_queries_are_served(gateway: Gateway) -> None:
    assert list(gateway.registry.queries()) == [f"q{number:02}" for number in range(1, 23)]


@pytest.mark.parametrize("number", range(1, 23))
def test_a_template_with_its_defaults_answers_like_the_query(
    number: int, gateway: Gateway, plain: duckdb.DuckDBPyConnection
) -> None:
    sql = plain.execute("SELECT query FROM tpch_queries() WHERE query_nr = ?", [number]).fetchone()
    assert sql is not None
    expected = plain.execute(sql[0]).fetchall()
    request = Request(query=f"q{number:02}", version=1, parameters={})
    table = gateway.answer(request, principal=Principal()).result.table
    rows = [tuple(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    assert len(rows) == len(expected)
    assert all(same(ours, theirs) for ours, theirs in zip(rows, expected, strict=True))


@pytest.mark.parametrize(
    ("query", "table", "parameters", "partitions"),
    [
        ("q06", "lineitem", {}, 12),
        ("q06", "lineitem", {"l_shipdate_from": "1996-02-10", "l_shipdate_before": "1996-03-01"}, 1),
        ("q14", "lineitem", {}, 1),
        ("q04", "orders", {}, 3),
    ],
)
def test_only_the_months_asked_for_are_read(
    query: str, table: str, parameters: dict[str, Any], partitions: int, gateway: Gateway
) -> None:
    request = Request(query=query, version=1, parameters=parameters)
    explained = gateway.explain(request, principal=Principal())
    assert {scan.selection.partitions for scan in explained.plan.scans if scan.table == table} == {partitions}


def test_a_built_project_is_kept(tmp_path: Path) -> None:
    project = build_tpch(tmp_path, SCALE, lambda *_: None)
    before = sorted(path.name for path in project.rglob("*.parquet"))
    assert build_tpch(tmp_path, SCALE, lambda *_: None) == project
    assert sorted(path.name for path in project.rglob("*.parquet")) == before


def same(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    """Compare two rows: sums of doubles may differ in their last digits, by the order of adding."""
    return len(ours) == len(theirs) and all(
        math.isclose(one, other, rel_tol=1e-9) if isinstance(one, float) and isinstance(other, float) else one == other
        for one, other in zip(ours, theirs, strict=True)
    )
