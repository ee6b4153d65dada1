"""A server of two workers over the sales, whose answers are put together of partials."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from folded import DAYS, FOLDED, folder_of, make_project, put
from prometheus_client.parser import text_string_to_metric_families

Question = tuple[str, dict[str, str]]


class Server:
    """The server; *kind* is that of its workers. An empty *folder* becomes the project."""

    def __init__(self, serve: Callable[..., Any], folder: Path, kind: str, **more: str) -> None:
        self.project = folder
        if not folder.exists() or not any(folder.iterdir()):
            put(make_project(folder), range(DAYS))
        patient = {"GATEWAY_ENGINE_WAIT": "2m", "GATEWAY_ENGINE_QUEUE": "200"}  # on a machine that has much else to do
        environment = {"GATEWAY_SERVER_WORKER": kind, "GATEWAY_STATE": mkdtemp(dir=folder)} | patient | FOLDED | more
        self.running = serve(self.project, environment)

    def ask(self, questions: Sequence[Question], *, again: bool = False) -> list[bytes]:
        """Ask all questions at once, *again* where a connection is cut; return the bodies of the answers."""
        with ThreadPoolExecutor(50) as pool:
            replies = list(pool.map(partial(self._ask, again=again), questions))
        assert {reply.status for reply in replies} == {200}, [reply.body for reply in replies]
        return [reply.body for reply in replies]

    def restate(self, day: int, seed: int) -> None:
        """Write a day anew, and have the server list it."""
        put(self.project, [day], seed=seed)
        named = json.dumps({"partitions": [folder_of(day)]}).encode()
        assert self.running.post("/v1/tables/sales/refresh", named).status == 200

    def computed(self) -> float:
        """Return how many partials were computed, by all workers."""
        return self._counted("gateway_partials_computed_total")

    def drop(self) -> None:
        """Forget all that is kept."""
        assert self.running.request("DELETE", "/v1/cache?table=sales", headers={}).status == 200

    def prepared(self) -> float:
        """Return how many answers were computed ahead, by all workers."""
        return self._counted("gateway_answers_prepared_total")

    def _ask(self, asked: Question, *, again: bool) -> Any:
        query, parameters = asked
        while True:
            try:
                return self.running.get(f"/v1/queries/{query}/v1/result.csv", parameters)
            except (OSError, HTTPException):
                if not again:
                    raise

    def _counted(self, name: str) -> float:
        families = text_string_to_metric_families(self.running.get("/metrics").body.decode())
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)
