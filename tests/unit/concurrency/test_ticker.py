"""A background thread that ticks: when it begins, how long it pauses, how it ends."""

from __future__ import annotations

from threading import Event

import pytest

from gateway.concurrency.ticker import Ticker


@pytest.mark.parametrize(("at_once", "first"), [(False, []), (True, ["tick"])])
def test_it_ticks_after_each_pause_until_a_pause_says_to_stop(at_once: bool, first: list[str]) -> None:
    seen: list[str] = []
    turns, ended = iter([False, False, True]), Event()

    def wait(seconds: float) -> bool:
        seen.append(f"pause {seconds:g}")
        stop = next(turns)
        if stop:
            ended.set()
        return stop

    ticker = Ticker("test", lambda: seen.append("tick"), lambda: 7.0, at_once=at_once)
    ticker.start(wait)
    assert ended.wait(60)
    ticker.close()
    assert seen == [*first, "pause 7", "tick", "pause 7", "tick", "pause 7"]


def test_closing_ends_a_pause_and_tells_a_tick_under_way() -> None:
    ticking, told = Event(), Event()

    def tick() -> None:
        ticking.set()
        while not ticker.stopping:
            told.wait(0.001)
        told.set()

    ticker = Ticker("test", tick, lambda: 3_600.0, at_once=True)
    ticker.start()
    assert ticking.wait(60)
    ticker.close()
    ticker.close()
    assert told.is_set()


def test_closing_waits_no_longer_than_it_is_told() -> None:
    begun, release = Event(), Event()

    def tick() -> None:
        begun.set()
        release.wait(60)

    ticker = Ticker("test", tick, lambda: 3_600.0, at_once=True)
    ticker.start()
    assert begun.wait(60)
    ticker.close(0.0)
    assert not release.is_set()
    release.set()


def test_what_was_never_started_can_be_closed() -> None:
    Ticker("test", lambda: None, lambda: 1.0).close()
