"""Two real gunicorn workers: concurrent requests, equal answers, a clean stop."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from process_tree import workers_of
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

QUESTIONS = [
    ("/v1/queries/delays_by_carrier/v1/result", {"start": "2013-01-01", "end": "2013-01-08"}),
    ("/v1/queries/delays_by_carrier/v2/result.csv", {"start": "2013-03-01", "end": "2013-04-01"}),
    ("/v1/queries/hourly_traffic/v1/result.ndjson", {"day": "2013-11-27"}),
    ("/v1/queries/worst_routes/v1/result", {"start": "2013-07-01", "end": "2013-08-01"}),
    ("/v1/queries/weather_delay/v1/result.csv", {"start": "2013-02-04", "end": "2013-02-11"}),
    ("/v1/queries/ops.daily_summary/v1/result.csv", {"month": "2013-02-01"}),
]


def test_two_workers_run(local_gateway: Any) -> None:
    assert len(workers_of(local_gateway.process.pid)) == 2


def test_concurrent_requests_get_the_answer_that_a_lone_one_gets(local_gateway: Any) -> None:
    lone = [rows_of(local_gateway.get(path, parameters)) for path, parameters in QUESTIONS]
    with ThreadPoolExecutor(24) as pool:
        asked = [pool.submit(local_gateway.get, path, parameters) for _ in range(20) for path, parameters in QUESTIONS]
        replies = [future.result() for future in asked]
    assert {reply.status for reply in replies} == {200}
    assert [rows_of(reply) for reply in replies] == lone * 20


def test_concurrent_misses_of_many_questions_are_all_answered(local_gateway: Any) -> None:
    days = [f"2013-{month:02}-{day:02}" for month in range(1, 13) for day in (3, 13, 23)]
    with ThreadPoolExecutor(36) as pool:
        replies = list(
            pool.map(lambda day: local_gateway.get("/v1/queries/hourly_traffic/v1/result", {"day": day}), days)
        )
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == len(days)


def test_a_repeated_question_is_a_hit_in_whichever_worker(local_gateway: Any) -> None:
    path, parameters = "/v1/queries/hourly_traffic/v1/result", {"day": "2013-10-10"}
    assert local_gateway.get(path, parameters).status == 200
    statuses = [local_gateway.get(path, parameters).headers["cache-status"] for _ in range(10)]
    assert all("hit" in status for status in statuses)


def test_a_stop_lets_requests_end_and_leaves_no_process(serve: Any, flights_project: Path, tmp_path: Path) -> None:
    own_state = {"GATEWAY_STATE": str(tmp_path)}  # what another gateway keeps stays untouched
    gateway = serve(flights_project, own_state)
    workers = workers_of(gateway.process.pid)
    year = {"start": "2013-01-01", "end": "2014-01-01"}
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(gateway.get, "/v1/queries/weather_delay/v1/result", year) for _ in range(4)]
        first = running[0].result()
        gateway.process.send_signal(signal.SIGTERM)
        statuses = {answered(future) for future in running}
    assert first.status == 200
    assert statuses <= {200, None}
    assert gateway.process.wait(timeout=40) == 0
    assert not any(alive(worker) for worker in workers)
    assert "Traceback" not in gateway.log.read_text()


def rows_of(reply: Any) -> Any:
    """Take the rows out of a reply: the rest of a JSON answer tells its age, which differs."""
    return reply.json()["data"] if reply.headers["content-type"].startswith("application/json") else reply.body


def answered(future: Any) -> int | None:
    """Return the status, or None where the connection was no longer taken."""
    try:
        return int(future.result().status)
    except OSError:
        return None


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("form", ["auto", "json", "text"])
def test_a_start_is_told_in_the_form_of_the_log(serve: Any, flights_project: Path, form: str) -> None:
    running = serve(flights_project, {"GATEWAY_LOG_FORMAT": form})
    listening = "Query Gateway serves http://" if form == "text" else '"server-listening"'
    wait_for(lambda: listening in running.log.read_text())  # the line comes after the first answer
    lines = running.log.read_text().splitlines()
    if form == "text":
        said = [line.split()[0] for line in lines if line.startswith(("Memory: ", "Query Gateway serves http://"))]
        assert said == ["Memory:", "Query"]
        return
    events = [json.loads(line) for line in lines]
    [listens] = [event for event in events if event["event"] == "server-listening"]
    assert listens["address"].endswith(f":{running.port}")
    assert [event["event"] for event in events].count("memory-divided") == 1
