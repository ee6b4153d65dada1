"""Two projects over one state folder sign cursors with one secret: a cursor of one is no page of the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deployments import RESULT, write_project

pytestmark = pytest.mark.gunicorn


def test_a_cursor_of_another_project_is_refused(serve: Any, tmp_path: Path) -> None:
    running = []
    for name in ("blue", "green"):
        project = write_project(tmp_path / name)
        (project / "data").mkdir()
        pq.write_table(pa.table({"owner": [name] * 3}), project / "data" / "rows.parquet")
        running.append(serve(project, {"GATEWAY_STATE": str(tmp_path / "state")}, workers=1))
    blue, green = running
    following = blue.get(RESULT, {"ask": 1, "_limit": 1}).json()["next"]
    assert blue.get(following).json()["data"] == [{"owner": "blue", "ask": 1}]
    assert green.get(RESULT, {"ask": 1, "_limit": 1}).json()["data"] == [{"owner": "green", "ask": 1}]
    refused = green.get(following)
    assert (refused.status, refused.json()["type"]) == (400, "/errors/malformed-request")
