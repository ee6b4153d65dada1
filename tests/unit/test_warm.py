"""When answers are prepared ahead: before they expire, when their data changed, and only where there is room."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway.answer import Answer, CacheStatus, Outcome
from gateway.cache.recent_questions import RecentQuestions
from gateway.errors import EngineFailed, GatewayError
from gateway.model import Request, Result
from gateway.query.registry import Registry
from gateway.query.template import Template
from gateway.telemetry.events import AnswerPrepared, Event
from gateway.warm import Warmer, questions, wanted

DELAYS = """/*
summary: Delays
parameters: {top: {type: integer, default: 10}}
cache: {ttl: 60s}
warm: [{top: 1}, {top: 2}]
*/
SELECT carrier FROM flights LIMIT $top"""
WEATHER = """/*
summary: Weather
parameters: {top: {type: integer, default: 10}}
cache: {ttl: 600s}
warm: {recent: 2}
*/
SELECT temp FROM weather LIMIT $top"""


def template(text: str, name: str) -> Template:
    return Template.load(text, path=f"queries/{name}/v1.sql", name=name, version=1, tables={"flights", "weather"})


REGISTRY = Registry.of([template(DELAYS, "delays"), template(WEATHER, "weather")])


@dataclass
class World:
    """A warmer over answers that only count how often they were made sure of."""

    folder: Path
    now: float = 1_000_000.0
    idle: bool = True
    failure: GatewayError | None = None
    registry: Registry = REGISTRY
    snapshots: dict[str, str] = field(default_factory=lambda: {"flights": "a", "weather": "a"})
    renewed: list[tuple[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seconds: float = 0.0
    """What renewing one answer takes."""

    def __post_init__(self) -> None:
        self.usage = RecentQuestions(self.folder, wanted(REGISTRY), clock=self.clock)
        self.warmer = self.another()

    def another(self) -> Warmer:
        return Warmer(
            self.folder / "warmer.lock",
            registry=lambda: self.registry,
            usage=self.usage,
            snapshots=self.ids,
            renew=self.renew,
            idle=lambda: self.idle,
            observe=self.events.append,
            clock=self.clock,
            jitter=lambda: 0.5,
        )

    def clock(self) -> float:
        return self.now

    def ids(self, tables: Collection[str]) -> dict[str, str]:
        return {name: self.snapshots[name] for name in tables}

    def renew(self, request: Request) -> Answer:
        self.renewed.append((request.query, request.parameters["top"]))
        self.now += self.seconds
        if self.failure is not None:
            raise self.failure
        result = Result(key="aa", table=pa.table({}), columns=(), readings=(), created_at=0.0, seconds=0.0)
        query = self.registry.bind(request, now=self.now)
        return Answer(query=query, result=result, status=CacheStatus(outcome=Outcome.MISS), age=0.0, timings={})

    def ask(self, top: int, query: str = "weather") -> None:
        request = Request(query=query, version=None, parameters={"top": top})
        self.usage.note(REGISTRY.bind(request), request)

    def after(self, seconds: float) -> list[tuple[str, Any]]:
        self.now += seconds
        self.renewed.clear()
        self.warmer.tick()
        return sorted(self.renewed)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


FIRST = [("delays", 1), ("delays", 2)]


def test_declared_answers_are_prepared_at_the_start(world: World) -> None:
    assert world.after(0) == FIRST
    assert world.events == [AnswerPrepared(query="delays", version=1, outcome="computed")] * 2


def test_an_answer_is_renewed_before_its_ttl_ends_and_not_much_earlier(world: World) -> None:
    world.after(0)
    assert world.after(29) == []
    assert world.after(20) == FIRST


def test_answers_that_read_a_changed_table_are_renewed_at_once(world: World) -> None:
    world.ask(7)
    assert world.after(0) == [*FIRST, ("weather", 7)]
    world.snapshots["weather"] = "b"
    assert world.after(1) == [("weather", 7)]
    assert world.after(1) == []


def test_nothing_is_prepared_while_queries_wait(world: World) -> None:
    world.idle = False
    assert world.after(0) == []
    world.idle = True
    assert world.after(1) == FIRST


def test_after_a_second_of_work_changes_are_looked_for_again(world: World) -> None:
    world.seconds = 1.0
    assert len(world.after(0)) == 1
    assert len(world.after(0)) == 1


def test_an_answer_that_fails_is_tried_again_later_and_later(world: World) -> None:
    world.failure = EngineFailed("broken")
    assert world.after(0) == FIRST
    assert world.after(0.9) == []
    assert world.after(0.2) == FIRST
    assert world.after(1.9) == []
    assert world.after(0.2) == FIRST
    world.failure = None
    assert world.after(10) == FIRST
    assert world.after(10) == []
    assert {event.outcome for event in world.events if isinstance(event, AnswerPrepared)} == {
        "engine-failed",
        "computed",
    }


def test_of_a_query_that_asks_for_it_the_newest_questions_are_prepared(world: World) -> None:
    for top in (1, 2, 3, 2):
        world.now += 1
        world.ask(top)
    assert world.after(0) == [*FIRST, ("weather", 2), ("weather", 3)]
    world.ask(9)
    assert world.after(6) == [("weather", 9)]


def test_queries_that_a_reload_brings_are_prepared_and_those_it_takes_away_are_not(world: World) -> None:
    world.after(0)
    assert world.usage.recent() == {}
    world.registry = Registry.of(
        [template(WEATHER.replace("recent: 2", "examples: true, sets: [{top: 7}]"), "weather")]
    )
    world.usage.want(wanted(world.registry))
    assert world.after(40) == [("weather", 7)]


def test_one_process_of_a_machine_prepares_and_another_takes_over(world: World) -> None:
    world.after(0)
    other = world.another()
    world.renewed.clear()
    other.tick()
    assert world.renewed == []
    world.warmer.close()
    world.now += 6
    other.tick()
    assert sorted(world.renewed) == FIRST
    other.close()


def test_a_closed_warmer_prepares_nothing(world: World) -> None:
    world.warmer.close()
    assert world.after(0) == []


def test_questions_that_no_longer_bind_are_left_out(tmp_path: Path) -> None:
    usage = RecentQuestions(tmp_path, {("weather", 1): 5})
    stale = Request(query="weather", version=1, parameters={"bottom": 1})
    usage.note(REGISTRY.bind(Request(query="weather", version=1, parameters={})), stale)
    usage.flush()
    assert [request.query for request, _ in questions(REGISTRY, usage).values()] == ["delays", "delays"]


def test_answers_that_read_the_clock_are_renewed_when_its_bucket_ends(tmp_path: Path) -> None:
    text = "/*\nsummary: x\ncache: {ttl: 1h, clock: 5m}\nwarm: [{}]\n*/\nSELECT now() AS n FROM flights"
    world = World(tmp_path)
    query = template(text, "clock").bind({})
    assert world.warmer._next(query, 1_000_000.0) == 1_000_200.0


DAILY = """/*
summary: Since a while
parameters: {top: {type: date, relative: true, zone: Europe/Berlin}}
cache: {ttl: 1h}
warm: [{top: now-7d/d}]
*/
SELECT carrier FROM flights WHERE time_hour >= $top"""


def test_a_question_in_relative_times_is_prepared_for_each_new_bucket(tmp_path: Path) -> None:
    midnight = datetime(2024, 1, 3, 23, tzinfo=UTC).timestamp()  # in Berlin
    world = World(tmp_path, now=midnight - 60, registry=Registry.of([template(DAILY, "daily")]))
    asked = ("daily", "now-7d/d")
    assert [world.after(0), world.after(30), world.after(29)] == [[asked], [], []]
    (before,) = questions(world.registry, None, now=world.now)
    assert world.after(1) == [asked]
    (now,) = questions(world.registry, None, now=world.now)
    assert now != before


def test_what_is_another_question_every_second_is_not_prepared_as_often(tmp_path: Path) -> None:
    world = World(tmp_path)
    query = template(DAILY.replace("{type: date", "{type: timestamp"), "daily").bind({"top": "now-1h"}, now=world.now)
    assert query.until == world.now + 1
    assert world.warmer._next(query, world.now) == world.now + 10
