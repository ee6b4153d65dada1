"""Answers put together of partials that other tables are joined to: what these change, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folded import DAYS, FIRST, FOLDED, FRONT, between, folder_of, make_project, put

from gateway.answer import Answer, Directives
from gateway.app.gateway import open_gateway
from gateway.cache.tier import Purge
from gateway.config import load_settings
from gateway.model import Folded, Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import unobserved

STORES = """\
table: stores
location: warehouse/stores
columns: {name: VARCHAR, region: VARCHAR}
"""
CLOSED = """\
table: closed
location: warehouse/closed
partitioned_by: [{column: day, transform: day, source: since}]
columns: {since: TIMESTAMP, name: VARCHAR}
"""
VISITS = """\
table: visits
location: warehouse/visits
partitioned_by: [{column: day, transform: day, source: came}]
columns: {came: TIMESTAMP, shop: VARCHAR, visitors: INTEGER}
"""
QUERIES = {
    "by_region": """\
SELECT region, count(*) AS sales, sum(amount) AS amount
FROM stores JOIN sales ON name = store
WHERE sold >= $start AND sold < $end GROUP BY region ORDER BY sales""",
    "of_known": """\
SELECT store AS shop, sum(units) AS units FROM sales
WHERE sold >= $start AND sold < $end AND store IN (SELECT name FROM stores) GROUP BY store""",
    "of_open": """\
SELECT store AS shop, sum(units) AS units FROM sales ANTI JOIN closed ON name = store AND since < $start
WHERE sold >= $start AND sold < $end GROUP BY store""",
    "of_visits": """\
SELECT store AS name, count(*) AS sales, sum(visitors) AS visitors
FROM sales LEFT JOIN visits ON shop = store AND came::DATE = sold::DATE
WHERE sold >= $start AND sold < $end GROUP BY store""",
    "of_both": """\
SELECT store AS name, count(*) AS sales, sum(visitors) AS visitors FROM sales JOIN visits ON shop = store
WHERE came::DATE = sold::DATE AND sold >= $start AND sold < $end AND came >= $start AND came < $end GROUP BY store""",
    "of_afternoons": """\
SELECT store AS name, count(*) AS sales, sum(visitors) AS visitors FROM sales JOIN visits ON shop = store
WHERE came::DATE = sold::DATE AND sold >= $start AND sold < $end AND came >= $start + INTERVAL 12 HOUR
GROUP BY store""",
    "of_visits_before": """\
SELECT store AS name, count(*) AS sales FROM sales
WHERE sold >= $start AND sold < $end
    AND EXISTS (SELECT 1 FROM visits WHERE shop = store AND came BETWEEN sold - INTERVAL 1 DAY AND sold)
GROUP BY store""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path)
    put(made, range(DAYS))
    (made / "catalog/stores.yaml").write_text(STORES)
    (made / "catalog/closed.yaml").write_text(CLOSED)
    (made / "catalog/visits.yaml").write_text(VISITS)
    for name, sql in QUERIES.items():
        (made / f"queries/{name}").mkdir()
        text = FRONT.format(summary=name, cache="{ttl: 10m}", warm="[]") + sql + "\n"
        (made / f"queries/{name}/v1.sql").write_text(text)
    put_stores(made, {"north": "up", "south": "down", "east": "up"})
    for day in range(DAYS):
        put_visits(made, day, day)
    for day in (0, 1):
        rows = pa.table(
            {"since": pa.array([FIRST + timedelta(days=day)], pa.date32()).cast(pa.timestamp("us")), "name": ["east"]}
        )
        write(made / f"warehouse/closed/{folder_of(day)}", rows)
    return made


def put_stores(project: Path, regions: Mapping[str, str]) -> None:
    write(project / "warehouse/stores", pa.table({"name": list(regions), "region": list(regions.values())}))


def put_visits(project: Path, day: int, visitors: int) -> None:
    moment = FIRST + timedelta(days=day)
    came = pa.array([moment, moment], pa.date32()).cast(pa.timestamp("us"))
    rows = pa.table({"came": came, "shop": ["north", "east"], "visitors": pa.array([visitors, 1], pa.int32())})
    write(project / f"warehouse/visits/{folder_of(day)}", rows)


def write(folder: Path, rows: pa.Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / "all.parquet")


@contextmanager
def opened(project: Path, **environment: str) -> Iterator[Gateway]:
    with open_gateway(
        load_settings(project, {**FOLDED, **environment}), observe=unobserved, background=False
    ) as gateway:
        yield gateway


def ask(gateway: Gateway, query: str, start: int, end: int) -> Answer:
    request = Request(query=query, version=1, parameters=between(start, end))
    return gateway.answer(request, principal=Principal(), directives=Directives(no_cache=True))


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    return answer.result.table.to_pylist()


def anew(project: Path, query: str, start: int, end: int) -> list[dict[str, Any]]:
    """Return what a gateway answers that has nothing kept and folds nothing."""
    with opened(project, GATEWAY_STATE=mkdtemp(), GATEWAY_CACHE_PARTIALS="0") as gateway:
        return rows_of(ask(gateway, query, start, end))


# The last three join two facts, which meet day by day.
@pytest.mark.parametrize("query", ["by_region", "of_known", "of_visits", "of_visits_before", "of_both"])
def test_a_window_that_slides_computes_its_new_days_only(project: Path, query: str) -> None:
    with opened(project) as gateway:
        answers = [ask(gateway, query, start, start + 30) for start in (0, 1, 3)]
    assert [answer.result.folded for answer in answers] == [
        Folded(kept=0, computed=30),
        Folded(kept=29, computed=1),
        Folded(kept=28, computed=2),
    ]
    assert rows_of(answers[2]) == anew(project, query, 3, 33)


@pytest.mark.parametrize("query", ["by_region", "of_known"])
def test_nothing_is_kept_for_long_of_what_was_joined_to_other_rows(project: Path, query: str) -> None:
    with opened(project) as gateway:
        ask(gateway, query, 0, 30)
        put_stores(project, {"north": "down", "west": "down"})
        gateway.catalog.refresh("stores")
        answer = ask(gateway, query, 0, 30)
    assert answer.result.folded == Folded(kept=0, computed=30)
    assert rows_of(answer) == anew(project, query, 0, 30)


def test_a_table_without_files_is_joined_as_an_empty_one(project: Path) -> None:
    (project / "warehouse/stores/all.parquet").unlink()
    with opened(project) as gateway:
        answer = ask(gateway, "by_region", 0, 30)
    assert rows_of(answer) == []


def test_what_operators_drop_of_a_joined_table_is_computed_again(project: Path) -> None:
    with opened(project) as gateway:
        ask(gateway, "by_region", 0, 30)
        gateway.cache.drop(Purge(table="stores"))
        again = ask(gateway, "by_region", 0, 30)
    assert again.result.folded == Folded(kept=0, computed=30)


def test_a_table_of_which_each_question_reads_another_part_keeps_its_answer_whole(project: Path) -> None:
    with opened(project) as gateway:
        request = Request(query="of_open", version=1, parameters=between(0, 30))
        explained = gateway.explain(request, principal=Principal()).as_text()
        answers = [ask(gateway, "of_open", start, 30) for start in (0, 5)]
    assert "it reads a part of closed beside sales, which may be another one for each question" in explained
    assert [answer.result.folded for answer in answers] == [None, Folded(kept=0, computed=25)]
    assert [rows_of(answer) for answer in answers] == [anew(project, "of_open", start, 30) for start in (0, 5)]


@pytest.mark.parametrize(("query", "days"), [("of_visits", 1), ("of_visits_before", 2)])
def test_a_day_of_the_other_fact_that_is_rewritten_costs_the_days_that_it_can_meet(
    project: Path, query: str, days: int
) -> None:
    with opened(project) as gateway:
        ask(gateway, query, 0, 30)
        put_visits(project, 7, 1_000)
        gateway.catalog.refresh("visits")
        rewritten = ask(gateway, query, 0, 30)
        put(project, [9], seed=1)
        gateway.catalog.refresh("sales")
        of_sales = ask(gateway, query, 0, 30)
    assert rewritten.result.folded == Folded(kept=30 - days, computed=days)
    assert of_sales.result.folded == Folded(kept=29, computed=1)
    assert rows_of(of_sales) == anew(project, query, 0, 30)


def test_a_day_of_the_other_fact_that_comes_late_or_goes_changes_the_answer(project: Path) -> None:
    late = project / f"warehouse/visits/{folder_of(5)}/all.parquet"
    content = late.read_bytes()
    late.unlink()
    with opened(project) as gateway:
        without = rows_of(ask(gateway, "of_visits", 0, 30))
        late.write_bytes(content)
        gateway.catalog.refresh("visits")
        answer = ask(gateway, "of_visits", 0, 30)
        expected = anew(project, "of_visits", 0, 30)
        late.unlink()
        gateway.catalog.refresh("visits")
        gone = ask(gateway, "of_visits", 0, 30)
    assert answer.result.folded == Folded(kept=29, computed=1)
    assert rows_of(answer) == expected != without
    assert rows_of(gone) == without


def test_rows_of_no_day_of_the_other_fact_are_met_by_every_day(project: Path) -> None:
    query = "of_any_time"
    (project / f"queries/{query}").mkdir()
    sql = QUERIES["of_visits"].replace("came::DATE = sold::DATE", "(came::DATE = sold::DATE OR came IS NULL)")
    text = FRONT.format(summary=query, cache="{ttl: 10m}", warm="[]") + sql + "\n"
    (project / f"queries/{query}/v1.sql").write_text(text)
    came, visitors = pa.nulls(1, pa.timestamp("us")), pa.array([3], pa.int32())
    nobody = pa.table({"came": came, "shop": ["south"], "visitors": visitors})
    write(project / "warehouse/visits/day=__HIVE_DEFAULT_PARTITION__", nobody)
    with opened(project) as gateway:
        answer = ask(gateway, query, 0, 30)
    assert rows_of(answer) == anew(project, query, 0, 30)
    assert [row["visitors"] > 0 for row in rows_of(answer) if row["name"] == "south"] == [True]


def test_a_filter_that_cuts_a_day_of_the_other_fact_is_a_part_of_the_partial_of_that_day_alone(project: Path) -> None:
    with opened(project) as gateway:
        answers = [ask(gateway, "of_afternoons", start, start + 30) for start in (0, 1)]
    assert answers[1].result.folded == Folded(kept=28, computed=2)  # the day that is cut now, and the new one
    assert [rows_of(answer) for answer in answers] == [
        anew(project, "of_afternoons", start, start + 30) for start in (0, 1)
    ]
