"""Who calls what: counted by day, version and caller, by several processes, with bounded names."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from clocks import Clock

from gateway.telemetry.events import CallsNotKept, Event, RequestServed
from gateway.telemetry.usage import CallCount, CallCounter, forget, read_calls

DAY = 86_400.0
NOON = 20_000.5 * DAY
"""Noon of 2024-10-04."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def counted(folder: Path, since: date = date(2024, 1, 1), query: str | None = None) -> dict[tuple[str, int, str], int]:
    return {
        (one.query, one.version, one.principal): one.requests for one in read_calls(folder, since=since, query=query)
    }


def served(path: str = "/v1/queries/delays/v1/result", **given: object) -> RequestServed:
    known = {"request": "r", "method": "GET", "path": path, "status": 200, "seconds": 0.1, "size": 1}
    return RequestServed(**(known | {"query": "delays", "version": 1, "principal": "ann"} | given))  # type: ignore[arg-type]  # a dict of any


def test_nobody_has_called_where_nothing_was_counted(folder: Path) -> None:
    assert read_calls(folder, since=date(2024, 1, 1)) == []


def test_calls_are_counted_by_version_and_caller_with_the_last_time(folder: Path, clock: Clock) -> None:
    calls = CallCounter(folder, clock=clock)
    for principal in ("ann", "bob", "ann"):
        calls.note("delays", 1, principal)
        clock.now += 1
    calls.note("delays", 2, "ann", refused=True)
    calls.flush()
    assert read_calls(folder, since=date(2024, 1, 1)) == [
        CallCount(query="delays", version=1, principal="ann", requests=2, refused=0, last=NOON + 2),
        CallCount(query="delays", version=1, principal="bob", requests=1, refused=0, last=NOON + 1),
        CallCount(query="delays", version=2, principal="ann", requests=1, refused=1, last=NOON + 3),
    ]


def test_counts_of_several_processes_are_added_up(folder: Path, clock: Clock) -> None:
    for _ in range(3):
        calls = CallCounter(folder, clock=clock)
        calls.note("delays", 1, "ann")
        calls.close()
    assert counted(folder) == {("delays", 1, "ann"): 3}


def test_only_the_days_that_are_asked_for_are_counted(folder: Path, clock: Clock) -> None:
    calls = CallCounter(folder, clock=clock)
    for _ in range(3):
        calls.note("delays", 1, "ann")
        calls.flush()
        clock.now += DAY
    assert counted(folder, since=date(2024, 10, 5)) == {("delays", 1, "ann"): 2}
    forget(folder, NOON + 1.9 * DAY)
    assert counted(folder) == {("delays", 1, "ann"): 1}


def test_one_query_can_be_asked_for(folder: Path, clock: Clock) -> None:
    calls = CallCounter(folder, clock=clock)
    calls.note("delays", 1, "ann")
    calls.note("weather", 1, "ann")
    calls.flush()
    assert counted(folder, query="weather") == {("weather", 1, "ann"): 1}


def test_callers_beyond_a_number_are_counted_together(folder: Path, clock: Clock) -> None:
    calls = CallCounter(folder, clock=clock, callers=2)
    for principal in ("ann", "bob", "cid", "dan", "ann"):
        calls.note("delays", 1, principal)
        calls.flush()
    assert counted(folder) == {("delays", 1, "ann"): 2, ("delays", 1, "(others)"): 2, ("delays", 1, "bob"): 1}


def test_a_process_holds_a_bounded_number_of_counts(folder: Path, clock: Clock) -> None:
    calls = CallCounter(folder, clock=clock, held=2)
    for principal in ("ann", "bob", "cid", "dan", "ann"):
        calls.note("delays", 1, principal)
    calls.flush()
    assert counted(folder) == {("delays", 1, "ann"): 2, ("delays", 1, "(others)"): 2, ("delays", 1, "bob"): 1}


def test_counts_that_cannot_be_written_are_told_and_kept_for_the_next_time(folder: Path, clock: Clock) -> None:
    events: list[Event] = []
    folder.mkdir()
    (folder / "calls.sqlite").write_text("no database at all, and longer than the header of one would be" * 20)
    calls = CallCounter(folder, observe=events.append, clock=clock)
    calls.note("delays", 1, "ann")
    calls.flush()
    assert [type(event) for event in events] == [CallsNotKept]
    (folder / "calls.sqlite").unlink()
    calls.note("delays", 1, "ann")
    calls.flush()
    assert counted(folder) == {("delays", 1, "ann"): 2}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (served(), 1),
        (served("/v1/queries/delays/latest/result.csv"), 1),
        (served(error="version-retired", status=410), 1),
        (served("/v1/queries/delays/v1/explain"), 0),
        (served("/v1/queries/delays/v1"), 0),
        (served(query=None, version=None), 0),
    ],
)
def test_requests_for_results_are_calls_whatever_was_answered(
    folder: Path, clock: Clock, event: RequestServed, expected: int
) -> None:
    calls = CallCounter(folder, clock=clock)
    calls(event)
    calls.flush()
    assert sum(counted(folder).values()) == expected
