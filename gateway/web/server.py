"""The server process: gunicorn, whose workers each open the application after the fork."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from prometheus_client.multiprocess import mark_process_dead

from gateway.errors import Diagnostic, SettingsInvalid
from gateway.telemetry.events import unobserved
from gateway.telemetry.metrics import share_metrics
from gateway.web.bodies import Bodies
from gateway.web.context import Site, site_of
from gateway.web.hit_cache import HitCache
from gateway.web.refusals import refusal
from gateway.web.threads import DrainingThreadWorker, whole_bodies
from gateway.web.workers import BACKLOG, EventWorker
from gateway.web.wsgi_adapter import WsgiAdapter

OpenApp = Callable[[], AbstractContextManager[Flask]]
WorkerKind = Literal["asgi", "gthread"]
_WORKERS = {"asgi": EventWorker, "gthread": DrainingThreadWorker}
_OPEN_FILES = 65_536
_HOST = "an address of this machine, 127.0.0.1 or 0.0.0.0 for instance"
_PORT = "a port that nothing else listens on and this user may take, or 0 for a free one"
_LARGEST_BODY = 4 * 2**20
"""Bytes of the largest body of a request to an application that does not say how large one may be."""
_MARGIN = 2.0
"""Seconds that the arbiter waits for a worker beyond the worker's own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How the workers listen. ``port`` 0 is a free one, ``metrics`` a folder of its own; durations are in seconds."""

    host: str
    port: int
    workers: int
    threads: int
    grace: float
    metrics: Path
    reload: Callable[[], None] = lambda: None
    """What SIGHUP does: ask the workers to read the project's files again."""
    worker: WorkerKind = "asgi"
    drain: float = 0.0
    send_timeout: float = 30.0
    receive_timeout: float = 30.0


class Beside(Protocol):
    """Processes that run beside the workers."""

    def tend(self) -> None:
        """Start them, and again where they have ended."""


def serve(
    open_app: OpenApp, options: ServerOptions, *, announce: Callable[[str], None], beside: Beside | None = None
) -> None:
    """Serve until a signal: SIGTERM lets requests in flight end, SIGINT does not; SIGHUP reloads. Exits the process.

    *open_app* is entered in every worker after the fork and left when the worker exits. *announce* is told the
    address when the first worker is ready. Raises ``SettingsInvalid`` where the address cannot be listened on.
    """
    port = free_port(options.host, options.port)
    os.environ.pop("SCRIPT_NAME", None)  # gunicorn would take it for a prefix that every path must have
    share_metrics(options.metrics)
    _raise_open_files()
    Server(open_app, options, port=port, announce=announce, beside=beside).run()


def free_port(host: str, port: int) -> int:
    """Return *port* where it can be listened on, a free one for 0. Raises ``SettingsInvalid``.

    Workers listen with SO_REUSEPORT, which would let a second server share the port in silence.
    """
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {error.strerror}"
            at_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            setting, hint = ("server.host", _HOST) if at_host else ("server.port", _PORT)
            raise SettingsInvalid([Diagnostic(path=setting, message=message, hint=hint)]) from error
        return int(probe.getsockname()[1])


class _Arbiter(Arbiter):
    """Gunicorn's parent process, but for SIGHUP: workers go on and read the project again, none is replaced."""

    def handle_hup(self) -> None:
        self.app.reload()

    def manage_workers(self) -> None:
        super().manage_workers()
        cast(Server, self.app).tend()


class Server(BaseApplication):
    """A gunicorn arbiter with its settings in code: no file, no command line, no environment."""

    def __init__(
        self,
        open_app: OpenApp,
        options: ServerOptions,
        *,
        port: int,
        announce: Callable[[str], None],
        beside: Beside | None = None,
    ) -> None:
        self._open_app, self._beside = open_app, beside
        self.options = options
        self._announce = announce
        host = f"[{options.host}]" if ":" in options.host else options.host
        self._address = f"{host}:{port}"
        # One socket a worker: with a shared one the first to wake takes most connections. The arbiter holds them all,
        # so that connections that wait for a worker that ends are taken by the one that comes after it.
        self._sockets = [_listen(options.host, port) for _ in range(options.workers)]
        self._opened = ExitStack()
        self._site: Site | None = None
        self.hit_cache: HitCache | None = None
        """Answers repeated requests, in a worker that has an event loop."""
        self.largest = _LARGEST_BODY
        """Bytes of the largest body of a request that is read."""
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
        self.options.reload()

    def tend(self) -> None:
        """Start what runs beside the workers, and again what has ended of it."""
        if self._beside is not None:
            self._beside.tend()

    def load(self) -> Any:
        """Open the application: gunicorn calls this in each worker, after the fork."""
        app = self._opened.enter_context(self._open_app())
        self._site = site_of(app)
        options = self.options
        largest = self.largest = app.config["MAX_CONTENT_LENGTH"] or _LARGEST_BODY
        if options.worker == "gthread":
            return whole_bodies(app, largest)
        bodies = Bodies(largest=largest, timeout=options.receive_timeout)
        flask = WsgiAdapter(app, threads=options.threads, send_timeout=options.send_timeout, bodies=bodies)
        self._opened.enter_context(closing(flask))
        if self._site is None:
            return flask
        self.hit_cache = HitCache(self._site, flask)
        self._opened.callback(self.hit_cache.flush)
        return self.hit_cache

    def stopping(self) -> None:
        """Mark this worker as not ready, because it stops soon."""
        if self._site is not None:
            self._site.stopping.set()

    def refusal(
        self, status: int, client: str | None, *, origin: str | None = None, accept: str | None = None
    ) -> bytes:
        """Write the response to a request that cannot be parsed, and report it.

        *origin* and *accept* are what it names, as far as it was read.
        """
        site = self._site
        if site is None:
            return refusal(status, unobserved, client=client, accept=accept)
        headers = [("Vary", "Origin")] * site.cors.varies + list(site.cors.headers(origin))
        prefix = site.proxies.root_path
        return refusal(status, site.observe, client=client, prefix=prefix, headers=headers, accept=accept)

    def _settings(self) -> dict[str, Any]:
        options = self.options
        return {
            "bind": [f"fd://{number}" for number in self._sockets],
            "workers": options.workers,
            "threads": options.threads if options.worker == "gthread" else 1,
            "worker_class": _WORKERS[options.worker],
            "asgi_loop": "asyncio",
            "backlog": BACKLOG,
            "preload_app": False,
            "graceful_timeout": round(options.drain + options.grace + _MARGIN),
            "keepalive": 75,
            "limit_request_line": 8190,
            "forwarder_headers": "",
            "secure_scheme_headers": {},  # who is believed in front is for the application (``Proxies``)
            "http_parser": "python",
            "control_socket_disable": True,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "gateway",
            "pre_fork": self._placed,
            "post_fork": self._forked,
            "post_worker_init": self._ready,
            "worker_exit": self._left,
            "child_exit": self._gone,
        }

    def _placed(self, arbiter: Any, worker: Any) -> None:
        """Give a worker the listening socket that the fewest others have."""
        taken = Counter(other.place for other in arbiter.WORKERS.values())
        worker.place = min(range(len(self._sockets)), key=lambda place: taken[place])

    def _forked(self, arbiter: Any, worker: Any) -> None:
        # A socket that nobody accepts on must not stay open here once its own worker and the arbiter have closed it.
        for place, listener in enumerate(worker.sockets):
            if place != worker.place:
                listener.close()
        worker.sockets = [worker.sockets[worker.place]]

    def _ready(self, worker: Any) -> None:
        # From here on the setting is the worker's own: what it may take after its drain.
        worker.cfg.set("graceful_timeout", max(1, round(self.options.grace)))
        if worker.age == 1:
            self._announce(f"http://{self._address}")

    def _left(self, arbiter: Any, worker: Any) -> None:
        self._opened.close()

    def _gone(self, arbiter: Any, worker: Any) -> None:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library leaves it bare


def _listen(host: str, port: int) -> int:
    """Open a listening socket that shares its address with others, and return its number."""
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener.detach()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _raise_open_files() -> None:
    """Allow many connections, if the system lets this process have them: the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
