"""Partitions of days and instants that Python does not have: infinite, before Christ, after 9999."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from built_tables import Sales

from gateway.model import Principal
from gateway.pipeline import Gateway
from gateway.query.adhoc import Adhoc
from gateway.writer import write

DAYS = ("0044-03-15 (BC)", "0001-12-31 (BC)", "0001-01-01", "2024-01-30", "9999-12-31", "12345-06-07")
VALUES = {
    "DATE": (*DAYS, "5877642-06-25 (BC)", "5881580-07-10", "infinity", "-infinity"),
    "TIMESTAMP": (*DAYS, "0044-03-15 (BC) 10:00:00.5", "infinity", "-infinity"),
    "TIMESTAMP WITH TIME ZONE": (*DAYS, "0044-03-15 (BC) 10:00:00.5+00", "12345-06-07 00:00:00.000001+00", "infinity"),
}
FILTERS = (
    "{c} = {v}",
    "{c} < {v}",
    "{c} NOT IN ({v}, DATE '2024-01-30')",
    "year({c}) = year({v})",
)


def asked(gateway: Gateway, sql: str) -> list[str]:
    query = Adhoc(sql, "q.sql", gateway.catalog.tables)
    bound = query.bind({}, {name: each.columns for name, each in gateway.catalog.pin(query.tables).items()})
    return texts(gateway.answer(bound, principal=Principal()).result.table)


def texts(rows: object) -> list[str]:
    """Write rows by DuckDB, in whose types Python has not all values."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("answer", rows)
        return sorted(map(repr, connection.sql("SELECT COLUMNS(*)::VARCHAR FROM answer").fetchall()))


@pytest.mark.parametrize("kind", VALUES)
def test_far_values_are_partitions_as_any(tmp_path: Path, kind: str) -> None:
    sales = Sales(tmp_path)
    sales.declare("SELECT v, n FROM far", "partitioned_by: [{column: v, source: v}]")
    (tmp_path / "catalog" / "far.yaml").write_text(
        f"table: far\nlocation: far\ncolumns: {{v: {kind}, n: BIGINT}}\n"
        "partitioned_by: [{column: p, transform: identity, source: v}]\n"
    )
    values = [f"CAST('{text}' AS {kind})" for text in VALUES[kind]]
    with duckdb.connect() as plain, sales.opened() as (gateway, builder):
        plain.execute("SET TimeZone = 'UTC'")
        rows = ", ".join(f"({value}, {number})" for number, value in enumerate([*values, f"NULL::{kind}"]))
        plain.execute(f"CREATE TABLE far AS SELECT v, n::BIGINT AS n, v AS p FROM (VALUES {rows}) t(v, n)")
        stored = plain.sql("SELECT v, n FROM far").to_arrow_table()
        assert write(gateway.catalog.tables["far"], stored, root=tmp_path).partitions == len(values) + 1
        gateway.catalog.refresh("far")
        built = builder.build("built").version
        assert kind != "DATE" or [part.rows for part in built.partitions] == [1] * (len(values) + 1)
        gateway.catalog.refresh("built")
        plain.execute("CREATE VIEW built AS SELECT v, n FROM far")
        for filter_ in FILTERS:
            for column, table in (("p", "far"), ("v", "built")):
                for value in values[::3]:
                    sql = f"SELECT * FROM {table} WHERE {filter_.format(c=column, v=value)}"
                    assert asked(gateway, sql) == texts(plain.sql(sql).to_arrow_table()), sql
        path = next((tmp_path / "far").glob("p=0044-03-15 (BC)*")) / "more.parquet"
        plain.execute(f"COPY (SELECT v, 100::BIGINT AS n FROM far WHERE n = 0) TO '{path}' (FORMAT parquet)")
        assert builder.build("built").published
        assert not builder.build("built").published
        gateway.catalog.refresh("far")
        gateway.catalog.refresh("built")
        assert asked(gateway, "SELECT n FROM far WHERE n >= 0") == asked(gateway, "SELECT n FROM built WHERE n >= 0")
