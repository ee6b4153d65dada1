"""Answers of several aggregations, each put together of partials of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa
import pytest
from folded import FOLDED, FRONT, TABLE, between, folder_of, make_project, put, rows_of

from gateway.answer import Answer, Directives
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.model import Folded, Principal, Request
from gateway.pipeline import Gateway
from gateway.project.loader import load_tables
from gateway.telemetry.events import unobserved
from gateway.writer import Mode, Options, write

DAYS = 21
OF = "count(*) AS n, sum(amount) AS amount, avg(big * 0.1::DOUBLE) AS mean"
WHERE = "WHERE sold >= $start AND sold < $end"
QUERIES = {
    "sold": f"SELECT store AS shop, {OF} FROM sales {WHERE} GROUP BY store ORDER BY shop",
    "back": f"SELECT store, {OF} FROM returns {WHERE} GROUP BY store ORDER BY 2 DESC LIMIT 3",
    "both": f"""\
SELECT 'sold' AS kind, store, {OF} FROM sales {WHERE} GROUP BY store
UNION ALL (SELECT 'back', store, {OF} FROM returns {WHERE} GROUP BY store)
ORDER BY n DESC LIMIT 7""",
    "rate": f"""\
WITH sold AS (SELECT store, {OF} FROM sales {WHERE} GROUP BY store),
  back AS (SELECT store, {OF} FROM returns {WHERE} GROUP BY store)
SELECT sold.store AS shop, back.n / sold.n AS rate FROM sold JOIN back USING (store)""",
    "kinds": f"""\
WITH window_ AS (SELECT * FROM sales {WHERE})
SELECT kind, sum(n) AS n FROM (
  SELECT 'few' AS kind, store, count(*) AS n FROM window_ WHERE units < 3 GROUP BY store
  UNION ALL SELECT 'many', store, count(*) FROM window_ WHERE units >= 3 GROUP BY store
  UNION ALL SELECT 'old', store, count(*) FROM returns WHERE sold < '2020-01-01' GROUP BY store
  UNION ALL SELECT 'none', NULL, 0
) AS each GROUP BY kind""",
    "met": f"""\
SELECT 'sold' AS kind, store, count(*) AS n FROM sales {WHERE} GROUP BY store
UNION ALL SELECT 'met', store, count(*) FROM returns
  SEMI JOIN (SELECT store AS shop, sold AS bought FROM sales) AS s
  ON shop = store AND bought BETWEEN sold - INTERVAL 1 DAY AND sold + INTERVAL 1 DAY
  {WHERE} GROUP BY store""",
}
AGAIN = Directives(no_cache=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_project(tmp_path_factory.mktemp("united"))
    put(made, range(DAYS), rows=50)
    returns = TABLE.replace("table: sales", "table: returns").replace("LOCATION", "warehouse/returns")
    (made / "catalog/returns.yaml").write_text(returns.replace("REFRESH", "1h"))
    for name, sql in QUERIES.items():
        (made / f"queries/{name}").mkdir()
        text = FRONT.format(summary=name, cache="{ttl: 10m}", warm="[]") + sql + "\n"
        (made / f"queries/{name}/v1.sql").write_text(text)
    put_returns(made, range(DAYS), seed=7)
    return made


def put_returns(project: Path, days: range, *, seed: int) -> None:
    tables, _ = load_tables(project)
    rows = rows_of(days, seed=seed, rows=50)
    write(tables["returns"], rows, root=project, options=Options(mode=Mode.OVERWRITE_PARTITIONS))


@contextmanager
def opened(project: Path, **environment: str) -> Iterator[Gateway]:
    settings = load_settings(project, {**FOLDED, "GATEWAY_STATE": mkdtemp(), **environment})
    with open_gateway(settings, observe=unobserved, background=False) as gateway:
        yield gateway


def ask(gateway: Gateway, query: str, start: int, end: int, directives: Directives | None = None) -> Answer:
    request = Request(query=query, version=1, parameters=between(start, end))
    return gateway.answer(request, principal=Principal(), directives=directives or Directives())


def test_partials_are_those_of_each_aggregation_asked_alone_and_are_explained(project: Path) -> None:
    with opened(project) as gateway:
        alone = [ask(gateway, query, 0, 20).result.folded for query in ("sold", "back")]
        together = [ask(gateway, query, 0, 21).result.folded for query in ("both", "rate", "sold")]
        asked = [Request(query="both", version=1, parameters=between(*days)) for days in ((0, 20), (0, 1))]
        explained, few = (gateway.explain(request, principal=Principal()) for request in asked)
        put_returns(project, range(5, 6), seed=8)
        gateway.catalog.refresh("returns", [folder_of(5)])
        restated = ask(gateway, "both", 0, 20, AGAIN).result.folded
    assert alone == [Folded(kept=0, computed=20)] * 2
    assert together == [Folded(kept=40, computed=2), Folded(kept=42, computed=0), Folded(kept=21, computed=0)]
    assert explained.folded == Folded(kept=40, computed=0)
    assert few.whole == "it reads 2 partitions, and 4 to 1000 are folded"
    assert restated == Folded(kept=39, computed=1)


@pytest.mark.parametrize("query", ["both", "rate", "kinds", "met"])
def test_the_bytes_are_the_same_cold_half_warm_and_warm(project: Path, query: str) -> None:
    bodies: dict[str, Answer] = {}
    with opened(project) as gateway:
        bodies["cold"] = ask(gateway, query, 0, 20)
    with opened(project, GATEWAY_ENGINE_THREADS="4") as gateway:
        ask(gateway, query, 5, 9)
        ask(gateway, "sold", 0, 12)
        bodies["half warm"] = ask(gateway, query, 0, 20)
        bodies["warm"] = ask(gateway, query, 0, 20, AGAIN)
    assert len({answer.result.digest for answer in bodies.values()}) == 1
    assert all(answer.result.folded for answer in bodies.values())
    with opened(project, GATEWAY_CACHE_PARTIALS="0") as gateway:  # DOUBLE is added up by the engine
        assert near(ask(gateway, query, 0, 20)) == near(bodies["cold"])


def near(answer: Answer) -> list[str]:
    table: pa.Table = answer.result.table
    return [
        repr([f"{value:.12g}" if isinstance(value, float) else value for value in row.values()])
        for row in table.to_pylist()
    ]
