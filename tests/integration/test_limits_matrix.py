"""Every combination of limits on a real server: no request fails for them, and what they allow is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from thorough import first

from gateway.access.keys import KeyFile

pytestmark = pytest.mark.gunicorn

REQUESTS = (None, "unlimited", *(f"{amount}/{period}" for amount, period in product(
    (1, 2, 3, 99, 100, 101, 199, 200, 1_000, 100_000, 999_999_999_999_999), ("second", "day")
)))  # fmt: skip
BYTES = (None, "unlimited", "1/day", "1GiB/hour")
COMBINATIONS = [each for each in product(REQUESTS, BYTES) if each != (None, None)]
ASKED = 6
"""Requests of each principal: a question that is computed and two hits, twice."""
TEMPLATE = """/*
summary: Ids above a bound
owner: ops
parameters:
  above: {type: bigint, description: ids above it}
cache: {ttl: 1h}
examples:
  - {above: 0}
*/
SELECT id FROM numbers WHERE id > $above
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbers")
    for name in ("catalog", "queries/above", "data"):
        (folder / name).mkdir(parents=True)
    pq.write_table(pa.table({"id": range(10)}), folder / "data" / "a.parquet")
    (folder / "catalog" / "numbers.yaml").write_text("table: numbers\nlocation: data\ncolumns: {id: BIGINT}\n")
    (folder / "queries" / "above" / "v1.sql").write_text(TEMPLATE)
    (folder / "gateway.toml").write_text("")
    return folder


@pytest.fixture(scope="module")
def keys(project: Path) -> list[str]:
    """A principal for each combination of limits."""
    file = KeyFile(project / "keys.json")
    grants = "grants:\n  - to: ['*']\n    queries: ['*']\nlimits:\n"
    for number, (requests, scanned) in enumerate(COMBINATIONS):
        said = [("requests", requests), ("bytes", scanned)]
        limits = "".join(f"    {name}: {value}\n" for name, value in said if value is not None)
        grants += f"  - to: [p{number}]\n{limits}"
    (project / "access.yaml").write_text(grants)
    return [file.add(f"p{number}") for number in range(len(COMBINATIONS))]


@contextmanager
def connected(running: Any) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(running.host, running.port, timeout=60)) as connection:
        connection.auto_open = 1
        yield connection


def statuses(running: Any, key: str, number: int) -> list[int]:
    """Ask on one connection, which the server must not close."""
    found = []
    with connected(running) as connection:
        connection.connect()
        connection.auto_open = 0
        for above in (2 * number, 2 * number + 1):
            for _ in range(ASKED // 2):
                address = f"/v1/queries/above/v1/result?above={above}"
                connection.request("GET", address, headers={"Authorization": f"Bearer {key}"})
                reply = connection.getresponse()
                reply.read()
                found.append(reply.status)
    return found


def allowed(requests: str | None, scanned: str | None) -> tuple[int, int]:
    """Return how many of the requests must be answered at least, and how many may be at most."""
    if scanned == "1/day":
        return (1, 1)
    if requests in (None, "unlimited"):
        return ASKED, ASKED
    amount, _, period = requests.partition("/")
    # A new second may begin between any two requests, so that a limit a second may allow all of them.
    return min(ASKED, int(amount)), ASKED if period == "second" else min(ASKED, int(amount))


@pytest.mark.parametrize("shared", first(1, [True, False]))
@pytest.mark.parametrize("worker", first(1, ["asgi", "gthread"]))
def test_limits_of_every_size_refuse_what_is_over_them_and_nothing_fails(
    worker: str, shared: bool, serve: Any, project: Path, keys: list[str], redis_server: Any, tmp_path: Path
) -> None:
    settings = {"GATEWAY_ACCESS_REQUIRED": "true", "GATEWAY_SERVER_WORKER": worker, "GATEWAY_STATE": str(tmp_path)}
    if shared:
        settings["GATEWAY_CACHE_REDIS"] = redis_server.url
    running = serve(project, settings, workers=1)
    wrong = []
    for number, (key, limits) in enumerate(zip(keys, COMBINATIONS, strict=True)):
        found = statuses(running, key, number)
        least, most = allowed(*limits)
        if {*found} - {200, 429} or not least <= found.count(200) <= most:
            wrong.append((limits, found))
    assert wrong == []


def test_a_limit_in_the_settings_counts_hits_after_a_query_was_run(serve: Any, project: Path, tmp_path: Path) -> None:
    settings = {"GATEWAY_LIMITS_REQUESTS": "1000/minute", "GATEWAY_STATE": str(tmp_path)}
    running = serve(project, settings, workers=1)
    assert statuses(running, "", 0) == [200] * ASKED
