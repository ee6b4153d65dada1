"""Servers that have little: the least memory, no file descriptor to spare, no room in shared memory."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_NOFILE, prlimit
from typing import Any
from urllib.request import urlopen

import pytest
from events import between, make_project, put
from process_tree import Role, of_role
from thorough import first
from waiting import wait_for

pytestmark = pytest.mark.gunicorn

AMOUNT = "/v1/queries/amount/v1/result"
SPARE = 3
LEAST = {1: "800MiB", 2: "1088MiB"}
"""The least memory that so many workers are started with."""
ROWS = """\
/*
summary: Many rows
parameters: {n: {type: bigint, max: 10000000}}
cache: off
*/
SELECT i AS id, i * 0.5 AS half, 'name ' || (i % 100000) AS name, DATE '2020-01-01' + CAST(i % 3650 AS INTEGER) AS day
FROM range($n) AS r(i)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project", "cache: off")
    put(made, range(10), 3)
    (made / "queries/rows").mkdir()
    (made / "queries/rows/v1.sql").write_text(ROWS)
    return made


def engine_of(running: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(running.get("/readyz").body)["engine"]
    return found


@pytest.mark.parametrize("workers", first(1, LEAST))
def test_the_least_memory_is_enough_for_large_exports(project: Path, serve: Callable[..., Any], workers: int) -> None:
    running = serve(project, {"GATEWAY_MEMORY": LEAST[workers]}, workers=workers)
    for suffix in ("csv", "ndjson", "arrow", "parquet", "json"):
        reply = running.get(f"/v1/queries/rows/v1/result.{suffix}", {"n": 1_500_000})
        assert reply.status == 200, (suffix, reply.body)
        assert suffix != "csv" or reply.body.count(b"\r\n") == 1_500_001
    assert engine_of(running)["ended"] == {}


def test_a_small_limit_of_duckdb_ends_no_engine_that_answers_small_questions(
    project: Path, serve: Callable[..., Any]
) -> None:
    running = serve(project, {"GATEWAY_ENGINE_MEMORY": "8MiB"}, workers=1)
    for day in range(1, 9):
        assert running.get(AMOUNT, between(0, day)).status == 200
    assert engine_of(running)["ended"] == {}


@contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """Let a process open next to nothing more within the context."""
    before = prlimit(pid, RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())
    prlimit(pid, RLIMIT_NOFILE, (highest + 1 + SPARE, before[1]))
    try:
        yield
    finally:
        prlimit(pid, RLIMIT_NOFILE, before)


def test_an_engine_that_may_open_nothing_more_goes_on_as_soon_as_it_may(
    project: Path, serve: Callable[..., Any]
) -> None:
    running = serve(project, workers=2)
    assert running.get(AMOUNT, between(0, 2)).status == 200
    [engine] = of_role(running.process.pid, Role.ENGINE)
    with ThreadPoolExecutor(12) as pool:
        with without_descriptors(engine.pid):
            asked = [pool.submit(running.get, AMOUNT, between(0, 1 + n % 9)) for n in range(12)]
            wait_for(lambda: any(each.done() for each in asked), "one of them to be answered")
        assert {each.result().status for each in asked} <= {200, 502}
    assert running.get(AMOUNT, between(0, 3)).status == 200
    assert engine_of(running)["ended"] == {}
    assert engine.alive


def test_shared_memory_without_room_ends_no_worker(
    project: Path, free_ports: Callable[[int], list[int]], tmp_path: Path
) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a /dev/shm that is full needs the right to mount one")
    [port] = free_ports(1)
    mount = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && head -c 64k /dev/zero > /dev/shm/full && exec "$@"'
    program = Path(sysconfig.get_path("scripts")) / "gateway"
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", program, "serve", "--project", project, "--port", port]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log)
    try:
        wait_for(lambda: b'"event":"server-listening"' in (tmp_path / "log").read_bytes(), (tmp_path / "log").read_text)
        for address in ("/healthz", "/metrics", AMOUNT + "?start=2013-01-01&end=2013-01-03"):
            with urlopen(f"http://127.0.0.1:{port}{address}", timeout=60) as response:
                assert response.status == 200
        assert b"SIGBUS" not in (tmp_path / "log").read_bytes()
    finally:
        process.terminate()
        process.wait(timeout=60)
