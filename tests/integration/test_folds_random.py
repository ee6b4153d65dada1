"""Whatever was asked before, in whatever order: answers put together of partials are the whole query's, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from folded import DAYS, FOLDED, between, folder_of, make_project, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.gunicorn

WHOLE = FOLDED | {"GATEWAY_CACHE_PARTIALS": "0"}
days = st.integers(0, DAYS - 1)
steps = st.one_of(
    # A window of a few days is not folded: its sums of DOUBLE are the engine's own, which depend on the order of rows.
    st.tuples(st.just("ask"), st.sampled_from(["exact", "united"]), days, st.integers(0, DAYS)),
    st.tuples(st.just("ask"), st.sampled_from(["exact", "mean", "wide"]), st.integers(0, 5), st.integers(20, DAYS)),
    st.tuples(st.just("restate"), days, st.integers(0, 3)),
    st.tuples(st.just("drop"), st.sampled_from(["table=sales", "query=exact", "query=mean"])),
)
KINDS = ({}, {"Cache-Control": "no-cache"}, {"Cache-Control": "no-store, no-cache"})


class World:
    """A server of each kind of workers that folds, and one that computes every answer as a whole."""

    def __init__(self, folder: Path, serve: Callable[..., Any]) -> None:
        self.project = make_project(folder)
        put(self.project, range(DAYS), rows=20)
        kinds = ({"GATEWAY_SERVER_WORKER": "asgi"} | FOLDED, {"GATEWAY_SERVER_WORKER": "gthread"} | FOLDED, WHOLE)
        self.servers = [
            serve(self.project, {**kind, "GATEWAY_STATE": str(folder / f"state{number}")}, workers=2)
            for number, kind in enumerate(kinds)
        ]

    def ask(self, query: str, start: int, end: int) -> None:
        """Ask every server, in every way; all give the same bytes."""
        bodies = set()
        for server in self.servers:
            for headers in KINDS:
                reply = server.get(f"/v1/queries/{query}/v1/result.arrow", between(start, end), **headers)
                assert reply.status == 200, reply.body
                bodies.add((reply.body, reply.headers["etag"]))
        assert len({body for body, _ in bodies}) == 1

    def restate(self, day: int, seed: int) -> None:
        put(self.project, [day], seed=seed, rows=20)
        for server in self.servers:
            named = f'{{"partitions": ["{folder_of(day)}"]}}'.encode()
            assert server.post("/v1/tables/sales/refresh", named).status == 200

    def drop(self, which: str) -> None:
        for server in self.servers:
            assert server.request("DELETE", f"/v1/cache?{which}", headers={}).status == 200


@pytest.fixture(scope="module")
def world(serve_for_module: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("folds"), serve_for_module)


@settings(
    max_examples=max(1, settings().max_examples // 10),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=2, max_size=12))
def test_no_order_of_questions_and_restatements_shows(world: World, sequence: list[tuple[Any, ...]]) -> None:
    for name, *arguments in sequence:
        getattr(world, name)(*arguments)
