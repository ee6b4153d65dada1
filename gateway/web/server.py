"""The server process: gunicorn over an application that every worker opens for itself, after the fork."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from prometheus_client.multiprocess import mark_process_dead

from gateway.errors import Diagnostic, SettingsInvalid
from gateway.observe import share_metrics

OpenApp = Callable[[], AbstractContextManager[Flask]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How the workers listen. ``port`` 0 is a free one, ``grace`` is in seconds, ``metrics`` a folder of its own."""

    host: str
    port: int
    workers: int
    threads: int
    grace: float
    metrics: Path
    reload: Callable[[], None] = lambda: None
    """What SIGHUP does: ask the workers to read the project's files again."""


def serve(open_app: OpenApp, options: ServerOptions, *, announce: Callable[[str], None]) -> None:
    """Serve until a signal: SIGTERM lets requests in flight end, SIGINT does not; SIGHUP reloads. Exits the process.

    *open_app* is entered in every worker after the fork and left when the worker exits. *announce* is told the
    address when the first worker is ready. Raises ``SettingsInvalid`` where the address cannot be listened on.
    """
    port = free_port(options.host, options.port)
    share_metrics(options.metrics)
    Server(open_app, options, port=port, announce=announce).run()


def free_port(host: str, port: int) -> int:
    """Return *port* where it can be listened on, a free one for 0. Raises ``SettingsInvalid``.

    Workers listen with SO_REUSEPORT, which would let a second server share the port in silence.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {error.strerror}"
            raise SettingsInvalid([Diagnostic(path="server.port", message=message)]) from error
        return int(probe.getsockname()[1])


class _Arbiter(Arbiter):
    """Gunicorn's parent process, but for SIGHUP: workers go on and read the project again, none is replaced."""

    def handle_hup(self) -> None:
        self.app.reload()


class Server(BaseApplication):
    """A gunicorn arbiter with its settings in code: no file, no command line, no environment."""

    def __init__(
        self, open_app: OpenApp, options: ServerOptions, *, port: int, announce: Callable[[str], None]
    ) -> None:
        self._open_app = open_app
        self._options = options
        self._announce = announce
        host = f"[{options.host}]" if ":" in options.host else options.host
        self._address = f"{host}:{port}"
        self._opened = ExitStack()
        super().__init__(prog="gateway")

    def load_config(self) -> None:
        for name, value in self._settings().items():
            self.cfg.set(name, value)

    def run(self) -> None:
        try:
            _Arbiter(self).run()
        except RuntimeError as error:
            raise SettingsInvalid([Diagnostic(path="server", message=str(error))]) from error

    def reload(self) -> None:
        self._options.reload()

    def load(self) -> Any:
        """Open the application: gunicorn calls this in each worker, after the fork."""
        return self._opened.enter_context(self._open_app())

    def _settings(self) -> dict[str, Any]:
        return {
            "bind": [self._address],
            "workers": self._options.workers,
            "threads": self._options.threads,
            "worker_class": "gthread",
            # One socket a worker: with a shared one the first to wake takes most connections.
            "reuse_port": True,
            "preload_app": False,
            "graceful_timeout": max(1, round(self._options.grace)),
            "keepalive": 75,
            "limit_request_line": 8190,
            "control_socket_disable": True,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "gateway",
            "post_worker_init": self._ready,
            "worker_exit": self._left,
            "child_exit": self._gone,
        }

    def _ready(self, worker: Any) -> None:
        if worker.age == 1:
            self._announce(f"http://{self._address}")

    def _left(self, arbiter: Any, worker: Any) -> None:
        self._opened.close()

    def _gone(self, arbiter: Any, worker: Any) -> None:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library leaves it bare
