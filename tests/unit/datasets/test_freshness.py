"""When datasets are built without being asked to: quiet sources, schedules, and one build for all hosts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.catalog.table import parse_table
from gateway.datasets.freshness import Freshness, LastBuild, due_by_change
from gateway.declaration import DeclarationError

DECLARED = "table: t\nlocation: t\nquery: q/v1\nbuild: {{{0}}}\n"


def freshness(build: str) -> Freshness:
    return Freshness(parse_table(DECLARED.format(build), "catalog/t.yaml").build)


def instant(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_sources_that_change_again_and_again_are_built_once_they_are_quiet_and_at_last_anyhow() -> None:
    known, built = freshness("on: refresh, quiet: 10s"), {"a": "1"}
    assert not known.settled({"a": "1"}, built, 0)
    assert [known.settled({"a": "2"}, built, at) for at in (0, 9, 10)] == [False, False, True]
    known = freshness("on: refresh, quiet: 10s")
    assert [known.settled({"a": f"x{at}"}, built, at) for at in range(0, 105, 5)].index(True) == 20
    known = freshness("on: refresh, quiet: 10s")
    assert not known.settled({"a": "2"}, built, 0)
    assert not known.settled({"a": "1"}, built, 5)  # as it was
    assert [known.settled({"a": "2"}, built, at) for at in (6, 15)] == [False, True]


def test_two_hosts_ask_for_one_build_and_another_state_is_another_build() -> None:
    first, other = due_by_change({"a": "1", "b": "2"}, None, 0), due_by_change({"b": "2", "a": "1"}, None, 9)
    assert first == other
    assert first is not None
    assert first != due_by_change({"a": "1", "b": "3"}, None, 0)
    done = LastBuild(id="x", sources="other", ended_at=0, failed=False)
    again = due_by_change({"a": "1", "b": "2"}, done, 0)
    assert again is not None
    assert again.key != first.key  # the sources are as they were once: that is a build of its own


def test_a_build_that_failed_is_tried_again_after_a_while_and_one_that_ended_otherwise_is_not() -> None:
    due = due_by_change({"a": "1"}, None, 0)
    assert due is not None
    failed = LastBuild(id="x", sources=due.sources, ended_at=100, failed=True)
    assert due_by_change({"a": "1"}, failed, 200) is None
    assert due_by_change({"a": "2"}, failed, 200) is not None
    assert due_by_change({"a": "1"}, failed, 1000) is not None
    ended = LastBuild(id="x", sources=due.sources, ended_at=100, failed=False)
    assert due_by_change({"a": "1"}, ended, 10**6) is None


@pytest.mark.parametrize(
    ("build", "at", "slot"),
    [
        ("every: 1h", "2026-03-29T03:59:59", "2026-03-29T03:00:00"),
        ('schedule: "30 3 * * *"', "2026-03-29T03:29:59", "2026-03-28T03:30:00"),
        ('schedule: "30 3 * * *"', "2026-03-29T03:30:00", "2026-03-29T03:30:00"),
        ('schedule: "30 3 * * *"', "2026-03-29T03:30:00.5", "2026-03-29T03:30:00"),
        ('schedule: "30 3 * * *", zone: Europe/Berlin', "2026-07-01T02:00:00", "2026-07-01T01:30:00"),
        ('schedule: "0 0 * * MON"', "2026-11-29T12:00:00", "2026-11-23T00:00:00"),
    ],
)
def test_the_last_instant_of_a_schedule_is_found(build: str, at: str, slot: str) -> None:
    [(_, found)] = freshness(build).rule.slots(instant(at))
    assert datetime.fromtimestamp(found, UTC).isoformat()[:19] == slot


def test_an_instant_of_a_schedule_is_asked_for_once_and_made_up_for_within_a_day() -> None:
    known, hourly = freshness('schedule: "0 0 1 * *"'), freshness("every: 1h")
    late = instant("2026-11-01T10:00:00")
    [due] = known.due_by_schedule(late)
    assert due.key == f"schedule:{instant('2026-11-01'):.0f}"
    known.asked(due)
    assert list(known.due_by_schedule(late + 60)) == []
    assert list(freshness('schedule: "0 0 1 * *"').due_by_schedule(late + 86_400)) == []
    keys = {each.key for at in range(0, 7200, 60) for each in hourly.due_by_schedule(at)}
    assert keys == {"every:0", "every:3600"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        ("on: change", "refresh"),
        ("every: 5s", "60"),
        ('schedule: "0 3 * *"', "is no cron schedule: Wrong number of fields (write five fields"),
        ('schedule: "0 25 * * *"', "is no cron schedule: Bad hour"),
        ('schedule: "0 0 31 2 *"', "is no cron schedule"),
        ("zone: Berlin", "unknown time zone 'Berlin' (use an IANA name"),
        ("when: refresh", "unknown key 'when'"),
        ("on: refresh, off: refresh", "unknown key"),
    ],
)
def test_what_says_nothing_of_builds_is_named_with_its_place(build: str, message: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        freshness(build)
    assert message in str(raised.value)
    assert {each.line for each in raised.value.diagnostics} == {4}


def test_a_bare_on_is_the_key_and_not_a_truth_value() -> None:
    assert freshness("on: refresh").rule.on == freshness('"on": refresh').rule.on == "refresh"
