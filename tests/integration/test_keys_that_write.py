"""Keys that write are the builder's alone: servers and engines are refused writes, and do not hold the other keys."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import pytest
from built_tables import Sales
from jobs_over_http import ended
from obstore.exceptions import PermissionDeniedError
from process_tree import Role, end, the, tree
from seaweed import S3Server
from waiting import wait_for

from gateway.access.keys import KeyFile
from tests.integration.conftest import gateway_program, start_process, stop_process

pytestmark = [pytest.mark.gunicorn, pytest.mark.s3]

SUMS = "SELECT CAST(ts AS DATE) AS d, shop, sum(amount) AS s FROM sales GROUP BY ALL"
BUILDS, EXPORTS, TAG = "/v1/datasets/built/builds", "/v1/queries/q/v1/exports", "/v1/datasets/built/tags/kept"
GRANTS = """
grants:
  - {to: [ana], queries: ["*"], tables: [built], actions: [build, cancel, read, tag, export]}
"""
DAYS = 3


@dataclass(frozen=True)
class Deployment:
    """A server that reads, a builder beside it, and where their data are."""

    project: Path
    prefix: str
    server: Any
    builder: subprocess.Popen[bytes]
    log: Path
    reading: Mapping[str, str]
    writing: Mapping[str, str]
    """The environments of the two."""
    key: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        sent = {} if body is None else {"Content-Type": "application/json"}
        given = {"Authorization": f"Bearer {self.key}"} | sent
        return self.server.request(
            method, path, body=None if body is None else json.dumps(body).encode(), headers=given
        )


@pytest.fixture(scope="module")
def deployed(serve_for_module: Any, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    project, prefix = tmp_path_factory.mktemp("keys"), f"keys-{uuid4().hex}"
    sales = Sales(project)
    sales.declare(
        SUMS,
        "partitioned_by: [{column: d, source: d}]",
        location=s3.url(f"{prefix}/built"),
        settings=(
            f'[storage]\nendpoint = "{s3.endpoint}"\nregion = "{s3.region}"\nurl_style = "path"\n'
            f'[snapshots]\nlocation = "{s3.url(f"names/{prefix}")}"\n[export]\nallow = ["{s3.url(f"{prefix}/out")}"]\n'
            "[access]\nrequired = true\n[jobs]\nrun = false\n"
        ),
    )
    for day in range(DAYS):
        sales.put(day, [("a", day), ("b", 1)])
    declared = project / "catalog" / "sales.yaml"
    declared.write_text(declared.read_text().replace("location: sales", f"location: {s3.url(f'{prefix}/sales')}"))
    s3.upload(project / "sales", f"{prefix}/sales")
    (project / "access.yaml").write_text(GRANTS)
    key = KeyFile(project / "keys.json").add("ana", groups=())
    reading = {
        "GATEWAY_STORAGE_ACCESS_KEY_ID": s3.reader.access_key,
        "GATEWAY_STORAGE_SECRET_ACCESS_KEY": s3.reader.secret_key,
    }
    writing = reading | {
        "GATEWAY_BUILDER_ACCESS_KEY_ID": s3.access_key,
        "GATEWAY_BUILDER_SECRET_ACCESS_KEY": s3.secret_key,
    }
    server = serve_for_module(project, reading)
    log = tmp_path_factory.mktemp("builder") / "log"
    builder = start_process([gateway_program(), "builder", "--project", str(project)], writing, log)
    yield Deployment(
        project=project,
        prefix=prefix,
        server=server,
        builder=builder,
        log=log,
        reading=reading,
        writing=writing,
        key=key,
    )
    stop_process(builder)


def built(deployed: Deployment) -> Any:
    done = ended(deployed.ask, deployed.ask("POST", BUILDS).headers["location"])
    assert done["state"] == "done", (done, deployed.log.read_text())
    return done["result"]


@pytest.fixture(scope="module")
def version(deployed: Deployment) -> int:
    """The first version, which the server has seen."""
    number: int = built(deployed)["version"]
    wait_for(lambda: (deployed.ask("GET", "/v1/datasets/built").json()["newest"] or {}).get("version") == number)
    return number


def test_a_server_that_cannot_write_serves_and_has_builds_and_exports_done(
    deployed: Deployment, version: int, s3: S3Server
) -> None:
    with pytest.raises(PermissionDeniedError):
        obstore.put(s3.reader.store(deployed.prefix), "built/x", b"")
    reply = deployed.ask("GET", "/v1/queries/q/v1/result")
    assert (reply.status, reply.json()["rows"]) == (200, 2 * DAYS), reply.body
    newest = deployed.ask("GET", "/v1/datasets/built").json()["newest"]
    assert (newest["version"], newest["rows"]) == (version, 2 * DAYS)
    to = s3.url(f"{deployed.prefix}/out/q")
    asked = deployed.ask("POST", EXPORTS, {"to": to, "partition_by": ["shop"]})
    done = ended(deployed.ask, asked.headers["location"])
    assert (done["state"], done["result"]["rows"]) == ("done", 2 * DAYS), done
    written = [each["path"] for page in obstore.list(s3.store(f"{deployed.prefix}/out/q")) for each in page]
    assert len(written) == 3  # two shops, and what was written


def test_tags_are_given_by_who_holds_the_keys_that_write(deployed: Deployment, version: int) -> None:
    refused = deployed.ask("PUT", TAG, {"version": f"v{version}"})
    assert (refused.status, refused.json()["type"]) == (502, "/errors/storage-failed")
    command = [gateway_program(), "datasets", "tag", "built", f"v{version}", "kept", "--project", str(deployed.project)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "AWS_"))}
    for keys, code in ((deployed.reading, 4), (deployed.writing, 0)):
        assert subprocess.run(command, env=inherited | dict(keys), check=False).returncode == code
    wait_for(lambda: deployed.ask("GET", "/v1/datasets/built").json()["tags"] == {"kept": version})


@pytest.mark.usefixtures("version")
def test_neither_workers_nor_engines_hold_the_keys_that_write(deployed: Deployment, s3: S3Server) -> None:
    assert deployed.ask("GET", "/v1/queries/q/v1/result").status == 200
    below = tree(deployed.builder.pid)
    assert {Role.SUPERVISOR, Role.ENGINE} <= {process.role for process in below}
    for process in tree(deployed.server.process.pid) + below[1:]:
        assert not holds(process.pid, s3.secret_key.encode()), process
        assert holds(process.pid, s3.reader.secret_key.encode()) or process.role is not Role.ENGINE
    assert holds(deployed.builder.pid, s3.secret_key.encode())


@pytest.mark.usefixtures("version")
def test_the_engines_of_a_builder_are_started_again(deployed: Deployment) -> None:
    root = deployed.builder.pid
    was = the(root, Role.SUPERVISOR)
    end(root, Role.SUPERVISOR)
    wait_for(lambda: the(root, Role.SUPERVISOR) != was)
    new = Sales(deployed.project).folder / "queries" / "q" / "v2.sql"
    new.write_text((new.parent / "v1.sql").read_text().replace("sum(amount)", "sum(amount) + 1"))
    declared = deployed.project / "catalog" / "built.yaml"
    declared.write_text(declared.read_text().replace("q/v1", "q/v2"))
    wait_for(lambda: deployed.ask("GET", "/v1/datasets/built").json()["query"] == "q/v2")
    wait_for(lambda: built(deployed)["version"] > 1)  # once the builder has read the declaration too


def test_a_builder_that_is_stopped_ends_at_once_and_the_next_one_goes_on(deployed: Deployment, tmp_path: Path) -> None:
    deployed.builder.send_signal(signal.SIGTERM)
    assert deployed.builder.wait(timeout=60) == 0
    asked = deployed.ask("POST", BUILDS).headers["location"]
    assert deployed.ask("GET", asked).json()["state"] == "waiting"
    command = [gateway_program(), "builder", "--project", str(deployed.project)]
    following = start_process(command, deployed.writing, tmp_path / "log")
    try:
        assert ended(deployed.ask, asked)["state"] == "done"
    finally:
        stop_process(following)


def holds(pid: int, secret: bytes) -> bool:
    """Tell whether a process has a text in its environment, its command line, or its memory that it can write."""
    folder = Path(f"/proc/{pid}")
    if secret in (folder / "environ").read_bytes() or secret in (folder / "cmdline").read_bytes():
        return True
    with (folder / "mem").open("rb", buffering=0) as memory:
        return any(secret in part for part in written(folder, memory.fileno()))


def written(folder: Path, memory: int) -> Iterator[bytes]:
    """Read what of a process's own memory is there."""
    for found in re.finditer(
        r"^([0-9a-f]+)-([0-9a-f]+) rw.p .*\n(?:(?!Rss).*\n)*?Rss: +(\d+) kB",
        (folder / "smaps").read_text(),
        re.MULTILINE,
    ):
        at, until = int(found[1], 16), int(found[2], 16)
        if found[3] == "0":
            continue
        while at < until:
            try:
                part = os.pread(memory, min(2**24, until - at), at)
            except OSError:  # given back meanwhile
                break
            yield part
            at += max(1, len(part) - 64) if len(part) < until - at else until - at
