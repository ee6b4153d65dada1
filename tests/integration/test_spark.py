"""Answers that Spark computes: the same as DuckDB's, over the same versions of files, or a clear refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import idioms
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from spark_server import STARTING, SparkServer
from waiting import wait_for

from gateway.answer import Answer
from gateway.app.gateway import open_gateway
from gateway.authoring.spark_check import difference, rows_of
from gateway.cli import main
from gateway.cluster.proofs import FILE, Proofs
from gateway.config import load_settings
from gateway.demo.warehouse import build_tpch
from gateway.errors import DeadlineExceeded, EngineFailed, FilesChanged, ResultTooLarge
from gateway.execution.stores import stay
from gateway.execution.wholes import SqlCluster, Wholes
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.plan.spark.planner import digest_of
from gateway.telemetry.events import Event, QueryReplanned
from gateway.web.headers import engine_of

ANYBODY = Principal()
PATIENT = {"GATEWAY_ENGINE_TIMEOUT": "10m"}
SCALE = 0.01
JOINED = """\
SELECT h.country, s.day, count(*) AS n, sum(s.amount) AS amount
FROM sales s LEFT JOIN shops h ON h.name = s.store GROUP BY h.country, s.day ORDER BY s.day, h.country"""
"""A query that is not put together of partials."""
SLOW = """\
SELECT count(*) AS n FROM ticks t, sales a, sales b, sales c, sales d, sales e
WHERE t.n * a.units * b.units * c.units * d.units + e.units = 5"""
"""A query that computes for a long time, in many small steps."""
TICKS = 400_000


def write_query(project: Path, name: str, sql: str, **front: str) -> None:
    lines = {"summary": name, "cache": "off", "examples": "[{}]", **front}
    text = "\n".join(f"{key}: {value}" for key, value in lines.items())
    (project / "queries" / name).mkdir(parents=True, exist_ok=True)
    (project / "queries" / name / "v1.sql").write_text(f"/*\n{text}\n*/\n{sql}\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project, whose queries may run in Spark: they are recorded as compared."""
    made = tmp_path / "project"
    (made / "queries").mkdir(parents=True)
    idioms.write_tables(made)
    (made / "catalog" / "ticks.yaml").write_text("table: ticks\nlocation: warehouse/ticks\ncolumns: {n: BIGINT}\n")
    (made / "warehouse" / "ticks").mkdir()
    pq.write_table(pa.table({"n": range(TICKS)}), made / "warehouse" / "ticks" / "a.parquet", row_group_size=20_000)
    write_query(made, "joined", JOINED)
    write_query(made, "here", JOINED, engine="duckdb")
    write_query(made, "there", "SELECT day, count(*) AS n FROM sales GROUP BY day ORDER BY day", engine="spark")
    write_query(made, "slow", SLOW, timeout="10m")
    write_query(made, "short", SLOW, timeout="3s")
    write_query(made, "large", "SELECT a.store, b.sold FROM sales a, sales b, sales c")
    write_query(made, "folded", "SELECT store, count(*) AS n FROM sales GROUP BY store ORDER BY store")
    return made


@dataclass(frozen=True, slots=True)
class Opened:
    """A gateway, and what happened in it."""

    gateway: Gateway
    events: list[Event]

    def ask(self, query: str) -> Answer:
        return self.gateway.answer(Request(query=query, version=1, parameters={}), principal=ANYBODY)

    def explained(self, query: str) -> Mapping[str, Any]:
        request = Request(query=query, version=1, parameters={})
        found: Mapping[str, Any] = self.gateway.explain(request, principal=ANYBODY).as_dict()["engine"]
        return found

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def wholes(self) -> Wholes:
        assert self.gateway.runner.wholes is not None
        return self.gateway.runner.wholes

    def prove(self, project: Path) -> None:
        """Record every query as compared."""
        found: dict[str, str | None] = {}
        for template in self.gateway.registry.templates():
            bound = template.bind({}, now=0.0)
            translated = self.wholes.planner.translated(bound, self.gateway.planning.snapshots(bound))
            found[f"{template.name}/v1"] = digest_of(bound, translated)
        Proofs(project).add(found)

    def running_alone(self, query: str, cluster: SqlCluster | None = None) -> Any:
        """Start a query in Spark, without the pipeline around it."""
        (template,) = (each for each in self.gateway.registry.templates() if each.name == query)
        bound = template.bind({}, now=0.0)
        snapshots = self.gateway.planning.snapshots(bound)
        plan = self.gateway.planning.planner.plan(bound, snapshots)
        planned = self.wholes.planner.plan(plan, snapshots, ANYBODY)
        here = self.gateway.engine.execute(planned.nothing)
        here.close()
        return lambda **given: (cluster or self.wholes.cluster).execute(
            planned, here.schema, here.columns, move=stay, deadline=None, **given
        )


@contextmanager
def opened(project: Path, server: SparkServer, proven: bool = True, **environment: str) -> Iterator[Opened]:
    events: list[Event] = []
    given = {
        "GATEWAY_CLUSTER_SPARK": server.address,
        "GATEWAY_CLUSTER_ABOVE": "0",
        "GATEWAY_CLUSTER_ALONE": "1GiB",
        **PATIENT,
        **environment,
    }
    with open_gateway(load_settings(project, given), observe=events.append, background=False) as gateway:
        for table in gateway.catalog.tables:
            gateway.catalog.refresh(table)
        made = Opened(gateway, events)
        wait_for(lambda: made.wholes.cluster.problem() is None, "Spark", seconds=STARTING)
        if proven:
            made.prove(project)
        yield made


def here(project: Path, *queries: str) -> list[pa.Table]:
    """Return what DuckDB answers to each query."""
    with open_gateway(load_settings(project, {}), observe=lambda event: None, background=False) as gateway:
        for table in gateway.catalog.tables:
            gateway.catalog.refresh(table)
        requests = [Request(query=query, version=1, parameters={}) for query in queries]
        return [gateway.answer(request, principal=ANYBODY).result.table for request in requests]


def test_spark_answers_over_http_and_nobody_is_told_its_token(
    project: Path, spark_all_along: SparkServer, serve: Callable[..., Any]
) -> None:
    with opened(project, spark_all_along) as there:
        there.ask("joined")  # the first query has Spark start its executors
    address = f"{spark_all_along.address}/;user_id=analyst;x-secret=opensesame"
    server = serve(project, {"GATEWAY_CLUSTER_SPARK": address, "GATEWAY_CLUSTER_ABOVE": "0", **PATIENT})
    answer, ready = server.get("/v1/queries/joined/v1/result"), json.loads(server.get("/readyz").body)
    assert answer.headers["gateway-engine"] == "spark", answer.body
    assert json.loads(answer.body)["data"][0] == {"country": "DE", "day": "2024-01-31", "n": 1, "amount": "1.05"}
    assert ready["spark"] == {"status": "ok", "address": spark_all_along.address, "version": "4.3.0"}
    assert "opensesame" not in answer.body.decode() + json.dumps(ready) + server.log.read_text()


def test_the_rows_and_the_types_are_those_of_duckdb(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there:
        answers = {name: there.ask(name) for name in ("joined", "there", "here")}
    assert [engine_of(answer) for answer in answers.values()] == ["spark", "spark", "duckdb"]
    assert [answer.result.table for answer in answers.values()] == here(project, *answers)


def test_an_explanation_says_which_engine_and_why(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along, proven=False, GATEWAY_CLUSTER_ABOVE="1KiB") as there:
        unproven = there.explained("joined")
        there.prove(project)
        large, asked, forbidden = there.explained("joined"), there.explained("there"), there.explained("here")
    with opened(project, spark_all_along, GATEWAY_CLUSTER_ABOVE="1GiB") as there:
        small = there.explained("joined")
        answer = there.ask("joined")
    assert (unproven["name"], unproven["instead"]) == ("duckdb", "gateway check --engine spark --data")
    assert (large["name"], large["why"].partition(",")[2]) == ("spark", " more than cluster.above (1.0 KiB)")
    assert (asked["name"], asked["why"]) == ("spark", "the query asks for it (engine: spark)")
    assert (forbidden["name"], forbidden["instead"]) == ("duckdb", "engine: auto")
    assert (small["name"], small["instead"]) == ("duckdb", "a wider question, or engine: spark")
    assert engine_of(answer) == "duckdb"


def test_what_is_missing_of_partials_goes_to_spark_only_where_it_is_large(
    project: Path, spark_all_along: SparkServer
) -> None:
    folding = {"GATEWAY_CACHE_PARTIALS": "0.2", "GATEWAY_CACHE_PARTIALS_FROM": "0"}
    with opened(project, spark_all_along, **folding) as there:
        large = there.ask("folded")
    with opened(project, spark_all_along, **folding, GATEWAY_CLUSTER_ABOVE="1GiB") as there:
        small = there.ask("folded")
    assert (engine_of(large), large.result.folded) == ("spark", None)
    assert engine_of(small) == "duckdb"
    assert large.result.table.equals(small.result.table)


def test_every_idiom_is_answered_alike_or_refused(
    tmp_path: Path, spark_all_along: SparkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = idioms.make_project(tmp_path / "idioms")
    for name, value in {"GATEWAY_CLUSTER_SPARK": spark_all_along.address, **PATIENT}.items():
        monkeypatch.setenv(name, value)
    checked = CliRunner().invoke(main, ["check", "--engine", "spark", "--data", "--project", str(made)])
    equal = json.loads((made / FILE).read_text())["compared"]
    assert {name.removesuffix("/v1") for name in equal} == set(idioms.EQUAL), checked.output
    for name, (_, reason) in idioms.REFUSED.items():
        told = [line for line in checked.output.splitlines() if line.startswith(f"queries/{name}/")]
        assert any(reason in line for line in told), (name, told)


def test_the_queries_of_tpch_are_answered_alike(tmp_path: Path, spark_all_along: SparkServer) -> None:
    made = build_tpch(tmp_path, SCALE, lambda *table: None)
    with opened(made, spark_all_along) as there:
        names = sorted(template.name for template in there.gateway.registry.templates())
        answers = {name: there.ask(name) for name in names}
    assert [engine_of(answer) for answer in answers.values()] == ["spark"] * 22
    for (name, answer), ours in zip(answers.items(), here(made, *names), strict=True):
        assert difference(rows_of(ours), rows_of(answer.result.table), ordered=True) is None, name


def test_files_that_are_replaced_while_they_are_read_are_noticed(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there:
        stream = there.running_alone("joined")(started=lambda cancel: None)
        idioms.write_tables(project)
        with pytest.raises(FilesChanged):
            list(stream)


def test_a_query_whose_files_were_replaced_is_planned_again(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there:
        runner = there.gateway.runner
        meddling = Meddling(there.wholes.cluster, lambda: idioms.write_tables(project, days=2))
        executor = there.gateway.executor.over(replace(runner, wholes=replace(there.wholes, cluster=meddling)))
        answer = Opened(replace(there.gateway, executor=executor), there.events).ask("joined")
        assert there.told(QueryReplanned)
    assert engine_of(answer) == "spark"
    assert [answer.result.table] == here(project, "joined")


class Meddling:
    """Spark, beside which something happens when it is asked for the first time."""

    def __init__(self, cluster: SqlCluster, happen: Callable[[], None]) -> None:
        self.cluster, self.happen = cluster, happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cluster, name)

    def execute(self, *given: Any, **named: Any) -> Any:
        stream = self.cluster.execute(*given, **named)
        happen, self.happen = self.happen, lambda: None
        happen()
        return stream


def test_a_deadline_ends_the_query(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there, pytest.raises(DeadlineExceeded):
        there.ask("short")


def test_a_query_that_is_cancelled_ends(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there, ThreadPoolExecutor(1) as pool:
        handed: list[Any] = []
        run = pool.submit(there.running_alone("slow"), started=handed.append)
        wait_for(lambda: handed)[0]()
        with pytest.raises(EngineFailed, match="cancelled"):
            run.result()


def test_an_answer_that_is_too_large_is_an_error(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along, GATEWAY_CLUSTER_SPARK_LARGEST="1KiB") as there, pytest.raises(ResultTooLarge):
        there.ask("large")
