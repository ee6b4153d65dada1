"""``gateway apart`` beside a running server: what ended the engine is listed, runs apart, and is let back in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from events import between, make_project, put
from waiting import wait_for

from gateway.cli import main

pytestmark = pytest.mark.gunicorn

BOMB = """/*
summary: As many numbers as are asked for
parameters:
  n: {type: bigint}
examples: [{n: 2}]
cache: off
*/
SELECT unnest(range($n)) AS i"""
LARGE = {"n": 2_000_000_000}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project", "cache: off")
    put(made, range(7), 1)
    (made / "queries/tower").mkdir()
    (made / "queries/tower/v1.sql").write_text(BOMB)
    return made


@pytest.fixture
def server(project: Path, serve: Any) -> Any:
    return serve(project, {"GATEWAY_MEMORY": "1200MiB", "GATEWAY_ENGINE_SLOTS": "2"})


def run(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["apart", "--project", str(project), *arguments])


def engine(server: Any, member: str) -> Any:
    return server.get("/readyz").json().get("engine", {}).get(member)


def roles(server: Any) -> set[str]:
    """List the roles of the engines' processes that were started."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return {line["role"] for line in lines if line["event"] == "engine-started"}


def test_a_query_that_ended_the_engine_runs_apart_until_an_operator_clears_it(project: Path, server: Any) -> None:
    reply = server.get("/v1/queries/tower/v1/result", LARGE)
    assert (reply.status, reply.json()["type"]) == (502, "/errors/engine-failed")
    [listed] = json.loads(run(project, "--format", "json").stdout)
    assert (listed["query"], listed["version"], listed["reason"]) == ("tower", 1, "memory")
    wait_for(lambda: [listed] == engine(server, "apart"))
    ended = engine(server, "ended")["memory"]  # twice where it was tried alone first
    assert ended in (1, 2)

    assert server.get("/v1/queries/tower/v1/result", {"n": 2}).status == 200
    assert "apart" in roles(server)
    assert server.get("/v1/queries/amount/v1/result", between(0, 7)).status == 200

    assert run(project, "--clear", "tower/v1").stdout == "tower v1 runs with the others again\n"
    wait_for(lambda: engine(server, "apart") == [])
    assert "gateway_queries_apart 0.0" in server.get("/metrics").body.decode().splitlines()
    assert server.get("/v1/queries/tower/v1/result", LARGE).status == 502
    wait_for(lambda: (engine(server, "ended") or {}).get("memory", 0) > ended)


def test_a_query_whose_text_changed_runs_with_the_others_again(project: Path, server: Any) -> None:
    assert server.get("/v1/queries/tower/v1/result", LARGE).status == 502
    wait_for(lambda: engine(server, "apart"))
    (project / "queries/tower/v1.sql").write_text(BOMB.replace("AS i", "AS j"))
    wait_for(lambda: engine(server, "apart") == [])
    assert [listed["query"] for listed in json.loads(run(project, "--format", "json").stdout)] == ["tower"]
