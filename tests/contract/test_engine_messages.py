"""What an engine's process says to what it is asked over a connection: who has the slot, and what came too late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import Any

import pyarrow as pa
import pytest

from gateway.app.engine_processes import EngineProcesses
from gateway.model import Statement
from gateway.processes.connections import admission
from gateway.processes.frames import Channel
from gateway.processes.roles import Role
from gateway.processes.wire import statement_to_json
from gateway.settings import Settings


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcesses]:
    project = tmp_path_factory.mktemp("project")
    made = EngineProcesses(
        Settings.model_validate(
            {"project": project, "state": project / "state", "memory": "2GiB", "engine": {"slots": 1}}
        ),
    )
    made.start()
    yield made
    made.close()


def write(channel: Channel, form: str) -> None:
    """Have rows of whole numbers written that are sent next."""
    channel.silent_for(60.0)
    channel.send({"op": "use", "locations": []})
    head = {"op": "write", "format": form, "shape": "objects", "meta": {}, "columns": [["n", "BIGINT"]]}
    how = {"delimiter": ",", "spreadsheet": False}
    channel.send({**head, **how}, pa.schema([("n", pa.int64())]).serialize())


def test_a_format_of_many_rows_to_its_first_bytes_says_when_it_has_taken_some(processes: EngineProcesses) -> None:
    """Who feeds it does not wait for bytes of them then."""
    batch = pa.RecordBatch.from_pydict({"n": pa.array(range(50_000))})
    with closing(processes.doors.connect(Role.MAIN)) as channel:
        write(channel, "parquet")
        for _ in range(2):
            assert channel.ask({"op": "rows"}, batch.serialize()).head == {"op": "taken"}
        assert channel.ask({"op": "rows"}, batch.serialize()).head == {"op": "bytes"}
        channel.send({"op": "end"})
        while (told := channel.receive().head)["op"] == "bytes":
            pass
    assert told == {"op": "written", "rows": 150_000}


def test_rows_of_a_query_that_has_ended_meanwhile_are_refused_and_the_process_goes_on(
    processes: EngineProcesses, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(processes.doors.connect(Role.MAIN)) as channel:
        write(channel, "csv")
        channel.send({"op": "splice", "id": "1.1"})
        while (told := channel.receive().head)["op"] == "bytes":
            pass
    assert (told["op"], told["code"], told["detail"]) == ("error", "engine-failed", "The query has ended.")
    engine = processes.engine([])
    engine.ping()
    engine.close()
    assert "Traceback" not in capfd.readouterr().err


def asking(processes: EngineProcesses, **how: Any) -> Channel:
    """Ask for the slot over a connection of its own."""
    channel = processes.doors.connect(Role.MAIN)
    channel.silent_for(60.0)
    channel.send({"op": "use", "locations": []})
    channel.send(admission(monotonic() + 60, **how))
    return channel


def admitted(processes: EngineProcesses, **how: Any) -> Channel:
    """Take the slot over a connection of its own."""
    channel = asking(processes, **how)
    assert channel.receive().head == {"op": "admitted"}
    return channel


def ran(channel: Channel) -> list[str]:
    """Wait for the slot, and run a statement in it; return what is said of it."""
    assert channel.receive().head == {"op": "admitted"}
    return run(channel)


def run(channel: Channel) -> list[str]:
    """Run a statement in the slot; return what is said of it."""
    statement = statement_to_json(Statement(sql="SELECT 1 AS n", parameters={}, files=()))
    channel.send({"op": "execute", "id": "1.2", "origin": "", "deadline": monotonic() + 60, "statement": statement})
    said = [channel.receive().head["op"]]
    while said[-1] not in ("end", "error"):
        said.append(channel.receive().head["op"])
    return said


def test_a_slot_is_free_for_the_next_query_once_its_statement_has_ended(processes: EngineProcesses) -> None:
    with closing(admitted(processes)) as first, closing(asking(processes)) as second:
        assert run(first) == ["schema", "rows", "end"]
        assert ran(second) == ["schema", "rows", "end"]
        first.send(admission(monotonic() + 60))  # a connection is used for the next query as it is
        assert ran(first) == ["schema", "rows", "end"]


def test_a_slot_that_is_held_is_free_once_it_is_given_back(processes: EngineProcesses) -> None:
    with closing(admitted(processes, holds=True)) as first, closing(asking(processes)) as second:
        assert run(first) == ["schema", "rows", "end"]
        assert not list(second.waiting())
        first.send({"op": "ping", "id": "1.3", "origin": "", "deadline": monotonic() + 60})
        assert first.receive().head["op"] == "ping"
        assert not list(second.waiting())
        first.send({"op": "release"})
        assert ran(second) == ["schema", "rows", "end"]
