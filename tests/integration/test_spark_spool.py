"""Answers that are too large for the driver of Spark: written below a prefix, read to the same rows, and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from signal import SIGKILL
from typing import Any

import idioms
import pyarrow as pa
import pytest
from process_tree import tree
from spark_gateway import PATIENT, TICKS, Opened, here, make_project, opened, write_query
from spark_server import SparkServer
from waiting import LONG, wait_for

from gateway.errors import EngineFailed, FilesChanged
from gateway.web.headers import engine_of

TYPED = """\
SELECT t.n, s.*, NULL AS nothing FROM ticks t, sales s WHERE t.n < 2000 ORDER BY t.n % 100, t.n DESC, s.sold"""
"""A query with a value of each type, in an order that no table has."""
SIFTED = """\
SELECT t.n, a.units AS x FROM ticks t, sales a, sales b, sales c, sales d
WHERE t.n * a.units * b.units * c.units + d.units = 5"""
"""A query that computes for some seconds, and has rows from the beginning on."""
SMALL = {"GATEWAY_CLUSTER_SPARK_LARGEST": "1KiB"}
"""So that most answers are too large to be sent."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project")
    write_query(made, "typed", TYPED)
    write_query(made, "typed_here", TYPED, engine="duckdb")
    write_query(made, "sifted", SIFTED, timeout="10m")
    return made


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The prefix, in which another gateway of another machine has something, and somebody else."""
    folder = tmp_path / "spool"
    for path in OTHERS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("not ours")
    return folder


OTHERS = ["notes.txt", "elsewhere/run/part-00000-x-c000.parquet"]


def left(spool: Path) -> list[str]:
    """List the files below the prefix that are not those of others."""
    found = (path.relative_to(spool).as_posix() for path in spool.rglob("*") if path.is_file())
    return sorted(set(found) ^ set(OTHERS))


@contextmanager
def spooling(project: Path, server: SparkServer, spool: Path, **environment: str) -> Iterator[Opened]:
    with opened(project, server, GATEWAY_CLUSTER_SPARK_SPOOL=str(spool), **environment) as there:
        yield there


class Meddling:
    """A spool beside which something happens before Spark writes to it."""

    def __init__(self, spool: Any, happen: Callable[[], None]) -> None:
        self.spool, self.happen = spool, happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.spool, name)

    @contextmanager
    def run(self) -> Iterator[Any]:
        with self.spool.run() as run:
            self.happen()
            yield run


def meddled(there: Opened, happen: Callable[[], None]) -> Opened:
    cluster: Any = there.wholes.cluster
    return there.beside(replace(cluster, spool=Meddling(cluster.spool, happen)))


def test_a_large_answer_has_the_rows_of_one_that_is_sent(
    project: Path, spark_all_along: SparkServer, spool: Path
) -> None:
    with opened(project, spark_all_along) as there:
        sent = there.ask("typed")
    with spooling(project, spark_all_along, spool, **SMALL) as there:
        seen = list[int]()
        beside = meddled(there, lambda: seen.append(1))
        spooled, again, small = beside.ask("typed"), beside.ask("typed"), beside.ask("there")
        assert left(spool) == []
    assert [engine_of(answer) for answer in (sent, spooled, again, small)] == ["spark"] * 4
    assert spooled.result.digest == again.result.digest == sent.result.digest
    assert len(seen) == 2
    assert [small.result.table] == here(project, "there")


def test_rows_that_are_sent_while_they_are_read_have_the_bytes_of_duckdb_in_every_format(
    project: Path, spark_all_along: SparkServer, spool: Path, serve: Callable[..., Any]
) -> None:
    with opened(project, spark_all_along):
        settings = {"CLUSTER_SPARK": spark_all_along.address, "CLUSTER_ABOVE": "0", "CLUSTER_SPARK_SPOOL": str(spool)}
        given = {f"GATEWAY_{name}": value for name, value in settings.items()}
        server = serve(project, given | SMALL | PATIENT | {"GATEWAY_CACHE_MAX_RESULT": "1MiB"})
    bodies = {}
    for suffix in ("csv", "arrow"):
        theirs = server.get(f"/v1/queries/typed/v1/result.{suffix}")
        ours = server.get(f"/v1/queries/typed_here/v1/result.{suffix}")
        engines = [reply.headers["gateway-engine"] for reply in (theirs, ours)]
        assert (theirs.status, ours.status, engines) == (200, 200, ["spark", "duckdb"]), theirs.body[:500]
        bodies[suffix] = theirs.body, ours.body
    assert bodies["csv"][0] == bodies["csv"][1]
    tables = [pa.ipc.open_stream(body).read_all() for body in bodies["arrow"]]
    assert tables[0].schema == tables[1].schema
    assert rows_of(tables[0]) == rows_of(tables[1])
    wait_for(lambda: not left(spool), lambda: f"an empty spool, not {left(spool)}")


@pytest.mark.thorough
def test_what_the_driver_has_no_memory_for_is_written(project: Path, spark_all_along: SparkServer, spool: Path) -> None:
    given = {"GATEWAY_CLUSTER_SPARK_LARGEST": "1GiB"}
    with spooling(project, spark_all_along, spool, **given) as there:
        assert sum(batch.num_rows for batch in there.running_alone("wide")(started=lambda cancel: None)) == 7 * TICKS
        assert left(spool) == []


def rows_of(table: pa.Table) -> list[str]:
    """Write each row, with NaN as it is."""
    return [repr(row) for row in table.to_pylist()]


def test_a_file_that_is_replaced_while_spark_writes_is_noticed(
    project: Path, spark_all_along: SparkServer, spool: Path
) -> None:
    with spooling(project, spark_all_along, spool, **SMALL) as there:
        meddling = meddled(there, lambda: idioms.write_tables(project))
        with pytest.raises(FilesChanged):
            meddling.running_alone("typed")(started=lambda cancel: None)
        wait_for(lambda: not left(spool), lambda: f"an empty spool, not {left(spool)}")


@pytest.mark.thorough
def test_a_place_that_spark_cannot_write_to_costs_no_answer(
    project: Path, spark_all_along: SparkServer, spool: Path
) -> None:
    def obstruct() -> None:
        for owner in {run.parent for run in spool.glob("*/*")} - {spool / "elsewhere"}:
            owner.rmdir()
        (spool / there_owner(there)).write_text("a file")

    def there_owner(there: Opened) -> str:
        return next((project / ".gateway" / "spark").iterdir()).name

    with spooling(project, spark_all_along, spool, **SMALL) as there:
        answer = meddled(there, obstruct).ask("typed")
        assert engine_of(answer) == "duckdb"
        (spool / there_owner(there)).unlink()
        assert engine_of(there.ask("joined")) == "spark"


def test_a_query_that_is_cancelled_while_it_writes_leaves_nothing(
    project: Path, spark_all_along: SparkServer, spool: Path
) -> None:
    with spooling(project, spark_all_along, spool, **SMALL) as there, ThreadPoolExecutor(1) as pool:
        handed: list[Any] = []
        run = pool.submit(there.running_alone("sifted"), started=handed.append)
        wait_for(lambda: [*spool.glob("*/*/_temporary")], "a query that writes")
        handed[0]()
        with pytest.raises(EngineFailed, match="cancelled"):
            run.result(LONG)
        wait_for(lambda: swept(there, spool), lambda: f"an empty spool, not {left(spool)}", pause=0.5)


def swept(there: Opened, spool: Path) -> bool:
    """Look once for what nobody reads, and tell whether nothing is left: tasks of Spark end some time afterwards."""
    cluster: Any = there.wholes.cluster
    cluster.spool.sweep()
    return left(spool) == []


def test_what_a_killed_gateway_leaves_is_deleted_by_the_next_one(
    project: Path, spark_all_along: SparkServer, spool: Path, serve: Callable[..., Any]
) -> None:
    with opened(project, spark_all_along):
        settings = {"CLUSTER_SPARK": spark_all_along.address, "CLUSTER_ABOVE": "0", "CLUSTER_SPARK_SPOOL": str(spool)}
        server = serve(project, {f"GATEWAY_{name}": value for name, value in settings.items()} | SMALL | PATIENT)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(server.get, "/v1/queries/sifted/v1/result")
        wait_for(lambda: [*spool.glob("*/*/_temporary")], "a query that writes")
        for process in tree(server.process.pid):
            process.signal(SIGKILL)
        server.process.wait()
        assert isinstance(run.exception(LONG), OSError | HTTPException)
    assert [*spool.glob("*/*/_temporary")]
    with spooling(project, spark_all_along, spool) as there:
        wait_for(lambda: swept(there, spool), lambda: f"an empty spool, not {left(spool)}", pause=0.5)
