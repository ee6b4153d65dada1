"""Partials that a Dask cluster computes: the answer has the bytes of this machine's, whatever ends meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dask_cluster import DaskProcesses
from folded import FOLDED, WHERE, between, make_project, put
from waiting import wait_for

from gateway.answer import Answer
from gateway.app.gateway import open_gateway
from gateway.config import load_settings
from gateway.errors import ClusterUnavailable, DeadlineExceeded, EngineFailed
from gateway.execution.elsewhere import Cluster
from gateway.model import Folded, Principal, Request, Statement
from gateway.pipeline import Gateway
from gateway.plan.fold.algebra import VERSION
from gateway.plan.fold.fold import NUMBER
from gateway.telemetry.events import ClusterFailed, ClusterGone, ClusterReached, Event, QueryReplanned
from gateway.web.headers import engine_of

DAYS = 12
SLOW = f"""\
SELECT store AS shop, count(*) AS sales, sum(amount) AS amount,
    max(levenshtein(repeat(store, 150), repeat(sold::VARCHAR, 60))) AS far
{WHERE} GROUP BY store ORDER BY store
"""
"""A query that computes for a while in each partition."""
ALL = between(0, DAYS)


@pytest.fixture
def cluster(dask_all_along: DaskProcesses) -> Iterator[DaskProcesses]:
    """Give the cluster of the session, and leave it as it was."""
    yield dask_all_along
    dask_all_along.mend()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project")
    for name, engine in (("slow", "auto"), ("here", "duckdb"), ("there", "dask")):
        (made / "queries" / name).mkdir()
        front = f"summary: {name}\nparameters: {{start: {{type: date}}, end: {{type: date}}}}\nengine: {engine}\n"
        (made / "queries" / name / "v1.sql").write_text(f"/*\n{front}timeout: 10m\n*/\n{SLOW}")
    put(made, range(DAYS), rows=20)
    return made


class Opened:
    """A gateway, and what happened in it."""

    def __init__(self, gateway: Gateway, events: list[Event]) -> None:
        self.gateway, self.events = gateway, events

    @property
    def cluster(self) -> Cluster:
        found = self.gateway.runner.cluster
        assert found is not None
        return found

    def ask(self, query: str, given: Mapping[str, str] = ALL) -> Answer:
        return self.gateway.answer(Request(query=query, version=1, parameters=given), principal=Principal())

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def opened(project: Path, state: Path, **environment: str) -> Iterator[Opened]:
    events: list[Event] = []
    settings = load_settings(
        project, {**FOLDED, "GATEWAY_ENGINE_TIMEOUT": "10m", "GATEWAY_STATE": str(state), **environment}
    )
    with open_gateway(settings, observe=events.append, background=False) as gateway:
        gateway.catalog.refresh("sales")
        yield Opened(gateway, events)


def clustered(project: Path, cluster: DaskProcesses, **environment: str) -> Any:
    """Open a gateway that has the cluster compute whatever it may."""
    own = {"GATEWAY_CLUSTER_DASK": cluster.address, "GATEWAY_CLUSTER_ABOVE": "0", "GATEWAY_CLUSTER_ALONE": "1GiB"}
    given = {**own, **environment}
    return opened(project, project.parent / "clustered", **given)


def digest_here(project: Path, query: str, given: Mapping[str, str] = ALL) -> str:
    """Return the digest of the answer that this machine computes as a whole, without anything kept."""
    with opened(project, project.parent / "whole", GATEWAY_CACHE_PARTIALS="0") as alone:
        return alone.ask(query, given).result.digest


def test_the_cluster_computes_what_is_missing_to_the_same_bytes(project: Path, cluster: DaskProcesses) -> None:
    with clustered(project, cluster) as there:
        first = there.ask("exact", between(0, 10))
        moved = there.ask("exact", between(1, 11))
        kept = there.ask("exact", between(1, 10))
    assert [answer.result.folded for answer in (first, moved, kept)] == [
        Folded(kept=0, computed=10, cluster="dask"),
        Folded(kept=9, computed=1, cluster="dask"),
        Folded(kept=9, computed=0),
    ]
    assert [engine_of(answer) for answer in (first, moved, kept)] == ["dask", "dask", "duckdb"]
    assert first.result.digest == digest_here(project, "exact", between(0, 10))
    assert moved.result.digest == digest_here(project, "exact", between(1, 11))


def test_what_is_small_stays_here_and_explanations_say_why(project: Path, cluster: DaskProcesses) -> None:
    with clustered(project, cluster, GATEWAY_CLUSTER_ABOVE="1MiB") as there:
        request = Request(query="exact", version=1, parameters=ALL)
        explained = there.gateway.explain(request, principal=Principal()).as_dict()["engine"]
        answer = there.ask("exact")
        pinned = there.ask("there")
    assert explained["name"] == "duckdb"
    assert "no more than cluster.above (1.0 MiB)" in explained["why"]
    assert "engine: dask" in explained["instead"]
    assert (engine_of(answer), engine_of(pinned)) == ("duckdb", "dask")


def test_a_query_may_forbid_the_cluster(project: Path, cluster: DaskProcesses) -> None:
    with clustered(project, cluster) as there:
        assert engine_of(there.ask("here")) == "duckdb"


def test_a_worker_that_is_killed_in_mid_query_does_not_show(project: Path, cluster: DaskProcesses) -> None:
    with clustered(project, cluster) as there, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(there.ask, "slow")
        wait_for(cluster.busy)
        cluster.workers[0].kill()
        answer = asked.result()
    assert answer.result.folded == Folded(kept=0, computed=DAYS, cluster="dask")
    assert answer.result.digest == digest_here(project, "slow")


def test_files_that_are_replaced_in_mid_query_are_planned_again(project: Path, cluster: DaskProcesses) -> None:
    with clustered(project, cluster) as there, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(there.ask, "slow")
        wait_for(cluster.busy)
        put(project, range(DAYS), seed=1, rows=20)
        answer = asked.result()
        assert there.told(QueryReplanned)
    assert answer.result.digest == digest_here(project, "slow")


def test_a_deadline_ends_the_tasks(project: Path, cluster: DaskProcesses) -> None:
    slow = project / "queries" / "slow" / "v1.sql"
    slow.write_text(slow.read_text().replace("timeout: 10m", "timeout: 1s").replace("150)", "40000)"))
    with clustered(project, cluster) as there:
        wait_for(lambda: there.cluster.problem() is None)
        with pytest.raises(DeadlineExceeded):
            there.ask("slow")
        wait_for(lambda: not cluster.busy())


def test_a_query_that_is_cancelled_ends_in_the_workers(project: Path, cluster: DaskProcesses) -> None:
    endless = f"SELECT 0::INTEGER AS {NUMBER}, sum(a.i * b.i) AS s FROM range(1000000) a(i), range(10000000) b(i)"
    statement = Statement(sql=endless, parameters={}, files=())
    with clustered(project, cluster) as there, ThreadPoolExecutor(1) as pool:
        handed: list[Any] = []
        run = pool.submit(there.cluster.execute, [statement] * 4, deadline=None, started=handed.append)
        wait_for(cluster.busy)
        handed[0]()
        with pytest.raises(EngineFailed, match="cancelled"):
            run.result()
        wait_for(lambda: not cluster.busy())


def test_a_worker_of_another_release_is_refused_and_others_compute(project: Path, cluster: DaskProcesses) -> None:
    unlike = cluster.add_unlike()
    cluster.wait(3)
    with clustered(project, cluster) as there:
        wait_for(lambda: there.cluster.status()["workers"] == 2 and there.cluster.status()["refused"])
        answer = there.ask("exact")
        assert list(there.cluster.status()["refused"].values()) == [f"algebra '0' in place of '{VERSION}'"]
    assert answer.result.folded == Folded(kept=0, computed=DAYS, cluster="dask")
    assert answer.result.digest == digest_here(project, "exact")
    unlike.kill()


def test_a_scheduler_that_is_gone_is_done_without_and_found_again(project: Path, cluster: DaskProcesses) -> None:
    with clustered(project, cluster) as there, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(there.ask, "slow")
        wait_for(cluster.busy)
        cluster.stop()
        answer = asked.result()
        wait_for(lambda: there.told(ClusterGone))
        again = there.ask("exact")
        assert (engine_of(answer), engine_of(again)) == ("duckdb", "duckdb")
        assert len(there.told(ClusterFailed)) == 2
        assert there.cluster.status()["status"] == "failing"
        cluster.start()
        wait_for(lambda: there.cluster.problem() is None)
        assert there.told(ClusterReached)
        assert engine_of(there.ask("mean")) == "dask"
    assert answer.result.digest == digest_here(project, "slow")
    assert again.result.digest == digest_here(project, "exact")


def test_what_one_machine_may_not_do_is_refused_without_a_cluster(project: Path, free_ports: Any) -> None:
    nobody = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    environment = {"GATEWAY_CLUSTER_DASK": nobody, "GATEWAY_CLUSTER_ABOVE": "0", "GATEWAY_CLUSTER_ALONE": "1KiB"}
    with opened(project, project.parent / "state", **environment) as alone:
        request = Request(query="exact", version=1, parameters=ALL)
        with pytest.raises(ClusterUnavailable, match=r"cluster\.alone is 1\.0 KiB.*scheduler cannot be reached"):
            alone.gateway.answer(request, principal=Principal())
        explained = alone.gateway.explain(request, principal=Principal()).as_dict()["engine"]
        assert engine_of(alone.ask("here")) == "duckdb"
    assert explained["name"] is None
    assert "its scheduler cannot be reached" in explained["why"]
