"""Dropping kept results over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.cache.tier import Purge

NOW = 1_400_000_000.0


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("query=delays", Purge(query="delays")),
        ("table=flights&older=1h", Purge(table="flights", before=NOW - 3_600)),
        ("older=0", None),
    ],
)
def test_results_are_dropped_by_what_is_given(
    client: FlaskClient, gateway: Any, criteria: str, expected: Purge | None
) -> None:
    response = client.delete(f"/v1/cache?{criteria}")
    if expected is None:
        assert (response.status_code, gateway.dropped) == (422, [])
        return
    assert response.json == {"dropped": {"memory": 1, "disk": 2}}
    assert gateway.dropped == [expected]


@pytest.mark.parametrize(
    "criteria", ["", "?", "?qery=delays", "?older=soon", "?query=delays&age=1h", "?query=delays&query=planes"]
)
def test_what_is_not_understood_drops_nothing(client: FlaskClient, gateway: Any, criteria: str) -> None:
    assert client.delete(f"/v1/cache{criteria}").status_code == 422
    assert gateway.dropped == []
