"""`gateway build` beside a server: its build is listed, cancelled over HTTP, and gone on with where it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from built_tables import Sales
from jobs_over_http import ended
from waiting import wait_for

from gateway.access.keys import KeyFile
from gateway.concurrency.leader import Leadership
from tests.integration.conftest import gateway_program, start_process, stop_process

pytestmark = pytest.mark.gunicorn

BUILDS = "/v1/datasets/built/builds"
DAYS = 3


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Sales:
    made = Sales(tmp_path_factory.mktemp("command"))
    made.declare(
        "SELECT CAST(ts AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL",
        "partitioned_by: [{column: d, source: d}]",
        settings='[snapshots]\nlocation = "kept"\n[access]\nrequired = true\n',
    )
    (made.folder / "access.yaml").write_text(
        'grants:\n  - {to: [ana], queries: ["*"], tables: [built], actions: [build, cancel, read]}\n'
    )
    for day in range(DAYS):
        made.put(day, [("a", day), ("b", 1)])
    return made


@pytest.fixture(scope="module")
def ask(serve_for_module: Any, sales: Sales) -> Callable[..., Any]:
    key = KeyFile(sales.folder / "keys.json").add("ana", groups=())
    server = serve_for_module(sales.folder)

    def asking(method: str, path: str) -> Any:
        return server.request(method, path, headers={"Authorization": f"Bearer {key}"})

    return asking


@contextmanager
def building(sales: Sales, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command; it waits where the test holds the lock of builders."""
    process = start_process([gateway_program(), "build", "built", "--json", "--project", str(sales.folder)], {}, log)
    try:
        yield process
    finally:
        stop_process(process)


@contextmanager
def held(sales: Sales) -> Iterator[Leadership]:
    """Hold up whoever builds the dataset."""
    lock = Leadership(sales.folder / ".gateway" / "builds" / "built.lock")
    wait_for(lock.take)
    try:
        yield lock
    finally:
        lock.release()


def running(ask: Callable[..., Any]) -> Any:
    """Wait for a build that is under way, and return what is told of it."""
    return wait_for(
        lambda: next((each for each in ask("GET", BUILDS).json()["builds"] if each["state"] == "running"), None)
    )


def test_a_build_by_the_command_is_listed_with_its_progress(
    sales: Sales, ask: Callable[..., Any], tmp_path: Path
) -> None:
    with building(sales, tmp_path / "log") as process:
        assert process.wait(timeout=120) == 0, (tmp_path / "log").read_text()
    told = json.loads((tmp_path / "log").read_text())
    newest = ask("GET", BUILDS).json()["builds"][0]
    assert (newest["state"], newest["trigger"], newest["attempts"]) == ("done", "command", 1)
    assert newest["progress"]["partitions"] == DAYS
    assert newest["result"] == told
    assert ask("GET", "/v1/datasets/built").json()["newest"]["version"] == told["version"]


def test_a_build_by_the_command_is_cancelled_over_http(sales: Sales, ask: Callable[..., Any], tmp_path: Path) -> None:
    with held(sales), building(sales, tmp_path / "log") as process:
        build = running(ask)
        assert ask("DELETE", build["url"]).status == 202
        assert process.wait(timeout=120) == 4
    assert ask("GET", build["url"]).json()["state"] == "cancelled"
    assert "Somebody has cancelled the build" in " ".join((tmp_path / "log").read_text().split())


def test_a_build_whose_command_is_killed_is_gone_on_with_by_the_server(
    sales: Sales, ask: Callable[..., Any], tmp_path: Path
) -> None:
    with held(sales), building(sales, tmp_path / "log") as process:
        build = running(ask)
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for(lambda: ask("GET", build["url"]).json()["attempts"] == 2)
    done = ended(ask, build["url"])
    assert (done["state"], done["attempts"], done["trigger"]) == ("done", 2, "command"), done


def test_a_command_says_who_builds_and_waits(sales: Sales, ask: Callable[..., Any], tmp_path: Path) -> None:
    with held(sales):
        asked = ask("POST", BUILDS).headers["location"]
        wait_for(lambda: ask("GET", asked).json()["state"] == "running")
        with building(sales, tmp_path / "log") as process:
            wait_for(lambda: "of this machine now: this waits" in (tmp_path / "log").read_text())
            assert process.poll() is None
            assert ask("DELETE", asked).status == 202
            assert ended(ask, asked)["state"] == "cancelled"
            assert running(ask)["trigger"] == "command"
