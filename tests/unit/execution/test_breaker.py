"""What keeps failing is left alone; one caller at a time finds out whether it works again."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gateway.execution.breaker import FAILURES, LONG, REST, Breaker, Pass, State


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[State] = []
        self.breaker = Breaker(lambda: self.now, self.told.append)

    def fail(self, times: int = FAILURES, seconds: float = 0.0) -> None:
        for _ in range(times):
            given = self.admitted()
            self.now += seconds
            self.breaker.failed(given)

    def admitted(self) -> Pass:
        given = self.breaker.admit()
        assert given is not None
        return given


def test_failures_in_a_row_open_it() -> None:
    world = World()
    world.fail(FAILURES - 1)
    assert world.breaker.state is State.CLOSED
    world.fail(1)
    assert world.breaker.admit() is None
    assert world.told == [State.OPEN]


def test_a_success_between_failures_keeps_it_closed() -> None:
    world = World()
    for _ in range(3 * FAILURES):
        world.fail(FAILURES - 1)
        world.breaker.succeeded(world.admitted())
    assert world.told == []


def test_two_failures_that_took_long_open_it() -> None:
    world = World()
    world.fail(2, seconds=LONG / 2)
    assert world.breaker.admit() is None


def test_one_failure_however_long_does_not_open_it() -> None:
    world = World()
    world.fail(1, seconds=10 * LONG)
    assert world.breaker.admit() is not None


def test_after_its_rest_one_caller_may_try() -> None:
    world = World()
    world.fail()
    assert REST[0] == world.breaker.rest
    world.now += REST[0]
    assert world.breaker.admit() is not None
    assert world.breaker.admit() is None


def test_a_probe_that_works_closes_it() -> None:
    world = World()
    world.fail()
    world.now += REST[0]
    world.breaker.succeeded(world.admitted())
    assert None not in [world.breaker.admit(), world.breaker.admit()]
    assert world.told == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_probe_that_fails_doubles_the_rest_up_to_a_bound() -> None:
    world = World()
    world.fail()
    rests = []
    for _ in range(8):
        world.now += world.breaker.rest
        world.fail(1)
        rests.append(world.breaker.rest)
    assert rests == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_a_probe_that_learned_nothing_leaves_the_try_to_the_next() -> None:
    world = World()
    world.fail()
    world.now += REST[0]
    world.breaker.left(world.admitted())
    assert world.breaker.admit() is not None


def test_what_began_before_it_opened_does_not_close_it() -> None:
    world = World()
    early = world.admitted()
    world.fail()
    world.breaker.succeeded(early)
    assert world.breaker.admit() is None


def test_what_began_before_it_opened_does_not_end_a_probe() -> None:
    world = World()
    early = world.admitted()
    world.fail()
    world.now += REST[0]
    probe = world.admitted()
    world.breaker.left(early)
    assert world.breaker.admit() is None
    world.breaker.succeeded(probe)
    assert world.breaker.state is State.CLOSED


class Machine(RuleBasedStateMachine):
    """Callers come, and end as they like, in any order and at any time."""

    flying = Bundle("flying")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.probes: set[Pass] = set()

    @rule(target=flying)
    def come(self) -> Pass:
        given = self.world.breaker.admit()
        if given is None:
            return Pass(since=0.0, turn=-1)  # who was refused has nothing to say, and is not heard
        if self.world.breaker.state is State.HALF_OPEN:
            self.probes.add(given)
        return given

    @rule(given=consumes(flying), outcome=st.sampled_from(["succeeded", "failed", "left"]))
    def end(self, given: Pass, outcome: str) -> None:
        getattr(self.world.breaker, outcome)(given)
        self.probes.discard(given)

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0, 40.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.now += seconds

    @invariant()
    def at_most_one_probes(self) -> None:
        assert len(self.probes) <= 1

    @invariant()
    def a_rest_is_bounded(self) -> None:
        assert 0.0 <= self.world.breaker.rest <= REST[1]

    @invariant()
    def states_follow_each_other_as_they_may(self) -> None:
        allowed = {
            (State.CLOSED, State.OPEN),
            (State.OPEN, State.HALF_OPEN),
            (State.HALF_OPEN, State.OPEN),
            (State.HALF_OPEN, State.CLOSED),
        }
        told = [State.CLOSED, *self.world.told]
        assert set(itertools.pairwise(told)) <= allowed

    @rule()
    def who_comes_after_the_rest_gets_through_unless_another_probes(self) -> None:
        breaker = self.world.breaker
        if breaker.rest == 0.0 and not self.probes:
            given = breaker.admit()
            assert given is not None
            breaker.left(given)


TestMachine = Machine.TestCase
