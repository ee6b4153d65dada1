"""Shared results while what shares them fails: real gunicorn workers under load, with a real Redis and real kills."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from process_tree import workers_of
from waiting import wait_for

pytestmark = pytest.mark.gunicorn
HOURLY = "/v1/queries/hourly_traffic/v1/result"


def day(number: int) -> dict[str, str]:
    """Make one of a thousand questions, so that new ones keep coming while something fails."""
    origin = ("EWR", "JFK", "LGA")[number // 336 % 3]
    return {"day": f"2013-{1 + number // 28 % 12:02}-{1 + number % 28:02}", "origin": origin}


@contextmanager
def load(gateway: Any, clients: int = 6) -> Iterator[Counter[str]]:
    """Ask one question after the other, from several clients at once, until the block ends; count what comes."""
    stop, seen = Event(), Counter[str]()

    def client(first: int) -> None:
        number = first
        while not stop.is_set() and number < first + 3_000:
            try:
                seen[str(gateway.get(HOURLY, day(number)).status)] += 1
            except (OSError, HTTPException):
                seen["lost"] += 1
            number += 1

    with ThreadPoolExecutor(clients) as pool:
        for each in range(clients):
            pool.submit(client, each * 168)
        try:
            yield seen
        finally:
            stop.set()


def until(seen: Counter[str], more: int) -> None:
    """Wait until that many more requests were answered."""
    target = seen["200"] + more
    wait_for(lambda: seen["200"] >= target, lambda: f"{target} answers: {seen}")


def failures(gateway: Any, tier: str) -> float:
    """Sum the failed operations of a tier over all workers."""
    lines = gateway.get("/metrics").body.decode().splitlines()
    name = "gateway_cache_tier_failures_total{"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and f'tier="{tier}"' in line)


def executions(gateway: Any, query: str) -> float:
    """Count the executions of a query."""
    lines = gateway.get("/metrics").body.decode().splitlines()
    name = "gateway_execution_seconds_count{"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and f'query="{query}"' in line)


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    return {"GATEWAY_STATE": str(tmp_path / "state")}


def test_redis_may_be_killed_paused_and_started_again_under_load(
    serve: Callable[..., Any], flights_project: Path, redis_server: Any, state: dict[str, str]
) -> None:
    gateway = serve(flights_project, {**state, "GATEWAY_CACHE_REDIS": redis_server.url})
    with load(gateway) as seen:
        until(seen, 60)
        redis_server.signal(signal.SIGSTOP)
        until(seen, 60)
        redis_server.signal(signal.SIGCONT)
        redis_server.stop()
        until(seen, 60)
        redis_server.start()
        until(seen, 60)
    assert set(seen) == {"200"}
    assert failures(gateway, "redis") > 0
    gateway.process.terminate()


@pytest.mark.thorough
def test_a_worker_killed_under_load_loses_only_its_requests_in_flight(
    serve: Callable[..., Any], flights_project: Path, state: dict[str, str]
) -> None:
    gateway = serve(flights_project, state)
    with load(gateway, clients=4) as seen:
        until(seen, 60)
        os.kill(workers_of(gateway.process.pid)[0], signal.SIGKILL)
        until(seen, 200)
    assert set(seen) <= {"200", "lost"}
    assert seen["lost"] <= 40
    assert gateway.get(HOURLY, day(3)).headers["cache-status"].startswith("query-gateway; hit")
    gateway.process.terminate()


def test_an_answer_is_kept_though_its_caller_has_left(
    serve: Callable[..., Any], flights_project: Path, state: dict[str, str]
) -> None:
    gateway = serve(flights_project, state, workers=1)
    path = "/v1/queries/busiest_days/v1/result.csv"
    with socket.create_connection((gateway.host, gateway.port)) as caller:
        caller.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    wait_for(lambda: executions(gateway, "busiest_days"), "the execution")
    wait_for(lambda: gateway.get(path).headers["cache-status"].startswith("query-gateway; hit"), "the kept answer")
    assert executions(gateway, "busiest_days") == 1
    gateway.process.terminate()
