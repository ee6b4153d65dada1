"""One engine replaces another while queries run: the old one ends with the last of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from weakref import ref

import duckdb
import pytest

from gateway.engine.current import Engines
from gateway.engine.duckdb import DuckDBEngine
from gateway.engine.instance import DuckDBSettings
from gateway.errors import EngineFailed
from gateway.model import Statement

SLOW = Statement(sql="SELECT range AS n FROM range(3000000)", parameters={}, files=())


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    def opened(locations: Sequence[str], number: int) -> DuckDBEngine:
        return DuckDBEngine.open(DuckDBSettings(locations=locations, temp_directory=str(tmp_path / str(number))))

    engines = Engines(opened)
    yield engines
    engines.close()


def test_an_engine_that_reaches_all_places_is_kept(engines: Engines) -> None:
    first = engines.reaching(["/a", "/b"])
    assert engines.reaching(["/b"]) is first
    assert engines.reaching(["/a"], rather=first) is first


def test_a_place_that_no_engine_reaches_has_another_opened(engines: Engines) -> None:
    first = engines.reaching(["/a"])
    second = engines.reaching(["/a", "/b"], rather=first)
    assert second is not first
    assert engines.reaching(["/a"], rather=first) is first
    assert engines.reaching(["/b"], rather=first) is second


def test_an_engine_that_was_replaced_goes_on_until_its_last_query_has_ended(engines: Engines) -> None:
    first = engines.reaching(["/a"])
    connection, known = first._connection, ref(first)
    stream = first.execute(SLOW)
    batches = iter(stream)
    next(batches)
    engines.reaching(["/b"])
    del first
    assert known() is not None
    assert sum(batch.num_rows for batch in batches) > 2_000_000
    stream.close()
    del stream, batches
    assert known() is None
    wait_for_closing()
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


def test_closing_ends_every_engine_that_is_in_use(engines: Engines) -> None:
    first, second = engines.reaching(["/a"]), engines.reaching(["/b"])
    engines.close()
    for engine in (first, second):
        with pytest.raises(EngineFailed):
            engine.ping()


def wait_for_closing() -> None:
    for thread in threading.enumerate():
        if thread.name == "engine-close":
            thread.join(30)
