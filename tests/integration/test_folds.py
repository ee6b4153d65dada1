"""Answers that are put together of partials: what is computed, what is shared, and that it never shows."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from click.testing import CliRunner
from folded import DAYS, FOLDED, between, folder_of, make_project, put
from full_disks import fill, mounted

from gateway.answer import Answer, Directives
from gateway.app.gateway import open_gateway
from gateway.cache.tier import Purge
from gateway.cli import main
from gateway.config import load_settings
from gateway.errors import DeadlineExceeded
from gateway.execution.work import KeyedFold
from gateway.model import Folded, Principal, Request, Statement
from gateway.pipeline import Gateway
from gateway.plan.fold.fold import together
from gateway.telemetry.events import Event, PartialsComputed, TierFailed, unobserved
from gateway.web.headers import cache_status

_NOTHING = Directives()
AGAIN = Directives(no_cache=True)


@contextmanager
def opened(project: Path, **environment: str) -> Iterator[Gateway]:
    with open_gateway(
        load_settings(project, {**FOLDED, **environment}), observe=unobserved, background=False
    ) as gateway:
        yield gateway


def ask(gateway: Gateway, query: str, start: int, end: int, directives: Directives = _NOTHING) -> Answer:
    request = Request(query=query, version=1, parameters=between(start, end))
    return gateway.answer(request, principal=Principal(), directives=directives)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path)
    put(made, range(DAYS))
    return made


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    return answer.result.table.to_pylist()


def anew(project: Path, query: str, start: int, end: int) -> list[dict[str, Any]]:
    """Return what a gateway answers that has nothing kept and folds nothing."""
    with opened(project, GATEWAY_STATE=mkdtemp(), GATEWAY_CACHE_PARTIALS="0") as gateway:
        return rows_of(ask(gateway, query, start, end))


def test_a_window_that_slides_computes_its_new_days_only(project: Path) -> None:
    with opened(project) as gateway:
        folded = [ask(gateway, "exact", start, start + 30).result.folded for start in (0, 1, 3)]
    assert folded == [Folded(kept=0, computed=30), Folded(kept=29, computed=1), Folded(kept=28, computed=2)]


def test_one_restated_day_is_the_only_one_computed(project: Path) -> None:
    with opened(project) as gateway:
        ask(gateway, "exact", 0, 30)
        put(project, [7], seed=1)
        gateway.catalog.refresh("sales", [folder_of(7)])
        answer = ask(gateway, "exact", 0, 30, AGAIN)
    assert answer.result.folded == Folded(kept=29, computed=1)
    assert rows_of(answer) == anew(project, "exact", 0, 30)


@pytest.mark.parametrize("condition", ["units * 2 = 17", "units * 2 = 16 AND big % 20 = 3"])
def test_days_without_a_row_have_partials_too(tmp_path: Path, condition: str) -> None:
    made = make_project(tmp_path)
    file = made / "queries/exact/v1.sql"
    file.write_text(file.read_text().replace("GROUP BY", f"AND {condition} GROUP BY"))
    put(made, range(DAYS))
    with opened(made) as gateway:
        answers = [ask(gateway, "exact", start, start + 30) for start in (0, 1)]
    assert [each.result.folded for each in answers] == [Folded(kept=0, computed=30), Folded(kept=29, computed=1)]
    assert [rows_of(each) for each in answers] == [anew(made, "exact", start, start + 30) for start in (0, 1)]


@pytest.mark.parametrize("query", ["exact", "mean"])
def test_the_bytes_are_those_of_a_gateway_that_keeps_nothing(project: Path, query: str) -> None:
    with opened(project) as gateway:
        first = ask(gateway, query, 0, 30)
        put(project, [7], seed=1)
        gateway.catalog.refresh("sales", [folder_of(7)])
        half = ask(gateway, query, 0, 30, AGAIN)
    with opened(project, GATEWAY_STATE=mkdtemp()) as gateway:
        cold, alone = ask(gateway, query, 0, 30), ask(gateway, query, 0, 30, Directives(no_store=True, no_cache=True))
    assert first.result.digest != half.result.digest == cold.result.digest == alone.result.digest


def test_a_file_that_is_replaced_between_partials_has_the_answer_planned_anew(project: Path) -> None:
    pending = [lambda: put(project, [9, 29], seed=1)]

    def replace_files(event: Event) -> None:
        if isinstance(event, PartialsComputed) and pending:
            pending.pop()()

    with open_gateway(load_settings(project, FOLDED), observe=replace_files, background=False) as gateway:
        answer = ask(gateway, "exact", 0, 30)
    assert not pending
    assert rows_of(answer) == anew(project, "exact", 0, 30)


def test_a_day_that_is_replaced_after_its_partial_was_computed_is_not_mixed_with_later_data(project: Path) -> None:
    before, pending = anew(project, "exact", 0, 30), [lambda: put(project, [0], seed=1)]

    def replace_files(event: Event) -> None:
        if isinstance(event, PartialsComputed) and pending:
            pending.pop()()

    with open_gateway(load_settings(project, FOLDED), observe=replace_files, background=False) as gateway:
        answer = ask(gateway, "exact", 0, 30)
        gateway.catalog.refresh("sales", [folder_of(0)])
        later = ask(gateway, "exact", 0, 30, AGAIN)
    assert (rows_of(answer), rows_of(later)) == (before, anew(project, "exact", 0, 30))


def test_partials_of_too_many_groups_are_not_tried_twice(tmp_path: Path) -> None:
    project, events = make_project(tmp_path), list[Event]()
    put(project, range(8), rows=6_000)
    with open_gateway(load_settings(project, FOLDED), observe=events.append, background=False) as gateway:
        answers = [ask(gateway, "wide", start, 8) for start in (0, 1, 2)]
    assert [answer.result.folded for answer in answers] == [None] * 3
    assert sum(isinstance(event, PartialsComputed) for event in events) == 1
    assert rows_of(answers[2]) == anew(project, "wide", 2, 8)


def test_partials_of_many_rows_beside_their_partitions_are_not_folded_and_explained(tmp_path: Path) -> None:
    project, events = make_project(tmp_path), list[Event]()
    put(project, range(8), rows=6_000)
    with open_gateway(load_settings(project, FOLDED), observe=events.append, background=False) as gateway:
        answers = [ask(gateway, "minutes", start, 8) for start in (0, 1)]
        request = Request(query="minutes", version=1, parameters=between(2, 8))
        explained = gateway.explain(request, principal=Principal()).as_text()
        exact = ask(gateway, "exact", 0, 8)
    assert [answer.result.folded for answer in (*answers, exact)] == [None, None, Folded(kept=0, computed=8)]
    read = [
        sum(reading.partitions for reading in event.readings) for event in events if isinstance(event, PartialsComputed)
    ]
    assert read[0] == 2  # tried, and no more of them
    assert "its partials have 24% of the rows of their partitions, and up to 5% are kept" in explained
    assert rows_of(answers[1]) == anew(project, "minutes", 1, 8)


def test_who_waits_for_partials_that_are_too_large_does_not_try_them_again(tmp_path: Path) -> None:
    project, events = make_project(tmp_path), list[Event]()
    put(project, range(12), rows=6_000)
    windows = [(start, end) for start in range(4) for end in range(8, 13)]
    with (
        open_gateway(load_settings(project, FOLDED), observe=events.append, background=False) as gateway,
        ThreadPoolExecutor(20) as pool,
    ):
        answers = list(pool.map(lambda window: ask(gateway, "wide", *window), windows))
    assert all(answer.result.folded is None for answer in answers)
    assert sum(isinstance(event, PartialsComputed) for event in events) < 6


def test_what_is_damaged_or_gone_on_the_disk_is_computed_again(project: Path) -> None:
    state = project / ".state"
    with opened(project, GATEWAY_STATE=str(state)) as gateway:
        expected = rows_of(ask(gateway, "exact", 0, 30))
        gateway.cache.drop(Purge(before=0.0))
    kept = sorted((state / "partials").rglob("*.arrow"))
    assert len(kept) == 30
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[2].read_bytes())
    kept[3].write_bytes(kept[3].read_bytes()[:-9])
    kept[4].unlink()
    shutil.rmtree(state / "results")
    with opened(project, GATEWAY_STATE=str(state)) as gateway:
        answer = ask(gateway, "exact", 0, 30)
    assert (answer.result.folded, rows_of(answer)) == (Folded(kept=26, computed=4), expected)


def test_a_disk_without_room_for_partials_costs_no_answer(project: Path) -> None:
    settings, events = load_settings(project, FOLDED), list[Event]()
    with mounted(settings.state / "partials", "size=64k") as partials:
        fill(partials)
        with open_gateway(settings, observe=events.append, background=False) as gateway:
            answer = ask(gateway, "exact", 0, 30)
    assert any(isinstance(event, TierFailed) for event in events)
    assert rows_of(answer) == anew(project, "exact", 0, 30)


@pytest.mark.parametrize("size", ["20KiB", "200KiB", "20MiB"])
def test_partials_that_make_room_for_one_another_show_in_no_answer(project: Path, size: str) -> None:
    windows = [(start, end) for start in range(8) for end in range(35, 40)]
    with opened(project, GATEWAY_STATE=mkdtemp(), GATEWAY_CACHE_PARTIALS="0") as gateway:
        expected = [ask(gateway, "exact", *window).result.digest for window in windows]
    limits = {"GATEWAY_CACHE_MEMORY": size, "GATEWAY_CACHE_DISK": size}
    with opened(project, **limits) as gateway, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda window: ask(gateway, "exact", *window), windows))
    assert [answer.result.digest for answer in answers] == expected
    assert all(answer.result.folded is not None for answer in answers)


def test_nothing_is_kept_of_what_a_caller_wants_not_stored(project: Path) -> None:
    with opened(project) as gateway:
        alone = ask(gateway, "exact", 0, 30, Directives(no_store=True))
        after = ask(gateway, "exact", 0, 30)
    assert after.result.folded == Folded(kept=0, computed=30)
    assert rows_of(alone) == rows_of(after)


def test_nothing_is_kept_of_a_query_that_is_not_cached(tmp_path: Path) -> None:
    project = make_project(tmp_path, cache="off")
    put(project, range(DAYS))
    with opened(project, GATEWAY_STATE=str(tmp_path / "state")) as gateway:
        answers = [ask(gateway, query, 0, 30) for query in ("exact", "mean", "exact")]
    assert not list((tmp_path / "state" / "partials").rglob("*.arrow"))
    assert rows_of(answers[0]) == rows_of(answers[2]) == anew(project, "exact", 0, 30)


@pytest.mark.parametrize("which", [Purge(), Purge(table="sales"), Purge(query="exact")])
def test_what_operators_drop_is_computed_again(project: Path, which: Purge) -> None:
    with opened(project) as gateway:
        first = ask(gateway, "exact", 0, 30)
        gateway.cache.drop(which)
        again = ask(gateway, "exact", 0, 30)
    assert again.result.folded == Folded(kept=0, computed=30)
    assert rows_of(first) == rows_of(again)


def test_what_operators_drop_elsewhere_is_not_dropped_here(project: Path) -> None:
    with opened(project) as gateway:
        ask(gateway, "exact", 0, 30)
        gateway.cache.drop(Purge(table="others"))
        put(project, [3], seed=1)
        gateway.catalog.refresh("sales", [folder_of(3)])
        assert ask(gateway, "exact", 0, 30, AGAIN).result.folded == Folded(kept=29, computed=1)


def test_cache_status_and_explanations_tell_of_partials(project: Path) -> None:
    with opened(project) as gateway:
        request = Request(query="exact", version=1, parameters=between(1, 31))
        ask(gateway, "exact", 0, 30)
        explained = gateway.explain(request, principal=Principal())
        status = cache_status(ask(gateway, "exact", 1, 31).status)
        whole = gateway.explain(replace(request, parameters=between(0, 3)), principal=Principal())
    assert explained.as_dict()["partials"] == {"kept": 29, "computed": 1}
    assert "put together of 30 partitions: 29 kept, 1 computed" in explained.as_text()
    assert re.search(r"fwd=miss; stored; ttl=\d+; detail=.30 partitions: 29 kept, 1 computed.$", status)
    assert whole.as_dict()["partials"] is None
    assert "it reads 3 partitions" in whole.as_text()


def test_operators_see_what_partials_take(project: Path) -> None:
    with opened(project) as gateway:
        ask(gateway, "exact", 0, 30)
        assert 30_000 < gateway.cache.partials.used < 300_000
    told = CliRunner().invoke(main, ["cache", "stats", "--format", "json", "--project", str(project)])
    rows = {(row["kind"], row["tier"], row["query"]): row for row in json.loads(told.stdout)}
    assert {place: row["results"] for place, row in rows.items()} == {
        ("answers", "disk", "exact"): 1,
        ("partials", "disk", "exact"): 30,
    }
    assert rows["partials", "disk", "exact"]["bytes"] > 30 * 500


def test_an_answer_that_is_prepared_ahead_computes_changed_days_only(project: Path) -> None:
    with opened(project) as gateway:
        request, folded = Request(query="exact", version=1, parameters=between(10, 40)), []
        for seed in range(3):
            put(project, [39], seed=seed)
            gateway.catalog.refresh("sales", [folder_of(39)])
            folded.append(gateway.renew(request, principal=Principal()).result.folded)
    assert folded == [Folded(kept=0, computed=30), Folded(kept=29, computed=1), Folded(kept=29, computed=1)]


def test_who_waits_for_a_partial_gives_up_at_his_deadline_and_harms_nobody(project: Path) -> None:
    request = Request(query="exact", version=1, parameters=between(0, 30))
    with opened(project) as gateway, ThreadPoolExecutor(1) as pool:
        keys = keys_of(gateway, request)
        gatherer = gateway.runner.gatherer
        assert gatherer is not None
        gatherer.claims.claim(keys[:1])  # as another caller does, who takes his time
        patient = pool.submit(ask, gateway, "exact", 1, 31)
        with pytest.raises(DeadlineExceeded):
            gateway.answer(request, principal=Principal(), deadline=time.monotonic() + 0.5)
        assert len(rows_of(patient.result())) == 4
        gatherer.claims.release(keys[:1])  # he fails
        assert len(rows_of(ask(gateway, "exact", 0, 30))) == 4


@pytest.mark.parametrize("query", ["exact", "mean", "minutes", "wide"])
def test_partials_of_large_and_of_small_partitions_are_the_same(project: Path, query: str) -> None:
    with opened(project) as gateway:
        fold = fold_of(gateway, Request(query=query, version=1, parameters=between(0, 30)))
        pieces = list(fold.pieces.values())
        found = [
            [row for batch in run(gateway, together(pieces, gateway.engine.address, large=large)) for row in batch]
            for large in (0, 2**60)
        ]
    assert len({row["__gateway_n"] for row in found[0]}) == 30
    assert sorted(map(repr, found[0])) == sorted(map(repr, found[1]))


def run(gateway: Gateway, statement: Statement) -> Iterator[list[dict[str, Any]]]:
    """Run a statement in the engine, and yield its rows."""
    stream = gateway.engine.execute(statement, deadline=time.monotonic() + 60, started=lambda cancel: None)
    try:
        yield from (batch.to_pylist() for batch in stream)
    finally:
        stream.close()


def keys_of(gateway: Gateway, request: Request) -> list[str]:
    """Return the keys of the partials of a question."""
    return list(fold_of(gateway, request).pieces)


def fold_of(gateway: Gateway, request: Request) -> KeyedFold:
    """Return a question cut into its partials."""
    query = gateway.registry.bind(request, now=0.0)
    snapshots = gateway.catalog.pin(query.tables)
    plan = gateway.planning.planner.plan(query, snapshots)
    fold = gateway.planning.fold(plan, snapshots, Principal())
    assert isinstance(fold, KeyedFold)
    return fold
