"""What the engine is asked about conditions: once, together, and each alone only where one of them fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pytest
from restriction import Database

from gateway.model import Column, TypedValue, Value
from gateway.plan.analysis import bind, prepare
from gateway.plan.refuting import Refuting
from gateway.plan.samples import Samples, grains_of_ranges
from gateway.predicate import Term

DAYS = np.arange(19_700, 19_800, dtype=np.int64)
GRAINS = grains_of_ranges(DAYS, DAYS, "DATE")


@dataclass(slots=True)
class Asked:
    """An engine that counts how often it is asked, and what."""

    database: Database
    calls: list[Sequence[str]] = field(default_factory=list)

    def evaluate(self, expressions: Sequence[str], parameters: Mapping[str, TypedValue]) -> tuple[Value, ...]:
        self.calls.append(expressions)
        return self.database.evaluate(expressions, parameters)


@pytest.fixture
def engine() -> Iterator[Asked]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield Asked(Database(connection=connection))


def grains(scan: int, terms: tuple[Term, ...]) -> Sequence[Samples]:
    assert GRAINS is not None
    return (GRAINS,)


def values(refuting: Refuting, where: str, **given: tuple[Value, str]) -> list[Value]:
    """Refute a condition on a DATE, and return the slots that are known."""
    parameters = {name: TypedValue(value=value, type=kind) for name, (value, kind) in given.items()}
    kinds = {name: typed.type for name, typed in parameters.items()}
    prepared = prepare(f"SELECT d FROM t WHERE {where}", {"t": [Column(name="d", type="DATE")]}, {"t": ["d"]}, kinds)
    bound = bind(prepared, parameters, refuting.evaluate)
    return [value for value in refuting.refute(prepared, bound, parameters, grains).values if value]


BOTH = "last_day(d) = DATE '2024-02-29' AND coalesce(dayname(d), 'none') = $name"


def test_the_conditions_of_a_query_are_asked_in_one_call(engine: Asked) -> None:
    found = values(Refuting(evaluate=engine.evaluate), BOTH, name=("Monday", "VARCHAR"))
    assert [len(call) for call in engine.calls] == [3]
    assert len(found) == 2


def test_only_what_a_new_value_changes_is_asked_again(engine: Asked) -> None:
    refuting = Refuting(evaluate=engine.evaluate)
    values(refuting, BOTH, name=("Monday", "VARCHAR"))
    values(refuting, BOTH, name=("Monday", "VARCHAR"))
    values(refuting, BOTH, name=("Friday", "VARCHAR"))
    assert [len(call) for call in engine.calls] == [3, 2]


def test_a_condition_that_fails_takes_no_other_with_it(engine: Asked) -> None:
    where = "last_day(d) = DATE '2024-02-29' AND strftime(d, '%d')::INTEGER = $text::INTEGER"
    refuting = Refuting(evaluate=engine.evaluate)
    assert len(values(refuting, where, text=("one", "VARCHAR"))) == 1
    assert len(values(refuting, where, text=("1", "VARCHAR"))) == 2
