"""Work that may hang does not hold up whoever stops."""

from __future__ import annotations

from threading import Event

import pytest

from gateway.concurrency.daemons import Daemons


def test_what_is_done_side_by_side_comes_back_in_order() -> None:
    assert Daemons(3, "test").map(lambda n=n: n * n for n in range(50)) == [n * n for n in range(50)]


def test_a_failure_is_raised_and_what_was_not_begun_is_left() -> None:
    begun: list[int] = []
    release = Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise OSError(number)
        release.wait(60)

    with pytest.raises(OSError, match="0"):
        Daemons(1, "test").map(lambda n=n: work(n) for n in range(10))
    release.set()
    assert begun in ([0], [0, 1])


def test_closing_does_not_wait_for_what_hangs_and_cancels_what_waits() -> None:
    begun, release = Event(), Event()

    def hang() -> bool:
        begun.set()
        return release.wait(60)

    pool = Daemons(1, "test")
    hanging, waiting = pool.submit(hang), pool.submit(lambda: True)
    assert begun.wait(10)
    pool.close()
    assert not hanging.done()
    release.set()
    assert hanging.result(10)
    assert waiting.cancelled() or waiting.cancel()
