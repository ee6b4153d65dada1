"""The cases of the pruning rules, read from their files, and the small tables that they are run on.

A case file holds SQL texts that end in ``;``. The lines after one say what is expected: ``--> table: predicate`` for
each scan in text order (``{…}`` an expression that the engine computes, ``[…]`` a condition on the request), then
``--! table: filter | reason`` for each filter that is not used. Each case is run on DuckDB, whole and restricted.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from restriction import BOUND, Database, shown

from gateway.model import TypedValue
from gateway.plan.analysis import NOW, PreparedQuery
from gateway.plan.analysis.constants import (
    Absent,
    Aspect,
    Carried,
    ComputedConstant,
    Constant,
    Dimension,
    FirstPresent,
    LikePrefix,
    Literal,
    ParameterValue,
    Refuted,
)

CASES = Path(__file__).parents[1] / "unit" / "plan" / "cases"
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


@contextmanager
def opened() -> Iterator[Database]:
    """Open a database with the tables that the cases name."""
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


def predicates(prepared: PreparedQuery) -> list[str]:
    """Write the predicates of all scans the way that the case files do."""
    names: list[str] = []
    for constant in prepared.constants:
        names.append(spelt(constant, prepared, names))
    return [f"{scan.table}: {shown(scan.predicate, names)}" for scan in prepared.scans]


def unused(prepared: PreparedQuery) -> list[str]:
    return [f"{scan.table}: {one.sql} | {one.reason}" for scan in prepared.scans for one in scan.unused]


def named_in(prepared: PreparedQuery, text: str) -> str:
    """Write subqueries that are read first in the place of their parameters."""
    for one in prepared.subqueries:
        text = text.replace(f"${one.name}", f"({one.sql})")
    return text


def spelt(constant: Constant, prepared: PreparedQuery, names: list[str]) -> str:
    match constant:
        case Literal(value, _):
            return str(value)
        case ParameterValue(name, _):
            return named_in(prepared, f"${name}")
        case ComputedConstant(sql, _, _):
            return f"{{{named_in(prepared, sql)}}}"
        case Absent(name, negated):
            return f"${name} IS {'NOT ' if negated else ''}NULL"
        case FirstPresent(parts):
            return f"coalesce({', '.join(spelt(part, prepared, names) for part in parts)})"
        case LikePrefix(pattern):
            return f"prefix of {spelt(pattern, prepared, names)}"
        case Refuted(_, forms, _, of_null, among):
            forms = tuple((grain, named_in(prepared, text)) for grain, text in forms)
            if among is not None:
                forms = tuple((grain, text.replace(f"$__among_{among[0]}", names[among[0]])) for grain, text in forms)
            grains: dict[str, list[str]] = {}
            for grain, condition in forms:
                grains.setdefault(condition.replace('"', ""), []).append(grain)
            texts = ["/".join(names) + ": " + condition for condition, names in grains.items()]
            return f"NULL: {forms[0][1]}" if of_null else "{" + "; ".join(texts) + "}"
        case Carried(slot, _, functions, upper, step):
            text = names[slot] + {-1: "-", 0: "", 1: "+"}[step]
            for function in functions:
                text = f"{function.name}({', '.join([text, *map(str, function.arguments)])})"
            return text + {True: " up", False: " down", None: ""}[upper]
        case Dimension(scan, column, _, predicate, Aspect.VALUES):
            return f"<{prepared.scans[scan].table}.{column} where {shown(predicate, names)}>"
        case Dimension():
            return BOUND
