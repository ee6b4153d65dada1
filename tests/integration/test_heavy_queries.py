"""Queries that take too long or too much: they are stopped, they fail alone, and the next one runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from thorough import first
from waiting import wait_for

from gateway.answer import Answer
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import ClientGone, DeadlineExceeded, EngineFailed, ResultTooLarge
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import Event, QueryCancelled

SOON = 30.0
TABLE = """
table: numbers
location: data
partitioned_by: [{column: dt, transform: day, source: ts}]
"""
QUERIES = {
    # 1,000 rows to the fourth power: it does not end in anybody's lifetime.
    "endless": (
        "cache: {ttl: 0s, stale_if_error: 1h}",
        "SELECT sum(a.n * b.n * c.n * d.n + $k) AS total FROM numbers a, numbers b, numbers c, numbers d",
    ),
    "endless_unkept": (
        "cache: off",
        "SELECT sum(a.n * b.n * c.n * d.n + $k) AS total FROM numbers a, numbers b, numbers c, numbers d",
    ),
    "hungry": (
        "cache: off",
        "SELECT count(*) AS total FROM (SELECT a.n AS x, b.n AS y, c.n % 100 AS z, $k, count(*) AS rows "
        "FROM numbers a, numbers b, numbers c GROUP BY ALL)",
    ),
    "large": ("cache: off", "SELECT a.n AS x, b.n AS y, $k AS k FROM numbers a, numbers b"),
    "small": ("cache: off", "SELECT sum(n) + $k AS total FROM numbers"),
    "one_day": ("cache: off", "SELECT sum(n) + $k AS total FROM numbers WHERE ts >= TIMESTAMP '2024-01-02'"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/numbers.yaml").write_text(TABLE)
    for name, (front, sql) in QUERIES.items():
        path = tmp_path / f"queries/{name}/v1.sql"
        path.parent.mkdir(parents=True)
        path.write_text(f"/*\nsummary: {name}\nparameters: {{k: {{type: bigint, default: 0}}}}\n{front}\n*/\n{sql}\n")
    put(tmp_path, 1_000)
    return tmp_path


def put(project: Path, rows: int, day: str = "2024-01-01") -> None:
    target = project / f"data/dt={day}/a.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    ts = pa.array([f"{day}T12:00"] * rows).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"ts": ts, "n": pa.array(range(rows), pa.int64())}), target)


@pytest.fixture
def events() -> list[Event]:
    return []


Open = Callable[..., Gateway]


@pytest.fixture
def open_project(project: Path, events: list[Event]) -> Iterator[Open]:
    opened = []

    def open_with(**settings: str) -> Gateway:
        environment = {f"GATEWAY_{name}": value for name, value in ({"ENGINE_SLOTS": "1"} | settings).items()}
        context = open_gateway(load_settings(project, environment), observe=events.append, background=False)
        opened.append(context)
        return context.__enter__()

    yield open_with
    for context in opened:
        context.__exit__(None, None, None)


def ask(gateway: Gateway, query: str, k: int = 0, *, seconds: float | None = None, **options: Any) -> Answer:
    request = Request(query=query, version=1, parameters={"k": k})
    deadline = None if seconds is None else time.monotonic() + seconds
    return gateway.answer(request, principal=Principal(), deadline=deadline, **options)


def test_a_query_past_its_callers_deadline_is_stopped_and_the_next_one_runs(
    open_project: Open, events: list[Event]
) -> None:
    gateway = open_project(ENGINE_TIMEOUT="60s")
    with pytest.raises(DeadlineExceeded):
        ask(gateway, "endless", seconds=0.5)
    assert ask(gateway, "small", seconds=SOON).result.table.to_pylist() == [{"total": 499_500}]
    cancelled = [event for event in events if isinstance(event, QueryCancelled)]
    assert [(event.query, event.reason) for event in cancelled] == [("endless", "deadline-exceeded")]
    assert gateway.admission.depth == 0


def test_a_query_past_the_operators_limit_is_stopped(open_project: Open) -> None:
    gateway = open_project(ENGINE_TIMEOUT="1s")
    with pytest.raises(DeadlineExceeded):
        ask(gateway, "endless_unkept", seconds=600)
    assert ask(gateway, "small").result.table.num_rows == 1


def test_a_query_that_waits_behind_another_is_answered_at_its_own_deadline(open_project: Open) -> None:
    gateway = open_project()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, gateway, "endless", seconds=3)
        wait_for(lambda: gateway.admission.running == 1)
        with pytest.raises(DeadlineExceeded):
            ask(gateway, "small", seconds=0.2)
        assert gateway.admission.waiting == 0
        with pytest.raises(DeadlineExceeded):
            first.result()
    wait_for(lambda: gateway.admission.depth == 0)


def test_a_query_that_plans_to_read_little_runs_beside_heavy_ones(open_project: Open, project: Path) -> None:
    put(project, 1, day="2024-01-02")
    gateway = open_project(ENGINE_SLOTS="2", ENGINE_CHEAP="2kB")
    with ThreadPoolExecutor(2) as pool:
        heavy = [pool.submit(ask, gateway, "endless_unkept", k, seconds=5) for k in range(2)]
        wait_for(lambda: gateway.admission.depth == 2)
        assert (gateway.admission.running, gateway.admission.waiting) == (1, 1)
        assert ask(gateway, "one_day").result.table.to_pylist() == [{"total": 0}]
        for query in heavy:
            with pytest.raises(DeadlineExceeded):
                query.result()


def test_an_answer_that_cannot_be_computed_in_time_is_the_stale_one(open_project: Open, project: Path) -> None:
    gateway = open_project()
    put(project, 10)
    gateway.catalog.refresh("numbers")
    stale = ask(gateway, "endless")
    put(project, 1_000)
    gateway.catalog.refresh("numbers")
    again = ask(gateway, "endless", seconds=0.5)
    assert again.result.table == stale.result.table
    assert again.status.detail == "stale-if-error; deadline-exceeded"


def test_a_disconnect_stops_a_query_whose_answer_is_not_kept(open_project: Open, events: list[Event]) -> None:
    gateway, gone = open_project(), Flag()
    with ThreadPoolExecutor(1) as pool:
        caller = pool.submit(ask, gateway, "endless_unkept", gone=gone)
        wait_for(lambda: gateway.admission.running == 1)
        gone.set()
        with pytest.raises(ClientGone):
            caller.result()
    wait_for(lambda: gateway.admission.running == 0)
    cancelled = [event for event in events if isinstance(event, QueryCancelled)]
    assert [(event.query, event.reason) for event in cancelled] == [("endless_unkept", "client-gone")]


def test_a_disconnect_leaves_a_query_running_whose_answer_is_kept(open_project: Open, events: list[Event]) -> None:
    gateway, gone = open_project(ENGINE_TIMEOUT="3s"), Flag()
    gone.set()
    with pytest.raises(ClientGone):
        ask(gateway, "endless", gone=gone, seconds=600)
    wait_for(lambda: gateway.admission.running == 1)
    assert not any(isinstance(event, QueryCancelled) for event in events)
    with pytest.raises(DeadlineExceeded):
        ask(gateway, "endless", seconds=0.2)


def test_a_query_that_needs_too_much_memory_fails_and_the_next_one_runs(open_project: Open) -> None:
    gateway = open_project(ENGINE_MEMORY="24MiB", ENGINE_SPILL="1MiB")
    for k in range(3):
        with pytest.raises(EngineFailed, match="more memory"):
            ask(gateway, "hungry", k)
        assert ask(gateway, "small", k).result.table.to_pylist() == [{"total": 499_500 + k}]


def test_a_result_for_which_the_others_leave_no_memory_fails_alone(open_project: Open) -> None:
    gateway = open_project(MEMORY="1216MiB", SERVER_WORKERS="1", ENGINE_SLOTS="4", CACHE_MEMORY="0")
    answers = [ask(gateway, "large", 0)]
    assert gateway.runner.execution.budget.held == answers[0].result.table.nbytes < gateway.runner.execution.max_result
    with pytest.raises(ResultTooLarge, match="beside the others"):
        ask(gateway, "large", 1)
    assert ask(gateway, "small").result.table.num_rows == 1
    answers.clear()
    wait_for(lambda: gateway.runner.execution.budget.held == 0)
    assert ask(gateway, "large", 1).result.table.num_rows == 1_000_000


@pytest.fixture(params=first(1, ["asgi", "gthread"]))
def running(request: pytest.FixtureRequest, project: Path, serve: Callable[..., Any]) -> Any:
    """A real server with one slot, of either kind of worker."""
    settings = {"GATEWAY_SERVER_WORKER": request.param, "GATEWAY_ENGINE_SLOTS": "1"}
    return serve(project, settings, workers=1)


def metric(running: Any, name: str) -> float:
    """Add up the samples of a metric."""
    lines = running.get("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[{{ ]", line))


def result(query: str) -> str:
    return f"/v1/queries/{query}/v1/result"


def test_a_client_that_hangs_up_stops_its_query_on_a_real_server(running: Any) -> None:
    with closing(HTTPConnection(running.host, running.port, timeout=SOON)) as connection:
        connection.request("GET", result("endless_unkept"))
        wait_for(lambda: metric(running, "gateway_queries_running") == 1)
    wait_for(lambda: metric(running, "gateway_queries_cancelled_total") == 1)
    wait_for(lambda: metric(running, "gateway_queries_running") == 0)
    assert running.get(result("small")).status == 200


def test_who_hangs_up_before_the_answer_is_told_as_gone_and_as_no_failure_of_the_server(running: Any) -> None:
    def statuses() -> set[str]:
        text = running.get("/metrics").body.decode()
        return set(re.findall(r'gateway_request_seconds_count{.*status="(\d+)"', text))

    with closing(HTTPConnection(running.host, running.port, timeout=SOON)) as connection:
        connection.request("GET", result("endless_unkept"))
        wait_for(lambda: metric(running, "gateway_queries_running") == 1)
    wait_for(lambda: "499" in statuses())
    assert running.get(result("small")).status == 200
    assert statuses() == {"200", "499"}


def test_a_timeout_in_a_header_stops_the_query_on_a_real_server(running: Any) -> None:
    late = running.get(result("endless_unkept"), Request_Timeout="0.5")
    assert (late.status, late.json()["type"]) == (504, "/errors/deadline-exceeded")
    answered = running.get(result("small"), Request_Timeout="20")
    assert answered.status == 200
    stages = {entry.partition(";")[0] for entry in answered.headers["server-timing"].split(", ")}
    assert {"queue", "execute", "deadline"} <= stages
    assert metric(running, "gateway_queries_cancelled_total") == 1


def test_who_finds_the_line_full_is_told_when_to_come_back(project: Path, serve: Callable[..., Any]) -> None:
    settings = {"GATEWAY_ENGINE_SLOTS": "1", "GATEWAY_ENGINE_QUEUE": "0"}
    running = serve(project, settings, workers=1)
    with closing(HTTPConnection(running.host, running.port, timeout=SOON)) as connection:
        connection.request("GET", result("endless_unkept"))
        wait_for(lambda: metric(running, "gateway_queries_running") == 1)
        refused = running.get(result("small"))
    assert (refused.status, refused.json()["type"]) == (503, "/errors/queue-full")
    assert int(refused.headers["retry-after"]) >= 1
    assert metric(running, "gateway_admission_refusals_total") == 1
