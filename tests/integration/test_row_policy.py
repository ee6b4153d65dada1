"""The hook for row-level policies: a filter below every scan, results that are not shared, and none by default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from events import between, make_project, put

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.rows import one_row
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.plan.dynamic import DimensionReader
from gateway.plan.fold.fold import FoldPlanner
from gateway.plan.planner import Planner
from gateway.telemetry.events import Event, QueryExecuted

ALL, SOME, NONE = Principal(name="all"), Principal(name="some", scope="large"), Principal(name="none", scope="nothing")


class ByScope:
    """Shows large amounts to some, and nothing to others."""

    def rows(self, principal: Principal, table: str) -> str | None:
        return {"large": "amount > 5", "nothing": "false", "": None}[principal.scope]

    def restricts(self, table: str) -> bool:
        return table == "events"


class Careless:
    """Filters rows of principals whose results are shared."""

    def rows(self, principal: Principal, table: str) -> str | None:
        return "false"

    def restricts(self, table: str) -> bool:
        return True


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def gateway(tmp_path: Path, events: list[Event]) -> Iterator[Gateway]:
    project = make_project(tmp_path, "cache: {ttl: 1h}")
    put(project, range(10), 1)
    put(project, range(10, 13), 10)
    with open_gateway(load_settings(project), observe=events.append, background=False) as opened:
        yield opened


def under(gateway: Gateway, policy: ByScope | Careless) -> Gateway:
    engine = cast(DuckDBEngine, gateway.engine)
    dimensions = DimensionReader.over(one_row(engine, seconds=10), engine.address)
    planner = Planner(engine.evaluate, dimensions, policy)
    planning = replace(gateway.planning, folds=FoldPlanner(planner, engine.evaluate, engine.columns))
    return replace(gateway, executor=gateway.executor.over(replace(gateway.runner, planning=planning)))


def total(gateway: Gateway, who: Principal) -> tuple[int, int | None]:
    answer = gateway.answer(Request(query="amount", version=1, parameters=between(0, 20)), principal=who)
    row = answer.result.table.to_pylist()[0]
    return row["events"], row["amount"]


def test_each_sees_the_rows_that_are_theirs(gateway: Gateway) -> None:
    guarded = under(gateway, ByScope())
    for _ in range(2):  # computed, then kept
        assert [total(guarded, who) for who in (ALL, SOME, NONE)] == [(13, 40), (3, 30), (0, None)]


def test_principals_of_one_scope_share_a_result(gateway: Gateway, events: list[Event]) -> None:
    guarded = under(gateway, ByScope())
    for name in ("ana", "bob"):
        total(guarded, Principal(name=name, scope="large"))
        total(guarded, Principal(name=name))
    assert sum(isinstance(event, QueryExecuted) for event in events) == 2


def test_an_explanation_shows_the_filter(gateway: Gateway) -> None:
    request = Request(query="amount", version=1, parameters=between(0, 20))
    explained = under(gateway, ByScope()).explain(request, principal=SOME)
    assert "WHERE (amount > 5)" in explained.statement.sql


def test_a_policy_that_would_let_results_be_shared_is_refused(gateway: Gateway) -> None:
    with pytest.raises(ValueError, match="without a scope"):
        total(under(gateway, Careless()), ALL)


def test_without_a_policy_everybody_sees_every_row(gateway: Gateway) -> None:
    assert {total(gateway, who) for who in (ALL, SOME, NONE)} == {(13, 40)}
