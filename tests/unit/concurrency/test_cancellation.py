"""The wish that work stops reaches it, whenever it comes."""

from __future__ import annotations

import pytest

from gateway.concurrency.cancellation import Cancellation
from gateway.errors import ClientGone, DeadlineExceeded

REASON = ClientGone("It has left.")


def test_work_that_is_cancelled_stops_with_the_first_reason() -> None:
    cancellation = Cancellation()
    stopped: list[str] = []
    with cancellation.stops(lambda: stopped.append("now")):
        cancellation.cancel(REASON)
        cancellation.cancel(DeadlineExceeded("It is too late."))
    assert stopped == ["now"]
    with pytest.raises(ClientGone):
        cancellation.check()


def test_work_that_was_cancelled_before_it_began_stops_at_once() -> None:
    cancellation = Cancellation()
    cancellation.cancel(REASON)
    stopped: list[str] = []
    with cancellation.stops(lambda: stopped.append("now")):
        assert stopped == ["now"]


def test_work_that_is_over_is_not_stopped() -> None:
    cancellation = Cancellation()
    stopped: list[str] = []
    with cancellation.stops(lambda: stopped.append("now")):
        cancellation.check()
    cancellation.cancel(REASON)
    assert stopped == []
