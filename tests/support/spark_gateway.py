"""A gateway beside a real Spark: a small project, what happens in it, and Spark that a test watches or meddles with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Moment
from typing import Any

import idioms
import pyarrow as pa
import pyarrow.parquet as pq
from spark_server import STARTING, SparkServer
from waiting import wait_for

from gateway.answer import Answer
from gateway.app.gateway import open_gateway
from gateway.cluster.proofs import Proofs
from gateway.config import load_settings
from gateway.execution.stores import stay
from gateway.execution.wholes import SqlCluster, Wholes
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.plan.spark.planner import digest_of
from gateway.telemetry.events import Event

ANYBODY = Principal()
PATIENT = {"GATEWAY_ENGINE_TIMEOUT": "10m"}
JOINED = """\
SELECT h.country, s.day, count(*) AS n, sum(s.amount) AS amount
FROM sales s LEFT JOIN shops h ON h.name = s.store GROUP BY h.country, s.day ORDER BY s.day, h.country"""
"""A query that is not put together of partials."""
SLOW = """\
SELECT count(*) AS n FROM ticks t, sales a, sales b, sales c, sales d, sales e
WHERE t.n * a.units * b.units * c.units * d.units + e.units = 5"""
"""A query that computes for a long time, in many small steps."""
COUNTED = """\
SELECT count(*) AS n FROM ticks t, sales a, sales b, sales c WHERE t.n * a.units * b.units + c.units = 5"""
"""A query that computes for some seconds."""
DIVIDED = "SELECT sold, units / rate AS q FROM sales"
"""A query that fails in Spark only: a DOUBLE is divided by zero."""
MEANS = """\
SELECT n, avg(n * 104729 % 1000003) OVER (ORDER BY n) AS i,
    avg(CAST(n * 7919 % 1000003 AS DECIMAL(12, 2)) * 0.01) OVER (ORDER BY n) AS m
FROM ticks WHERE n < 120000 ORDER BY n"""
"""Means of many numbers: some of them DuckDB rounds twice."""
WIDE = "SELECT t.n AS a, t.n + 1 AS b, t.n + 2 AS c, t.n + 3 AS d, t.n + 4 AS e FROM ticks t, sales s"
"""A query with more rows than the driver of Spark may hold."""
TICKS = 400_000


def write_query(project: Path, name: str, sql: str, **front: str) -> None:
    lines = {"summary": name, "cache": "off", "examples": "[{}]", **front}
    text = "\n".join(f"{key}: {value}" for key, value in lines.items())
    (project / "queries" / name).mkdir(parents=True, exist_ok=True)
    (project / "queries" / name / "v1.sql").write_text(f"/*\n{text}\n*/\n{sql}\n")


def make_project(made: Path) -> Path:
    """Write a small project, whose queries may run in Spark once they are recorded as compared."""
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
    write_query(made, "counted", COUNTED, timeout="10m")
    write_query(made, "wide", WIDE)
    write_query(made, "divided", DIVIDED)
    write_query(made, "means", MEANS)
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

    def beside(self, cluster: SqlCluster) -> Opened:
        """Return this gateway with another cluster."""
        wholes = replace(self.wholes, cluster=cluster)
        executor = self.gateway.executor.over(replace(self.gateway.runner, wholes=wholes))
        return Opened(replace(self.gateway, executor=executor), self.events)

    def running_alone(self, query: str) -> Any:
        """Start a query in Spark, without the pipeline around it."""
        (template,) = (each for each in self.gateway.registry.templates() if each.name == query)
        bound = template.bind({}, now=0.0)
        snapshots = self.gateway.planning.snapshots(bound)
        plan = self.gateway.planning.planner.plan(bound, snapshots)
        planned = self.wholes.planner.plan(plan, snapshots, ANYBODY)
        here = self.gateway.engine.execute(planned.nothing)
        here.close()
        return lambda **given: self.wholes.cluster.execute(
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


class Watched:
    """Spark, and the moment when it is given a query."""

    def __init__(self, cluster: SqlCluster) -> None:
        self.cluster, self.running = cluster, Moment()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cluster, name)

    def execute(self, *given: Any, started: Callable[[Any], None], **named: Any) -> Any:
        def tell(cancel: Any) -> None:
            started(cancel)
            self.running.set()

        return self.cluster.execute(*given, started=tell, **named)
