"""Make a project of TPC-H: its tables as Parquet, its 22 queries as templates with parameters.

The data comes from ``tpchgen-cli``, the texts of the queries from DuckDB's packaged ``tpch`` extension.
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import yaml

from gateway.demo.source import SourceMissing
from gateway.query.parametrise import LiteralParameter, parametrise

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")

_PARTITIONED_BY = {
    "lineitem": {"column": "ship_month", "transform": "month", "source": "l_shipdate"},
    "orders": {"column": "order_month", "transform": "month", "source": "o_orderdate"},
}

_UNNAMED = {18: ("    sum(l_quantity)\nFROM", "    sum(l_quantity) AS sum_quantity\nFROM")}
"""The one result column that the texts leave without a name; readers of an answer need one."""
_SUMMARIES = (
    "Pricing summary report",
    "Minimum cost supplier",
    "Shipping priority",
    "Order priority checking",
    "Local supplier volume",
    "Forecasting revenue change",
    "Volume shipping",
    "National market share",
    "Product type profit measure",
    "Returned item reporting",
    "Important stock identification",
    "Shipping modes and order priority",
    "Customer distribution",
    "Promotion effect",
    "Top supplier",
    "Parts and supplier relationship",
    "Small-quantity-order revenue",
    "Large volume customer",
    "Discounted revenue",
    "Potential part promotion",
    "Suppliers who kept orders waiting",
    "Global sales opportunity",
)


def generate(folder: Path, scale: float) -> Mapping[str, Path]:
    """Generate the tables at a scale factor into *folder*; return the Parquet file of each."""
    program = shutil.which("tpchgen-cli", path=sysconfig.get_path("scripts")) or shutil.which("tpchgen-cli")
    if program is None:
        raise SourceMissing("TPC-H data is made by tpchgen-cli. Install it:\n    pip install 'query-gateway[demo]'")
    subprocess.run([program, "parquet", "-s", f"{scale:g}", "-o", str(folder), "--quiet"], check=True)
    return {table: folder / f"{table}.parquet" for table in TABLES}


def declare(project: Path, data: Mapping[str, Path], scale: float) -> None:
    """Write the settings, the catalog and the templates of the project over the generated files *data*."""
    with closing(duckdb.connect()) as connection:
        columns = {table: _columns(connection, path) for table, path in data.items()}
        queries = _queries(connection)
    (project / "catalog").mkdir(parents=True)
    for table, types in columns.items():
        _write_yaml(project / "catalog" / f"{table}.yaml", _declaration(table, types))
    all_types = {name: kind for types in columns.values() for name, kind in types.items()}
    for (number, sql), summary in zip(queries, _SUMMARIES, strict=True):
        named = sql.replace(*_UNNAMED[number]) if number in _UNNAMED else sql
        path = project / "queries" / f"q{number:02}" / "v1.sql"
        path.parent.mkdir(parents=True)
        path.write_text(template(named, all_types, summary), encoding="utf-8")
    (project / "gateway.toml").write_text(f'title = "TPC-H, scale factor {scale:g}"\n', encoding="utf-8")


def template(sql: str, types: Mapping[str, str], summary: str) -> str:
    """Write a template: front matter, then *sql* with the literals of its filters as parameters."""
    text, parameters = parametrise(sql, types)
    front = {
        "summary": summary,
        "owner": "tpch",
        "parameters": {each.name: _parameter(each) for each in parameters},
        "cache": {"ttl": "1h", "stale_while_revalidate": "1d", "stale_if_error": "1d"},
        "examples": [{}],
    }
    return f"/*\n{_yaml(front)}*/\n{text}\n"


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    relation = connection.read_parquet(str(path))
    return dict(zip(relation.columns, (str(kind) for kind in relation.types), strict=True))


def _queries(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    extension = files("duckdb_extension_tpch") / "extensions" / f"v{duckdb.__version__}" / "tpch.duckdb_extension"
    connection.load_extension(str(extension))
    return connection.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY query_nr").fetchall()


def _declaration(table: str, types: Mapping[str, str]) -> dict[str, Any]:
    partitioning = {"partitioned_by": [_PARTITIONED_BY[table]]} if table in _PARTITIONED_BY else {}
    return {"table": table, "location": f"warehouse/{table}", "columns": dict(types), **partitioning, "refresh": "1h"}


def _parameter(parameter: LiteralParameter) -> dict[str, Any]:
    item, is_list = parameter.type.removesuffix("[]").lower(), isinstance(parameter.default, tuple)
    default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    return {"type": f"list[{item}]" if is_list else item, "default": default}


def _write_yaml(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(_yaml(value), encoding="utf-8")


def _yaml(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=110)
