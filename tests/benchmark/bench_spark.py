"""Run TPC-DS on a real Spark: how many of its 99 queries are answered as DuckDB does, and what the gateway adds.

A script. The facts are partitioned as in ``bench_tpcds``. Each query is translated, or refused with its reasons; what
is translated runs in both engines, and every row is compared. Those that are equal then run by turns through the whole
gateway and by hand: the translated text over the same views, by the client of Spark. A goal that is missed ends the
script with 1. Needs duckdb-extension-tpcds and ``make spark``.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from socket import socket
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click
import duckdb
from rich.console import Console
from rich.table import Table as Grid

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from bench_export import Report
from bench_tpcds import write_tables
from process_tree import cpu_seconds, tree
from spark_server import STARTING, SparkServer, java_home, running, spark_home
from waiting import wait_for

from gateway.app.gateway import open_gateway
from gateway.authoring.spark_check import check_portability, compare_examples
from gateway.cluster.proofs import Proofs
from gateway.cluster.spark_session import Session
from gateway.config import load_settings
from gateway.errors import Diagnostic
from gateway.execution.wholes import SPARK, Wholes
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from gateway.telemetry.events import unobserved
from gateway.web.headers import engine_of

GOAL = 1.1
"""Time through the gateway, of the time by hand."""
DIFFERENT = "Spark answers otherwise"
"""In what is told of a query whose answers are not the same."""
FRONT = "/*\nsummary: TPC-DS\ncache: off\ntimeout: 10m\nengine: spark\nexamples: [{}]\n*/\n"


@dataclass(slots=True, kw_only=True)
class Found:
    """What became of each query."""

    unread: dict[str, str] = field(default_factory=dict)
    """Those that the gateway itself does not take, and why."""
    refused: dict[str, list[str]] = field(default_factory=dict)
    """Those that Spark is not asked for, and why."""
    failed: dict[str, str] = field(default_factory=dict)
    """Those that are an error in Spark, and which: they stay with DuckDB."""
    different: dict[str, str] = field(default_factory=dict)
    """Those that Spark answers otherwise, and how: nothing but the comparison keeps them with DuckDB."""
    equal: dict[str, str | None] = field(default_factory=dict)
    """The digests of those that are answered alike."""


@contextmanager
def opened(folder: Path, scale: float) -> Iterator[tuple[Gateway, Wholes, SparkServer]]:
    """Write the tables and the queries, start Spark, and open a gateway over both."""
    home, java = spark_home(), java_home()
    if home is None or java is None:
        sys.exit("there is no Spark: make spark installs it; it runs on Java 17")
    project, work = folder / "project", folder / "spark"
    project.mkdir()
    work.mkdir()
    with duckdb.connect() as connection:
        texts = write_tables(project, connection, scale)
    for number, text in texts:
        query = project / "queries" / f"q{number:02}"
        query.mkdir(parents=True)
        (query / "v1.sql").write_text(f"{FRONT}{text.strip().rstrip(';')}\n")
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with running(work, port, home, java) as server:
        given = {"GATEWAY_CLUSTER_SPARK": server.address, "GATEWAY_ENGINE_TIMEOUT": "10m"}
        with open_gateway(load_settings(project, given), observe=unobserved, background=False) as gateway:
            for table in gateway.catalog.tables:
                gateway.catalog.refresh(table)
            wholes = gateway.runner.wholes
            assert wholes is not None
            wait_for(lambda: wholes.cluster.problem() is None, "Spark", seconds=STARTING)
            yield gateway, wholes, server


def compared(gateway: Gateway, wholes: Wholes, project: Path) -> Found:
    """Translate all queries, and run in both engines what is translated."""
    found = Found()
    templates = sorted(gateway.registry.templates(), key=lambda template: template.name)
    names = {template.name for template in templates}
    found.unread = {path.name: "" for path in (project / "queries").iterdir() if path.name not in names}
    for each in check_portability(templates, gateway, project):
        found.refused.setdefault(_name(each), []).append(each.message.partition(": ")[2])
    left = [template for template in templates if template.name not in found.refused]
    for result in compare_examples(left, gateway, wholes, project):
        if isinstance(result, Diagnostic):
            (found.different if DIFFERENT in result.message else found.failed)[_name(result)] = result.message
        elif result[1] is not None:
            found.equal[result[0]] = result[1]
    return found


def _name(diagnostic: Diagnostic) -> str:
    return Path(diagnostic.path).parent.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of the clock, and of the processors: of this process and of Spark together."""

    clock: float
    processors: float


def cost_of(server: SparkServer, work: Callable[[], object]) -> Cost:
    """Measure a piece of work."""
    before, clock = _processors(server), time.perf_counter()
    work()
    clock = time.perf_counter() - clock
    return Cost(clock=clock, processors=_processors(server) - before)


def _processors(server: SparkServer) -> float:
    assert server.process is not None
    own = getrusage(RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + sum(cpu_seconds(process.pid) for process in tree(server.process.pid))


def by_hand(gateway: Gateway, wholes: Wholes, session: Session, query: str) -> Callable[[], object]:
    """Return what runs the translated text of a query over views that are there already."""
    [template] = [each for each in gateway.registry.templates() if each.name == query]
    bound = template.bind({}, now=gateway.clock())
    snapshots = gateway.planning.snapshots(bound)
    planned = wholes.planner.plan(gateway.planning.planner.plan(bound, snapshots), snapshots, Principal())
    views = [session.view(scan, "s3a") for scan in planned.scans]
    text, values = planned.query.bind(planned.parameters, views)
    assert not values
    return lambda: session.spark.sql(text).toArrow()


def ratios(gateway: Gateway, wholes: Wholes, server: SparkServer, names: list[str], rounds: int) -> tuple[Any, Any]:
    """Return the costs of all queries by hand and through the gateway, each by turns, after one round that warms up."""
    session = Session(server.address, STARTING)
    session.prepare()
    costs: dict[bool, list[Cost]] = {False: [], True: []}

    def ask(query: str) -> None:
        answer = gateway.answer(Request(query=query, version=1, parameters={}), principal=Principal())
        assert engine_of(answer) == SPARK, query

    for turn in range(rounds + 1):
        for number, query in enumerate(names):
            ways = [(False, by_hand(gateway, wholes, session, query)), (True, partial(ask, query))]
            for through, work in ways if (turn + number) % 2 else reversed(ways):
                cost = cost_of(server, work)
                if turn:
                    costs[through].append(cost)
    session.close()
    return costs[False], costs[True]


@click.command()
@click.option("--scale", default=0.01, show_default=True, help="Scale factor of TPC-DS.")
@click.option("--rounds", default=3, show_default=True, help="Times that each query runs in each way.")
@click.option("--most", default=20, show_default=True, help="Queries that are timed.")
def main(scale: float, rounds: int, most: int) -> None:
    """Print what became of the queries, and the ratios."""
    console, report = Console(width=160), Report()
    with TemporaryDirectory() as folder, opened(Path(folder), scale) as (gateway, wholes, server):
        project = Path(folder) / "project"
        found = compared(gateway, wholes, project)
        _tell(console, found)
        Proofs(project).add(found.equal)
        names = [name.partition("/")[0] for name in found.equal][:most]
        hand, through = ratios(gateway, wholes, server, names, rounds)
    different = len(found.different)
    report.add("queries answered otherwise than by DuckDB", str(different), "0", not different)
    clock = median(there.clock / here.clock for here, there in zip(hand, through, strict=True))
    total = sum(each.clock for each in through) / sum(each.clock for each in hand)
    processors = sum(each.processors for each in through) / sum(each.processors for each in hand)
    report.add("time of a query, of that by hand (median)", f"{clock:.2f}", f"<= {GOAL}", clock <= GOAL)
    report.add("time of all queries, of that by hand", f"{total:.2f}", f"<= {GOAL}", total <= GOAL)
    report.add("time of processors, of that by hand", f"{processors:.2f}", f"<= {GOAL}", processors <= GOAL)
    sys.exit(not report.show())


def _tell(console: Console, found: Found) -> None:
    grid = Grid("query", "why", title="Queries of TPC-DS that Spark is not asked for")
    for name, reasons in sorted(found.refused.items()):
        grid.add_row(name, "; ".join(dict.fromkeys(reasons)))
    for name, reason in sorted((found.different | found.failed | found.unread).items()):
        grid.add_row(name, reason)
    console.print(grid)
    first = Counter(reasons[0] for reasons in found.refused.values())
    console.print("\n".join(f"{many:3} {reason}" for reason, many in first.most_common()))
    console.print(
        f"{len(found.equal)} equal, {len(found.refused)} refused, {len(found.failed)} errors in Spark, "
        f"{len(found.different)} different, {len(found.unread)} not read"
    )


if __name__ == "__main__":
    main()
