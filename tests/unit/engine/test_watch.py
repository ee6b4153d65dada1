"""Deadlines are kept by one thread, which never interrupts what is over."""

from __future__ import annotations

import time
from threading import Event

from gateway.engine.watch import Watch


def test_a_query_is_interrupted_at_its_deadline_and_again_until_it_is_released() -> None:
    watch = Watch()
    interrupts: list[float] = []
    thrice = Event()

    def interrupt() -> None:
        interrupts.append(time.monotonic())
        if len(interrupts) == 3:
            thrice.set()

    deadline = time.monotonic() + 0.05
    query = watch.add(interrupt, deadline)
    assert thrice.wait(5)
    watch.release(query)
    count = len(interrupts)
    assert query.expired
    assert not query.cancelled
    assert min(interrupts) >= deadline
    watch.close()
    assert len(interrupts) == count


def test_a_cancelled_query_has_not_expired() -> None:
    watch = Watch()
    interrupted = Event()
    query = watch.add(interrupted.set, None)
    watch.cancel(query)
    assert interrupted.wait(5)
    assert query.cancelled
    assert not query.expired
    watch.release(query)
    watch.close()


def test_a_query_without_a_deadline_is_left_alone() -> None:
    watch = Watch()
    left, soon = Event(), Event()
    alone = watch.add(left.set, None)
    other = watch.add(soon.set, time.monotonic())
    assert soon.wait(5)
    assert not left.is_set()
    watch.release(alone)
    watch.release(other)
    watch.close()


def test_closing_interrupts_everything_and_waits_a_bounded_time() -> None:
    watch = Watch()
    interrupted = Event()
    watch.add(interrupted.set, None)
    watch.close(patience=0.1)
    watch.close()
    assert interrupted.is_set()
