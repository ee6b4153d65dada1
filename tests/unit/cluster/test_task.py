"""What goes to a worker and comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from gateway.cluster.task import IDENTITY, Reply, Task
from gateway.cluster.worker import Resources, Worker
from gateway.engine.instance import S3Access
from gateway.errors import FilesChanged, StorageFailed
from gateway.model import Column, FileVersion, Relation, Statement, TypedValue
from gateway.plan.fold.fold import NUMBER
from gateway.processes.wire import relations_of

ROWS = pa.table({"a": pa.array([1, None], pa.int32())})
TASK = Task(
    job="j",
    statement=Statement(
        sql="SELECT $p",
        parameters={"p": TypedValue(value=1.5, type="DOUBLE")},
        files=[FileVersion(path="s3://b/x", size=1, etag='"e"', modified=7)],
        relations=(Relation(name="r", rows=ROWS),),
    ),
    locations=("s3://b/",),
    access=S3Access(endpoint="localhost:9000"),
    http_timeout=3,
    seconds=1.5,
    identity=IDENTITY,
)


def perform(task: Task, scratch: Path) -> Reply:
    return Reply.read(Worker().perform(task.written(), None, Resources(threads=1, memory=2**28, scratch=scratch)))


def test_a_task_is_read_as_it_was_written() -> None:
    relations = relations_of(TASK.statement)
    assert relations is not None
    read = Task.read(TASK.written(), relations.to_pybytes())
    assert replace(read, locations=tuple(read.locations)) == TASK


def test_a_reply_is_read_as_it_was_written() -> None:
    columns = (Column(name="a", type="INTEGER"),)
    read = Reply.read(Reply(rows=ROWS, columns=columns, cut=True).written())
    assert (read.rows, read.columns, read.cut, read.error) == (ROWS, columns, True, None)


def test_an_error_comes_back_of_its_class_with_what_it_says() -> None:
    error = Reply.read(Reply(error=StorageFailed("Silent.", passing=True, path="s3://b/x")).written()).error
    assert isinstance(error, StorageFailed)
    assert (error.detail, error.passing, error.path) == ("Silent.", True, "s3://b/x")


def test_a_worker_refuses_what_is_of_another_release(tmp_path: Path) -> None:
    task = replace(TASK, identity={"algebra": "0", "engine": "duckdb 0.1", "tasks": "2"})
    unlike = perform(task, tmp_path).unlike
    assert unlike is not None
    assert "in place of 'duckdb 0.1'" in unlike
    assert "algebra" in unlike


def test_a_worker_says_that_a_file_is_another_one(tmp_path: Path) -> None:
    gone = FileVersion(path=str(tmp_path / "x.parquet"), size=1, etag='"1-1-1"')
    statement = Statement(sql=f"SELECT 0::INTEGER AS {NUMBER}, 1 AS a", parameters={}, files=[gone])
    task = replace(TASK, statement=statement, locations=(str(tmp_path),), access=None)
    assert isinstance(perform(task, tmp_path).error, FilesChanged)


def test_a_worker_ends_a_statement_whose_partials_are_too_large(tmp_path: Path) -> None:
    sql = f"SELECT 0::INTEGER AS {NUMBER}, i FROM range(50000000) t(i)"
    statement = Statement(sql=sql, parameters={}, files=[])
    reply = perform(replace(TASK, statement=statement, locations=(str(tmp_path),), access=None), tmp_path)
    assert reply.cut
    assert reply.rows is not None
    assert reply.rows.num_rows < 5_000_000


def test_a_job_that_was_cancelled_begins_no_task(tmp_path: Path) -> None:
    worker = Worker()
    worker.stop("j")
    sql = f"SELECT 0::INTEGER AS {NUMBER}, sum(a.i * b.i) AS s FROM range(1000000) a(i), range(1000000) b(i)"
    task = replace(TASK, statement=Statement(sql=sql, parameters={}, files=[]), locations=(str(tmp_path),), access=None)
    written = worker.perform(task.written(), None, Resources(threads=1, memory=2**28, scratch=tmp_path))
    error = Reply.read(written).error
    assert error is not None
    assert "cancelled" in error.detail
