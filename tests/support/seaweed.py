"""A real S3 server in a process of its own: SeaweedFS, which people use in production."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir
from threading import Event
from typing import Any
from urllib.request import urlopen

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running S3 server with one bucket. Tests share it: keep to a prefix of your own."""

    endpoint: str
    metrics: str
    bucket: str = "warehouse"
    region: str = "us-east-1"
    access_key: str = "testing-access-key"
    secret_key: str = "testing-secret-key"

    @property
    def reader(self) -> S3Server:
        """The same server, asked by who may read the bucket and write nothing but what is below ``names``."""
        return replace(self, access_key="reading-access-key", secret_key="reading-secret-key")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables from which an AWS client learns where the server is and who asks."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def store(self, prefix: str | None = None) -> S3Store:
        """Open the bucket, or a folder of it, with an independent client."""
        return S3Store(
            self.bucket,
            prefix=prefix,
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            client_options={"allow_http": True},
            virtual_hosted_style_request=False,
        )

    def upload(self, folder: Path, prefix: str) -> str:
        """Copy every file under *folder* to *prefix*; return the URL of the copy."""
        store = self.store(prefix)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                obstore.put(store, path.relative_to(folder).as_posix(), path)
        return self.url(prefix)

    def requests(self) -> Counter[str]:
        """Count the requests answered since the start by kind (``GET``, ``LIST``, ``PUT`` …; HEAD is among GET).

        Source: the server's own metrics. Subtract two counts to know what happened between them.
        """
        counts = self._counted()
        # A request is counted after it is answered, so the count is taken when it has come to rest.
        while (later := self._after_a_moment()) != counts:
            counts = later
        return counts

    def _after_a_moment(self) -> Counter[str]:
        Event().wait(0.05)
        return self._counted()

    def _counted(self) -> Counter[str]:
        with urlopen(self.metrics, timeout=10) as response:
            text = response.read().decode()
        counts: Counter[str] = Counter()
        for labels, value in re.findall(r"^SeaweedFS_s3_request_total\{(.*)\} (\S+)$", text, re.MULTILINE):
            kind = re.search(r'type="([^"]*)"', labels)
            assert kind is not None
            counts[kind[1]] += int(float(value))
        return counts


def free_ports(count: int) -> list[int]:
    """Find *count* different free ports of 127.0.0.1."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def find_seaweed() -> str | None:
    """Find the program, in the virtual environment first."""
    return shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")


@contextmanager
def run_seaweed(program: str, folder: Path) -> Iterator[S3Server]:
    """Run the server over *folder* until the end of the context."""
    s3_port, metrics_port, *others = free_ports(11)
    server = S3Server(endpoint=f"http://127.0.0.1:{s3_port}", metrics=f"http://127.0.0.1:{metrics_port}/metrics")
    command = [program, "mini", *_options(folder, s3_port, metrics_port, others, server.bucket)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    (folder / "identities.json").write_text(json.dumps({"identities": [*_identities(server)]}), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(process, server, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
        for port in others:  # it leaves the sockets between its parts behind
            for path in Path(gettempdir()).glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)


def _options(folder: Path, s3_port: int, metrics_port: int, others: list[int], bucket: str) -> list[str]:
    # Every part gets a port of its own; what is not needed is off, and nothing is reported to anybody.
    places = [f"{part}.port{kind}" for part in ("master", "volume", "filer") for kind in ("", ".grpc")]
    ports = dict(zip([*places, "s3.port.grpc", "admin.port", "admin.port.grpc"], others, strict=True))
    return [
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.port={s3_port}",
        f"-metricsPort={metrics_port}",
        *(f"-{place}={port}" for place, port in ports.items()),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock",
        f"-bucket={bucket}",
        f"-s3.config={folder}/identities.json",
    ]


def _identities(server: S3Server) -> Iterator[Mapping[str, Any]]:
    """List who may ask the server, and what: the one of the tests everything."""
    bucket = server.bucket
    reading = [f"Read:{bucket}", f"List:{bucket}", f"Write:{bucket}/names/*"]
    for name, who, actions in (("testing", server, ["Admin"]), ("reading", server.reader, reading)):
        keys = {"accessKey": who.access_key, "secretKey": who.secret_key}
        yield {"name": name, "credentials": [keys], "actions": actions}


def seaweed_version(program: str) -> str:
    """Name the server and its version."""
    text = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\b\d+\.\d+\b", text)
    return f"SeaweedFS {found[0] if found else text.strip()} (S3)"


def _wait_until_it_answers(process: subprocess.Popen[bytes], server: S3Server, log: Path) -> None:
    """Wait for the bucket: the server says that it is healthy before it has made it."""
    for _ in range(600):
        try:
            obstore.put(server.store(), ".ready", b"")
        except (BaseError, OSError):
            pass
        else:
            return
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(f"no bucket at {server.endpoint}:\n{log.read_text(errors='replace')[-4000:]}")
