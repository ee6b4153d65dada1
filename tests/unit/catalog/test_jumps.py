"""A clock that was set is seen, by how far; one that runs is not."""

from __future__ import annotations

import pytest

from gateway.catalog.jumps import Jumps
from gateway.telemetry.events import ClockJumped, Event


class World:
    def __init__(self) -> None:
        self.time, self.passed = 1_000_000.0, 50.0
        self.events: list[Event] = []
        self.jumps = Jumps(self.events.append, clock=lambda: self.time, monotonic=lambda: self.passed)

    def go_on(self, seconds: float, jump: float = 0.0) -> None:
        self.time += seconds + jump
        self.passed += seconds
        self.jumps.look()


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_a_jump_is_told_once(jump: float) -> None:
    world = World()
    world.go_on(10)
    world.go_on(10, jump)
    world.go_on(10)
    assert world.events == [ClockJumped(seconds=jump)]


def test_time_that_goes_by_and_slow_corrections_are_no_jump() -> None:
    world = World()
    for _ in range(20):
        world.go_on(100_000, 1.0)
    assert world.events == []
