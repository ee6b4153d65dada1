"""A real Dask cluster on loopback: a scheduler and its workers, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

WORKERS = 2
_STARTING = 60.0
_LOADED = ("--preload", "gateway.cluster.dask")
"""Has a process load its modules before it serves anybody."""
_UNLIKE = """\
from gateway.cluster import task

task.IDENTITY["algebra"] = "0"
"""
"""A module that makes a worker one of another release."""


def dask_installed() -> bool:
    """Tell whether the extra ``dask`` is there."""
    return find_spec("distributed") is not None


@dataclass(slots=True, kw_only=True)
class DaskProcesses:
    """A scheduler at a fixed port, and its workers, which the test may kill and start again."""

    folder: Path
    port: int
    options: Sequence[str] = ()
    protocol: str = "tcp"
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    watching: Any = None
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def address(self) -> str:
        return f"{self.protocol}://127.0.0.1:{self.port}"

    def start(self, workers: int = WORKERS) -> None:
        """Start the scheduler and so many workers; wait until all are known to it."""
        self.scheduler = self._run("scheduler", "--port", str(self.port))
        for _ in range(workers):
            self.add()
        self.wait(workers)

    def add(self, *options: str) -> subprocess.Popen[bytes]:
        """Start one more worker, of one thread."""
        local = self.folder / f"worker{next(self.numbers)}"
        own = ("--no-nanny", "--nthreads", "1", "--memory-limit", "1GiB", "--local-directory", str(local))
        self.workers.append(self._run("worker", self.address, *own, *options))
        return self.workers[-1]

    def add_unlike(self) -> subprocess.Popen[bytes]:
        """Start one more worker, whose algebra is of another version."""
        module = self.folder / "unlike.py"
        module.write_text(_UNLIKE)
        return self.add("--preload", str(module))

    def wait(self, workers: int) -> None:
        """Wait until the scheduler knows so many workers."""
        with _client(self.address) as client:
            client.wait_for_workers(workers, _STARTING)

    def mend(self) -> None:
        """Start what has ended."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.stop()
            self.start()
        self.workers = [process for process in self.workers if process.poll() is None]
        for _ in range(WORKERS - len(self.workers)):
            self.add()
        self.wait(WORKERS)

    def busy(self) -> bool:
        """Tell whether a worker has a task."""
        if self.watching is None:
            self.watching = _client(self.address)
        return any(self.watching.processing().values())

    def stop(self) -> None:
        """Kill all that runs."""
        if self.watching is not None:
            self.watching.close(timeout=1)
            self.watching = None
        for process in (*self.workers, self.scheduler):
            if process is not None:
                process.kill()
                process.wait()
        self.scheduler, self.workers = None, []

    def _run(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments, *self.options]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--no-dashboard", *_LOADED], stdout=log, stderr=log
            )


def _client(address: str) -> Any:
    return import_module("distributed").Client(address, timeout=_STARTING, set_as_default=False)


@contextmanager
def running(folder: Path, port: int) -> Iterator[DaskProcesses]:
    """Run a cluster."""
    cluster = DaskProcesses(folder=folder, port=port)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
