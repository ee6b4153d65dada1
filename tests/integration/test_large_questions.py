"""Questions that are large and fair: what does not fit into memory goes to disk, and nobody is taken for a bomb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from thorough import first

pytestmark = pytest.mark.gunicorn

ROWS = 3_000_000
TABLE = """\
table: facts
location: data
columns: {k: BIGINT, id: BIGINT, s: VARCHAR}
"""
QUERIES = {
    "joined": (
        "SELECT count(*) AS n, sum(a.k + b.k + $k)::BIGINT AS total FROM facts AS a JOIN facts AS b ON a.id = b.k",
        lambda k: {"n": ROWS, "total": ROWS * (ROWS - 1) + ROWS * k},
    ),
    "distinct": (
        "SELECT count(DISTINCT s) AS n, count(*) + $k AS total FROM facts",
        lambda k: {"n": ROWS, "total": ROWS + k},
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    (folder / "catalog").mkdir()
    (folder / "catalog/facts.yaml").write_text(TABLE)
    (folder / "data").mkdir()
    for name, (sql, _) in QUERIES.items():
        (folder / f"queries/{name}").mkdir(parents=True)
        front = f"summary: {name}\nparameters: {{k: {{type: bigint}}}}\ncache: off"
        (folder / f"queries/{name}/v1.sql").write_text(f"/*\n{front}\n*/\n{sql}\n")
    duckdb.connect().execute(
        f"COPY (SELECT i * 7919 % {ROWS} AS k, i AS id, md5(i::VARCHAR) AS s FROM range({ROWS}) AS r(i)) "
        f"TO '{folder}/data/a.parquet'"
    )
    return folder


@pytest.fixture(scope="module")
def running(serve_for_module: Callable[..., Any], project: Path) -> Any:
    settings = {"GATEWAY_MEMORY": "1088MiB", "GATEWAY_SERVER_WORKERS": "2", "GATEWAY_ENGINE_THREADS": "2"}
    return serve_for_module(project, settings)


@pytest.mark.parametrize("name", first(1, QUERIES))
def test_a_large_question_is_answered_again_and_again_with_the_least_memory(running: Any, name: str) -> None:
    for k in range(3):
        reply = running.get(f"/v1/queries/{name}/v1/result?k={k}")
        assert reply.status == 200, reply.body
        assert reply.json()["data"] == [QUERIES[name][1](k)]
    status = running.get("/readyz").json()["engine"]
    assert status["apart"] == []
    assert status["ended"] == {}
