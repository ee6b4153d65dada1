"""A table that comes back to what it was before: a file is taken away, and the very same file is put back."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from numbered import KEPT, LARGE, ask, make_project, post, write_number

pytestmark = pytest.mark.gunicorn


@pytest.mark.parametrize("path", [KEPT, LARGE], ids=["aggregated", "rows"])
def test_an_answer_over_files_that_are_put_back_is_of_these_files(
    serve: Callable[..., Any], tmp_path: Path, path: str
) -> None:
    project = make_project(tmp_path / "project")
    rows, first, second = project / "data/day=a/rows.parquet", tmp_path / "first", tmp_path / "second"
    write_number(project / "data", 1)
    gateway = serve(project, {"GATEWAY_STATE": str(tmp_path / "state")}, workers=1)
    connection = HTTPConnection(gateway.host, gateway.port)
    assert ask(connection, path).number == 1
    rows.rename(first)
    write_number(project / "data", 2)
    post(gateway, "/v1/tables/numbers/refresh")
    assert ask(connection, path).number == 2
    for away, back, number in ((second, first, 1), (first, second, 2), (second, first, 1)):
        rows.rename(away)
        back.rename(rows)
        post(gateway, "/v1/tables/numbers/refresh")
        assert ask(connection, path).number == number
    connection.close()
