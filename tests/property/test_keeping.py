"""A query that keeps the rows of a scan gives of any parts of them, together, what it gives of all."""

from __future__ import annotations

import random
from collections import Counter

import duckdb
import pytest
from grammar import Grammar, World, values, world
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from gateway.model import TypedValue
from gateway.plan.analysis import render
from gateway.plan.fold.keeping import Keeping, keepings

WORLDS = 12
ATTEMPTS = 60


@pytest.fixture(scope="module")
def worlds() -> dict[int, World]:
    return {number: world(number) for number in range(WORLDS)}


@settings(
    suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=max(1, settings().max_examples // 2)
)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_parts_of_a_scan_give_together_what_all_of_it_gives(worlds: dict[int, World], seed: int) -> None:
    for attempt in range(ATTEMPTS):
        chance = random.Random(f"{seed}.{attempt}")
        database, parameters = worlds[chance.randrange(WORLDS)], values(chance.randrange)
        sql = Grammar(chance.randrange).statement(chance.choice((1, 1, 2)))
        found = kept(database, sql, parameters)
        if found and parts(database, sql, parameters, None) is not None:
            note(sql)
            for each in found:
                event("alone" if each.alone else "joined")
                check(database, sql, parameters, each)
            return


def kept(database: World, sql: str, parameters: dict[str, TypedValue]) -> tuple[Keeping, ...]:
    tables = tuple((name, tuple(columns)) for name, columns in database.tables.items())
    return keepings(sql, tables, tuple((name, typed.type) for name, typed in parameters.items()))


def check(database: World, sql: str, parameters: dict[str, TypedValue], found: Keeping) -> None:
    whole, split = parts(database, sql, parameters, None), parts(database, sql, parameters, found)
    if whole == split:
        return
    # DuckDB 1.5.5 has optimiser bugs of its own: a difference counts where it is there without the optimiser too.
    database.connection.execute("PRAGMA disable_optimizer")
    try:
        whole, split = parts(database, sql, parameters, None), parts(database, sql, parameters, found)
    finally:
        database.connection.execute("PRAGMA enable_optimizer")
    event("optimiser bug")
    assert split == whole


def parts(database: World, sql: str, parameters: dict[str, TypedValue], found: Keeping | None) -> Counter[str] | None:
    """Count the rows of a query, asked of thirds of the scan that was found; None where DuckDB does not run it."""
    rows: Counter[str] = Counter()
    prepared = database.prepare(sql, parameters)
    for part in range(1 if found is None else 3):
        condition = {} if found is None else {found.scan: f"WHERE rowid % 3 = {part}"}
        sources = [
            f"(SELECT * FROM {scan.table} {condition.get(number, '')})" for number, scan in enumerate(prepared.scans)
        ]
        try:
            rows.update(map(repr, database.rows(render(prepared, sources), parameters)))
        except duckdb.Error:
            return None
    return rows
