"""How often a query runs where its process ends under it: for ever for nobody, and longer for who is not to blame."""

from __future__ import annotations

from itertools import count

import pytest

from gateway.concurrency.retry import Retry
from gateway.errors import Fate
from gateway.execution.lives import MAX_LIVES, Lives

LONGEST = 8.0


def begun(fate: Fate | None, *, deadline: float) -> list[float]:
    """Return when each life of a query begins that every process ends under after a second, all by *fate*."""
    now = 0.0
    lives = Lives(deadline=deadline, monotonic=lambda: now, pauses=Retry(first=0.2, longest=LONGEST, jitter=lambda: 1))
    found = [now]
    for _ in count():
        now += 1.0
        if (pause := lives.next(fate)) is None:
            return found
        now += pause
        found.append(now)
    raise AssertionError


@pytest.mark.parametrize("fate", [Fate.SUSPECT, Fate.CULPRIT, None])
def test_what_may_have_been_the_reason_runs_a_few_times_only(fate: Fate | None) -> None:
    assert begun(fate, deadline=1_000.0) == [float(life) for life in range(MAX_LIVES)]


def test_what_was_beside_the_reason_runs_again_while_its_time_lasts() -> None:
    lives = begun(Fate.BYSTANDER, deadline=60.0)
    assert lives[: MAX_LIVES + 3] == pytest.approx([0, 1, 2, 3, 4, 5.2, 6.6, 8.4])
    assert 60 - 1 - LONGEST <= lives[-1] < 60


def test_what_has_no_time_left_has_a_few_lives_all_the_same() -> None:
    assert len(begun(Fate.BYSTANDER, deadline=0.0)) == MAX_LIVES
