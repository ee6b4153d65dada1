"""A store that is silent past the deadline of queries: they only waited, so nothing is ended and none runs apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from events import between
from fault_proxy import Fault, FaultProxy, always, sound
from shop import Shop
from waiting import wait_for

pytestmark = [pytest.mark.s3, pytest.mark.gunicorn]

AMOUNT = "/v1/queries/amount/v1/result"


@pytest.fixture
def proxy(s3: Any, free_ports: Callable[[int], list[int]]) -> Iterator[FaultProxy]:
    [port] = free_ports(1)
    with FaultProxy(server=s3.endpoint, port=port) as running:
        yield running


def test_queries_that_wait_for_a_silent_store_end_nothing_and_do_not_run_apart(
    s3: Any, proxy: FaultProxy, serve: Any, tmp_path: Path
) -> None:
    shop = Shop(server=s3, endpoint=proxy.endpoint, prefix="silent", folder=tmp_path / "project")
    shop.open(4, "timeout: 2s\ncache: off")
    server = serve(shop.folder, {**shop.environment(), "GATEWAY_ENGINE_SLOTS": "4"})

    def engine() -> dict[str, Any]:
        found: dict[str, Any] = server.get("/readyz").json().get("engine", {})
        return found

    def status(day: int) -> int:
        found: int = server.get(AMOUNT, between(day, day + 1)).status
        return found

    wait_for(lambda: status(0) == 200)  # within two seconds, which a busy machine may pass
    proxy.program = always(Fault(name="silent", delay=60.0), "GET", "HEAD")
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(status, (1, 2, 3))) == [504, 504, 504]
    wait_for(lambda: engine().get("running") == 0)
    assert (engine()["ended"], engine()["apart"]) == ({}, [])
    proxy.program = sound
    wait_for(lambda: status(1) == 200)
