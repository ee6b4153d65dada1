"""Processes of a running server are killed, crash and hang under load: no neighbour is harmed, and all are back."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from signal import SIGABRT, SIGCONT, SIGINT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, Signals
from typing import Any

import pyarrow.parquet as pq
import pytest
from bombs import BY_NAME, size
from events import between
from fault_proxy import Asked, FaultProxy
from neighbours import DAYS, PART, PARTS, ROWS, Neighbours, make_project, path_of, template
from process_tree import Process, Role, end, marked, of_role, the, tree
from shop import Shop
from thorough import first
from waiting import wait_for

from gateway.execution.lives import MAX_LIVES

pytestmark = [pytest.mark.gunicorn, pytest.mark.s3]

BOMB = BY_NAME["huge_list"]
SLOW = template(
    "parameters: {k: {type: bigint}}\ncache: off\ntimeout: 5m",
    "SELECT count(*) AS n, sum(hash(a.id * b.id) % 2) > $k AS more FROM rows AS a, rows AS b WHERE a.part = 0",
)
"""A second or so of work: 100,000,000 pairs."""
STALLING = template(
    "parameters: {k: {type: bigint}}\ncache: off\ntimeout: 2m",
    "SELECT levenshtein(repeat('ab', z), repeat('ba', z)) AS n, repeat('x', 200) AS wide "
    "FROM (SELECT CASE WHEN i < 99000 THEN 2 ELSE 600 END + (i + $k) % 3 AS z FROM range(100000) AS r(i))",
)
"""Twenty megabytes of rows that come at once, and a last few that take some seconds; in Parquet, one row group."""
SHARED = SLOW.replace("cache: off", "cache: {ttl: 1h}")
ENDLESS = template(
    "parameters: {k: {type: bigint}}\ncache: off\ntimeout: 10m",
    "SELECT sum(hash(a.id * b.id * c.id + $k) % 7) AS n FROM rows AS a, rows AS b, rows AS c",
)
SHORT = template("parameters: {k: {type: bigint}}\ncache: off\ntimeout: 1s", "SELECT max(id) + $k AS most FROM rows")
"""A small question that is not waited for longer than a second."""
BREAKING = template(
    "parameters: {k: {type: bigint}}\ncache: off\ntimeout: 5m",
    "SELECT sum(q) + $k AS n FROM (SELECT reservoir_quantile(id, 0.5, 2147483647) AS q FROM rows GROUP BY id)",
)
"""DuckDB 1.5.5 runs out of addresses, calls that a fault of its own and refuses every query from then on."""
SETTINGS = {
    "GATEWAY_MEMORY": "1500MiB",
    "GATEWAY_ENGINE_SLOTS": "4",
    "GATEWAY_ENGINE_WAIT": "60s",
    "GATEWAY_CACHE_MAX_RESULT": "4MiB",
    "GATEWAY_ENGINE_TIMEOUT": "10m",
}


@pytest.fixture(scope="module")
def proxy(s3: Any, free_ports: Callable[[int], list[int]]) -> Iterator[FaultProxy]:
    """Stand between the gateway and the S3 server, to count what is asked for."""
    [port] = free_ports(1)
    with FaultProxy(server=s3.endpoint, port=port) as running:
        yield running


@pytest.fixture(scope="module")
def shop(s3: Any, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(server=s3, endpoint=proxy.endpoint, prefix="crashes", folder=tmp_path_factory.mktemp("crashes"))
    others = {
        "stalling": STALLING,
        "endless": ENDLESS,
        "slow": SLOW,
        "shared": SHARED,
        "short": SHORT,
        "breaking": BREAKING,
    }
    make_project(made, {BOMB.name: BOMB.text, **others})
    return made


Start = Callable[[], Any]


@pytest.fixture
def start(serve: Callable[..., Any], shop: Shop, tmp_path: Path) -> Start:
    """Start a server of its own for a test that ends it; its processes have the test's folder in their environment."""
    settings = {
        **shop.environment(),
        **SETTINGS,
        "GATEWAY_STATE": str(tmp_path / "state"),
        "GATEWAY_SERVER_GRACE": "60s",
    }
    return lambda: serve(shop.folder, settings)


@pytest.fixture(scope="module")
def running(serve_for_module: Callable[..., Any], shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Any:
    state = {"GATEWAY_STATE": str(tmp_path_factory.mktemp("state"))}
    return serve_for_module(shop.folder, {**shop.environment(), **SETTINGS, **state})


def replaced(root: int, victim: Process) -> None:
    """Wait until a process has ended and another has taken its place."""
    wait_for(lambda: not victim.alive, f"the end of {victim}")
    wait_for(
        lambda: any(process.role is victim.role for process in tree(root) if process != victim),
        lambda: f"another {victim.role} among {tree(root)}",
    )


@contextmanager
def beside_neighbours(running: Any, shop: Shop, *, broken: int = 0) -> Iterator[Neighbours]:
    """Let neighbours ask meanwhile and go on afterwards; of them only so many connections may be *broken*."""
    neighbours = Neighbours(running.port, shop)
    with neighbours.asking():
        yield neighbours
        neighbours.go_on(10)
    neighbours.unharmed(broken=broken)


def at_work(running: Any) -> int:
    """Count the queries that hold a slot; none where no worker answers."""
    with suppress(OSError):
        return int(running.get("/readyz").json()["engine"].get("running", -1))
    return -1


CRASHES = [
    (Role.ENGINE, SIGSEGV),
    (Role.SUPERVISOR, SIGKILL),
    (Role.ENGINE, SIGABRT),
    (Role.ENGINE, SIGKILL),
    (Role.SUPERVISOR, SIGSEGV),
]


@pytest.mark.parametrize(("role", "number"), first(2, CRASHES))
def test_a_process_that_ends_under_load_is_replaced_and_no_neighbour_is_harmed(
    running: Any, shop: Shop, role: Role, number: Signals
) -> None:
    with beside_neighbours(running, shop):
        replaced(running.process.pid, end(running.process.pid, role, number))


@pytest.mark.thorough
def test_the_engine_is_killed_again_and_again_and_no_neighbour_is_harmed(running: Any, shop: Shop) -> None:
    with beside_neighbours(running, shop) as neighbours:
        for _ in range(3):
            replaced(running.process.pid, end(running.process.pid, Role.ENGINE))
            neighbours.go_on(1)


def test_a_query_outlives_more_processes_than_it_is_run_in_without_a_pause(running: Any) -> None:
    root = running.process.pid
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(running.get, path_of("slow", k=0))
        for _ in range(MAX_LIVES + 2):
            wait_for(lambda: at_work(running) > 0 or answer.done(), "the query at work")
            replaced(root, end(root, Role.ENGINE))
        assert answer.result().status == 200


def test_engine_and_supervisor_end_at_once_and_no_neighbour_is_harmed(running: Any, shop: Shop) -> None:
    root = running.process.pid
    with beside_neighbours(running, shop):
        victims = [end(root, Role.SUPERVISOR), end(root, Role.ENGINE)]
        for victim in victims:
            replaced(root, victim)


def test_a_question_that_many_ask_at_once_is_answered_to_all_of_them_though_its_engine_ends(running: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(running.get, path_of("shared", k=7)) for _ in range(8)]
        wait_for(lambda: at_work(running) == 1, "the query to run")
        replaced(running.process.pid, end(running.process.pid, Role.ENGINE))
        replies = [each.result() for each in asked]
    assert [(reply.status, reply.json()["data"][0]["n"]) for reply in replies] == [(200, PART * ROWS)] * 8


@pytest.mark.thorough
def test_an_export_of_which_nothing_was_sent_is_computed_again(running: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(running.get, path_of("stalling", "parquet", k=0))
        wait_for(lambda: at_work(running) == 1, "the query to run")
        for k in range(20):  # meanwhile it has rows enough to be sent; of Parquet, nothing is before the last one
            assert running.get(path_of("small", part=k % PARTS, k=k)).status == 200
        replaced(running.process.pid, end(running.process.pid, Role.ENGINE))
        reply = asked.result()
    assert reply.status == 200, reply.body
    assert pq.read_table(BytesIO(reply.body))["n"].to_pylist() == [2] * 100_000


def test_a_query_after_which_duckdb_refuses_all_others_ends_like_a_crash_and_harms_no_neighbour(
    running: Any, shop: Shop
) -> None:
    with beside_neighbours(running, shop):
        engine = the(running.process.pid, Role.ENGINE)
        assert running.get(path_of("breaking", k=1)).status == 502
        assert not engine.alive
        status = running.get("/readyz").json()["engine"]
    assert [one["reason"] for one in status["apart"] if one["query"] == "breaking"] == ["crash"]
    engine = the(running.process.pid, Role.ENGINE)
    assert running.get(path_of("breaking", k=2)).status == 502
    assert engine.alive


def test_documents_about_queries_are_answered_while_engines_end(running: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            victim = end(running.process.pid, Role.ENGINE)
            paths = ("/openapi.json", "/v1/queries/kept/v1", "/v1/queries/amount/v1", "/readyz")
            assert [reply.status for reply in pool.map(running.get, paths)] == [200] * 4
            replaced(running.process.pid, victim)


def test_workers_that_end_give_their_slots_back(start: Start) -> None:
    running = start()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(running.get, path_of("endless", k=k)) for k in range(4)]
        wait_for(lambda: at_work(running) == 4, "a query in every slot")
        for worker in of_role(running.process.pid, Role.WORKER):
            worker.signal(SIGKILL)
        assert all(each.exception() is not None for each in asked)
    wait_for(lambda: at_work(running) == 0, "the slots to be free")
    wait_for(lambda: running.get(path_of("short", k=1)).status == 200, "an answer within its time")


@pytest.mark.thorough
def test_a_supervisor_that_stands_still_for_a_while_harms_no_neighbour(running: Any, shop: Shop) -> None:
    engine = the(running.process.pid, Role.ENGINE)
    with beside_neighbours(running, shop) as neighbours:
        supervisor = end(running.process.pid, Role.SUPERVISOR, SIGSTOP)
        neighbours.go_on(20)
        supervisor.signal(SIGCONT)
    assert the(running.process.pid, Role.ENGINE) == engine


def test_supervisors_that_end_leave_no_descriptor_open_in_the_server(start: Start) -> None:
    running = start()
    before = len(os.listdir(f"/proc/{running.process.pid}/fd"))
    for _ in range(3):
        replaced(running.process.pid, end(running.process.pid, Role.SUPERVISOR))
    wait_for(lambda: len(os.listdir(f"/proc/{running.process.pid}/fd")) <= before, f"{before} descriptors")


def test_an_engine_that_hangs_is_replaced_when_a_query_is_past_its_time(running: Any, shop: Shop) -> None:
    root = running.process.pid
    with beside_neighbours(running, shop):
        victim = end(root, Role.ENGINE, SIGSTOP)
        asked = running.get(path_of("short", k=size()))
        replaced(root, victim)
    assert asked.status in (200, 504)


@pytest.mark.thorough
def test_an_engine_that_hangs_while_nothing_runs_is_replaced(start: Start) -> None:
    running = start()
    victim = end(running.process.pid, Role.ENGINE, SIGSTOP)
    replaced(running.process.pid, victim)
    wait_for(lambda: running.get(path_of("short", k=1)).status == 200, "an answer of the other one")


def test_what_comes_to_an_engine_after_its_time_ends_no_engine(start: Start) -> None:
    running = start()
    root = running.process.pid
    engine = end(root, Role.ENGINE, SIGSTOP)
    with ThreadPoolExecutor(4) as pool:
        late = pool.map(running.get, ["/readyz", "/readyz", path_of("short", k=1), path_of("short", k=2)])
        time.sleep(7)  # the engine stands still beyond the time of all four, and not as long as one that hangs
        engine.signal(SIGCONT)
        assert {reply.status for reply in late} <= {200, 503, 504}
    assert running.get(path_of("small", part=0, k=3)).status == 200
    assert the(root, Role.ENGINE) == engine


def test_a_web_worker_that_ends_costs_the_requests_that_it_had_and_no_others(running: Any, shop: Shop) -> None:
    root = running.process.pid
    engine = the(root, Role.ENGINE)
    with beside_neighbours(running, shop, broken=6):
        victim = end(root, Role.WORKER)
        wait_for(lambda: not victim.alive, f"the end of {victim}")
        wait_for(lambda: len(of_role(root, Role.WORKER)) == 2, "another worker")
    assert the(root, Role.ENGINE) == engine


@pytest.mark.thorough
def test_the_process_apart_ends_and_its_template_still_runs_apart(start: Start, shop: Shop) -> None:
    running = start()
    root = running.process.pid
    asked: list[Future[Any]] = []

    def is_apart() -> Any:
        running.get(path_of(BOMB.name, k=size()))  # one that a busy machine gave no processor is let off
        return running.get("/readyz").json()["engine"]["apart"]

    with beside_neighbours(running, shop):
        first = the(root, Role.ENGINE)
        wait_for(is_apart, "the template to be set apart")
        replaced(root, first)
        engine = the(root, Role.ENGINE)
        with ThreadPoolExecutor(1) as pool:

            def apart() -> list[Process]:
                if not asked or asked[-1].done():  # a busy machine may not come to each in its time
                    asked.append(pool.submit(running.get, path_of(BOMB.name, k=size())))
                return of_role(root, Role.APART)

            [victim, *_] = wait_for(apart, "a process apart")
            victim.signal(SIGKILL)
            assert {each.result().status for each in asked} <= {422, 502, 504}
    assert the(root, Role.ENGINE) == engine


def days_of_bucket(running: Any, connections: int) -> Counter[str]:
    """Ask for every day of the bucket over so many connections at once, a third of the days over each."""
    seen: Counter[str] = Counter()

    def ask(number: int) -> None:
        with closing(HTTPConnection(running.host, running.port, timeout=120)) as connection:
            for day in range(number % 3, DAYS, 3):
                connection.request("GET", path_of("amount", **between(day, day + 1)))
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200, body
                seen[json.dumps(json.loads(body)["data"])] += 1

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(ask, range(connections)))
    return seen


def test_blocks_of_the_bucket_are_asked_for_once_whichever_worker_needs_them(
    start: Start, shop: Shop, proxy: FaultProxy
) -> None:
    running = start()
    asked: list[Asked] = []

    def note(request: Asked) -> None:
        if request.kind in ("GET", "HEAD") and f"/{shop.prefix}/" in request.path:
            asked.append(request)

    first = days_of_bucket(running, 3)
    assert len(first) == DAYS
    proxy.program = note
    again = days_of_bucket(running, 24)
    assert set(again) == set(first)
    assert asked == []
    victim = end(running.process.pid, Role.WORKER)
    wait_for(lambda: not victim.alive and len(of_role(running.process.pid, Role.WORKER)) == 2, "another worker")
    wait_for(lambda: running.get("/readyz").status == 200, "the new worker")
    assert set(days_of_bucket(running, 24)) == set(first)
    assert asked == []


@pytest.mark.parametrize("told", ["the server", "every process"])
def test_queries_that_run_when_a_server_is_told_to_stop_are_answered_and_nothing_is_left(
    start: Start, tmp_path: Path, told: str
) -> None:
    running = start()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(running.get, path_of("slow", k=k)) for k in range(3)]
        wait_for(lambda: at_work(running) == 3, "three queries")
        for process in tree(running.process.pid)[: None if told == "every process" else 1]:
            process.signal(SIGTERM)
        replies = [each.result() for each in asked]
    assert {reply.status for reply in replies} == {200}
    assert {reply.json()["data"][0]["n"] for reply in replies} == {PART * ROWS}
    assert running.process.wait(timeout=120) == 0
    assert marked(str(tmp_path)) == []


@pytest.mark.parametrize("number", first(2, [SIGTERM, SIGKILL, SIGINT]))
def test_a_bomb_that_runs_when_the_server_ends_ends_with_it(start: Start, tmp_path: Path, number: Signals) -> None:
    running = start()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(running.get, path_of(BOMB.name, k=size()))
        wait_for(lambda: at_work(running) == 1, "the bomb")
        assert len(marked(str(tmp_path))) >= 5
        running.process.send_signal(number)
        running.process.wait(timeout=120)
        wait_for(lambda: marked(str(tmp_path)) == [], lambda: f"the end of {marked(str(tmp_path))}")
        asked.exception()


def test_workers_do_not_wait_for_the_engine_of_a_server_that_was_killed(start: Start, tmp_path: Path) -> None:
    running = start()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(running.get, path_of("endless", k=0))
        wait_for(lambda: at_work(running) == 1, "the query")
        running.process.kill()
        running.process.wait(timeout=120)
        wait_for(lambda: marked(str(tmp_path)) == [], lambda: f"the end of {marked(str(tmp_path))}")
        asked.exception()
