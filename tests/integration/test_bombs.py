"""A query that takes all the time or memory there is hurts only itself: its neighbours are answered, and rightly."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from bombs import BOMBS, BY_NAME, HUGE, HUGE_VALUE, Bomb, size
from neighbours import Neighbours, make_project, path_of, template
from process_tree import Memory, Role, the
from shop import Shop
from thorough import first
from waiting import becomes, wait_for

from gateway.declaration import parse_size

pytestmark = [pytest.mark.gunicorn, pytest.mark.s3]

MEMORY = "1500MiB"
OVER = 1.1
"""Part of ``memory`` that all processes together may be seen to take."""
SLOTS = 3
SETTINGS = {
    "GATEWAY_MEMORY": MEMORY,
    "GATEWAY_ENGINE_SLOTS": str(SLOTS),
    "GATEWAY_ENGINE_WAIT": "60s",
    "GATEWAY_CACHE_MAX_RESULT": "4MiB",
}
ENDED = {422, 502, 504}
"""What the caller of a bomb may be answered: too large, out of memory, out of time."""
IN_BOTH = ("unnested_range", "minute_spine", "lpad", "huge_list", "endless_recursion")
"""Bombs that are let off one by one under either kind of worker."""
IN_ONE = (
    "scalar_series",
    "repeated_list",
    "nested_replace",
    "format",
    "regexp_replace",
    "levenshtein",
    "cross_join",
    "sort",
)
"""Bombs that are let off one by one under the usual kind of worker."""
TOGETHER = [bomb.name for bomb in BOMBS if bomb.name not in IN_BOTH + IN_ONE]
GROUPS = [TOGETHER[start : start + SLOTS + 1] for start in range(0, len(TOGETHER), SLOTS + 1)]
"""The others are let off in groups, one more at a time than there are slots."""
SETTING_APART = ("scalar_range", "rpad")
REASONS = {"memory", "deadline"}
"""Why bombs are set apart: how fast the machine is decides which comes first."""


class Server:
    """A running gateway with its neighbours' project, watched as a whole."""

    def __init__(self, running: Any, shop: Shop, state: Path) -> None:
        self.running, self.shop, self.state, self.root = running, shop, state, running.process.pid

    def fire(self, bomb: Bomb) -> int:
        """Ask for a bomb; return the status."""
        reply = self.running.get(path_of(bomb.name, k=size()))
        assert reply.status != 200 or reply.json()["rows"] == 1
        return int(reply.status)

    def metric(self, name: str, labels: str = "") -> float:
        """Add up a metric over all labels, or over those that have *labels*."""
        text = self.running.get("/metrics").body.decode()
        found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for given, value in found if labels in given)

    def apart(self, bomb: Bomb) -> str | None:
        """Return why a bomb runs apart, as a worker tells it; None: it does not."""
        told = self.running.get("/readyz").json()["engine"]["apart"]
        return next((one["reason"] for one in told if (one["query"], one["version"]) == (bomb.name, 1)), None)

    def set_apart(self, bomb: Bomb) -> None:
        """Let off a bomb until it is set apart: one that had no processor is excused."""
        while self.apart(bomb) is None:
            assert self.fire(bomb) in ENDED

    def idle(self) -> bool:
        return self.metric("gateway_queries_running") == self.metric("gateway_queries_waiting") == 0

    @contextmanager
    def beside_neighbours(self) -> Iterator[Neighbours]:
        """Let neighbours ask meanwhile, none of whom is harmed; nor is more memory taken than there may be."""
        neighbours = Neighbours(self.running.port, self.shop)
        with Memory(self.root) as memory:
            with neighbours.asking():
                yield neighbours
            wait_for(self.idle, "every slot to be free")
        neighbours.unharmed()
        assert memory.peak <= parse_size(MEMORY) * OVER, f"{memory} of {MEMORY}"


LATER = template(
    "parameters: {k: {type: bigint}}\ncache: off\ntimeout: 60s",
    "SELECT i AS n, CASE WHEN i > 2500000 THEN length(repeat('x', $k + i)) ELSE 0 END AS size "
    "FROM range(3000000) AS r(i)",
)
"""An export that takes all memory after its first 2,500,000 rows."""


@pytest.fixture(scope="module")
def shop(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(server=s3, endpoint=s3.endpoint, prefix="bombs", folder=tmp_path_factory.mktemp("bombs"))
    make_project(made, {**{bomb.name: bomb.text for bomb in (*BOMBS, HUGE_VALUE)}, "later": LATER})
    return made


@pytest.fixture(scope="module")
def servers(
    serve_for_module: Callable[..., Any], shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Server]:
    """Start a server of one kind of worker, once."""
    started: dict[str, Server] = {}

    def server(worker: str) -> Server:
        if worker not in started:
            state = tmp_path_factory.mktemp(worker)
            own = {"GATEWAY_SERVER_WORKER": worker, "GATEWAY_STATE": str(state)}
            running = serve_for_module(shop.folder, {**shop.environment(), **SETTINGS, **own})
            started[worker] = Server(running, shop, state)
        return started[worker]

    return server


ONE_BY_ONE = [
    *first(1, [("asgi", name) for name in (*IN_BOTH, *IN_ONE)]),
    *first(0, [("gthread", name) for name in reversed(IN_BOTH)]),
]
AT_ONCE = [*first(1, [("asgi", group) for group in GROUPS]), *first(0, [("gthread", GROUPS[0])])]


@pytest.mark.parametrize(("worker", "name"), ONE_BY_ONE)
def test_a_bomb_hurts_only_itself(servers: Callable[[str], Server], worker: str, name: str) -> None:
    server = servers(worker)
    with server.beside_neighbours():
        assert server.fire(BY_NAME[name]) in ENDED


@pytest.mark.parametrize(("worker", "names"), AT_ONCE, ids=lambda value: value if isinstance(value, str) else value[0])
def test_bombs_in_every_slot_at_once_hurt_only_themselves(
    servers: Callable[[str], Server], worker: str, names: list[str]
) -> None:
    server = servers(worker)
    with server.beside_neighbours(), ThreadPoolExecutor(len(names)) as pool:
        statuses = list(pool.map(server.fire, [BY_NAME[name] for name in names]))
    assert set(statuses) <= ENDED


@pytest.mark.parametrize("suffix", first(1, ["json", "parquet", "ndjson", "csv", "arrow"]))
def test_a_row_larger_than_results_may_be_hurts_only_itself(servers: Callable[[str], Server], suffix: str) -> None:
    server = servers("asgi")
    with server.beside_neighbours(), suppress(IncompleteRead, ConnectionError):  # cut, after its first bytes
        reply = server.running.get(path_of(HUGE_VALUE.name, suffix, k=size()))
        assert reply.status in ENDED or (reply.status == 200 and (suffix == "parquet" or len(reply.body) > HUGE // 11))


@pytest.mark.parametrize("name", first(1, SETTING_APART))
def test_what_ended_the_engine_runs_apart_in_every_worker_until_its_text_changes(
    servers: Callable[[str], Server], shop: Shop, name: str
) -> None:
    server, bomb = servers("asgi"), BY_NAME[name]
    while (why := server.apart(bomb)) is None:  # memory may be DuckDB's own error before it is too much for the process
        assert server.fire(bomb) in ENDED
    assert why in REASONS
    assert becomes(why, lambda: server.apart(bomb))
    assert f'"query-set-apart","query":"{name}","version":1,"reason":"{why}"' in server.running.log.read_text()
    assert server.metric("gateway_queries_set_apart_total", f'query="{name}"') == 1
    assert server.metric("gateway_queries_apart") >= 1
    engine = the(server.root, Role.ENGINE)
    with server.beside_neighbours(), ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(lambda _: server.fire(bomb), range(8)))
    assert statuses <= ENDED
    assert the(server.root, Role.ENGINE) == engine
    template = shop.folder / f"queries/{name}/v1.sql"
    template.write_text(bomb.text.replace("AS n", "AS other"))
    assert server.running.post("/v1/reload", b"").status == 200
    assert becomes(None, lambda: server.apart(bomb))


def test_an_export_that_takes_all_memory_after_its_first_rows_runs_apart_too(servers: Callable[[str], Server]) -> None:
    server = servers("asgi")

    def why() -> list[str]:
        told = server.running.get("/readyz").json()["engine"]["apart"]
        return [one["reason"] for one in told if one["query"] == "later"]

    with server.beside_neighbours():
        with pytest.raises((HTTPException, OSError)):
            server.running.get(path_of("later", "csv", k=200_000_000))
        wait_for(why, "the export to be set apart")
    assert set(why()) <= REASONS


def test_what_an_operator_clears_runs_with_the_others_again(servers: Callable[[str], Server], shop: Shop) -> None:
    server, bomb = servers("gthread"), BY_NAME["minute_spine"]
    server.set_apart(bomb)
    wait_for(server.idle, "every run that may yet set it apart again to end")
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "gateway", "apart", "--project", shop.folder, "--clear", bomb.name],
        env={**os.environ, "GATEWAY_STATE": str(server.state)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert bomb.name in done.stdout
    assert becomes(None, lambda: server.apart(bomb))
    engine = the(server.root, Role.ENGINE)
    server.set_apart(bomb)
    wait_for(lambda: not engine.alive, "the end of the engine")
    assert becomes("deadline", lambda: server.apart(bomb))
