"""Calls that are made later: when, in which order, how many wait, and by which threads."""

from __future__ import annotations

import threading
from threading import Event

from waiting import wait_for

from gateway.concurrency.later import Later


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_calls_are_made_in_the_order_in_which_they_are_due_and_the_thread_then_ends() -> None:
    made: list[str] = []
    later = Later("in order", most=10)
    assert later.call(0.05, lambda: made.append("third"))
    assert later.call(0.0, lambda: made.append("first"))
    assert later.call(0.01, lambda: made.append("second"))
    wait_for(lambda: len(made) == 3, "three calls")
    assert made == ["first", "second", "third"]
    wait_for(lambda: not threads("in order"), "the end of the thread")
    assert later.call(0.0, lambda: made.append("fourth"))
    wait_for(lambda: made[-1] == "fourth", "a call after the end of the thread")


def test_a_call_may_ask_for_another_and_one_thread_makes_all() -> None:
    later, made = Later("again", most=10), list[int]()

    def call() -> None:
        made.append(threads("again"))
        if len(made) < 5:
            later.call(0.0, call)

    later.call(0.0, call)
    wait_for(lambda: len(made) == 5, "five calls")
    assert made == [1] * 5


def test_of_too_many_that_wait_the_latest_are_not_taken() -> None:
    later, begun, go_on = Later("full", most=2), Event(), Event()

    def stand() -> None:
        begun.set()
        go_on.wait(60)

    later.call(0.0, stand)
    assert begun.wait(60)
    assert [later.call(3_600.0, lambda: None) for _ in range(3)] == [True, True, False]
    go_on.set()
