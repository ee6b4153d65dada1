"""Measure how tight filters are: partitions that are read over the fewest that hold a row of the answer.

Run it as a script; it prints every filter of ``filters.sql`` that reads too much, and a summary. The fewest are counted
by DuckDB over all rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table as Grid

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import GatewayError
from gateway.model import BoundQuery, TypedValue
from gateway.pipeline import Gateway
from gateway.plan.analysis import NOW
from gateway.project.loader import load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import write

CLOCK = datetime(2024, 3, 11, 6, 30, tzinfo=UTC)
REGIONS = "{lookup: {US: NA, CA: NA, DE: EU, FR: EU, JP: AS}}"
TIERS = '{lookup: {free: low, trial: low, pro: mid, team: mid, "*": high}}'
PARTITIONED_BY = {
    "ev": f"[{{column: dt, transform: day, source: ts}}, {{column: region, transform: {REGIONS}, source: country}}]",
    "od": "[{column: mo, transform: month, source: d}]",
    "lg": "[{column: year, transform: year, source: ts}, "
    '{column: month, transform: month_of_year, source: ts, format: "%m"}, '
    '{column: day, transform: day_of_month, source: ts, format: "%d"}]',
    "zt": "[{column: day, transform: day, source: tz, zone: America/New_York}]",
    "sf": f"[{{column: r, transform: {{range: {list(range(0, 1110, 30))}}}, source: sk}}]",
    "bk": "[{column: kind, source: kind}, {column: slot, transform: {bucket: 8}, source: uid}]",
    "hr": "[{column: hour, transform: hour, source: ts}]",
    "yr": "[{column: y, transform: year, source: born}]",
    "mc": "[{column: mo, transform: month, source: d}, {column: country, source: country}]",
    "tr": "[{column: p, transform: {truncate: 2}, source: sku}]",
    "tn": "[{column: p, transform: {truncate: 100}, source: num}]",
    "tx": "[{column: status, source: status}, {column: mo, transform: month, source: t}]",
    "bt": "[{column: slot, transform: {bucket: 16}, source: key}]",
    "hv": "[{column: dt, source: dt}]",
    "nw": "[{column: day, transform: day, source: ts}]",
    "fd": "[{column: day, source: day}]",
    "lk": f"[{{column: tier, transform: {TIERS}, source: plan}}]",
    "dd": "[]",
    "cc": "[]",
    "us": "[]",
    "org": "[]",
    "cal": "[]",
}
ROWS = {
    "ev": "SELECT row_number() OVER () AS id, t + INTERVAL (h) MICROSECONDS AS ts, (h + n) % 97 AS uid, country, "
    "(n * 7 % 100)::INTEGER AS amount, concat(country, n) AS code "
    "FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-04-30', INTERVAL 1 DAY) AS days(t), "
    "unnest([0, 11100000000, 47000000001, 86399999999]) AS hours(h), "
    "(VALUES ('US', 1), ('CA', 2), ('DE', 3), ('FR', 4), ('JP', 5)) AS countries(country, n)",
    "od": "SELECT row_number() OVER () AS id, d::DATE AS d, day(d)::INTEGER AS uid, 'k' AS pk "
    "FROM range(DATE '2022-01-01', DATE '2025-01-01', INTERVAL 1 DAY) AS days(d)",
    "lg": "SELECT row_number() OVER () AS id, t + INTERVAL (h) HOUR AS ts, 'info' AS lvl "
    "FROM range(TIMESTAMP '2023-12-01', TIMESTAMP '2024-02-01', INTERVAL 1 DAY) AS days(t), range(0, 24, 6) AS r(h)",
    "zt": "SELECT row_number() OVER () AS id, t::TIMESTAMPTZ AS tz, 1.5 AS x FROM range(TIMESTAMP '2024-02-24 05:00', "
    "TIMESTAMP '2024-03-26 04:00', INTERVAL 1 HOUR) AS hours(t)",
    "sf": "SELECT row_number() OVER () AS id, sk, (sk % 97)::INTEGER AS uid FROM range(0, 1096) AS r(sk)",
    "bk": "SELECT row_number() OVER () AS id, i AS uid, kind "
    "FROM range(64) AS r(i), unnest(['a', 'b', 'c']) AS k(kind)",
    "hr": "SELECT row_number() OVER () AS id, t + INTERVAL (h) MICROSECONDS AS ts, 'h' || (id % 5) AS host, "
    "(id % 100)::INTEGER AS ms "
    "FROM range(TIMESTAMP '2024-03-04', TIMESTAMP '2024-03-12', INTERVAL 1 HOUR) AS hours(t), "
    "unnest([0, 900000000, 3599999999]) AS m(h)",
    "yr": "SELECT row_number() OVER () AS id, d::DATE AS born, concat('n', id % 10) AS name "
    "FROM range(DATE '1950-01-01', DATE '2010-01-01', INTERVAL 1 DAY) AS days(d)",
    "mc": "SELECT row_number() OVER () AS id, d::DATE AS d, country, (id % 50)::DECIMAL(9, 2) AS amount "
    "FROM range(DATE '2023-01-01', DATE '2025-01-01', INTERVAL 1 DAY) AS days(d), "
    "unnest(['US', 'CA', 'DE', 'FR', 'JP']) AS c(country)",
    "tr": "SELECT row_number() OVER () AS id, concat(a, b, '-', n) AS sku, n::INTEGER AS qty "
    "FROM unnest(string_split('ABCDEF', '')) AS x(a), unnest(string_split('ABCDEF', '')) AS y(b), range(5) AS r(n)",
    "tn": "SELECT row_number() OVER () AS id, num FROM range(5000) AS r(num)",
    "tx": "SELECT row_number() OVER () AS id, status, d::TIMESTAMP AS t, (id % 30)::INTEGER AS amount "
    "FROM unnest(['new', 'paid', 'shipped', 'returned', 'void', 'In Review']) AS s(status), "
    "range(DATE '2024-01-01', DATE '2025-01-01', INTERVAL 1 DAY) AS days(d)",
    "bt": "SELECT row_number() OVER () AS id, 'k' || i AS key, i AS n FROM range(400) AS r(i)",
    "hv": "SELECT row_number() OVER () AS id, strftime(d, '%Y-%m-%d') AS dt, h::INTEGER AS n "
    "FROM range(DATE '2024-01-01', DATE '2024-05-01', INTERVAL 1 DAY) AS days(d), range(3) AS r(h)",
    "nw": "SELECT row_number() OVER () AS id, ts FROM (SELECT t AS ts "
    "FROM range(TIMESTAMP '2024-01-01', TIMESTAMP '2024-03-01', INTERVAL 6 HOUR) AS r(t) "
    "UNION ALL VALUES (NULL::TIMESTAMP))",
    "fd": "SELECT row_number() OVER () AS id, t::DATE AS day, 1::INTEGER AS n "
    "FROM range(DATE '2024-01-01', DATE '2024-03-01', INTERVAL 1 DAY) AS r(t) UNION ALL VALUES (0, NULL::DATE, 0)",
    "lk": "SELECT row_number() OVER () AS id, plan, i::INTEGER AS n FROM range(9) AS r(i), "
    "unnest(['free', 'trial', 'pro', 'team', 'enterprise', 'partner']) AS p(plan)",
    "dd": "SELECT row_number() OVER () - 1 AS sk, d::DATE AS day, year(d)::INTEGER AS y, month(d)::INTEGER AS m, "
    "quarter(d)::INTEGER AS q, dayname(d) AS wd "
    "FROM range(DATE '2022-01-01', DATE '2025-01-01', INTERVAL 1 DAY) AS r(d)",
    "cc": "SELECT * FROM (VALUES ('US', 'America'), ('CA', 'America'), ('DE', 'Europe'), ('FR', 'Europe'), "
    "('JP', 'Asia')) AS v(code, continent)",
    "us": "SELECT i::INTEGER AS uid, CASE WHEN i % 2 = 0 THEN 'gold' ELSE 'free' END AS tier, i % 5 AS org "
    "FROM range(97) AS r(i)",
    "org": "SELECT i AS org, ['acme', 'b', 'c', 'd', 'e'][i + 1] AS oname FROM range(5) AS r(i)",
    "cal": "SELECT * FROM (VALUES ('spring 24', 2024::INTEGER, 2::INTEGER), ('winter 23', 2023::INTEGER, 4::INTEGER)) "
    "AS v(name, y, q)",
}
FOLDERS = {
    "nw": {
        "day=infinity": "SELECT 9001 AS id, 'infinity'::TIMESTAMP AS ts",
        "day=unknown": "SELECT 9002 AS id, '2024-02-10'::TIMESTAMP AS ts",
    },
    "fd": {"day=infinity": "SELECT 9001 AS id, 'infinity'::DATE AS day, 1::INTEGER AS n"},
}
"""Folders that other writers made, of a value that no partition is made for here, or that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A query, and the rows that matter in each of its scans, in text order."""

    sql: str
    rows: list[tuple[str, str]]
    parameters: Mapping[str, str]


def read_filters() -> Iterator[Filter]:
    text = (Path(__file__).parent / "filters.sql").read_text()
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("-- ")]
        sql = " ".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
        if sql:
            stated = [line.removeprefix("--> ").partition(": ") for line in lines if line.startswith("-->")]
            given = [line.removeprefix("--$ ").partition(" = ") for line in lines if line.startswith("--$")]
            rows = [(table, condition) for table, _, condition in stated] or [plain(sql)]
            yield Filter(sql=sql, rows=rows, parameters={name: value for name, _, value in given})


def plain(sql: str) -> tuple[str, str]:
    """Read the one table of a query, and its WHERE."""
    found = re.fullmatch(r"SELECT .*? FROM (\w+) WHERE (.*)", sql)
    assert found is not None, sql
    return found[1], found[2].replace("current_date", f"DATE '{CLOCK:%Y-%m-%d}'")


@contextmanager
def opened() -> Iterator[tuple[Gateway, duckdb.DuckDBPyConnection]]:
    """Write the tables, open a gateway over them, and a DuckDB that reads every row with the name of its file."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        root = Path(folder)
        (root / "catalog").mkdir()
        (root / "gateway.toml").write_text('title = "filters"\n')
        for name, fields in PARTITIONED_BY.items():
            declared = f"table: {name}\nlocation: data/{name}\npartitioned_by: {fields}\n"
            (root / "catalog" / f"{name}.yaml").write_text(declared)
        tables, wrong = load_tables(root)
        assert not wrong
        connection.execute("SET TimeZone = 'UTC'")
        for name, sql in ROWS.items():
            rows: pa.Table = connection.execute(sql).to_arrow_table()
            write(tables[name], rows, root=root)
            for made, sql_of_folder in FOLDERS.get(name, {}).items():
                (root / "data" / name / made).mkdir()
                connection.execute(f"COPY ({sql_of_folder}) TO '{root}/data/{name}/{made}/f.parquet'")
            files = f"read_parquet('{root}/data/{name}/**/*.parquet', hive_partitioning = false, filename = true)"
            connection.execute(f"CREATE VIEW {name} AS FROM {files}")
        with open_gateway(load_settings(root, {}), observe=unobserved, background=False) as gateway:
            yield gateway, connection


def chosen(gateway: Gateway, one: Filter, values: Mapping[str, TypedValue]) -> int | str:
    """Count the partitions that the plan reads, or say why there is none."""
    names = tuple(dict.fromkeys(table for table, _ in one.rows))
    query = BoundQuery(name="q", version=1, sql=one.sql, normalised=one.sql, tables=names, parameters=dict(values))
    try:
        plan = gateway.planning.planner.plan(query, gateway.catalog.pin(names))
    except GatewayError as error:
        return error.code
    assert [scan.table for scan in plan.scans] == [table for table, _ in one.rows], one.sql
    return sum(scan.selection.partitions for scan in plan.scans)


def fewest(connection: duckdb.DuckDBPyConnection, one: Filter) -> int:
    """Count the partitions (one file each) that hold a row that matters."""
    counted = 0
    for table, condition in one.rows:
        names = {name: value for name, value in one.parameters.items() if re.search(rf"\${name}\b", condition)}
        for name, value in names.items():
            condition = re.sub(rf"\${name}\b", value, condition)
        found = connection.execute(f"SELECT count(DISTINCT filename) FROM {table} WHERE {condition}").fetchone()
        counted += 0 if found is None else int(found[0])
    return counted


def typed(connection: duckdb.DuckDBPyConnection, written: Mapping[str, str]) -> dict[str, TypedValue]:
    values = {NOW: TypedValue(value=CLOCK, type="TIMESTAMP WITH TIME ZONE")}
    for name, text in written.items():
        found = connection.execute(f"SELECT {text}").fetchone()
        assert found is not None
        value = found[0].date() if isinstance(found[0], datetime) and text.endswith("DATE") else found[0]
        assert value is None or isinstance(value, date | str | int | bool | list)
        values[name] = TypedValue(value=value, type=text.rpartition("::")[2])
    return values


def main() -> None:
    """Print the filters that read more than they need, and how many do not."""
    grid = Grid("chosen", "fewest", "ratio", "filter", title="Filters that read more partitions than hold their rows")
    ratios = []
    with opened() as (gateway, connection):
        for one in read_filters():
            many, few = chosen(gateway, one, typed(connection, one.parameters)), fewest(connection, one)
            ratio = 99.0 if isinstance(many, str) else 1.0 if many == few else many / max(1, few)
            ratios.append(ratio)
            if ratio != 1:
                grid.add_row(str(many), str(few), f"{ratio:.2f}", one.sql)
    console = Console(width=180)
    console.print(grid)
    exact = sum(ratio == 1 for ratio in ratios)
    console.print(
        f"{exact} of {len(ratios)} filters ({exact / len(ratios):.0%}) at exactly 1.00; worst {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
