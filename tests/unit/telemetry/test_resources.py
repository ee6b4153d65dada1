"""What a worker holds is measured now and then; one worker of a machine measures the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import EngineFailed
from gateway.telemetry.events import Event, ResourcesMeasured
from gateway.telemetry.resources import FarBytes, ResourceMonitor, resident_bytes

ENGINE = ({"parquet_reader": 10, "external_file_cache": 20}, 5)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def make(tmp_path: Path, events: list[Event]) -> Callable[..., ResourceMonitor]:
    def vitals(**given: Any) -> ResourceMonitor:
        usual = {
            "cache": lambda: 1,
            "partials": lambda: 4,
            "disk": lambda: FarBytes(2, 1, 6),
            "engine": lambda: ENGINE,
            "resident": lambda: 3,
        }
        return ResourceMonitor(tmp_path, observe=events.append, **(usual | given))

    return vitals


def disks(events: list[Event]) -> list[int | None]:
    return [event.disk for event in events if isinstance(event, ResourcesMeasured)]


def test_a_look_tells_what_the_worker_holds(make: Callable[..., ResourceMonitor], events: list[Event]) -> None:
    make().measure()
    assert events == [
        ResourcesMeasured(
            resident=3,
            cache=1,
            engine=ENGINE[0],
            spilled=5,
            partials=4,
            disk=2,
            partials_disk=1,
            partials_redis=6,
        )
    ]


def test_the_disk_is_measured_by_one_worker_and_less_often(
    make: Callable[..., ResourceMonitor], events: list[Event]
) -> None:
    first, second = make(), make()
    for _ in range(7):
        first.measure()
    second.measure()
    assert disks(events) == [2, None, None, None, None, None, 2, None]
    first.close()
    events.clear()
    for _ in range(6):
        second.measure()
    assert disks(events)[-1] == 2
    second.close()


def test_an_engine_that_does_not_answer_leaves_the_last_measure(
    make: Callable[..., ResourceMonitor], events: list[Event]
) -> None:
    def broken() -> Any:
        raise EngineFailed("The engine is closed.")

    make(engine=broken).measure()
    assert events == []


def test_the_looking_goes_on_until_it_is_stopped(make: Callable[..., ResourceMonitor], events: list[Event]) -> None:
    vitals = make()
    turns, ended = iter([False, False, True]), threading.Event()

    def wait(_: float) -> bool:
        stop = next(turns)
        if stop:
            ended.set()
        return stop

    vitals.start(wait)
    assert ended.wait(60)
    vitals.close()
    assert len(events) == 3


def test_the_memory_of_this_process_is_some_megabytes() -> None:
    assert 2**20 < resident_bytes() < 2**40
