"""Running gateways for the integration tests: real gunicorn over the flights, from a folder and from S3."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest
from waiting import wait_for

from gateway.demo.flights import COPIES, TABLES, read_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole HTTP response; ``headers`` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGateway:
    """``gateway serve`` in a process of its own."""

    host: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, parameters: Mapping[str, Any] | None = None, **headers: str) -> Reply:
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self.request("GET", f"{path}{query}", headers=headers)

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> Reply:
        return self.request("POST", path, body=body, headers={"Content-Type": content_type})

    def request(self, method: str, target: str, *, body: bytes | None = None, headers: Mapping[str, str]) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection(self.host, self.port, timeout=300)) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of the body was read
                connection.request(method, target, body=body, headers=named)
            response = connection.getresponse()
            return Reply(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=response.read(),
            )


Serve = Callable[..., RunningGateway]
PATIENT = {"GATEWAY_ENGINE_TIMEOUT": "5m"}
"""Time for a query that reads a thousand objects on a machine that has much else to do."""
LOGS: list[Path] = []
"""The logs of all servers that were started."""
TOLD = 30
"""Lines of a log that are shown with a test that failed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a test that failed what its servers wrote meanwhile, but for requests that were answered."""
    report = yield
    if report.failed:
        for log in (log for log in LOGS if log.exists() and log.stat().st_mtime >= call.start):
            lines = [line for line in log.read_text(errors="replace").splitlines() if '"status":200' not in line]
            report.sections.append((f"log of {log.parent.name}", "\n".join(lines[-TOLD:])))
    return report


def _servers(
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], list[int]],
    server_used: Callable[[str], None],
) -> Iterator[Serve]:
    """Start ``gateway serve`` over a project, with extra environment variables; stop all at the end."""
    with ExitStack() as stack:
        yield partial(_start, stack, tmp_path_factory, free_ports, server_used)


serve = pytest.fixture(name="serve")(_servers)
serve_for_module = pytest.fixture(scope="module", name="serve_for_module")(_servers)
serve_all_along = pytest.fixture(scope="session", name="serve_all_along")(_servers)
"""Servers live no longer than they are needed: dozens of idle ones would take memory and time from the tests."""


def _start(
    stack: ExitStack,
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], list[int]],
    server_used: Callable[[str], None],
    project: Path,
    environment: Mapping[str, str] | None = None,
    workers: int = 2,
    until: str = "/readyz",
) -> RunningGateway:
    """Start a server and wait for 200 of the address *until*; one without a query in service is never ready."""
    [port] = free_ports(1)
    command = [gateway_program(), "serve", "--project", str(project), "--port", str(port)]
    log = tmp_path_factory.mktemp("gateway") / "log"
    LOGS.append(log)
    settings = {"GATEWAY_SERVER_DRAIN": "0s", **(environment or {})}
    process = start_process([*command, "--workers", str(workers)], settings, log)
    stack.callback(stop_process, process)
    running = RunningGateway(host="127.0.0.1", port=port, process=process, log=log)
    wait_until_ready(running, until)
    server_used(f"gunicorn {version('gunicorn')} ({workers} workers)")
    return running


def gateway_program() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "gateway")


def start_process(
    command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "AWS_"))}
    with log.open("wb") as output:
        return subprocess.Popen(command, env={**inherited, **environment}, stdout=output, stderr=output, cwd=cwd)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(running: RunningGateway, until: str = "/readyz") -> None:
    wait_for(lambda: running.process.poll() is not None or _answers(running, until), running.log.read_text, pause=0.05)
    if running.process.poll() is not None:
        pytest.fail(f"the gateway ended before it was ready:\n{running.log.read_text(errors='replace')[-6000:]}")


def _answers(running: RunningGateway, path: str) -> bool:
    with suppress(OSError):
        return running.get(path).status == 200
    return False


@pytest.fixture(scope="session")
def local_gateway(serve_all_along: Serve, flights_project: Path) -> RunningGateway:
    """Two workers over the flights in a folder."""
    return serve_all_along(flights_project)


@pytest.fixture(scope="session")
def s3_gateway(
    serve_all_along: Serve, s3: Any, flights_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """Two workers over the same flights in a bucket."""
    project = tmp_path_factory.mktemp("flights-s3")
    for name in ("catalog", "queries"):
        shutil.copytree(flights_project / name, project / name)
    shutil.copy(flights_project / "gateway.toml", project)
    for path in (project / "catalog").glob("*.yaml"):
        text = path.read_text()
        path.write_text(re.sub(r"location: demo/warehouse", f"location: {s3.url('demo')}", text))
    s3.upload(flights_project / "demo" / "warehouse", "demo")
    running = serve_all_along(project, {**s3.environment, **PATIENT, "GATEWAY_STORAGE_URL_STYLE": "path"})
    yield running
    stop_process(running.process)  # before the S3 server ends


@pytest.fixture(scope="session")
def reference(flights_source: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Plain DuckDB over the CSV files, without anything of the gateway's reading or writing of Parquet."""
    with closing(duckdb.connect()) as connection:
        for name in TABLES:
            connection.register("rows", read_table(flights_source, name))
            connection.execute(f"CREATE TABLE {name} AS FROM rows")
            connection.unregister("rows")
        for copy, name in COPIES.items():
            connection.execute(f"CREATE VIEW {copy} AS FROM {name}")
        yield connection
