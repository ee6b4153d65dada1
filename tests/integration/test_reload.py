"""Two real workers over a project whose files change: what each of them serves, and what a change never breaks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from process_tree import workers_of
from waiting import becomes, everywhere

pytestmark = pytest.mark.gunicorn

TABLE = "table: events\nlocation: {location}\npartitioned_by: [{{column: dt, transform: identity, source: dt}}]\n"
QUERY = "/*\nsummary: Totals\n{more}*/\nSELECT {what} AS total FROM events"
ROWS, TIMES = 20_000, 25
LONG = f"/*\nsummary: Much\n*/\nSELECT repeat('x', 100) AS padding, n FROM events, range({TIMES})"
"""Fifty megabytes, which are sent as they are made: a client that does not read holds the query under way."""
SETTINGS = {"GATEWAY_CACHE_MAX_RESULT": "1MiB", "GATEWAY_SERVER_SEND_TIMEOUT": "1h"}


class World:
    """A project of one table and one query, served by two workers."""

    def __init__(self, folder: Path, serve: Any) -> None:
        self.folder = folder
        self.put("data", 1)
        self.put("other", 2)
        self.table("data")
        self.query("max(n)")
        self.start = lambda: serve(folder, SETTINGS, workers=2)
        self.gateway: Any = None

    def put(self, name: str, value: int) -> None:
        folder = self.folder / name / "dt=a"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"n": pa.array([value] * ROWS, pa.int64())}), folder / "rows.parquet")

    def write(self, name: str, text: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def table(self, location: str) -> None:
        self.write("catalog/events.yaml", TABLE.format(location=location))

    def query(self, what: str, *, name: str = "totals", version: int = 1, more: str = "") -> None:
        self.write(f"queries/{name}/v{version}.sql", QUERY.format(what=what, more=more))

    def total(self, name: str = "totals", version: str = "v1") -> Any:
        """Ask for a result; return its one value, or the code of the problem."""
        reply = self.gateway.get(f"/v1/queries/{name}/{version}/result")
        document = reply.json()
        return document["data"][0]["total"] if reply.status == 200 else document["type"].rpartition("/")[2]

    def everywhere(self, look: Callable[[], Any]) -> set[Any]:
        """Return what is seen over enough connections to reach both workers."""
        return set(everywhere(look))

    def becomes(self, expected: Any, look: Callable[[], Any]) -> bool:
        """Look again and again until every worker shows what is *expected*."""
        return becomes(expected, look)

    def broken(self) -> tuple[str, ...]:
        return tuple(one["path"] for one in self.gateway.get("/readyz").json()["project"]["broken"])

    def running(self) -> float:
        return metric(self, "gateway_queries_running")


def metric(world: World, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", world.gateway.get("/metrics").body.decode(), re.MULTILINE)
    return float(found[1]) if found is not None else 0.0


@pytest.fixture
def world(tmp_path: Path, serve: Any) -> World:
    world = World(tmp_path, serve)
    world.gateway = world.start()
    assert world.total() == 1
    return world


def test_a_new_file_is_a_new_query_in_every_worker(world: World) -> None:
    world.query("count(*)", name="rows")
    assert world.becomes(ROWS, lambda: world.total("rows"))
    world.query("min(n)", version=2)
    assert world.becomes("2", lambda: world.gateway.get("/v1/queries/totals/latest/result").headers["gateway-version"])


def test_a_broken_file_keeps_its_last_good_version_until_it_is_right_again(world: World) -> None:
    world.write("queries/totals/v1.sql", "/*\nsummary: Totals\n*/\nSELEC max(n) FROM events")
    assert world.becomes(("queries/totals/v1.sql",), world.broken)
    assert world.everywhere(world.total) == {1}
    (entry,) = world.gateway.get("/v1/queries").json()["queries"]
    assert entry["broken"]["v1"]["serving"] == "last-good"
    assert entry["broken"]["v1"]["mistakes"][0]["line"] == 4
    assert metric(world, r'gateway_declarations_broken\{kind="query"\}') == 1.0
    log = world.gateway.log.read_text()
    assert '"event":"declaration-broken","path":"queries/totals/v1.sql"' in log
    assert str(world.folder) not in str(world.gateway.get("/readyz").body)
    world.query("max(n) + 1")
    assert world.becomes((), world.broken)
    assert world.everywhere(world.total) == {2}


def test_a_file_that_is_removed_takes_its_version_away_everywhere(world: World) -> None:
    world.query("min(n)", version=2)
    assert world.becomes(1, lambda: world.total(version="v2"))
    (world.folder / "queries/totals/v1.sql").unlink()
    assert world.becomes("version-not-found", world.total)
    assert world.everywhere(lambda: world.total(version="latest")) == {1}


def test_a_version_that_is_retired_while_it_is_served_answers_no_more(world: World) -> None:
    assert world.everywhere(world.total) == {1}
    world.query("max(n)", more="sunset: 2020-01-01\n")
    assert world.becomes("version-retired", world.total)


def test_a_request_under_way_ends_on_the_table_where_it_began(world: World) -> None:
    world.write("queries/long/v1.sql", LONG)
    assert world.becomes(200, lambda: world.gateway.get("/v1/queries/long/v1/explain").status)
    with closing(HTTPConnection(world.gateway.host, world.gateway.port, timeout=60)) as connection:
        connection.request("GET", "/v1/queries/long/v1/result.csv")
        reply = connection.getresponse()
        first = reply.read(1_000)
        world.table("other")
        assert world.becomes(2, world.total)
        assert world.running() == 1
        rows = (first + reply.read()).splitlines()[1:]
    assert (len(rows), {row.rpartition(b",")[2] for row in rows}) == (ROWS * TIMES, {b"1"})
    assert world.gateway.get("/v1/queries/long/v1/result.csv").body.endswith(b",2\r\n")


def test_a_table_at_a_place_where_nothing_is_stays_where_it_was(world: World) -> None:
    world.table("nowhere")
    assert world.becomes(("catalog/events.yaml",), world.broken)
    assert world.everywhere(world.total) == {1}


def test_a_signal_and_a_request_reload_every_worker_and_replace_none(world: World) -> None:
    workers = workers_of(world.gateway.process.pid)
    path = world.folder / "queries/totals/v1.sql"
    for asked, value in ((lambda: os.kill(world.gateway.process.pid, signal.SIGHUP), 5), (reload_of(world), 7)):
        before = path.stat()
        world.query(f"max(n) + {value}")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if its status did not tell that it changed
        asked()
        assert world.becomes(value + 1, world.total)
    assert workers_of(world.gateway.process.pid) == workers


def reload_of(world: World) -> Callable[[], Any]:
    def reload() -> Any:
        reply = world.gateway.post("/v1/reload", b"")
        assert reply.status == 200
        assert reply.json()["outcome"] in ("reloaded", "unchanged")  # the other worker's look may have come first
        return reply

    return reload


def test_a_checkout_that_changes_its_branch_is_followed_and_names_its_commit(tmp_path: Path, serve: Any) -> None:
    world = World(tmp_path, serve)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text(".gateway\ndata\nother\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "checkout", "-qb", "next")
    world.query("max(n) + 10")
    for number in range(20):
        world.query("max(n)", name=f"more{number}")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "two")
    git(tmp_path, "checkout", "-q", "main")
    world.gateway = world.start()
    assert world.total() == 1
    git(tmp_path, "checkout", "-q", "next")
    assert world.becomes(11, world.total)
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert world.becomes((21, commit), lambda: served(world))
    assert world.broken() == ()


def served(world: World) -> tuple[int, str]:
    document = world.gateway.get("/readyz").json()
    return document["queries"], document["project"]["commit"]


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
