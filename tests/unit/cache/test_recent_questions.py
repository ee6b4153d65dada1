"""The questions asked lately: which are kept, by whom, and how many."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.cache.recent_questions import RecentQuestions
from gateway.model import BoundQuery, RelativeTimes, Request, TypedValue

WANTED = {("q", 1): 3}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def note(usage: RecentQuestions, value: Any, query: str = "q") -> None:
    parameters = {"n": TypedValue(value=value, type="HUGEINT")}
    bound = BoundQuery(name=query, version=1, sql="", normalised=query, tables=(), parameters=parameters)
    usage.note(bound, Request(query=query, version=None, parameters={"n": value}))


def values(usage: RecentQuestions) -> list[Any]:
    return [request.parameters["n"] for requests in usage.recent().values() for request in requests]


def test_the_newest_questions_are_told_newest_first(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED, clock=Clock())
    for value in (1, 2, 3, 4, 2):
        note(usage, value)
    usage.flush()
    assert values(usage) == [2, 4, 3]


def test_a_question_keeps_the_version_that_answered_it(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED)
    note(usage, 1)
    usage.flush()
    assert usage.recent() == {("q", 1): [Request(query="q", version=1, parameters={"n": 1})]}


def test_questions_of_several_processes_come_together_and_outlive_them(tmp_path: Path) -> None:
    clock = Clock()
    for value in (1, 2**100):
        usage = RecentQuestions(tmp_path, WANTED, clock=clock)
        note(usage, value)
        usage.flush()
    assert values(RecentQuestions(tmp_path, WANTED)) == [2**100, 1]


def test_a_query_that_is_not_prepared_leaves_no_trace(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED)
    note(usage, 1, query="r")
    usage.flush()
    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED, clock=Clock())
    for start in range(0, 30_000, 3_000):
        for value in range(start, start + 3_000):
            note(usage, value)
        usage.flush()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_500_000
    assert values(usage) == [29_999, 29_998, 29_997]


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED)
    note(usage, 1)
    usage.flush()
    with (tmp_path / "questions.jsonl").open("ab") as file:
        file.write(b'{"key": "ab", "at"\n[1]\n')
    note(usage, 2)
    usage.flush()
    assert sorted(values(usage)) == [1, 2]


def test_a_question_of_a_novel_s_length_is_not_recorded(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED)
    note(usage, "x" * 5_000)
    usage.flush()
    assert values(usage) == []


def test_a_question_in_relative_times_is_one_question_whenever_it_is_asked(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, WANTED, clock=Clock())
    asked = {"n": "now-1h"}
    for hour in range(5):
        value = TypedValue(value=datetime(2024, 1, 1, hour), type="TIMESTAMP")
        relative = {"n": RelativeTimes(written=("now-1h",), until=3600.0 * hour)}
        shared = {"normalised": "q", "parameters": {"n": value}, "relative": relative}
        bound = BoundQuery(name="q", version=1, sql="", tables=(), **shared)
        usage.note(bound, Request(query="q", version=1, parameters=asked))
    note(usage, 7)
    usage.flush()
    assert values(usage) == [7, "now-1h"]
