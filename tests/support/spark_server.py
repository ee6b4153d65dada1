"""A real Spark on loopback: a master, two workers and a Connect server, in processes that the test may kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from process_tree import tree
from waiting import wait_for

STARTING = 400.0
"""Seconds that a busy machine takes at most to start it."""
ROOT = Path(__file__).parents[2]
_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
_JAVA = ("/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/java-17-openjdk-arm64")
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "640m",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.driver.maxResultSize": "64m",
}

BUCKET = "warehouse"
"""The bucket of the tests' S3 server. The package of Spark has no client of S3: objects are read from copies."""


def spark_home() -> Path | None:
    """Return where `make spark` has put Spark, or the environment says that it is."""
    given = os.environ.get("SPARK_HOME")
    found = [Path(given)] if given else [*ROOT.glob(".spark/lib/python*/site-packages/pyspark")]
    return next((each for each in found if (each / "bin" / "spark-submit").exists()), None)


def spark_version(home: Path) -> str:
    """Return the version of a Spark."""
    return next((home / "jars").glob("spark-connect_*.jar")).stem.rpartition("-")[2]


def java_home() -> str | None:
    """Return the home of a Java that Spark runs on."""
    given = os.environ.get("JAVA_HOME")
    known = next((each for each in _JAVA if Path(each, "bin", "java").exists()), given)
    java = shutil.which("java")
    return known or (str(Path(java).resolve().parents[1]) if java is not None else None)


@dataclass(slots=True, kw_only=True)
class SparkServer:
    """A Connect server at a fixed port, whose driver starts a master and two workers of its own."""

    folder: Path
    port: int
    home: Path
    java: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"sc://127.0.0.1:{self.port}"

    @property
    def objects(self) -> Path:
        """The folder that Spark reads as ``s3a://warehouse/spark``."""
        return self.folder / "objects"

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        self.objects.mkdir(exist_ok=True)
        settings = {
            **_SETTINGS,
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            "spark.local.dir": str(self.folder / "local"),
            "spark.hadoop.fs.s3a.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
            "spark.hadoop.fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem",
            f"spark.hadoop.fs.viewfs.mounttable.{BUCKET}.link./spark": self.objects.as_uri(),
        }
        options = [part for item in settings.items() for part in ("--conf", "=".join(item))]
        command = [str(self.home / "bin" / "spark-submit"), "--master", "local-cluster[2,1,1024]", "--class", _CLASS]
        environment = {
            **os.environ,
            "SPARK_HOME": str(self.home),
            "JAVA_HOME": self.java,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        with (self.folder / "spark.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--driver-memory", "1g", *options, "spark-internal"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )

    def listens(self) -> bool:
        """Tell whether the server has been started."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "spark.log").read_text()[-2000:]
        return "Spark Connect server started" in (self.folder / "spark.log").read_text()

    def workers(self) -> list[int]:
        """List the processes that compute."""
        assert self.process is not None
        found = []
        for process in tree(self.process.pid):
            with suppress(OSError):
                if b"CoarseGrainedExecutorBackend" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                    found.append(process.pid)
        return found

    def kill(self) -> None:
        """Kill the server, the master and the workers."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            (self.folder / "spark.log").unlink()


@contextmanager
def running(folder: Path, port: int, home: Path, java: str) -> Iterator[SparkServer]:
    """Run a server."""
    server = SparkServer(folder=folder, port=port, home=home, java=java)
    try:
        server.start()
        wait_for(server.listens, "Spark", seconds=STARTING)
        yield server
    finally:
        server.kill()
