"""Two facts that are joined partition by partition: the fold is the query over all files.

Each partial reads of the other fact what its partition can meet; computed together with others it reads what these can
meet too, and is the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from days import Days, opened_each
from folding import content
from hypothesis import event, given, note
from hypothesis import strategies as st

from gateway.model import Plan
from gateway.plan.fold.fold import Fold
from gateway.plan.fold.parts import Whole
from gateway.project.loader import load_tables
from gateway.writer import Mode, Options, write

FIRST, DAYS = date(2023, 12, 29), 6
COLUMNS = {"at": "TIMESTAMP", "k": "VARCHAR", "n": "INTEGER", "d": "DATE", "z": "TIMESTAMP WITH TIME ZONE"}
SCHEMA = pa.schema(
    [
        ("at", pa.timestamp("us")),
        ("k", pa.string()),
        ("n", pa.int32()),
        ("d", pa.date32()),
        ("z", pa.timestamp("us", tz="UTC")),
    ]
)
LEVELS = {
    "day": ("of_day", "day", "at"),
    "month": ("of_month", "month", "at"),
    "hour": ("of_hour", "hour", "at"),
    "k": ("k", "identity", "k"),
    "half": ("half", "'bucket[2]'", "n"),
    "sixth": ("sixth", "'bucket[6]'", "n"),
    "third": ("third", "'bucket[3]'", "n"),
    "of_k": ("of_k", "'bucket[3]'", "k"),
    "d": ("d", "identity", "d"),
    "zday": ("of_z", "day", "z"),
    "n": ("n", "identity", "n"),
}
"""Levels of folders: the column, its transform and its source."""
LAYOUTS = {
    "a": (
        *(["day"], ["d", "k"], ["month", "n"], ["zday", "half"], ["k", "day"], ["hour"], ["day"]),
        *(["half"], ["half", "of_k"], ["third", "of_k"]),
    ),
    "b": (
        *(["day"], ["day"], ["d"], ["month"], ["k"], ["zday", "n"], []),
        *(["sixth"], ["third", "of_k"], ["half", "of_k"]),
    ),
}
ENDS = [f"TIMESTAMP '{FIRST + timedelta(days=day)}'" for day in range(DAYS)]
MEETINGS = (
    *("a.at = b.at", "a.at::DATE = b.at::DATE", "a.d = b.d", "a.k = b.k", "a.n = b.n", "a.z = b.z", "a.at::DATE = b.d"),
    *("a.d = b.d AND a.k = b.k", "b.at BETWEEN a.at - INTERVAL 1 DAY AND a.at", "a.d = b.d + 1", "a.d < b.d"),
    *("date_trunc('month', a.at) = date_trunc('month', b.at)", "b.at >= a.at AND b.at < a.at + INTERVAL 36 HOUR"),
    *("a.d IS NOT DISTINCT FROM b.d", "coalesce(a.d, DATE '2024-01-01') = b.d", "a.d = b.d OR a.k = b.k"),
    *("a.d <> b.d", "a.at + INTERVAL 1 MONTH > b.at AND a.n = b.n", "a.z::DATE = b.d", "a.n = b.n + 1"),
    *(
        "b.at > a.at - INTERVAL 12 HOUR AND a.at > b.at - INTERVAL 12 HOUR",
        "a.d = b.d AND b.n > 0",
        "b.d = '2024-01-01'",
    ),
)
FILTERS = (
    *(
        "a.at >= {}",
        "a.at < {}",
        "a.d >= {}::DATE",
        "a.k = 'x'",
        "a.at IS NOT NULL",
        "a.n > 0",
        "a.z > {}::TIMESTAMPTZ",
    ),
)
OF_OTHER = ("b.at >= {}", "b.d < {}::DATE", "b.k = 'x'", "b.n IS NULL")
KINDS = ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "SEMI JOIN", "ANTI JOIN")
WAREHOUSES = 10


@st.composite
def queries(draw: Any) -> str:
    """Make an aggregation of ``a`` that ``b`` is joined to, or asked of."""
    meeting, kind = draw(st.sampled_from(MEETINGS)), draw(st.sampled_from(KINDS))
    filters = draw(st.lists(st.sampled_from(FILTERS), max_size=2, unique=True))
    shape = draw(st.integers(0, 5))
    seen = shape == 0 or (shape == 1 and kind in ("JOIN", "LEFT JOIN"))
    before, source = "", f"a {kind} b ON {meeting}"
    if shape == 1:
        before = "WITH w AS (SELECT * FROM b WHERE n IS NOT NULL) "
        source = f"a {kind} w AS b ON {meeting}"
    elif shape == 2:
        sign = draw(st.sampled_from(["", "NOT "]))
        source, filters = "a", [*filters, f"{sign}EXISTS (SELECT 1 FROM b WHERE {meeting})"]
    elif shape == 3:
        sign, column = draw(st.sampled_from(["", "NOT "])), draw(st.sampled_from(["at", "d", "k", "n"]))
        source, filters = "a", [*filters, f"a.{column} {sign}IN (SELECT b.{column} FROM b WHERE b.n >= 0)"]
    elif shape == 4:
        source = f"a {kind} b ON {meeting} JOIN c ON c.n = a.n"
    elif shape == 0:
        kind = draw(st.sampled_from(["JOIN", "LEFT JOIN"]))
        source = f"a {kind} b ON {meeting}"
        filters += draw(st.lists(st.sampled_from(OF_OTHER), max_size=1))
    made = "sum(b.n) AS s, max(b.k) AS m" if seen else "sum(a.n) AS s, max(a.k) AS m"
    where = " AND ".join(each.format(draw(st.sampled_from(ENDS))) for each in filters)
    return (
        f"{before}SELECT a.n AS g, count(*) AS c, {made} FROM {source}{f' WHERE {where}' if where else ''} GROUP BY 1"
    )


def rows(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for _ in range(chance.choice([0, 12, 40])):
        moment = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(
            days=chance.randrange(DAYS), hours=chance.choice([0, 0, 12, 23]), microseconds=chance.choice([0, 0, 1])
        )
        yield (
            chance.choice([None, *[moment] * 9]),
            chance.choice([None, "x", "y", "", "X"]),
            chance.choice([None, 0, 1, 2]),
            chance.choice([None, *[moment.date()] * 9]),
            chance.choice([None, *[moment.replace(tzinfo=UTC)] * 9]),
        )


def build(folder: Path, seed: int) -> None:
    """Declare the tables, and write their files by several loads."""
    chance = random.Random(seed)
    (folder / "catalog").mkdir(parents=True)
    (folder / "gateway.toml").write_text("")
    columns = "\n".join(f"  {name}: {kind}" for name, kind in COLUMNS.items())
    for table in ("a", "b", "c"):
        layouts = LAYOUTS.get(table, ([],))
        levels = [LEVELS[level] for level in layouts[seed % len(layouts)]]
        fields = [f"\n  - {{column: {column}, transform: {how}, source: {source}}}" for column, how, source in levels]
        partitioned = f"partitioned_by:{''.join(fields)}\n" if fields else ""
        text = f"table: {table}\nlocation: {table}\n{partitioned}columns:\n{columns}\n"
        (folder / "catalog" / f"{table}.yaml").write_text(text)
        (folder / table).mkdir()
    tables, _ = load_tables(folder)
    for table in tables.values():
        for _ in range(chance.choice([1, 2])):
            made = [dict(zip(COLUMNS, row, strict=True)) for row in rows(chance)]
            write(table, pa.Table.from_pylist(made, schema=SCHEMA), root=folder, options=Options(mode=Mode.APPEND))
        in_path = {field.column for field in table.partitioned_by}
        for path in sorted((folder / table.name).rglob("*.parquet")):
            if chance.random() < 0.1:  # a column that a file lacks is NULL in all of its rows
                name = chance.choice([name for name in COLUMNS if name not in in_path])
                pq.write_table(pq.read_table(path, partitioning=None).drop([name]), path)


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Days]]:
    with opened_each(tmp_path_factory, build, WAREHOUSES) as made:
        yield made


@given(query=queries(), number=st.integers(0, WAREHOUSES - 1))
def test_a_fold_is_the_query_over_all_files_of_both_facts(warehouses: list[Days], query: str, number: int) -> None:
    days = warehouses[number]
    note(query)
    _, plan, fold = days.plan(query)
    if isinstance(fold, Whole):
        event(fold.reason.split(" ")[2])
        return
    whole = days.whole(fold)
    (branch,) = fold.branches
    some, at_once = slice(0, None, 4), days.partials(branch, at_once=True)
    alone = days.partials(replace(branch, pieces=branch.pieces[some]))
    assert list(map(in_no_order, alone)) == list(map(in_no_order, at_once[some]))
    assert content(days.rows(fold.finish(fold.together([at_once])))) == content(whole)
    assert in_no_order(whole) == in_no_order(days.scanned(query))
    event(f"reads of the other: {how_much(plan, fold)}")


def in_no_order(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))


def how_much(plan: Plan, fold: Fold) -> str:
    """Say whether partials read a part of what is selected of the other fact."""
    (branch,) = fold.branches
    other = next(number for number in branch.scans if plan.scans[number].table != plan.scans[branch.fact].table)
    reached = {piece.beside[other].files for piece in branch.pieces}
    return "a part" if min(reached, default=0) < plan.scans[other].selection.files else "all of it"
