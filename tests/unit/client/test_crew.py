"""Threads that read splits: each batch once, whatever the gateway has room for, and no thread left behind."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from threading import enumerate as threads

import pyarrow as pa
import pytest
from query_gateway_client import Busy, Split
from query_gateway_client.crew import Crew
from query_gateway_client.progress import Progress, Read
from query_gateway_client.retry import Attempts, Deadline, Retry
from query_gateway_client.transfer import SplitTransfer
from waiting import wait_for

BATCHES = 5
BUSY = Busy(status=503, code="queue-full", title="Too many queries are waiting")


def transfers(count: int) -> list[SplitTransfer]:
    splits = [Split(number=number, address="/", rows=None, bytes=None) for number in range(count)]
    attempts = Attempts(retry=Retry(), deadline=Deadline(at=None))
    return [SplitTransfer.of(each, 0, attempts=attempts, base="", silence=1, kept=None) for each in splits]


def batches_of(split: SplitTransfer) -> Iterator[pa.RecordBatch]:
    for number in range(BATCHES):
        yield pa.record_batch({"id": [split.split.number * BATCHES + number]})


def taken(crew: Crew) -> list[int]:
    return sorted(number for batch in crew.batches() for number in batch["id"].to_pylist())


def test_every_batch_comes_once_and_is_reported() -> None:
    told: list[Read] = []
    crew = Crew(transfers(9), batches_of, 4, Progress.shown(told.append, 9))
    assert taken(crew) == list(range(9 * BATCHES))
    assert (max(read.rows for read in told), max(read.splits for read in told)) == (9 * BATCHES, 9)


def test_a_gateway_with_room_for_one_is_read_by_one() -> None:
    room = Lock()

    def read(split: SplitTransfer) -> Iterator[pa.RecordBatch]:
        if not room.acquire(blocking=False):
            raise BUSY
        try:
            yield from batches_of(split)
        finally:
            room.release()

    assert taken(Crew(transfers(9), read, 4, Progress.shown(False, 9))) == list(range(9 * BATCHES))


def test_a_gateway_without_room_is_an_error() -> None:
    def read(split: SplitTransfer) -> Iterator[pa.RecordBatch]:
        raise BUSY
        yield

    with pytest.raises(Busy):
        taken(Crew(transfers(9), read, 4, Progress.shown(False, 9)))


def test_an_error_of_one_thread_ends_all() -> None:
    def read(split: SplitTransfer) -> Iterator[pa.RecordBatch]:
        yield from batches_of(split)
        if split.split.number == 3:
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        taken(Crew(transfers(90), read, 4, Progress.shown(False, 90)))
    wait_for(lambda: not [each for each in threads() if each.name == "read-splits"])


def test_threads_end_where_nobody_takes_their_batches() -> None:
    batches = Crew(transfers(90), batches_of, 4, Progress.shown(False, 90)).batches()
    next(batches)
    batches.close()
    wait_for(lambda: not [each for each in threads() if each.name == "read-splits"])
