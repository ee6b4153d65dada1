"""Queries that are declared deterministic: the same bytes on any number of threads, folded or not, in any process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from gateway.cli import main

pytestmark = pytest.mark.gunicorn

FRONT = """\
/*
summary: {name}
cache: {cache}
deterministic: {deterministic}
*/
"""
TABLE = """\
table: events
location: data
partitioned_by: [{column: day, transform: day, source: ts}]
columns: {ts: TIMESTAMP, id: INTEGER, kind: INTEGER, tie: INTEGER, x: DOUBLE, word: VARCHAR}
refresh: 1h
"""
ON_ONE_THREAD = {
    "any": "SELECT kind, any_value(word) AS a, first(id) AS f, last(id) AS l FROM events GROUP BY kind",
    "lists": "SELECT kind, list(id)[:50] AS ids, string_agg(word, ',')[:200] AS words FROM events GROUP BY kind",
    "spread": "SELECT kind, stddev(x) AS s, corr(x, id) AS c, kahan_sum(x) AS t FROM events GROUP BY kind",
    "sketches": "SELECT approx_quantile(x, 0.5) AS q, approx_top_k(word, 3) AS w, mode(word) AS m FROM events",
    "means": "SELECT sum(s) AS s FROM (SELECT tie, avg(x) AS s FROM events GROUP BY tie)",
    "ties": "SELECT id, tie FROM events ORDER BY tie",
    "ranked": "SELECT id, rank() OVER ties AS n, sum(x) OVER ties AS s FROM events WINDOW ties AS (ORDER BY tie)",
    "joined": "SELECT a.id, b.id AS other FROM events a JOIN events b ON a.tie = b.id AND b.kind < 3",
    "distinct": "SELECT DISTINCT ON (tie) tie, id FROM events",
}
"""Queries that are not folded; DuckDB answers each of them differently from run to run on several threads."""
FOLDED = {
    "sums": "SELECT kind, sum(x) AS s, avg(x) AS a FROM events GROUP BY kind",
    "few": "SELECT tie, sum(x) AS s, max(word) AS w FROM events WHERE ts < TIMESTAMP '2024-01-03' GROUP BY tie",
}
IN_ORDER = {
    "rows": "SELECT id, x / 7 AS part FROM events WHERE kind = 3",
    "first": "SELECT id FROM events WHERE kind = 3 LIMIT 500 OFFSET 700",
}
QUERIES = ON_ONE_THREAD | FOLDED | IN_ORDER


def declare(folder: Path, name: str, sql: str, cache: str, *, deterministic: bool = True) -> None:
    (folder / f"queries/{name}").mkdir(parents=True)
    front = FRONT.format(name=name, cache=cache, deterministic=str(deterministic).lower())
    (folder / f"queries/{name}/v1.sql").write_text(f"{front}{sql}\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deterministic")
    (folder / "catalog").mkdir()
    (folder / "catalog/events.yaml").write_text(TABLE)
    for name, sql in QUERIES.items():
        declare(folder, name, sql, "off")
        declare(folder, f"kept_{name}", sql, "{ttl: 1h}")
    declare(folder, "free", FOLDED["sums"], "off", deterministic=False)
    rows = """
        SELECT TIMESTAMP '2024-01-01' + to_days(range // 15000) + to_milliseconds(range % 15000) AS ts, range AS id,
            (hash(range) % 20)::INTEGER AS kind, (hash(range * 7) % 3000)::INTEGER AS tie,
            (hash(range * 13) % 1000003)::DOUBLE / 1009 AS x, 'w' || hash(range * 17) % 50000 AS word
        FROM range({}, {})"""
    with closing(duckdb.connect()) as connection:
        for day in range(6):
            place = folder / f"data/day=2024-01-0{day + 1}"
            place.mkdir(parents=True)
            some = rows.format(day * 15_000, (day + 1) * 15_000)
            connection.execute(f"COPY ({some}) TO '{place}/part.parquet' (ROW_GROUP_SIZE 5000)")
    return folder


@pytest.fixture(scope="module")
def server(project: Path, serve_for_module: Callable[..., Any]) -> Any:
    """A server that folds what can be folded, and whose engine has eight threads."""
    folding = {"GATEWAY_CACHE_PARTIALS_FROM": "0", "GATEWAY_STATE": mkdtemp()}
    return serve_for_module(project, {"GATEWAY_ENGINE_THREADS": "8", **folding})


@pytest.mark.parametrize("name", QUERIES)
def test_the_bytes_are_the_same_on_any_number_of_threads(name: str, project: Path, server: Any, tmp_path: Path) -> None:
    replies = [server.get(f"/v1/queries/{query}/v1/result.csv") for query in (name, name, f"kept_{name}")]
    assert {reply.status for reply in replies} == {200}
    bodies = {reply.body for reply in replies}
    for threads, settings in (("1", {"GATEWAY_CACHE_PARTIALS": "0"}), ("3", {"GATEWAY_CACHE_PARTIALS_FROM": "1GiB"})):
        output = tmp_path / f"{threads}.csv"
        environment = {"GATEWAY_ENGINE_THREADS": threads, "GATEWAY_STATE": str(tmp_path / threads), **settings}
        asked = ["run", name, "--project", str(project), "--output", str(output)]
        assert CliRunner().invoke(main, asked, env=environment).exit_code == 0
        bodies.add(output.read_bytes())
    assert len(bodies) == 1
    assert bodies.pop().count(b"\n") > 1


def test_an_explanation_tells_what_it_costs(project: Path, server: Any, tmp_path: Path) -> None:
    said = {name: server.get(f"/v1/queries/{name}/v1/explain").json()["deterministic"] for name in QUERIES}
    assert {name for name, cost in said.items() if cost.startswith("it runs on one thread")} == set(ON_ONE_THREAD)
    assert all("exact" in said[name] for name in FOLDED)
    assert all("order of the files" in said[name] for name in IN_ORDER)
    asked = ["explain", "any", "--project", str(project)]
    shown = CliRunner().invoke(main, asked, env={"GATEWAY_STATE": str(tmp_path), "GATEWAY_CACHE_PARTIALS": "0"})
    assert "deterministic: it runs on one thread" in shown.output


def test_one_text_has_two_answers_where_one_of_them_is_deterministic_and_says_so(project: Path, server: Any) -> None:
    keys = {server.get(f"/v1/queries/{name}/v1/explain").json()["key"] for name in ("sums", "free")}
    assert len(keys) == 2
    said = [server.get(f"/v1/queries/{name}/v1").json()["deterministic"] for name in ("sums", "free")]
    assert said == [True, False]
