"""TPC-H as templates over partitioned tables answers like plain DuckDB over the unpartitioned ones, folded or not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import duckdb
import pytest

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.demo import tpch
from gateway.demo.warehouse import build_tpch
from gateway.model import Folded, Principal, Request
from gateway.pipeline import Gateway
from gateway.query.template import Template
from gateway.telemetry.events import unobserved

SCALE, FOLDED_SCALE = 0.01, 0.1
ORDERS_BESIDE = "it reads a part of orders beside lineitem"
SUBQUERY = "it reads the fact in a subquery of an expression"
PARTIALS: Mapping[int, int | str] = {
    1: 81,
    2: "it does not aggregate",
    3: ORDERS_BESIDE,
    4: "it reads 3 partitions, and 4 to 1000 are folded",
    5: 12,
    6: 12,
    7: 24,
    8: 24,
    9: 84,
    10: ORDERS_BESIDE,
    11: "it reads partsupp at two places",
    12: 36,
    13: "its LEFT JOIN goes by the rows of another table than the fact",
    14: "it reads 1 partition, and 4 to 1000 are folded",
    15: "it reads supplier around its aggregation",
    16: "it reads 1 partition, and 4 to 1000 are folded",
    17: "it reads lineitem at two places",
    18: "it reads lineitem at two places",
    19: 84,
    20: "it does not aggregate",
    21: 80,
    22: SUBQUERY,
}
"""Of how many partials the answer of each query is put together, or why it is computed as a whole."""
ORDERED, SHIPPED, RECEIVED = "o_orderdate", "l_shipdate", "l_receiptdate"
SLIDES: Mapping[str, tuple[str, int]] = {
    "q04": (ORDERED, 6),
    "q05": (ORDERED, 12),
    "q06": (SHIPPED, 12),
    "q12_shipped": (SHIPPED, 12),
    "q14": (SHIPPED, 12),
}
"""The column and the months of windows that slide by a month."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    project = build_tpch(tmp_path_factory.mktemp("tpch"), SCALE, lambda *_: None)
    with open_gateway(load_settings(project, {}), observe=unobserved, background=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = build_tpch(tmp_path_factory.mktemp("tpch-folded"), FOLDED_SCALE, lambda *_: None)
    received = (project / "queries/q12/v1.sql").read_text()
    shipped = project / "queries/q12_shipped/v1.sql"  # by the column that decides the folder
    shipped.parent.mkdir()
    shipped.write_text(re.sub(rf"{RECEIVED}(_| >= | < )", rf"{SHIPPED}\1", received))
    return project


@pytest.fixture(scope="module")
def folding(large: Path) -> Iterator[Gateway]:
    settings = load_settings(large, {"GATEWAY_CACHE_PARTIALS_FROM": "0"})
    with open_gateway(settings, observe=unobserved, background=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def whole(large: Path) -> Iterator[Gateway]:
    settings = load_settings(large, {"GATEWAY_CACHE_PARTIALS": "0", "GATEWAY_STATE": mkdtemp(dir=large)})
    with open_gateway(settings, observe=unobserved, background=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain_large(large: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        for name in tpch.TABLES:
            read = f"read_parquet('{large}/warehouse/{name}/**/*.parquet', hive_partitioning = false)"
            connection.execute(f"CREATE VIEW {name} AS FROM {read}")
        load_queries(connection)
        yield connection


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("tpch-plain")
    with closing(duckdb.connect()) as connection:
        for name, path in tpch.generate(folder, SCALE).items():
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")
        load_queries(connection)
        yield connection


def load_queries(connection: duckdb.DuckDBPyConnection) -> None:
    extension = files("duckdb_extension_tpch") / "extensions" / f"v{duckdb.__version__}" / "tpch.duckdb_extension"
    connection.load_extension(str(extension))


def test_all_queries_are_served(gateway: Gateway) -> None:
    assert list(gateway.registry.queries()) == [f"q{number:02}" for number in range(1, 23)]


@pytest.mark.parametrize("number", PARTIALS)
def test_a_query_is_put_together_of_partials_where_it_can_be(
    number: int, folding: Gateway, whole: Gateway, plain_large: duckdb.DuckDBPyConnection
) -> None:
    request = Request(query=f"q{number:02}", version=1, parameters={})
    result, expected = folding.answer(request, principal=Principal()).result, PARTIALS[number]
    if isinstance(expected, int):
        assert result.folded is not None
        assert result.folded.kept + result.folded.computed == expected
        assert result.digest == whole.answer(request, principal=Principal()).result.digest
    else:
        why = folding.explain(request, principal=Principal()).whole
        assert result.folded is None
        assert (why or "").startswith(expected)
    sql = plain_large.execute("SELECT query FROM tpch_queries() WHERE query_nr = ?", [number]).fetchone()
    assert sql is not None
    theirs = plain_large.execute(sql[0]).fetchall()
    ours = [tuple(row.values()) for row in result.table.to_pylist()]
    assert len(ours) == len(theirs)
    assert all(map(same, ours, theirs))


@pytest.mark.parametrize("query", SLIDES)
def test_a_window_that_slides_by_a_month_computes_the_new_month_only(
    query: str, folding: Gateway, whole: Gateway
) -> None:
    for slide in range(3):
        request = window(query, *SLIDES[query], slide)
        result = folding.answer(request, principal=Principal()).result
        assert result.digest == whole.answer(request, principal=Principal()).result.digest
        if slide:
            assert result.folded == Folded(kept=SLIDES[query][1] - 1, computed=1)


def test_a_window_of_another_column_than_that_of_the_folders_is_no_part_of_what_windows_share(
    folding: Gateway, whole: Gateway
) -> None:
    for slide in range(2):
        request = window("q12", RECEIVED, 12, slide)
        result = folding.answer(request, principal=Principal()).result
        assert result.digest == whole.answer(request, principal=Principal()).result.digest
    assert result.folded == Folded(kept=0, computed=37)


def window(query: str, column: str, months: int, slide: int) -> Request:
    """Ask a query of some months of 1994, so many months later."""
    names, start = (f"{column}_from", f"{column}_before"), date(1994, 1, 1)
    parameters = {name: str(moved(start, slide + at, 0)) for name, at in zip(names, (0, months), strict=True)}
    return Request(query=query, version=1, parameters=parameters)


def test_a_sum_of_all_months_so_far_computes_the_new_month_only(folding: Gateway, whole: Gateway) -> None:
    folding.answer(Request(query="q01", version=1, parameters={"l_shipdate_to": "1998-04-30"}), principal=Principal())
    folded = []
    for last in ("1998-05-31", "1998-06-30", "1998-07-31"):
        request = Request(query="q01", version=1, parameters={"l_shipdate_to": last})
        result = folding.answer(request, principal=Principal()).result
        assert result.digest == whole.answer(request, principal=Principal()).result.digest
        folded.append(result.folded)
    assert [one.kept + one.computed for one in folded if one is not None] == [77, 78, 79]
    assert all(one is not None and one.computed <= 1 for one in folded)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", range(1, 23))
def test_a_template_with_random_parameters_answers_like_its_text_over_unpartitioned_tables(
    number: int, seed: int, gateway: Gateway, plain: duckdb.DuckDBPyConnection
) -> None:
    template = gateway.registry.template(f"q{number:02}", 1)
    parameters = substituted(template, Random(f"{number} {seed}"), plain)
    request = Request(query=template.name, version=1, parameters=parameters)
    values = {name: bound.value for name, bound in gateway.registry.bind(request).parameters.items()}
    expected = plain.execute(template.sql, values).fetchall()
    answer = gateway.answer(request, principal=Principal())
    table = answer.result.table
    rows = [tuple(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
    assert len(rows) == len(expected), parameters
    assert all(same(ours, theirs) for ours, theirs in zip(rows, expected, strict=True)), parameters


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


def substituted(template: Template, chance: Random, plain: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Choose other values for the parameters of a template: the ends of a range move together."""
    months, factor = chance.randrange(-24, 37), chance.choice((1, 1, 1, 2))
    made: dict[str, Any] = {}
    for name, parameter in template.parameters.items():
        default = parameter.default
        if isinstance(default, date):
            made[name] = str(moved(default, months, chance.randrange(28) if chance.random() < 0.5 else 0))
        elif isinstance(default, list):
            made[name] = [others(name, item, chance, plain) for item in default]
        elif isinstance(default, str):
            made[name] = others(name, default, chance, plain)
        elif isinstance(default, Decimal):
            made[name] = str(default * factor)
        else:
            made[name] = max(1, default + chance.randrange(-3, 4))
    return made


def moved(day: date, months: int, days: int) -> date:
    """Move a day; the same *months* keep the order of two."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, 28)) + timedelta(days)


def others(name: str, default: Any, chance: Random, plain: duckdb.DuckDBPyConnection) -> Any:
    """Choose a value of the column that a parameter is compared with, cut as its default is."""
    column = next(column for column in columns(plain) if name.startswith(column))
    found = plain.execute(f"SELECT DISTINCT {column} FROM {columns(plain)[column]} ORDER BY ALL").fetchall()
    value = chance.choice(found)[0]
    if not isinstance(default, str):
        return value
    if "%" in default:
        words = value.split()
        starts, ends = default.startswith("%"), default.endswith("%")
        chosen = [chance.choice(words) for part in default.split("%") if part]
        return {(False, True): f"{words[0]}%", (True, False): f"%{words[-1]}"}.get(
            (starts, ends), f"%{'%'.join(chosen)}%"
        )
    return value[:2] if column == "c_phone" else value


def columns(plain: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Map the columns of all tables to their tables."""
    rows = plain.execute("SELECT column_name, table_name FROM duckdb_columns() WHERE NOT internal").fetchall()
    return dict(rows)


def same(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> bool:
    """Compare two rows: sums of doubles may differ in their last digits, by the order of adding."""
    return len(ours) == len(theirs) and all(
        math.isclose(one, other, rel_tol=1e-9) if isinstance(one, float) and isinstance(other, float) else one == other
        for one, other in zip(ours, theirs, strict=True)
    )
