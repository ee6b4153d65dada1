"""Results too large to be kept, over real HTTP: they are sent while they are computed, and a cut is noticed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sysconfig
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from itertools import product
from pathlib import Path
from select import POLLERR, POLLHUP, poll
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from process_tree import workers_of
from thorough import first
from wire import request

pytestmark = pytest.mark.gunicorn

PARTS, PART = 10, 100_000
ROWS = PARTS * PART
TABLE = """\
table: numbers
location: data
partitioned_by: [{column: part, transform: identity, source: part}]
"""
QUERIES = {
    "all": "SELECT n, n % 97 AS m, 'name ' || (n % 1000) AS name FROM numbers",
    "breaks": "SELECT CASE WHEN n = 850000 THEN error('at last') ELSE n::VARCHAR END AS n, n AS m FROM numbers",
    "long": "SELECT n, n % 97 AS m, 'name ' || (n % 1000) AS name FROM numbers, range(5)",
    "twice": "SELECT n, n + 0.5 AS m FROM numbers",
}
BROKEN = (IncompleteRead, ConnectionResetError)
FORMATS = ("json", "ndjson", "csv", "arrow", "parquet")


def put(project: Path, part: int, shift: int = 0) -> None:
    folder = project / f"data/part={part}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = pa.table({"n": pa.array(range(part * PART + shift, (part + 1) * PART + shift), pa.int64())})
    pq.write_table(rows, folder / ".next")
    (folder / ".next").rename(folder / "a.parquet")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    (folder / "catalog").mkdir()
    (folder / "catalog/numbers.yaml").write_text(TABLE)
    for name, sql in QUERIES.items():
        (folder / f"queries/{name}").mkdir(parents=True)
        (folder / f"queries/{name}/v1.sql").write_text(f"/*\nsummary: {name}\n*/\n{sql}\n")
    for part in range(PARTS):
        put(folder, part)
    return folder


@pytest.fixture(scope="module")
def running(serve_for_module: Any, project: Path) -> Any:
    """One worker that keeps results of up to 10 MiB."""
    return serve_for_module(project, {"GATEWAY_CACHE_MAX_RESULT": "10MiB", "GATEWAY_SERVER_WORKERS": "1"}, 1)


@pytest.fixture
def get(running: Any) -> Iterator[Any]:
    """Ask, and return the response before its body was read."""
    connections: list[HTTPConnection] = []

    def ask(query: str, suffix: str, headers: dict[str, str] | None = None, **options: Any) -> HTTPResponse:
        connection = HTTPConnection(running.host, running.port, timeout=60)
        connections.append(connection)
        connection.request("GET", f"/v1/queries/{query}/v1/result.{suffix}?{urlencode(options)}", headers=headers or {})
        return connection.getresponse()

    yield ask
    for connection in connections:
        connection.close()


def numbers(suffix: str, body: bytes) -> list[int]:
    """Read the column ``n`` back."""
    if suffix == "json":
        return [row["n"] for row in json.loads(body)["data"]]
    if suffix == "ndjson":
        return [json.loads(line)["n"] for line in body.splitlines()]
    if suffix == "csv":
        return [int(line.partition(b",")[0]) for line in body.splitlines()[1:]]
    if suffix == "arrow":
        return pa.ipc.open_stream(body).read_all().column("n").to_pylist()
    return pq.read_table(pa.BufferReader(body)).column("n").to_pylist()


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_row_of_a_large_result_comes_once(get: Any, suffix: str) -> None:
    response = get("all", suffix)
    assert response.status == 200
    assert response.headers["Gateway-Rows"] is None
    assert response.headers["Gateway-More"] == "false"
    assert response.headers["Cache-Control"] == "private, no-cache"
    body = response.read()
    assert sorted(numbers(suffix, body)) == list(range(ROWS))
    if suffix == "json":
        assert list(json.loads(body).items())[-1] == ("rows", ROWS)


def test_that_nothing_is_kept_is_said(get: Any) -> None:
    for _ in range(2):
        response = get("all", "arrow")
        response.read()
    assert response.headers["Cache-Status"] == 'query-gateway; fwd=miss; detail="too-large"'


def test_who_has_the_rows_is_told_so(get: Any) -> None:
    before = get("all", "csv")
    before.read()
    again = get("all", "csv", {"If-None-Match": before.headers["ETag"]})
    assert (again.status, again.read()) == (304, b"")
    assert again.headers["ETag"] == before.headers["ETag"]
    assert get("all", "arrow", {"If-None-Match": before.headers["ETag"]}).status == 200


def test_a_page_of_a_large_result_is_its_first_rows(get: Any) -> None:
    document = json.loads(get("all", "json", _limit=5).read())
    assert (document["rows"], document["more"], len(document["data"])) == (None, True, 5)
    assert "next" not in document


def test_a_large_result_is_not_laid_out_by_columns(get: Any) -> None:
    response = get("all", "json", _shape="columns")
    problem = json.loads(response.read())
    assert (response.status, problem["type"]) == (422, "/errors/result-too-large")
    assert "Arrow" in problem["detail"]


CODED = [*zip(FORMATS, ("identity", "gzip", "zstd", "gzip", "identity"), strict=True)]
CODED_OTHERWISE = [pair for pair in product(FORMATS, ("identity", "gzip", "zstd")) if pair not in CODED]


@pytest.mark.parametrize(("suffix", "coding"), first(len(CODED), [*CODED, *CODED_OTHERWISE]))
def test_an_error_after_the_first_byte_is_a_broken_transfer(get: Any, suffix: str, coding: str) -> None:
    response = get("breaks", suffix, {"Accept-Encoding": coding})
    assert response.status == 200
    with pytest.raises(BROKEN):
        response.read()


@pytest.mark.parametrize("worker", ["asgi", "gthread"])
def test_an_answer_without_chunks_that_breaks_off_ends_with_a_reset(
    serve: Any, project: Path, tmp_path: Path, worker: str
) -> None:
    settings = {
        "GATEWAY_STATE": str(tmp_path / "state"),
        "GATEWAY_CACHE_MAX_RESULT": "10MiB",
        "GATEWAY_SERVER_WORKER": worker,
    }
    running = serve(project, settings, 1)
    with socket.create_connection((running.host, running.port), timeout=60) as connection:
        connection.sendall(request("GET", "/v1/queries/breaks/v1/result.csv", version="1.0"))
        with pytest.raises(ConnectionResetError):
            deque(iter(partial(connection.recv, 2**20), b""), maxlen=0)
    assert "Traceback" not in running.log.read_text()


def test_files_that_are_replaced_meanwhile_break_the_transfer(get: Any, project: Path) -> None:
    response = get("twice", "arrow")
    part = project / f"data/part={PARTS - 1}/a.parquet"
    saved = part.read_bytes()
    response.read(1_000_000)
    put(project, PARTS - 1, shift=1)
    try:
        with pytest.raises(BROKEN):
            response.read()
    finally:
        part.write_bytes(saved)


def test_a_client_that_leaves_frees_its_slot(running: Any) -> None:
    for _ in range(6):  # more than there are slots
        with closing(HTTPConnection(running.host, running.port, timeout=60)) as connection:
            connection.request("GET", "/v1/queries/long/v1/result.ndjson")
            with closing(connection.getresponse()) as response:
                assert response.status == 200
                assert len(response.read(100_000)) == 100_000


@pytest.mark.parametrize("worker", first(1, ["asgi", "gthread"]))
def test_a_client_that_takes_nothing_is_cut_off(serve: Any, project: Path, tmp_path: Path, worker: str) -> None:
    settings = {
        "GATEWAY_STATE": str(tmp_path),
        "GATEWAY_CACHE_MAX_RESULT": "10MiB",
        "GATEWAY_SERVER_WORKER": worker,
        "GATEWAY_SERVER_SEND_TIMEOUT": "1s",
    }
    running = serve(project, settings, 1)
    with ExitStack() as stack:
        for _ in range(4):  # more than there are slots
            connection = stack.enter_context(closing(HTTPConnection(running.host, running.port, timeout=60)))
            connection.request("GET", "/v1/queries/long/v1/result.ndjson")
            assert connection.getresponse().status == 200


@pytest.mark.parametrize("worker", first(1, ["asgi", "gthread"]))
def test_a_client_that_takes_a_trickle_is_cut_off_and_one_that_takes_little_is_not(
    serve: Any, project: Path, tmp_path: Path, worker: str
) -> None:
    settings = {
        "GATEWAY_STATE": str(tmp_path),
        "GATEWAY_CACHE_MAX_RESULT": "10MiB",
        "GATEWAY_SERVER_WORKER": worker,
        "GATEWAY_SERVER_SEND_TIMEOUT": "1s",
        "GATEWAY_ENGINE_SLOTS": "1",
    }
    running = serve(project, settings, 1)
    assert cut_off_after(running, 20, rounds=600) is not None
    # The only slot is free again.
    assert cut_off_after(running, 2_000, rounds=60) is None


def cut_off_after(running: Any, size: int, *, rounds: int) -> int | None:
    """Take so many bytes of an answer ten times a second; return after how many the server broke off, None if never."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect((running.host, running.port))
        client.sendall(b"GET /v1/queries/long/v1/result.ndjson HTTP/1.1\r\nHost: a\r\n\r\n")
        broken, taken = poll(), len(client.recv(15, socket.MSG_WAITALL))
        broken.register(client, POLLERR | POLLHUP)
        for _ in range(rounds):
            if broken.poll(100):
                return taken
            taken += len(client.recv(size))
    return None


def test_the_command_line_writes_a_large_result_and_nothing_of_a_broken_one(project: Path, tmp_path: Path) -> None:
    settings = {**os.environ, "GATEWAY_STATE": str(tmp_path / "state"), "GATEWAY_CACHE_MAX_RESULT": "10MiB"}
    for name, code in (("all", 0), ("breaks", 3)):
        target = tmp_path / f"{name}.parquet"
        command = [gateway_program(), "run", name, "--project", str(project), "-o", str(target)]
        assert subprocess.run(command, env=settings, check=False, capture_output=True).returncode == code
    assert len(numbers("parquet", (tmp_path / "all.parquet").read_bytes())) == ROWS
    assert [path.name for path in tmp_path.glob("*.parquet*")] == ["all.parquet"]


@pytest.mark.parametrize("suffix", ["csv", "arrow", "parquet"])
def test_memory_stays_level(get: Any, running: Any, suffix: str) -> None:
    get("all", suffix).read()
    before = resident(running)
    response, size = get("long", suffix), 0
    while piece := response.read(1 << 20):
        size += len(piece)
        assert resident(running) - before < 80 * 2**20
    assert size > 1_000_000


def gateway_program() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "gateway")


def resident(running: Any) -> int:
    """Add up the memory of the workers, in bytes."""
    workers = workers_of(running.process.pid)
    return sum(int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * 4096 for worker in workers)
