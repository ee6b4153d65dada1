"""Wait for a condition, as long as it takes on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

import pytest

T = TypeVar("T")
LONG = 120.0
"""Seconds after which something that should come about will not. No test is to measure time by it."""


def wait_for(
    found: Callable[[], T], what: str | Callable[[], str] = "a condition", *, seconds: float = LONG, pause: float = 0.02
) -> T:
    """Call *found* again and again until it returns something true; return that.

    The test fails after *seconds*, naming *what* it waited for: a text, or a function that makes one at that moment.
    """
    moment, end = Event(), time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:g} s in vain for {what if isinstance(what, str) else what()}")
        moment.wait(pause)
    return value


def everywhere(look: Callable[[], T], times: int = 16) -> list[T]:
    """Look from several threads at once, so often that each of two workers is as good as certain to be among them."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: look(), range(times)))


def becomes(expected: T, look: Callable[[], T]) -> bool:
    """Wait until every worker shows what is *expected*; the test fails with what they show instead."""
    seen: list[T] = []

    def agree() -> bool:
        seen[:] = everywhere(look)
        return all(value == expected for value in seen)

    return wait_for(agree, lambda: f"{expected!r} from every worker, which show {seen!r}")
