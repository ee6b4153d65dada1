"""A server without a project, or with one that answers nobody: a mount that is missing makes no ready server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from tests.integration.conftest import RunningGateway, gateway_program, start_process, stop_process

pytestmark = pytest.mark.gunicorn
QUERY = "/*\nsummary: One\nowner: me\nexamples: [{}]\n*/\nSELECT 1 AS one\n"
TABLE = "table: events\nlocation: data\ncolumns: {id: BIGINT}\n"


@pytest.fixture
def started(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Callable[[], RunningGateway]]:
    """Start a server over the folder of the test, which need not be ready."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> RunningGateway:
        [port] = free_ports(1)
        log = tmp_path / "log"
        command = [gateway_program(), "serve", "--project", str(tmp_path), "--port", str(port), "--workers", "1"]
        running.append(start_process(command, {"GATEWAY_SERVER_DRAIN": "0s"}, log))
        return RunningGateway(host="127.0.0.1", port=port, process=running[-1], log=log)

    yield start
    for process in running:
        stop_process(process)


def until_alive(server: RunningGateway) -> None:
    def answers() -> bool:
        with suppress(OSError):
            return server.get("/healthz").status == 200
        return server.process.poll() is not None

    wait_for(answers, server.log.read_text)
    assert server.process.poll() is None, server.log.read_text()


def readiness(server: RunningGateway) -> tuple[int, Any]:
    reply = server.get("/readyz")
    return reply.status, reply.json()["checks"].get("project", {}).get("detail")


def test_a_server_over_an_empty_folder_does_not_start(started: Callable[[], RunningGateway]) -> None:
    server = started()
    assert server.process.wait(60) == 2
    assert "is no project" in server.log.read_text()


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ({"gateway.toml": ""}, "gateway new NAME"),
        ({"queries/q/v1.sql": QUERY.replace("SELECT", "SELCT")}, "1 file of the project has mistakes"),
    ],
    ids=["settings-only", "all-queries-broken"],
)
def test_a_project_that_answers_nobody_is_not_ready_until_it_is_mended(
    files: dict[str, str], advice: str, tmp_path: Path, started: Callable[[], RunningGateway]
) -> None:
    (tmp_path / "data").mkdir()
    for place, text in files.items():
        write(tmp_path, place, text)
    server = started()
    until_alive(server)
    assert readiness(server) == (503, "No query is in service: the project has none, or all have mistakes.")
    assert isinstance(server.get("/readyz").json()["stores"], dict)
    for page in ("/", "/docs"):
        assert advice in server.get(page).body.decode()
    write(tmp_path, "catalog/events.yaml", TABLE)
    write(tmp_path, "queries/q/v1.sql", QUERY)
    wait_for(lambda: readiness(server) == (200, None), server.log.read_text)
    assert server.get("/v1/queries/q/v1/result.csv").body.split() == [b"one", b"1"]


def test_a_server_tells_the_parts_of_a_project_that_it_does_not_read_for_their_names(
    tmp_path: Path, started: Callable[[], RunningGateway]
) -> None:
    write(tmp_path, "queries/q/v1.sql", QUERY)
    write(tmp_path, "catalogue/events.yaml", TABLE)
    write(tmp_path, "gateway.tml", "")
    server = started()
    until_alive(server)
    said = server.log.read_text()
    for place, meant in (("catalogue", "catalog"), ("gateway.tml", "gateway.toml")):
        assert f"{place}: nothing reads this" in said
        assert f"is {meant} meant?" in said


def write(project: Path, place: str, text: str) -> None:
    path = project / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
