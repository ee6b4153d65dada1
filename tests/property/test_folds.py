"""A fold over files is the query over all of them: by the planner, the engine, and files in random partitions.

The columns, the order and every byte of the fold are those of the query over all rows in the same order; its values are
those of the author's text, run by one thread of a plain DuckDB over the files. A filter that a partial leaves out is
TRUE for every row of its files.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from days import Days, opened_each
from foldable import (
    ANYTHING,
    BESIDE,
    CONDITIONS,
    KEYS,
    NUMBERS,
    TYING,
    aggregates,
    beside,
    joined_queries,
    nested_queries,
    united_queries,
)
from folding import content
from hypothesis import event, given, note
from hypothesis import strategies as st

from gateway.errors import QueryFailed
from gateway.plan.fold.fold import Fold
from gateway.plan.fold.parts import Whole

FIRST, DAYS = date(2023, 12, 28), 10
COLUMNS = {
    "k": "VARCHAR",
    "j": "INTEGER",
    "ts": "TIMESTAMP",
    "i": "INTEGER",
    "b": "BIGINT",
    "m": "DECIMAL(9,2)",
    "w": "DECIMAL(38,3)",
    "h": "DECIMAL(38,0)",
    "t": "BOOLEAN",
    "u": "UUID",
    "c": "TIME",
    "z": "TIMESTAMP WITH TIME ZONE",
    "o": "BLOB",
    "f": "DOUBLE",
}
LAYOUTS = (
    "",
    "\n  - {column: kind, transform: identity, source: k}",
    "\n  - {column: half, transform: 'bucket[2]', source: j}",
)
EDGES = [f"'{FIRST + timedelta(days=day)}{time}'::TIMESTAMP" for day in range(-1, 11) for time in ("", " 12:00:00")]
CONDITIONS_OF_FILES = (
    *CONDITIONS,
    *(f"ts {sign} {edge}" for sign in (">=", "<", ">", "<=") for edge in EDGES),
    *(f"ts BETWEEN {low} AND {high}" for low, high in zip(EDGES, EDGES[7:], strict=False)),
    *("ts::DATE >= DATE '2023-12-30'", "date_trunc('month', ts) = DATE '2024-01-01'", "k = 'a'", "f >= 0.0"),
    *("NOT (ts < '2023-12-31'::TIMESTAMP)", "ts > TIMESTAMP '2024-01-02' - INTERVAL 36 HOUR", "f < 'nan'::DOUBLE"),
    *("(ts >= '2023-12-30'::TIMESTAMP OR k = 'b')", "ts IN ('2024-01-01'::TIMESTAMP, '2024-01-02'::TIMESTAMP)"),
)
MET = "v AS t SEMI JOIN (SELECT ts AS met FROM t) AS o ON o.met::DATE = t.ts::DATE"
"""A fact that is folded though the other one, of which each row is looked up, has more partitions."""
QUERIES = st.one_of(
    joined_queries("t", [*KEYS, "f"], aggregates([*NUMBERS, "f"], [*ANYTHING, "f"], ("i", "b")), CONDITIONS_OF_FILES),
    nested_queries("t", NUMBERS),
    united_queries(["t", "v AS t", MET], NUMBERS),
)
WAREHOUSES = 8


def rows(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    widest = Decimal(10) ** 35 - Decimal("0.001")
    for _ in range(chance.choice([0, 5, 60, 60])):
        moment = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(
            days=chance.randrange(DAYS), hours=chance.choice([0, 12, 23]), microseconds=chance.choice([0, 1])
        )
        yield (
            chance.choice([None, "a", "b", "", "A"]),
            chance.choice([None, 0, 1, 2]),
            chance.choice([None, *[moment] * 9]),
            chance.choice([None, 0, -(2**31), 2**31 - 1, 7]),
            chance.choice([None, 2**63 - 1, -(2**63), 1]),
            chance.choice([None, "0.01", "-9999999.99", "9999999.99"]),
            chance.choice([None, 0, widest / 7, -widest / 3, "0.001"]),
            chance.choice([None, 0, 10**38 - 1, 1 - 10**38, 10**37]),
            chance.choice([None, True, False]),
            chance.choice([None, "00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
            chance.choice([None, "00:00:00", "12:30:00.000001"]),
            chance.choice([None, "2024-01-01 00:00:00+02", "2023-12-31 22:00:00+00"]),
            chance.choice([None, b"", b"\x00", b"\xff\x00"]),
            chance.choice([None, 0.0, -0.0, 1.5, float("nan"), float("inf")]),
        )


def build(folder: Path, seed: int) -> None:
    """Write the files of a warehouse: in each partition one or several, some of them without rows."""
    chance = random.Random(seed)
    layout = LAYOUTS[seed % len(LAYOUTS)]
    (folder / "catalog").mkdir(parents=True)
    partitioned = f"partitioned_by:\n  - {{column: day, transform: day, source: ts}}{layout}"
    columns = "\n".join(f"  {name}: {kind}" for name, kind in COLUMNS.items())
    (folder / "catalog" / "t.yaml").write_text(f"table: t\nlocation: t\n{partitioned}\ncolumns:\n{columns}\n")
    (folder / "t").mkdir()
    (folder / "gateway.toml").write_text("")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE facts ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        for _ in range(chance.choice([1, 3])):
            connection.execute("DELETE FROM facts")
            if made := list(rows(chance)):
                connection.executemany(f"INSERT INTO facts VALUES ({', '.join('?' * len(COLUMNS))})", made)
            write(connection, folder / "t", layout, chance)
        build_other(folder, connection, chance)
        build_beside(folder, connection, chance)


def build_other(folder: Path, connection: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    """Write another table of these columns, of half of the days."""
    declaration = (
        (folder / "catalog" / "t.yaml").read_text().replace("table: t\nlocation: t\n", "table: v\nlocation: v\n")
    )
    for layout in LAYOUTS[1:]:
        declaration = declaration.replace(layout, "")
    (folder / "catalog" / "v.yaml").write_text(declaration)
    (folder / "v").mkdir()
    connection.execute("DELETE FROM facts")
    made = [row for row in rows(chance) if row[2] is None or row[2].day % 2]
    connection.executemany(
        f"INSERT INTO facts VALUES ({', '.join('?' * len(COLUMNS))})", made or [[None] * len(COLUMNS)]
    )
    write(connection, folder / "v", "", chance)


def build_beside(folder: Path, connection: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    """Write the tables that are joined, each in one file."""
    for table, others in beside(chance).items():
        columns = BESIDE[table]
        declared = "\n".join(f"  {name}: {kind}" for name, kind in columns.items())
        (folder / "catalog" / f"{table}.yaml").write_text(f"table: {table}\nlocation: {table}\ncolumns:\n{declared}\n")
        connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        if others:
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [[*row.values()] for row in others])
        (folder / table).mkdir()
        connection.execute(f"COPY {table} TO '{folder / table / 'all.parquet'}' (FORMAT parquet)")


def write(connection: duckdb.DuckDBPyConnection, folder: Path, layout: str, chance: random.Random) -> None:
    from_rows = "coalesce(ts::DATE::VARCHAR, '__HIVE_DEFAULT_PARTITION__')"
    kind = "coalesce(nullif(k, ''), '__HIVE_DEFAULT_PARTITION__')" if "kind" in layout else "''"
    for day, key in connection.sql(f"SELECT DISTINCT {from_rows}, {kind} FROM facts ORDER BY ALL").fetchall():
        target = folder / f"day={day}" / (f"kind={key}" if "kind" in layout else "")
        target.mkdir(parents=True, exist_ok=True)
        path = target / f"{chance.randrange(10**9)}.parquet"
        connection.execute(
            f"COPY (FROM facts WHERE {from_rows} = '{day}' AND {kind} = '{key}') TO '{path}' (FORMAT parquet)"
        )


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Days]]:
    with opened_each(tmp_path_factory, build, WAREHOUSES) as made:
        yield made


@given(query=QUERIES, number=st.integers(0, WAREHOUSES - 1), at_once=st.booleans())
def test_a_fold_is_the_query_over_all_files(warehouses: list[Days], query: str, number: int, at_once: bool) -> None:
    days = warehouses[number]
    note(query)
    try:
        _, _, fold = days.plan(query)
    except QueryFailed:
        return  # a result that has the name of a column made GROUP BY another one
    if isinstance(fold, Whole):
        event(fold.reason.split(" ")[0] + " …" if "partitions" not in fold.reason else "few partitions")
        return
    shorter = [len(piece.query.sql) < len(each.query.sql) for each in fold.branches for piece in each.pieces]
    event(f"folded, {any(shorter)}, {len(fold.branches)}")
    hold_what_is_left_out(days, fold)
    whole, folded = attempt(days, fold, at_once)
    if isinstance(whole, pa.Table) and isinstance(folded, pa.Table):
        assert folded.schema == whole.schema
        assert content(folded) == content(whole), (folded, whole)
        if not any(word in query for word in (" LIMIT ", " OVER ", *TYING)):
            assert near(whole) == near(days.scanned(query))


def attempt(days: Days, fold: Fold, at_once: bool) -> tuple[pa.Table | None, pa.Table | None]:
    """Compute whole and fold; None: a sum does not fit (execution then runs the query whole), or a union's value."""
    made: list[pa.Table | None] = []
    for answer in (lambda: days.whole(fold), lambda: days.folded(fold, at_once=at_once)):
        try:
            made.append(answer())
        except QueryFailed as error:
            if "verflow" not in str(error) and "Could not cast" not in str(error):
                raise
            made.append(None)
    return made[0], made[1]


def hold_what_is_left_out(days: Days, fold: Fold) -> None:
    files: dict[tuple[str, str], list[str]] = {}
    for branch, part in zip(fold.branches, fold.form.split.parts, strict=True):
        for piece in branch.pieces:
            for each in part.filters:
                if each.sql not in piece.query.sql:
                    paths = [file.path for file in piece.selection.versions()]
                    files.setdefault((each.sql, branch.query.tables[0]), []).extend(paths)
    for (condition, table), paths in files.items():
        failing = days.scanned(f"SELECT count(*) AS n FROM t WHERE ({condition}) IS NOT TRUE", paths)
        assert failing["n"].to_pylist() == [0], (condition, table)


def near(rows: pa.Table) -> list[str]:
    """Return rows as texts in no order: a DOUBLE in 12 digits, all else exactly."""
    return sorted(
        repr([f"{value + 0.0:.12g}" if isinstance(value, float) else value for value in row.values()])
        for row in rows.to_pylist()
    )
