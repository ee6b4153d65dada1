"""When there is room for work that can wait."""

from __future__ import annotations

import time

import pytest

from gateway.engine.admission import Admission
from gateway.errors import QueueFull


def test_there_is_room_while_a_slot_is_free() -> None:
    admission, soon = Admission(slots=2, queue=1), time.monotonic() + 10
    assert admission.idle
    with admission.slot(soon):
        assert admission.idle
        with admission.slot(soon):
            assert not admission.idle
        assert admission.idle
    assert admission.idle


def test_a_refused_query_leaves_no_trace() -> None:
    admission = Admission(slots=1, queue=1)
    with admission.slot(time.monotonic() + 10), pytest.raises(QueueFull), admission.slot(time.monotonic()):
        pass
    assert admission.idle
