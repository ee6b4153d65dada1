"""Whatever comes and goes, the slots are kept, nobody starves, and whoever leaves leaves no trace."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.execution.fair_queue import Turns, Waiter

PRINCIPALS = ("a", "b", "c")


class Queries(RuleBasedStateMachine):
    """Queries of three principals that come, run, end, give up."""

    @initialize(slots=st.integers(1, 4), places=st.integers(0, 6))
    def begin(self, slots: int, places: int) -> None:
        self.slots, self.places = slots, places
        self.turns = Turns(slots=slots, places=places)
        self.waiting: list[Waiter] = []
        self.running: list[Waiter] = []
        self.overtaken: dict[Waiter, int] = {}
        self.last: Waiter | None = None

    @rule(principal=st.sampled_from(PRINCIPALS), heavy=st.booleans())
    def come(self, principal: str, heavy: bool) -> None:
        waiter = Waiter(principal=principal, heavy=heavy)
        self.waiting.append(waiter)
        ahead = sum(one.heavy == heavy and one.principal == principal for one in self.waiting)
        self.overtaken[waiter] = ahead * len(PRINCIPALS)
        could_run = self.may_run(waiter)
        self.turns.join(waiter)
        self.settle()
        assert not could_run or waiter in self.running

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        waiter = data.draw(st.sampled_from(self.running))
        self.running.remove(waiter)
        self.turns.finish(waiter)
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        waiter = data.draw(st.sampled_from(self.waiting))
        self.turns.give_up(waiter, "wait")
        assert waiter.refused == "wait"
        self.settle()

    def settle(self) -> None:
        """Take over who got a slot and who was refused, and judge the order."""
        refused = [waiter for waiter in self.waiting if waiter.refused is not None]
        chosen = [waiter for waiter in self.waiting if waiter.settled.is_set() and waiter.refused is None]
        assert len(chosen) <= 1
        for waiter in refused:
            self.waiting.remove(waiter)
        for waiter in chosen:
            self.judge(waiter)
            self.waiting.remove(waiter)
            self.running.append(waiter)
            self.last = waiter

    def judge(self, chosen: Waiter) -> None:
        for other in self.waiting[: self.waiting.index(chosen)]:
            assert (other.principal, other.heavy) != (chosen.principal, chosen.heavy), "came earlier, runs later"
        for other in self.waiting:
            if other is not chosen and other.heavy == chosen.heavy:
                self.overtaken[other] -= 1
                assert self.overtaken[other] >= 0, "starves behind its own kind"
        if self.last is not None and self.last.heavy == chosen.heavy:
            rivals = [one for one in self.waiting if one.heavy != chosen.heavy and self.may_run(one)]
            assert not rivals, "starves behind the other kind"

    def may_run(self, waiter: Waiter) -> bool:
        heavy = sum(one.heavy for one in self.running)
        return len(self.running) < self.slots and (not waiter.heavy or heavy < max(1, self.slots - 1))

    @invariant()
    def the_slots_are_kept(self) -> None:
        if hasattr(self, "turns"):
            assert self.turns.running == len(self.running) <= self.slots
            assert self.turns.heavy == sum(one.heavy for one in self.running) <= max(1, self.slots - 1)
            assert self.turns.waiting == len(self.waiting) <= self.places

    @invariant()
    def nobody_waits_who_could_run(self) -> None:
        if hasattr(self, "turns"):
            assert not any(self.may_run(one) for one in self.waiting)


TestQueries = Queries.TestCase
