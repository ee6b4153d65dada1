"""The rules, one case each: the query, the predicate of each of its scans, and the proof that it changes no answer.

A case file holds SQL texts that end in ``;``. The lines after one say what is expected: ``--> table: predicate`` for
each scan in text order (``{…}`` an expression that the engine computes, ``[…]`` a condition on the request), then
``--! table: filter | reason`` for each filter that is not used. Each case is run on DuckDB, whole and restricted.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from restriction import BOUND, Database, answers, shown

from gateway.model import TypedValue
from gateway.plan.analyse import NOW, Prepared
from gateway.plan.analyse.constants import (
    Absent,
    Aspect,
    Computed,
    Constant,
    Dimension,
    FirstPresent,
    LikePrefix,
    Literal,
    Parameter,
)

CASES = Path(__file__).parent / "cases"
COLUMNS = {"k": "INTEGER", "d": "DATE", "ts": "TIMESTAMP", "s": "VARCHAR", "f": "BOOLEAN", "m": "DECIMAL(6,2)"}
PARAMETERS: dict[str, list[TypedValue]] = {
    "pk": [TypedValue(value=value, type="INTEGER") for value in (1, None)],
    "pj": [TypedValue(value=value, type="INTEGER") for value in (2, 1)],
    "pl": [TypedValue(value=value, type="INTEGER[]") for value in ([1, None], None)],
    "pd": [TypedValue(value=value, type="DATE") for value in (date(2024, 1, 31), None)],
    "pt": [TypedValue(value=value, type="TIMESTAMP") for value in (datetime(2024, 2, 1, 5), None)],
    "ps": [TypedValue(value=value, type="VARCHAR") for value in ("ab", "all")],
    "pf": [TypedValue(value=value, type="BOOLEAN") for value in (True, None)],
    NOW: [TypedValue(value=datetime(2024, 2, 1, 12, tzinfo=UTC), type="TIMESTAMP WITH TIME ZONE")] * 2,
}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    sql: str
    scans: list[str]
    unused: list[str]


def read_cases() -> list[Case]:
    return list(_cases())


def _cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.sql")):
        text = path.read_text()
        for match in re.finditer(
            r"(?P<head>(?:^--(?![>!]).*\n)*)(?P<sql>(?:^(?!--).*\n)+)(?P<expected>(?:^--[>!].*\n?)*)", text, re.M
        ):
            sql = match["sql"].strip().removesuffix(";")
            if not sql:
                continue
            lines = match["expected"].splitlines()
            line = text[: match.start("sql")].count("\n") + 1
            yield Case(
                f"{path.stem}:{line}",
                sql,
                [one.removeprefix("--> ") for one in lines if one.startswith("-->")],
                [one.removeprefix("--! ") for one in lines if one.startswith("--!")],
            )


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        for seed, table in enumerate("abc"):
            connection.execute(f"CREATE TABLE {table} ({columns})")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)", rows(random.Random(seed)))
        yield Database(connection=connection)


def rows(chance: random.Random) -> list[tuple[Any, ...]]:
    """Make rows rich in NULLs and duplicates, for the values that the cases name."""
    values: tuple[list[Any], ...] = (
        [None, 1, 1, 2, 3],
        [None, *(date(2024, 1, 30) + timedelta(days=n) for n in range(4))],
        [None, *(datetime(2024, 1, 30, 6) + timedelta(hours=9 * n) for n in range(8))],
        [None, "", "a", "ab", "abc", "b"],
        [None, True, False],
        [None, "0.05", "1.00", "1.50", "2.00"],
    )
    return [tuple(chance.choice(column) for column in values) for _ in range(25)]


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_each_scan_gets_the_predicate_that_the_case_states(database: Database, case: Case) -> None:
    prepared = database.prepare(case.sql, {name: values[0] for name, values in PARAMETERS.items()})
    names: list[str] = []
    for constant in prepared.constants:
        names.append(spelt(constant, prepared, names))
    found = [f"{scan.table}: {shown(scan.predicate, names)}".strip() for scan in prepared.scans]
    assert case.scans == found
    assert sorted(case.unused) == sorted(unused(prepared))


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_rows_that_the_predicates_leave_out_change_no_answer(database: Database, case: Case) -> None:
    for choice in (0, 1):
        parameters = {name: values[choice] for name, values in PARAMETERS.items()}
        whole, *restricted = answers(database, case.sql, parameters)
        for one in restricted:
            assert one == whole


def unused(prepared: Prepared) -> list[str]:
    return [f"{scan.table}: {one.sql} | {one.reason}" for scan in prepared.scans for one in scan.unused]


def spelt(constant: Constant, prepared: Prepared, names: list[str]) -> str:
    match constant:
        case Literal(value, _):
            return str(value)
        case Parameter(name, _):
            return f"${name}"
        case Computed(sql, _, _):
            return f"{{{sql}}}"
        case Absent(name, negated):
            return f"${name} IS {'NOT ' if negated else ''}NULL"
        case FirstPresent(parts):
            return f"coalesce({', '.join(spelt(part, prepared, names) for part in parts)})"
        case LikePrefix(pattern):
            return f"prefix of {spelt(pattern, prepared, names)}"
        case Dimension(scan, column, _, predicate, Aspect.VALUES):
            return f"<{prepared.scans[scan].table}.{column} where {shown(predicate, names)}>"
        case Dimension():
            return BOUND
