"""Relative times, epoch time and zones through real servers of both kinds, and through the commands."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from thorough import first
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "gateway")
RESULT = "/v1/queries/since/v1/result"
BERLIN = ZoneInfo("Europe/Berlin")
TABLE = """table: events
location: data
columns: {ts: TIMESTAMP, n: BIGINT}
partitioned_by: [{column: dt, transform: day, source: ts}]
"""
QUERY = """/*
summary: Rows since an instant
owner: ops
parameters:
  since: {type: timestamp, zone: Europe/Berlin, epoch: ms, relative: true, default: now-2d/d, description: first}
cache: {ttl: 1h}
examples:
  - {since: now-7d/d}
  - {since: 1363187777000}
*/
SELECT ts, n FROM events WHERE ts >= $since ORDER BY ts"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a project whose table has a row at noon in Berlin of each of the last five days and the next."""
    folder = tmp_path_factory.mktemp("relative")
    for place, text in (("catalog/events.yaml", TABLE), ("queries/since/v1.sql", QUERY)):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    for ago in range(-1, 5):
        noon = datetime.now(BERLIN).replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(ago)
        path = folder / f"data/dt={noon.date()}/a.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"ts": pa.array([noon], pa.timestamp("us")), "n": [ago]}), path)
    (folder / "gateway.toml").write_text("")
    return folder


@pytest.fixture(scope="module", params=first(1, ["asgi", "gthread"]))
def server(request: pytest.FixtureRequest, serve_for_module: Callable[..., Any], project: Path) -> Any:
    environment = {"GATEWAY_SERVER_WORKER": request.param, "GATEWAY_STATE": str(project / f".{request.param}")}
    return serve_for_module(project, environment)


def today() -> datetime:
    """Return the start of the day in Berlin, as its clocks show it."""
    return datetime.now(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def within_a_day(ask: Callable[[], Any]) -> tuple[datetime, Any]:
    """Ask, again where a day began meanwhile; return the day in which all was answered."""
    while True:
        before, found = today(), ask()
        if before == today():
            return before, found


def test_a_day_is_one_question_however_it_is_written(server: Any) -> None:
    def ask() -> list[Any]:
        begins = today().replace(tzinfo=BERLIN)
        offset = begins.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spelled = ["now/d", offset, str(int(begins.timestamp() * 1000)), begins.date().isoformat(), "now-0h/d"]
        replies = [server.get(RESULT, {"since": text}) for text in spelled]
        return [*replies, server.post(RESULT, json.dumps({"since": "now/d"}).encode())]

    day, replies = within_a_day(ask)
    documents = [reply.json() for reply in replies]
    assert {document["parameters"]["since"] for document in documents} == {day.isoformat()}
    assert [row["n"] for row in documents[0]["data"]] == [0, -1]
    assert len({reply.body for reply in replies}) == 1
    assert len({reply.headers["etag"] for reply in replies[:-1]}) == 1
    assert all("hit" in reply.headers["cache-status"] for reply in replies[1:])
    assert replies[0].headers["gateway-partitions"] == "2/6"


def test_a_second_later_the_same_bytes_ask_another_question(server: Any) -> None:
    """The first answers are given by each worker, from the event loop where there is one."""
    target = f"{RESULT}?since=now-36h"
    started = datetime.now(BERLIN)
    told = [server.get(target).json()["parameters"]["since"] for _ in range(20)]
    first = datetime.fromisoformat(told[0])
    wait_for(lambda: server.get(target).json()["parameters"]["since"] > max(told), "the next second")
    assert sorted(told) == told
    asked = (started - timedelta(hours=36)).astimezone(BERLIN)
    assert timedelta() <= first.replace(tzinfo=BERLIN) - asked.replace(microsecond=0) < timedelta(minutes=1)


def test_pages_go_on_with_the_bytes_that_were_typed(server: Any) -> None:
    first = server.get(RESULT, {"since": "now-60h", "_limit": 1}).json()
    cursor = first["next"].partition("_cursor=")[2]
    meant = first["parameters"]["since"]
    wait_for(lambda: server.get(RESULT, {"since": "now-60h"}).json()["parameters"]["since"] > meant, "the next second")
    for since in ("now-60h", meant):
        page = server.get(RESULT, {"since": since, "_cursor": cursor})
        assert (page.status, page.json()["parameters"]["since"]) == (200, meant)
        posted = server.post(f"{RESULT}?_cursor={cursor}", json.dumps({"since": since}).encode())
        assert posted.json()["data"] == page.json()["data"]
    assert server.get(first["next"]).json()["data"] == page.json()["data"]
    assert server.get(RESULT, {"since": "now-61h", "_cursor": cursor}).status == 400


def test_a_default_in_relative_times_is_bound_anew_each_day(server: Any) -> None:
    day, reply = within_a_day(lambda: server.get(RESULT))
    assert reply.json()["parameters"]["since"] == (day - timedelta(days=2)).isoformat()
    assert [row["n"] for row in reply.json()["data"]] == [2, 1, 0, -1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("now-7x", "'x' is no unit of time"),
        ("now-999999999y", "outside the years 1 to 9999"),
        ("today", "did you mean 'now/d'?"),
        ("2013-02-30", "not a date of the calendar"),
        ("1e12", "a whole number of milliseconds since 1970"),
    ],
)
def test_what_is_no_time_is_a_problem_of_the_parameter(server: Any, given: str, told: str) -> None:
    replies = [server.get(RESULT, {"since": given}), server.post(RESULT, json.dumps({"since": given}).encode())]
    for reply in replies:
        assert (reply.status, reply.headers["content-type"]) == (422, "application/problem+json")
        [error] = reply.json()["errors"]
        assert error["parameter"] == "since"
        assert told in error["detail"]


def test_the_forms_are_described(server: Any) -> None:
    document = server.get("/openapi.json").json()
    [parameter] = [entry for entry in document["paths"][RESULT]["get"]["parameters"] if entry.get("name") == "since"]
    assert parameter["example"] == "now-7d/d"
    assert [form["type"] for form in parameter["schema"]["anyOf"]] == ["string", "integer", "string"]
    [described] = server.get("/v1/queries/since/v1").json()["parameters"]
    forms = {"zone": "Europe/Berlin", "epoch": "ms", "relative": True, "default": "now-2d/d"}
    assert {name: described[name] for name in forms} == forms
    page = server.get("/docs/since/v1").body.decode()
    assert 'value="now-7d/d"' in page
    assert "since=now-7d%2Fd" in page


def test_commands_take_the_same_forms(project: Path) -> None:
    def run(*words: str) -> Any:
        command = [PROGRAM, *words, "--project", str(project)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "json" in words else done.stdout

    def ask() -> list[Any]:
        stamp = int(today().replace(tzinfo=BERLIN).timestamp() * 1000)
        return [
            run("run", "since", "-p", "since=now/d", "--format", "json")["rows"],
            run("run", "since", "--params", json.dumps({"since": stamp}), "--format", "json")["rows"],
            len(run("explain", "since", "-p", "since=now/d", "--format", "json")["scans"][0]["partitions"]),
        ]

    assert within_a_day(ask)[1] == [2, 2, 2]
    checked = run("check", "--data")
    assert "since v1 example 1: 6 rows" in checked
