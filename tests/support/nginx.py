"""Run the shipped nginx configuration, with ports and folders of a test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from waiting import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy" / "nginx"
MAIN = """\
{user}
worker_processes 1;
pcre_jit on;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    {temporary}
    include {folder}/upstream.conf;
    include {folder}/query-gateway.conf;
    {more}
}}
"""


def find_nginx() -> str | None:
    """Find nginx, also where only root's PATH has it."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def render(folder: Path, *, port: int, gateways: Sequence[int], more: str = "") -> Path:
    """Write the shipped files with other ports and folders; *more* is put beside them. Return the main file."""
    servers = "\n".join(f"server 127.0.0.1:{each} max_fails=0;" for each in gateways)
    texts = {
        "upstream.conf": {"server 127.0.0.1:8080 max_fails=0;": servers},
        "query-gateway.conf": {
            "listen 80 default_server ": f"listen 127.0.0.1:{port} ",
            "/var/cache/nginx/query-gateway": f"{folder}/cache",
            "/var/log/nginx/query-gateway.log": f"{folder}/access.log",
        },
    }
    for name, changes in texts.items():
        text = (DEPLOY / name).read_text()
        for old, new in changes.items():
            assert text.count(old) == 1, f"{name} does not say {old!r} once"
            text = text.replace(old, new)
        (folder / name).write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    main = folder / "nginx.conf"
    main.write_text(
        MAIN.format(
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            temporary="".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
            more=more,
        )
    )
    return main


@contextmanager
def running(program: str, folder: Path, *, port: int, gateways: Sequence[int], more: str = "") -> Iterator[None]:
    """Run nginx in front of the gateways until the block ends."""
    main = render(folder, port=port, gateways=gateways, more=more)
    command = [program, "-e", f"{folder}/error.log", "-p", f"{folder}/", "-c", str(main), "-g", "daemon off;"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(process, port)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    pause = Event()
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended: {process.communicate()[1].decode()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause.wait(0.05)
        else:
            return
    raise RuntimeError("nginx does not listen")


class Reply:
    """A whole response; header names are as one writes them, and a repeated header is a list."""

    def __init__(self, port: int, target: str, method: str = "GET", body: bytes | None = None, **headers: str) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=300)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, target, body=body, headers=named)
            response = connection.getresponse()
            self.status, self.headers = response.status, response.headers
            self.body = response.read()
        finally:
            connection.close()

    def __getitem__(self, name: str) -> str:
        """Return a header, its lines joined as HTTP joins them; empty where there is none."""
        return ", ".join(self.headers.get_all(name, []))

    def json(self) -> Any:
        return json.loads(self.body)


class Fake:
    """An upstream whose answers a test decides; it counts requests and connections."""

    def __init__(self) -> None:
        self.requests = self.connections = 0
        self.status, self.headers, self.cut = 200, dict[str, str](), False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                fake.connections += 1
                super().setup()

            def do_GET(self) -> None:
                fake.requests += 1
                self.send_response(fake.status)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"5\r\nwhole\r\n")
                if fake.cut:
                    self.close_connection = True
                else:
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Box:
    """A gateway at a port of its own, which a test stops, kills and starts again there."""

    def __init__(self, project: Path, folder: Path, port: int) -> None:
        self.port = port
        self._command = [str(Path(sysconfig.get_path("scripts")) / "gateway"), "serve", "--project", str(project)]
        self._command += ["--port", str(port), "--workers", "1"]
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self._environment["GATEWAY_STATE"] = str(folder / "state")
        self._log, self._process = folder / "log", None
        self.start()

    def start(self) -> None:
        """Start it, and return when it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        wait_for(self._ready)

    def stop(self) -> None:
        """Let it end as an orderly restart does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its workers at once."""
        if self._process.poll() is None:
            for child in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        self._process.send_signal(number)
        self._process.wait(timeout=60)

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()[-4000:]
        try:
            return Reply(self.port, "/readyz").status == 200
        except OSError:
            return False
