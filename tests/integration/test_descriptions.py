"""What can be run can be described, and what cannot be described takes no document of the others down."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from events import make_project, put

pytestmark = pytest.mark.gunicorn

CLOCK = "cache: {ttl: 5s, clock: 10s}"
NUMBER = "parameters: {p: {type: double}}\nexamples: [{p: 0.5}]"
WORD = "parameters: {p: {type: varchar}}\nexamples: [{p: month}]"
DEFAULT = "parameters: {p: {type: integer, default: 2}}"
SOUND = {
    "instant": ("now() AS n", CLOCK),
    "today": ("current_date AS n", CLOCK),
    "age": ("max(now() - ts::TIMESTAMPTZ) AS n", CLOCK),
    "random": ("random() AS n", "cache: off"),
    "constant": ("1 AS n", ""),
    "quantile": ("quantile_cont(amount, $p) AS n", NUMBER),
    "part": ("date_part($p, ts) AS n", WORD),
    "truncated": ("date_trunc($p, ts) AS n", WORD),
    "field": ("struct_extract({'month': amount}, $p) AS n", WORD),
    "list": ("range($p) AS n", DEFAULT),
    "typed": ("$p AS n", DEFAULT),
    "map": ("MAP {'a': amount} AS n", ""),
}
"""What a query selects, and its front matter."""
BROKEN = {
    "unknown_column": ("nothing AS n", ""),
    "wrong_types": ("amount + {'a': 1} AS n", ""),
    "unknown_field": ("struct_extract({'a': amount}, 'b') AS n", ""),
    "not_grouped": ("amount, count(*) AS n", ""),
    "broken_clock": ("now() + nothing AS n", CLOCK),
    "broken_parameter": ("quantile_cont(nothing, $p) AS n", NUMBER),
}
SOURCES = {
    "all": "{} FROM events",
    "filtered": "{} FROM events WHERE ts < TIMESTAMP '2013-01-05'",
    "within": "* FROM (SELECT {} FROM events)",
}
TEMPLATES = {
    f"{kind}_{source}": ("SELECT " + SOURCES[source].format(what), front)
    for (kind, (what, front)), source in product({**SOUND, **BROKEN}.items(), SOURCES)
}
"""Every kind over every source."""
RUNS = [name for name in TEMPLATES if not name.startswith(tuple(BROKEN))]


@pytest.fixture(scope="module")
def running(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = make_project(tmp_path_factory.mktemp("descriptions"), "cache: {ttl: 1h}")
    for name, (sql, front) in TEMPLATES.items():
        write(project, name, sql, front)
    put(project, range(20), amount=1)
    return serve_for_module(project, workers=1)


def write(project: Path, name: str, sql: str, front: str) -> None:
    (project / "queries" / name).mkdir()
    (project / "queries" / name / "v1.sql").write_text(f"/*\nsummary: {name}\n{front}\n*/\n{sql}\n")


def example(name: str) -> str:
    front = TEMPLATES[name][1]
    return urlencode({"p": "0.5" if front == NUMBER else "month"}) if front in (NUMBER, WORD) else ""


@pytest.mark.parametrize("name", RUNS)
def test_what_can_be_run_is_described_by_the_columns_of_its_answer(running: Any, name: str) -> None:
    answer = running.get(f"/v1/queries/{name}/v1/result?{example(name)}")
    assert answer.status == 200, answer.body
    described = running.get(f"/v1/queries/{name}/v1")
    assert (described.status, described.json()["columns"]) == (200, answer.json()["columns"])
    assert running.get(f"/docs/{name}/v1").status == 200


@pytest.mark.parametrize("name", sorted(set(TEMPLATES) - set(RUNS)))
def test_what_cannot_be_described_is_described_without_columns_and_reported(running: Any, name: str) -> None:
    described = running.get(f"/v1/queries/{name}/v1")
    assert (described.status, described.json()["columns"]) == (200, None)
    assert running.get(f"/docs/{name}/v1").status == 200
    lines = [json.loads(line) for line in running.log.read_text().splitlines() if '"description-failed"' in line]
    [told, *_] = [line for line in lines if line["query"] == name]
    assert (told["level"], told["version"], told["code"]) == ("warning", 1, "query-failed")
    counted = f'gateway_descriptions_failed_total{{query="{name}",version="1"}} '
    assert counted in running.get("/metrics").body.decode()


def test_the_documents_hold_all_of_them(running: Any) -> None:
    document = running.get("/openapi.json")
    assert document.status == 200
    assert {f"/v1/queries/{name}/v1/result" for name in TEMPLATES} <= set(document.json()["paths"])
    rows = document.json()["components"]["schemas"]
    assert {name: list(rows[f"{name}_v1_row"]["properties"]) for name in RUNS} == {name: ["n"] for name in RUNS}
    for page in ("/", "/docs", "/v1/queries"):
        assert running.get(page).status == 200
