"""What an engine's process says to what it is asked over a connection, where the question came too late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest

from gateway.app.engine_processes import EngineProcesses
from gateway.processes.roles import Role
from gateway.settings import Settings


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcesses]:
    project = tmp_path_factory.mktemp("project")
    made = EngineProcesses(
        Settings.model_validate({"project": project, "state": project / "state", "memory": "2GiB"}),
    )
    made.start()
    yield made
    made.close()


def test_rows_of_a_query_that_has_ended_meanwhile_are_refused_and_the_process_goes_on(
    processes: EngineProcesses, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(processes.doors.connect(Role.MAIN)) as channel:
        channel.silent_for(60.0)
        channel.send({"op": "use", "locations": []})
        head = {"op": "write", "format": "csv", "shape": "objects", "meta": {}, "columns": [["n", "BIGINT"]]}
        how = {"delimiter": ",", "spreadsheet": False}
        channel.send({**head, **how}, pa.schema([("n", pa.int64())]).serialize())
        channel.send({"op": "splice", "id": "1.1"})
        while (told := channel.receive().head)["op"] == "bytes":
            pass
    assert (told["op"], told["code"], told["detail"]) == ("error", "engine-failed", "The query has ended.")
    engine = processes.engine([])
    engine.ping()
    engine.close()
    assert "Traceback" not in capfd.readouterr().err
