"""A gateway in processes of its own, for scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

from waiting import wait_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """``gateway serve`` that answers on a port; ``announced`` is what it said of its memory."""

    process: subprocess.Popen[bytes]
    port: int
    announced: str


@contextmanager
def gateway_server(
    project: Path, settings: Mapping[str, object], environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Serve a project with settings such as ``ENGINE_SLOTS``, and more *environment*, until the end of the context."""
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    given = {f"GATEWAY_{name}": str(value) for name, value in settings.items()}
    command = [Path(sysconfig.get_path("scripts")) / "gateway", "serve", "--project", project, "--port", str(port)]
    log = project / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**inherited, **given, **(environment or {})}, stdout=output, stderr=output
        )
    try:
        _wait_until_ready(process, port, log)
        lines = [line for line in log.read_text().splitlines() if '"event":"memory-divided"' in line]
        yield Server(process=process, port=port, announced="\n".join(json.loads(line)["parts"] for line in lines))
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    wait_for(lambda: process.poll() is not None or _is_ready(port), log.read_text, pause=0.05)
    if process.poll() is not None:
        sys.exit(f"the gateway did not start:\n{log.read_text()}")


def _is_ready(port: int) -> bool:
    with suppress(OSError), closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False
