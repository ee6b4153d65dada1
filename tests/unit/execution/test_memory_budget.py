"""The bytes that results in flight may take together."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.execution.memory_budget import MemoryBudget, Reservation

TOTAL, SHARE = 100, 20


def test_a_result_may_take_what_nobody_else_holds() -> None:
    budget = MemoryBudget(TOTAL, share=SHARE)
    first, second = budget.reserve(), budget.reserve()
    assert first.grow(90)
    assert not first.grow(11)
    assert second.grow(20), "its own share"
    assert not second.grow(1)
    first.close()
    assert second.grow(80)


def test_the_bytes_of_a_result_are_held_for_as_long_as_somebody_has_it_and_the_rest_is_given_back() -> None:
    budget = MemoryBudget(TOTAL, share=SHARE)
    reservation = budget.reserve()
    table = pa.table({"n": [1, 2, 3]})
    assert reservation.grow(60)
    reservation.lasts_as_long_as(table)
    reservation.close()
    assert budget.held == table.nbytes == 24
    del table
    assert budget.held == 0


class Results(RuleBasedStateMachine):
    """Results that grow and end, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = MemoryBudget(TOTAL, share=SHARE)
        self.portions: list[Reservation] = []

    @rule()
    def begin(self) -> None:
        self.portions.append(self.budget.reserve())

    @precondition(lambda self: self.portions)
    @rule(data=st.data(), more=st.integers(0, 60))
    def grow(self, data: st.DataObject, more: int) -> None:
        reservation = data.draw(st.sampled_from(self.portions))
        held, before = self.budget.held, reservation.size
        assert reservation.grow(more) == (before + more <= SHARE or held + more <= TOTAL)

    @precondition(lambda self: self.portions)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        reservation = data.draw(st.sampled_from(self.portions))
        self.portions.remove(reservation)
        reservation.close()

    @invariant()
    def what_is_held_is_what_the_results_have(self) -> None:
        assert self.budget.held == sum(reservation.size for reservation in self.portions)
        assert self.budget.held <= TOTAL + SHARE * len(self.portions)


TestResults = Results.TestCase
