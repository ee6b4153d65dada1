"""What failed in passing is done again, after pauses that nobody can predict."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.concurrency.retry import Retry


def failing(times: int) -> Callable[[], int]:
    """Make work that fails so many times, then counts its calls."""
    calls: list[int] = []

    def work() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise OSError(len(calls))
        return len(calls)

    return work


def test_it_is_done_until_it_succeeds() -> None:
    pauses: list[float] = []
    retry = Retry(wait=pauses.append, jitter=lambda: 1.0)
    assert retry(failing(3), lambda error: True) == 4
    assert pauses == [0.1, 0.2, 0.4]


def test_it_is_given_up_after_so_many_attempts() -> None:
    with pytest.raises(OSError, match="3"):
        Retry(attempts=3, wait=lambda seconds: None)(failing(9), lambda error: True)


def test_what_does_not_pass_is_raised_at_once() -> None:
    with pytest.raises(OSError, match="1"):
        Retry(wait=lambda seconds: None)(failing(9), lambda error: False)


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_no_pause_is_longer_than_the_bound(failures: int, drawn: float) -> None:
    assert 0.0 <= Retry(jitter=lambda: drawn).pause(failures) <= min(0.1 * 2.0 ** (failures - 1), 2.0)
