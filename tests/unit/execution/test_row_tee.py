"""Rows that are sent while they are gathered: in order, once, and never with a clean end that is not one."""

from collections.abc import Iterator
from threading import Event, Thread

import pyarrow as pa
import pytest

from gateway.errors import EngineFailed, FilesChanged
from gateway.execution.row_tee import RowTee
from gateway.streaming import Streamed


def batch(value: int) -> pa.RecordBatch:
    return pa.record_batch({"n": [value]})


def streamed(tee: RowTee) -> Streamed:
    return Streamed(
        key="k",
        schema=batch(1).schema,
        columns=(),
        readings=(),
        created_at=0.0,
        batches=tee.read(),
        close=tee.close,
    )


def values(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [one.column(0)[0].as_py() for one in batches]


def test_the_reader_gets_what_was_put_and_then_the_rest() -> None:
    tee, closed = RowTee(), Event()
    tee.put(batch(1))
    tee.put(batch(2))
    assert tee.hand_over(iter([batch(3)]), closed.set)
    assert values(tee.read()) == [1, 2, 3]
    assert not closed.is_set()
    tee.close()
    assert closed.is_set()


def test_the_reader_waits_for_a_writer_that_is_slower() -> None:
    tee, began = RowTee(), Event()

    def write() -> None:
        began.wait()
        tee.put(batch(1))
        tee.end()

    thread = Thread(target=write)
    thread.start()
    began.set()
    assert values(tee.read()) == [1]
    thread.join()


def test_an_error_comes_at_once_and_instead_of_an_end() -> None:
    tee = RowTee()
    tee.put(batch(1))
    tee.open(streamed(tee))
    assert tee.fail(EngineFailed("It broke."))
    with pytest.raises(EngineFailed):
        values(tee.first_rows.result().batches)


def test_a_writer_that_fails_before_the_reader_began_may_begin_anew() -> None:
    tee = RowTee()
    tee.put(batch(1))
    assert not tee.fail(FilesChanged("A file was replaced."))
    tee.put(batch(2))
    tee.end()
    assert values(tee.read()) == [2]


def test_nothing_is_held_for_a_reader_that_has_left() -> None:
    tee, closed = RowTee(), Event()
    tee.put(batch(1))
    tee.close()
    tee.put(batch(2))
    assert not tee.hand_over(iter([batch(3)]), closed.set)
    assert values(tee.read()) == []


def test_what_was_handed_over_is_closed_once() -> None:
    tee, closed = RowTee(), list[str]()
    tee.hand_over(iter(()), lambda: closed.append("closed"))
    tee.close()
    tee.close()
    assert closed == ["closed"]


def test_the_first_end_stands() -> None:
    tee = RowTee()
    tee.end()
    tee.fail(EngineFailed("Too late."))
    assert values(tee.read()) == []
