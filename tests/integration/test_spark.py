"""Answers that Spark computes: the same as DuckDB's, over the same versions of files, or a clear refusal."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from signal import SIGKILL
from threading import Event as Moment
from typing import Any

import idioms
import pytest
from click.testing import CliRunner
from seaweed import S3Server
from spark_gateway import PATIENT, Meddling, Watched, here, make_project, opened
from spark_server import STARTING, SparkServer
from waiting import LONG, becomes, wait_for

from gateway.authoring.spark_check import difference, rows_of
from gateway.cli import main
from gateway.cluster.proofs import FILE
from gateway.demo.warehouse import build_tpch
from gateway.errors import DeadlineExceeded, EngineFailed, FilesChanged, ResultTooLarge
from gateway.telemetry.events import QueryReplanned
from gateway.web.headers import engine_of

SCALE = 0.01
KILLS = int(os.environ.get("SPARK_KILLS", "1"))
"""Workers that are killed, each in another query."""
SEED = 15


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


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


@pytest.mark.thorough
def test_means_are_those_of_duckdb_to_the_last_digit(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there:
        answer = there.ask("means")
    (ours,) = here(project, "means")
    assert engine_of(answer) == "spark"
    assert answer.result.table.equals(ours)


def test_what_spark_says_of_a_query_that_fails_is_not_in_the_log(
    project: Path, spark_all_along: SparkServer, serve: Callable[..., Any]
) -> None:
    settings = {"CLUSTER_SPARK": spark_all_along.address, "CLUSTER_ABOVE": "0", "CLUSTER_ALONE": "1GiB"}
    with opened(project, spark_all_along):
        server = serve(project, {f"GATEWAY_{name}": value for name, value in settings.items()} | PATIENT)
        answer = server.get("/v1/queries/divided/v1/result")
    told = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert (answer.status, answer.headers["gateway-engine"]) == (200, "duckdb")
    assert "cluster-failed" in told


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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_the_queries_of_tpch_are_answered_alike(tmp_path: Path, spark_all_along: SparkServer) -> None:
    made = build_tpch(tmp_path, SCALE, lambda *table: None)
    with opened(made, spark_all_along) as there:
        names = sorted(template.name for template in there.gateway.registry.templates())
        answers = {name: there.ask(name) for name in names}
    assert [engine_of(answer) for answer in answers.values()] == ["spark"] * 22
    for (name, answer), ours in zip(answers.items(), here(made, *names), strict=True):
        assert difference(rows_of(ours), rows_of(answer.result.table), ordered=True) is None, name


def test_a_bucket_is_read_by_the_scheme_that_spark_knows(
    project: Path, spark_all_along: SparkServer, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = here(project, "joined")
    for path in (project / "warehouse").rglob("*.parquet"):
        key = path.relative_to(project / "warehouse")
        s3.store().put(f"spark/{key}", path.read_bytes())
        (spark_all_along.objects / key).parent.mkdir(parents=True, exist_ok=True)
        path.rename(spark_all_along.objects / key)
    for declared in (project / "catalog").iterdir():
        declared.write_text(declared.read_text().replace("location: warehouse", f"location: {s3.url('spark')}"))
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    with opened(project, spark_all_along, **os.environ, GATEWAY_STORAGE_URL_STYLE="path") as there:
        answer = there.ask("joined")
        stream = there.running_alone("joined")(started=lambda cancel: None)
        s3.store().put("spark/shops/a.parquet", b"another object")
        with pytest.raises(FilesChanged):
            list(stream)
    assert engine_of(answer) == "spark"
    assert [answer.result.table] == expected


def test_files_that_are_replaced_while_they_are_read_are_noticed(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there:
        stream = there.running_alone("joined")(started=lambda cancel: None)
        idioms.write_tables(project)
        with pytest.raises(FilesChanged):
            list(stream)


def test_a_query_whose_files_were_replaced_is_planned_again(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along) as there:
        meddling = Meddling(there.wholes.cluster, lambda: idioms.write_tables(project, days=2))
        answer = there.beside(meddling).ask("joined")
        assert there.told(QueryReplanned)
    assert engine_of(answer) == "spark"
    assert [answer.result.table] == here(project, "joined")


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


@pytest.mark.thorough
def test_an_answer_that_the_driver_has_no_memory_for_is_an_error(project: Path, spark_all_along: SparkServer) -> None:
    with opened(project, spark_all_along, GATEWAY_CLUSTER_SPARK_LARGEST="1GiB") as there:
        with pytest.raises(ResultTooLarge, match="for Spark to give it back"):
            list(there.running_alone("wide")(started=lambda cancel: None))
        assert engine_of(there.ask("joined")) == "spark"


@pytest.mark.parametrize("number", range(KILLS))
def test_a_worker_that_is_killed_in_mid_query_costs_no_answer(
    project: Path, spark_all_along: SparkServer, number: int
) -> None:
    random = Random(f"{SEED} {number}")
    with opened(project, spark_all_along) as there, ThreadPoolExecutor(1) as pool:
        watched = Watched(there.wholes.cluster)
        run = pool.submit(there.beside(watched).ask, "counted")
        assert watched.running.wait(LONG)
        Moment().wait(random.uniform(0, 5))
        workers = wait_for(lambda: spark_all_along.workers()[1:] and spark_all_along.workers(), "both workers")
        os.kill(random.choice(workers), SIGKILL)
        answer = run.result(LONG)
        wait_for(lambda: len(spark_all_along.workers()) == 2, "both workers")
    assert engine_of(answer) == "spark"
    assert [answer.result.table] == here(project, "counted")


def test_a_server_that_is_killed_in_mid_query_is_done_without_and_found_again(
    project: Path, spark_all_along: SparkServer, serve: Callable[..., Any]
) -> None:
    settings = {"GATEWAY_CLUSTER_SPARK": spark_all_along.address, "GATEWAY_CLUSTER_ABOVE": "0", **PATIENT}
    with opened(project, spark_all_along) as alone, ThreadPoolExecutor(1) as pool:
        server = serve(project, {**settings, "GATEWAY_CLUSTER_ALONE": "0"})

        def metric(name: str) -> float:
            found = re.search(rf"^gateway_{name} (\S+)$", server.get("/metrics").body.decode(), re.MULTILINE)
            return 0.0 if found is None else float(found[1])

        def shown() -> tuple[str, float]:
            return server.get("/readyz").json()["spark"]["status"], metric("spark_reachable")

        def ask(query: str) -> Any:
            return server.get(f"/v1/queries/{query}/v1/result")

        assert engine_of(alone.ask("joined")) == "spark"  # the first query has Spark start its executors
        assert ask("joined").headers["gateway-engine"] == "spark"
        run = pool.submit(ask, "slow")
        wait_for(lambda: metric("queries_running"), "a query that runs")
        Moment().wait(Random(SEED).uniform(0, 1))
        spark_all_along.kill()
        assert problem(run.result(LONG)) == (503, "cluster-unavailable", True)
        assert becomes(("failing", 0.0), shown)
        assert problem(ask("joined")) == (503, "cluster-unavailable", True)
        assert engine_of(alone.ask("joined")) == "duckdb"
        spark_all_along.start()
        wait_for(lambda: shown() == ("ok", 1.0), "Spark", seconds=STARTING)
        assert becomes(("ok", 1.0), shown)  # each worker has had a query answered there
        again, answer = ask("joined"), alone.ask("joined")
    assert (again.status, again.headers["gateway-engine"]) == (200, "spark")
    assert engine_of(answer) == "spark"
    assert [answer.result.table] == here(project, "joined")
    told = Counter(json.loads(line)["event"] for line in server.log.read_text().splitlines())
    assert told["cluster-failed"] == 1
    assert told["spark-gone"] >= 1


def problem(reply: Any) -> tuple[int, str, bool]:
    """Return the status of a reply, the kind of its problem, and whether it says when to ask again."""
    return reply.status, reply.json()["type"].rpartition("/")[2], "retry-after" in reply.headers
