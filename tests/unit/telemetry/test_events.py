"""Events become log lines and metrics."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.answer import CacheStatus, Outcome
from gateway.model import Reading
from gateway.telemetry.events import (
    CallsNotKept,
    Event,
    LimitsFailed,
    ProjectLoaded,
    QueryExecuted,
    QueryFailed,
    QueryReplanned,
    RefreshFailed,
    RefreshSucceeded,
    RequestServed,
    ResourcesMeasured,
    StoreRequested,
    TierFailed,
    Unexpected,
    fan_out,
    observe_all,
)
from gateway.telemetry.json_log import JsonLog, LineWriter
from gateway.telemetry.metrics import CALLERS, OTHERS, Metrics

READING = Reading(
    table="flights",
    snapshot="s",
    listed_at=0.0,
    partitions=7,
    partitions_total=365,
    files=8,
    files_total=400,
    size=1_000,
    size_total=50_000,
)
SERVED: dict[str, Any] = {"request": "r", "method": "GET", "path": "/", "status": 200, "seconds": 0.5, "size": 10}


def observed(*events: Event) -> CollectorRegistry:
    metrics = Metrics(CollectorRegistry(), clock=lambda: 1_000.0)
    for event in events:
        metrics(event)
    return metrics.registry


def lines(*events: Event) -> list[dict[str, object]]:
    written: list[bytes] = []
    log = JsonLog(written.append, clock=lambda: 12.3456)
    for event in events:
        log(event)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in written)
    return [json.loads(line) for line in written]


def test_an_event_is_one_line_of_json_named_after_its_kind() -> None:
    event = RefreshFailed(table="flights", error="the store\nis down", failures=2)
    assert lines(event) == [
        {
            "time": 12.346,
            "level": "warning",
            "event": "refresh-failed",
            "table": "flights",
            "error": "the store\nis down",
            "failures": 2,
        }
    ]


def test_an_event_without_a_level_is_for_metrics_only() -> None:
    assert lines(QueryExecuted(query="q", version=1, waited=0.0, seconds=1.0)) == []


def test_the_line_of_a_request_does_not_tell_its_parameters() -> None:
    (line,) = lines(RequestServed(**SERVED, query="q", version=1, key="00ff", parameters={"secret": "x"}))
    assert (line["key"], "parameters" in line) == ("00ff", False)


def test_a_line_that_cannot_be_written_is_counted_and_harms_nobody(tmp_path: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    with (tmp_path / "log").open("wb") as closed:
        descriptor = os.dup(closed.fileno())
    os.close(descriptor)
    JsonLog(LineWriter("log", descriptor=descriptor, lost=metrics))(QueryReplanned(query="q", version=1, reason="x"))
    assert metrics.registry.get_sample_value("gateway_log_lines_lost_total", {"stream": "log"}) == 1


def test_every_observer_is_told() -> None:
    first: list[Event] = []
    second: list[Event] = []
    event = QueryReplanned(query="q", version=1, reason="changed")
    fan_out(first.append, second.append)(event)
    assert first == second == [event]


def test_what_a_query_read_is_counted_by_table_beside_what_it_left_unread() -> None:
    registry = observed(QueryExecuted(query="q", version=1, waited=0.1, seconds=0.2, readings=(READING, READING)))
    table = {"table": "flights"}
    assert registry.get_sample_value("gateway_read_partitions_total", table) == 14
    assert registry.get_sample_value("gateway_pruned_partitions_total", table) == 716
    assert registry.get_sample_value("gateway_read_files_total", table) == 16
    assert registry.get_sample_value("gateway_pruned_bytes_total", table) == 98_000
    assert registry.get_sample_value("gateway_execution_seconds_sum", {"query": "q", "version": "1"}) == 0.2
    assert registry.get_sample_value("gateway_admission_seconds_sum", {"query": "q", "version": "1"}) == 0.1


def test_a_good_listing_ends_a_row_of_failures() -> None:
    failed = RefreshFailed(table="flights", error="down", failures=3)
    good = RefreshSucceeded(
        table="flights", snapshot="s", seconds=0.1, files=400, partitions=365, problems=1, changed=True
    )
    table = {"table": "flights"}
    assert observed(failed).get_sample_value("gateway_refresh_consecutive_failures", table) == 3
    registry = observed(failed, good)
    assert registry.get_sample_value("gateway_refresh_consecutive_failures", table) == 0
    assert registry.get_sample_value("gateway_refresh_failures_total", table) == 1
    assert registry.get_sample_value("gateway_snapshot_listed_timestamp_seconds", table) == 1_000
    assert registry.get_sample_value("gateway_snapshot_files", table) == 400
    assert registry.get_sample_value("gateway_snapshot_problems", table) == 1


def test_degradations_are_counted() -> None:
    registry = observed(
        QueryFailed(query="q", version=1, code="engine-failed", detail="x", seconds=1.0),
        QueryReplanned(query="q", version=1, reason="changed"),
        TierFailed(tier="disk", operation="get", error="x"),
        Unexpected(request="r", error="KeyError()", traceback="…"),
    )
    query = {"query": "q", "version": "1"}
    assert registry.get_sample_value("gateway_execution_failures_total", query | {"code": "engine-failed"}) == 1
    assert registry.get_sample_value("gateway_replans_total", query) == 1
    assert registry.get_sample_value("gateway_cache_tier_failures_total", {"tier": "disk", "operation": "get"}) == 1
    assert registry.get_sample_value("gateway_unexpected_errors_total") == 1


def test_an_answer_without_rows_is_an_answer() -> None:
    registry = observed(RequestServed(**SERVED, query="q", version=1, cache="hit", rows=0, format="csv"))
    query = {"query": "q", "version": "1"}
    assert registry.get_sample_value("gateway_answers_total", query | {"cache": "hit"}) == 1
    assert registry.get_sample_value("gateway_answer_rows_total", query) == 0
    assert registry.get_sample_value("gateway_response_bytes_total", query | {"format": "csv"}) == 10


@pytest.mark.parametrize(
    ("status", "metric", "labels"),
    [
        (CacheStatus(outcome=Outcome.HIT, ttl=1.0), "cache_hits", {"tier": "memory"}),
        (CacheStatus(outcome=Outcome.HIT, ttl=1.0, tier="redis"), "cache_hits", {"tier": "redis"}),
        (CacheStatus(outcome=Outcome.REVALIDATED), "revalidations", {}),
        (CacheStatus(outcome=Outcome.STALE_WHILE_REVALIDATE, ttl=-1.0), "stale_answers", {"reason": "revalidate"}),
        (CacheStatus(outcome=Outcome.STALE_IF_ERROR, error="engine-failed"), "stale_answers", {"reason": "error"}),
        (CacheStatus(outcome=Outcome.DEFAULT, error="engine-failed"), "default_answers", {}),
    ],
)
def test_what_became_of_a_request_at_the_cache_is_counted(
    status: CacheStatus, metric: str, labels: dict[str, str]
) -> None:
    fate = {"cache": "any", "detail": status.detail, "outcome": status.outcome}
    registry = observed(RequestServed(**SERVED, query="q", version=1, rows=0, **fate))
    assert registry.get_sample_value(f"gateway_{metric}_total", {"query": "q", "version": "1"} | labels) == 1


@pytest.mark.parametrize("outcome", [Outcome.CURSOR, Outcome.MISS, Outcome.BYPASS, Outcome.STREAMED, Outcome.TOO_LARGE])
def test_what_is_no_hit_of_a_tier_counts_as_an_answer_alone(outcome: Outcome) -> None:
    registry = observed(RequestServed(**SERVED, query="q", version=1, rows=0, cache="hit", outcome=outcome))
    counted = {sample.name for metric in registry.collect() for sample in metric.samples}
    assert "gateway_answers_total" in counted
    assert counted.isdisjoint(
        f"gateway_{name}_total" for name in ("cache_hits", "revalidations", "stale_answers", "default_answers")
    )


def test_requests_about_a_query_are_timed_by_status_and_outcome() -> None:
    refused = RequestServed(**(SERVED | {"status": 422}), query="q", version=1, error="invalid-parameters")
    answered = RequestServed(**SERVED, query="q", version=1, cache="hit", rows=0)
    registry = observed(refused, answered)
    for status, cache in (("422", ""), ("200", "hit")):
        labels = {"query": "q", "version": "1", "status": status, "cache": cache, "method": "GET", "endpoint": ""}
        assert registry.get_sample_value("gateway_request_seconds_sum", labels) == 0.5


def test_the_event_of_another_request_is_what_replace_makes() -> None:
    event = RequestServed(**SERVED, query="q", version=1, cache="hit", rows=0)
    changes: dict[str, Any] = {"request": "another", "seconds": 2.5, "principal": "somebody"}
    assert event.again(**changes) == replace(event, **changes)
    assert event.request == SERVED["request"]


def test_a_body_that_did_not_arrive_whole_is_counted() -> None:
    event = RequestServed(**SERVED, query="q", version=1, cache="miss", rows=5, format="csv", complete=False)
    assert observed(event).get_sample_value("gateway_responses_cut_total", {"query": "q", "version": "1"}) == 1


def test_callers_are_named_in_metrics_up_to_a_number_and_counted_together_beyond_it() -> None:
    asked = {**SERVED, "path": "/v1/queries/q/v1/result", "query": "q", "version": 1}
    names = [*(f"caller{number}" for number in range(CALLERS + 2)), "caller0"]
    registry = observed(*(RequestServed(**(asked | {"principal": name})) for name in names))

    def calls(principal: str) -> float | None:
        return registry.get_sample_value("gateway_calls_total", {"query": "q", "version": "1", "principal": principal})

    assert (calls("caller0"), calls(f"caller{CALLERS}"), calls(OTHERS)) == (2.0, None, 2.0)


def test_files_of_the_project_that_are_broken_are_a_gauge_and_reloads_are_counted() -> None:
    started = ProjectLoaded(outcome="started", seconds=0.0, broken_tables=1, broken_queries=2)
    reloaded = ProjectLoaded(outcome="reloaded", seconds=0.1, broken_queries=1)
    registry = observed(started, reloaded, reloaded)
    assert registry.get_sample_value("gateway_reloads_total", {"outcome": "reloaded"}) == 2.0
    assert registry.get_sample_value("gateway_reloads_total", {"outcome": "started"}) is None
    assert registry.get_sample_value("gateway_declarations_broken", {"kind": "query"}) == 1.0
    assert registry.get_sample_value("gateway_declarations_broken", {"kind": "table"}) == 0.0


def test_sizes_are_told_as_they_were_last_measured() -> None:
    first = ResourcesMeasured(
        resident=9, cache=1, engine={"parquet_reader": 10}, spilled=5, partials=7, disk=2, partials_disk=1
    )
    second = ResourcesMeasured(resident=8, cache=3, engine={"parquet_reader": 11}, spilled=0)
    registry = observed(first, second)
    assert registry.get_sample_value("gateway_resident_bytes") == 8
    assert registry.get_sample_value("gateway_cache_memory_bytes") == 3
    assert registry.get_sample_value("gateway_cache_disk_bytes") == 2
    assert registry.get_sample_value("gateway_partials_memory_bytes") == 0
    assert registry.get_sample_value("gateway_partials_disk_bytes") == 1
    assert registry.get_sample_value("gateway_engine_memory_bytes", {"purpose": "parquet_reader"}) == 11


def test_requests_to_stores_are_counted_by_who_sent_them_and_how_they_ended() -> None:
    registry = observed(*[StoreRequested(client="engine", kind="get", status="503", requests=2)] * 2)
    labels = {"client": "engine", "kind": "get", "status": "503"}
    assert registry.get_sample_value("gateway_storage_requests_total", labels) == 4


def told_of(number: int, **more: Any) -> RequestServed:
    labels = {
        "query": "delays",
        "version": 1,
        "cache": "hit",
        "format": "json",
        "rows": number,
        "principal": "a",
    } | more
    return RequestServed(
        request=f"id-{number}", method="GET", path="/v1/queries/delays/v1/result", status=200,
        seconds=number / 100, size=number * 10, **labels,
    )  # fmt: skip


TOLD = [
    *(told_of(number) for number in range(1, 40)),
    told_of(3, cache="miss", detail="disk"),
    told_of(5, principal="b"),
    told_of(7, query=None, version=None, cache=None, format=None, error="not-found"),
    told_of(8, complete=False),
]


def test_events_that_are_told_together_count_as_those_that_are_told_one_by_one() -> None:
    together, single = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    observe_all(fan_out(together), TOLD)
    for event in TOLD:
        single(event)

    def counted(metrics: Metrics) -> dict[Any, float]:
        return {
            (sample.name, *sorted(sample.labels.items())): round(sample.value, 9)
            for metric in metrics.registry.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }

    assert counted(together) == counted(single)


def test_lines_that_are_written_together_are_those_that_are_written_one_by_one() -> None:
    together, single = list[bytes](), list[bytes]()
    told = [*TOLD, CallsNotKept(error="x"), LimitsFailed(error="x"), LimitsFailed(error="y"), *TOLD]
    observe_all(JsonLog(together.append, clock=lambda: 1.0), told)
    for event in told:
        JsonLog(single.append, clock=lambda: 1.0)(event)
    assert b"".join(together) == b"".join(single)
    assert len(together) < len(single)
    assert all(len(piece) <= 4096 for piece in together)
