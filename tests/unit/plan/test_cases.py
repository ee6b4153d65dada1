"""The rules, one case each: the query, the predicate of each of its scans, and the proof that it changes no answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from restriction import Database, answers
from rules import PARAMETERS, Case, opened, predicates, read_cases, unused


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with opened() as database:
        yield database


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_each_scan_gets_the_predicate_that_the_case_states(database: Database, case: Case) -> None:
    prepared = database.prepare(case.sql, {name: values[0] for name, values in PARAMETERS.items()})
    assert case.scans == predicates(prepared)
    assert sorted(case.unused) == sorted(unused(prepared))


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_rows_that_the_predicates_leave_out_change_no_answer(database: Database, case: Case) -> None:
    for choice in (0, 1):
        parameters = {name: values[choice] for name, values in PARAMETERS.items()}
        whole, *restricted = answers(database, case.sql, parameters)
        for one in restricted:
            assert one == whole
