"""A gateway in processes of its own, and what they take of memory together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from socket import socket
from threading import Event, Thread
from types import TracebackType
from typing import Self

from waiting import wait_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``gateway serve`` that answers on a port; ``announced`` is what it said of its memory."""

    process: subprocess.Popen[bytes]
    port: int
    announced: str


@contextmanager
def gateway_server(project: Path, settings: Mapping[str, object]) -> Iterator[Server]:
    """Serve a project with settings such as ``ENGINE_SLOTS`` until the end of the context."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment = inherited | {f"GATEWAY_{name}": str(value) for name, value in settings.items()}
    command = [Path(sysconfig.get_path("scripts")) / "gateway", "serve", "--project", project, "--port", str(port)]
    log = project / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_ready(process, port, log)
        lines = [line for line in log.read_text().splitlines() if line.startswith("Memory: ")]
        yield Server(process=process, port=port, announced="\n".join(lines))
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tree(root: int) -> list[int]:
    """List a process and all that it started."""
    try:
        started = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    except OSError:
        return []
    return [root, *(each for child in started for each in tree(int(child)))]


class Memory:
    """The most that a process and all that it started were seen to take: proportional set size, in bytes."""

    def __init__(self, root: int, *, pulse: float = 0.05) -> None:
        self.peak = self.anonymous = 0
        self._root, self._pulse, self._stop = root, pulse, Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._pulse):
            self._look()

    def now(self) -> int:
        """Return what they take now."""
        return sum(pss for pss, _ in map(_sizes, tree(self._root)))

    def _look(self) -> None:
        sizes = [_sizes(process) for process in tree(self._root)]
        total = sum(pss for pss, _ in sizes)
        if total > self.peak:
            self.peak, self.anonymous = total, sum(anonymous for _, anonymous in sizes)


def _sizes(process: int) -> tuple[int, int]:
    """Read the proportional set size of a process, and the part of it that no file is behind."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0, 0
    found = {name: int(kibibytes) * 1024 for name, kibibytes in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)}
    return found.get("Pss", 0), found.get("Pss_Anon", 0)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    wait_for(lambda: process.poll() is not None or _is_ready(port), log.read_text, pause=0.05)
    if process.poll() is not None:
        sys.exit(f"the gateway did not start:\n{log.read_text()}")


def _is_ready(port: int) -> bool:
    with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False
