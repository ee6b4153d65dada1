"""What surrounds a worker breaks: its disk, its folders, another worker. It degrades, and that is seen."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from events import make_project, put
from full_disks import fill, mounted
from process_tree import workers_of
from shop import ask, row
from waiting import wait_for

from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.errors import EngineFailed, SettingsInvalid
from gateway.model import Statement
from gateway.telemetry.events import Event as Observed
from gateway.telemetry.events import TierFailed

HOURLY = "/v1/queries/hourly_traffic/v1/result"
LARGE = "SELECT count(*) AS n FROM (SELECT DISTINCT i, hash(i) FROM range(10_000_000) t(i))"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project", "cache: {ttl: 1m}")
    put(made, range(10), 3)
    return made


def tier_failures(events: list[Observed]) -> set[tuple[str, str]]:
    return {(event.tier, event.operation) for event in events if isinstance(event, TierFailed)}


def test_a_cache_folder_without_room_costs_no_answer_and_is_seen(project: Path) -> None:
    events: list[Observed] = []
    settings = load_settings(project, {})
    with mounted(settings.state / "results", "size=64k") as results:
        fill(results)
        with open_gateway(settings, observe=events.append, background=False) as gateway:
            first = [row(ask(gateway, day, day + 1)) for day in range(4)]
            again = [ask(gateway, day, day + 1) for day in range(4)]
        assert first == [(1, 3)] * 4
        assert [row(answer) for answer in again] == first
        assert all(answer.status.hit for answer in again)
    assert ("disk", "remember") in tier_failures(events)


def test_a_cache_folder_that_is_no_folder_costs_no_answer_and_is_seen(project: Path) -> None:
    events: list[Observed] = []
    settings = load_settings(project, {})
    settings.state.mkdir()
    (settings.state / "results").write_text("in the way")
    with open_gateway(settings, observe=events.append, background=False) as gateway:
        assert row(ask(gateway, 0, 10)) == (10, 30)
        assert ask(gateway, 0, 10).status.hit
    assert {tier for tier, _ in tier_failures(events)} == {"disk"}


def test_a_cache_folder_that_was_removed_is_made_again(project: Path) -> None:
    settings = load_settings(project, {})
    results = settings.state / "results"
    with open_gateway(settings, observe=lambda event: None, background=False) as gateway:
        ask(gateway, 0, 1)
        wait_for(lambda: list(results.rglob("*.arrow")), "the answer to be written")
        subprocess.run(["rm", "-r", str(results)], check=True)
        assert row(ask(gateway, 0, 2)) == (2, 6)
    assert list(results.rglob("*.arrow"))


def test_a_state_folder_on_a_read_only_file_system_is_told_before_anything_is_served(project: Path) -> None:
    settings = load_settings(project, {})
    with (
        mounted(settings.state, "size=64k,ro"),
        pytest.raises(SettingsInvalid, match="cannot be written"),
        open_gateway(settings, observe=lambda event: None, background=False),
    ):
        pass


def test_a_query_that_finds_no_room_to_spill_fails_alone(tmp_path: Path) -> None:
    with mounted(tmp_path / "spill", "size=1m") as folder:
        settings = DuckDBSettings(locations=[], temp_directory=str(folder / "x"), memory_limit="60MB", threads=2)
        engine = DuckDBEngine.open(settings)
        with pytest.raises(EngineFailed, match="temporary"):
            list(engine.execute(Statement(sql=LARGE, parameters={}, files=[])))
        engine.ping()
        engine.close()


def day(number: int) -> str:
    origin = ("EWR", "JFK", "LGA")[number // 336 % 3]
    return f"{HOURLY}?day=2013-{1 + number // 28 % 12:02}-{1 + number % 28:02}&origin={origin}"


def workers(gateway: Any) -> set[int]:
    """Return the worker processes of a server."""
    return set(workers_of(gateway.process.pid))


@pytest.mark.gunicorn
def test_a_killed_worker_costs_only_the_requests_it_had_and_is_replaced(
    serve: Callable[..., Any], flights_project: Path, tmp_path: Path
) -> None:
    gateway = serve(flights_project, {"GATEWAY_STATE": str(tmp_path / "state")})
    over, seen = Event(), Counter[str]()

    def client(first: int) -> None:
        """Keep a connection, and ask again only when it was answered; count the connections that broke."""
        connection = HTTPConnection(gateway.host, gateway.port, timeout=60)
        for number in range(first, first + 2_000):
            if over.is_set():
                break
            try:
                connection.request("GET", day(number))
                answer = connection.getresponse()
                answer.read()
                seen[str(answer.status)] += 1
            except (OSError, HTTPException):
                seen["broken"] += 1
                connection.close()
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(client, number * 126)
        wait_for(lambda: seen["200"] > 100, f"no answers: {seen}")
        before = workers(gateway)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        then = seen["200"]
        wait_for(lambda: len(workers(gateway) - {victim}) == 2 and seen["200"] > then + 200, f"no replacement: {seen}")
        over.set()
    assert set(seen) <= {"200", "broken"}
    assert seen["broken"] <= 8
    assert workers(gateway) & before == before - {victim}
    # What the victim was computing is computed by others: no lease of its own is left, and metrics go on.
    asked = gateway.get(day(5))
    assert asked.status == 200
    assert b"gateway_answers_total" in gateway.get("/metrics").body
    assert gateway.get("/readyz").json()["status"] == "ok"
    gateway.process.terminate()


@pytest.mark.gunicorn
def test_a_disk_that_gets_full_under_a_running_server_costs_no_answer(
    serve: Callable[..., Any], flights_project: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "state", "size=24m") as state:
        gateway = serve(flights_project, {"GATEWAY_STATE": str(state)})
        assert gateway.get(day(0)).status == 200
        before = workers(gateway)
        fill(state)
        statuses = Counter(gateway.get(day(number)).status for number in range(1, 60))
        assert statuses == {200: 59}
        assert workers(gateway) == before
        metrics = gateway.get("/metrics").body.decode()
        assert 'gateway_cache_tier_failures_total{operation="keep",tier="disk"}' in metrics
        gateway.process.terminate()
        gateway.process.wait(timeout=40)
