"""A Spark Connect server that takes connections and never answers: nothing waits for it without end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socket import create_server
from typing import Any

import pytest
from waiting import LONG, wait_for

from gateway.telemetry.events import Event, SparkGone

calls = pytest.importorskip("gateway.cluster.spark_calls", reason="the client of Spark is not installed")
spark = pytest.importorskip("gateway.cluster.spark", reason="the client of Spark is not installed")
session = pytest.importorskip("gateway.cluster.spark_session", reason="the client of Spark is not installed")
QUERY = "SELECT 1 AS x"
ANSWERING = 0.2


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with create_server(("127.0.0.1", 0)) as listening:
        yield f"sc://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_does_not_answer_is_gone(silent: str) -> None:
    events: list[Event] = []
    connection = spark.SparkConnection(silent, events.append, answering=0.5)
    connection.start()
    try:
        wait_for(lambda: events)
        assert events == [SparkGone(reason="its server cannot be reached, or computes nothing")]
        assert connection.status()["status"] == "failing"
    finally:
        connection.close()


def read(opened: Any, streams: Any) -> None:
    """Read rows, which never come."""
    with opened.reading(streams), pytest.raises(session.RAISED):
        list(opened.rows(QUERY, {}, "tag"))


@contextmanager
def reading(silent: str) -> Iterator[tuple[Any, Any]]:
    """Have a thread read rows, which has to end by what is done meanwhile."""
    opened, streams = session.Session(silent, ANSWERING), calls.Streams()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(read, opened, streams)
        wait_for(lambda: streams.reads)
        yield opened, streams
        run.result(LONG)


def test_what_is_read_ends_with_its_reader(silent: str) -> None:
    with reading(silent) as (opened, streams):
        streams.end()
    read(opened, streams)
    opened.close()


def test_what_is_read_ends_with_its_session(silent: str) -> None:
    with reading(silent) as (opened, _):
        opened.close()


def test_what_is_read_ends_at_its_time(silent: str) -> None:
    opened = session.Session(silent, ANSWERING)
    read(opened, calls.Streams(until=time.monotonic() + 0.1))
    opened.close()
