"""The pruned answer is the unpruned answer, for queries and data at random."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from restriction import Database, answers

from queries import Case, cases, created, fill, refused


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield created(connection)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])
@given(case=cases())
def test_rows_that_a_scan_may_skip_change_no_answer(database: Database, case: Case) -> None:
    fill(database, case)
    assume(is_valid(database, case))
    whole, *restricted = answers(database, case.sql, case.parameters)
    event("prunes" if any(restricted) else "empty answer")
    if all(one == whole for one in restricted):
        return
    # DuckDB 1.5.5 has optimiser bugs of its own: a difference counts where it is there without the optimiser too.
    database.connection.execute("PRAGMA disable_optimizer")
    try:
        whole, *restricted = answers(database, case.sql, case.parameters)
    finally:
        database.connection.execute("PRAGMA enable_optimizer")
    event("optimiser bug")
    for one in restricted:
        assert one == whole


def is_valid(database: Database, case: Case) -> bool:
    """Say whether DuckDB runs the query at all: the generator does not know every rule of its binder."""
    error = refused(database, case)
    if error is not None:
        event(error.split(":")[0])
    return error is None
