"""Measure the cache: hits, revalidation, identical misses, dashboards that poll. Run it as a script.

Times are the median of many; a goal that is missed ends the script with 1. ``--clients`` and ``--seconds`` set the
size of the last run, whose goal is stated for 1,000 and 60.
"""

from __future__ import annotations

import asyncio
import re
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import click
import pyarrow as pa
from rich.console import Console
from rich.table import Table as Grid

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from events import DAYS, between, make_project, put
from serving import served_from

from gateway.app.gateway import open_gateway
from gateway.cache.files import FileTier
from gateway.cache.memory import MemoryTier
from gateway.cache.results import ResultCache
from gateway.catalog.listing import SCHEMA
from gateway.catalog.manifest import Snapshot, build
from gateway.catalog.status import TableStatus
from gateway.catalog.table import parse_table
from gateway.config import load_settings
from gateway.model import Column, Principal, Request, Result
from gateway.telemetry.events import unobserved

WHO = Principal()
WEEK = Request(
    query="amount", version=1, parameters={name: [text] for name, text in between(100, 107).items()}, textual=True
)
PARTITIONS = 10_000
IDENTICAL = 1_000
QUESTIONS = 50
REFRESH, TTL, STALE = 1.0, 2.0, 5.0


@dataclass
class Report:
    """What was measured, beside what was to be reached."""

    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def add(self, what: str, measured: str, goal: str, reached: bool) -> None:
        self.rows.append((what, measured, goal, reached))

    def show(self) -> bool:
        grid = Grid("what", "measured", "goal", "", box=None, header_style="bold")
        for what, measured, goal, reached in self.rows:
            grid.add_row(what, measured, goal, "[green]reached[/]" if reached else "[red]missed[/]")
        Console().print(grid)
        return all(reached for *_, reached in self.rows)


def microseconds(work: Callable[[], object], times: int = 2_000) -> float:
    """Return the median time of one call."""
    clock, found = time.perf_counter, []
    for _ in range(times):
        started = clock()
        work()
        found.append(clock() - started)
    return median(found) * 1e6


def memory_hit(report: Report, folder: Path) -> None:
    project = make_project(folder / "memory", "cache: {ttl: 1h}")
    put(project, range(DAYS), 1)
    with open_gateway(load_settings(project), observe=unobserved, background=False) as gateway:
        gateway.answer(WEEK, principal=WHO)
        taken = microseconds(lambda: gateway.answer(WEEK, principal=WHO))
        query = gateway.registry.bind(WEEK)
        bound = microseconds(lambda: gateway.answer(query, principal=WHO))
    report.add("hit in memory, from raw parameters", f"{taken:.0f} µs", "under 50 µs", taken < 50)
    report.add("hit in memory, bound already", f"{bound:.0f} µs", "", True)


def result(key: str, rows: int) -> Result:
    table = pa.table({"n": pa.array(range(rows), pa.int64()), "x": pa.array([0.5] * rows)})
    columns = (Column(name="n", type="BIGINT"), Column(name="x", type="DOUBLE"))
    return Result(key=key, table=table, columns=columns, readings=(), created_at=time.time(), seconds=0.1)


def shared_hit(report: Report, folder: Path) -> None:
    """Compare a hit in the folder that workers share with one in memory, through the pipeline: 100 kB, no copy."""
    project, taken = make_project(folder / "shared", "cache: {ttl: 1h}"), {}
    put(project, range(DAYS), 1)
    with open_gateway(load_settings(project), observe=unobserved, background=False) as opened:
        for name, tier in (("memory", MemoryTier(2**26)), ("shared", FileTier(folder / "results", 2**30))):
            cache = ResultCache([tier], clock=time.time)
            gateway = served_from(opened, cache, ThreadPoolExecutor(1))
            tier.put(result(gateway.explain(WEEK, principal=WHO).key, 6_250), lifetime=3_600)
            assert gateway.answer(WEEK, principal=WHO).result.table.nbytes == 100_000
            taken[name] = microseconds(lambda gateway=gateway: gateway.answer(WEEK, principal=WHO))  # type: ignore[misc]
            cache.close()
    ratio = taken["shared"] / taken["memory"]
    measured, reached = f"{taken['shared']:.0f} µs, {ratio:.1f}x", taken["shared"] < 1_000 and ratio < 10
    report.add("hit in the tier of the machine, 100 kB", measured, "under 1 ms, under 10x memory", reached)


@dataclass
class Pinned:
    """A catalog of one snapshot."""

    snapshot: Snapshot

    def pin(self, names: Any) -> Mapping[str, Snapshot]:
        return {"events": self.snapshot}

    def identities(self, names: Any) -> list[str]:
        return list(names)

    def announced(self, names: Any) -> dict[str, Any]:
        return {}

    def status(self, name: str) -> TableStatus:
        return TableStatus(
            table=name, snapshot=self.snapshot.id, listed_at=1.0, age=0.0, late=False, problems=0, failure=None
        )


def revalidation(report: Report, folder: Path) -> None:
    """Let every request find its answer expired, over a table of many partitions."""
    declared = parse_table(
        "table: events\nlocation: s3://b/events\npartitioned_by: [{column: day, transform: day, source: ts}]\n",
        "events.yaml",
    )
    days = [date(1990, 1, 1) + timedelta(days=number) for number in range(PARTITIONS)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [{"path": f"day={day}/a.parquet", "size": 1, "etag": f'"{day}"', "last_modified": now} for day in days]
    columns = (Column(name="ts", type="TIMESTAMP"), Column(name="amount", type="BIGINT"))
    snapshot = build(declared, "s3://b/events/", pa.Table.from_pylist(rows, SCHEMA), columns, 1.0)
    project, memory = make_project(folder / "stale", "cache: {ttl: 0s}"), MemoryTier(2**26)
    with open_gateway(load_settings(project), observe=unobserved, background=False) as opened:
        cache = ResultCache([memory], clock=time.time)
        gateway = served_from(opened, cache, ThreadPoolExecutor(1), catalog=Pinned(snapshot))
        memory.put(result(gateway.explain(WEEK, principal=WHO).key, 1), lifetime=3_600)
        assert gateway.answer(WEEK, principal=WHO).status.detail == "revalidated"
        taken = microseconds(lambda: gateway.answer(WEEK, principal=WHO))
        cache.close()
    what = f"revalidation of an expired entry, {PARTITIONS:,} partitions"
    report.add(what, f"{taken:.0f} µs", "under 1 ms", taken < 1_000)


@contextmanager
def served(project: Path, workers: int = 2) -> Iterator[tuple[str, int]]:
    """Run ``gateway serve`` on a free port; yield host and port."""
    program = str(Path(sysconfig.get_path("scripts")) / "gateway")
    command = [program, "serve", "--project", str(project), "--port", "0", "--workers", str(workers)]
    process = Popen(command, stdout=PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"http://([\d.]+):(\d+)", line)
            if found is not None:
                break
        else:
            raise RuntimeError("the gateway did not start")
        with ThreadPoolExecutor(1) as reader:
            reader.submit(lambda: [None for _ in process.stdout or ()])  # so that its log never fills the pipe
            yield found[1], int(found[2])
            process.terminate()
    finally:
        process.terminate()
        process.wait()


async def get(address: tuple[str, int], target: str) -> tuple[str, bytes]:
    """Send one request; return the headers, and the body."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode())
    reply = await reader.read()
    writer.close()
    head, _, body = reply.partition(b"\r\n\r\n")
    return head.decode(), body


def target(start: int, end: int) -> str:
    return f"/v1/queries/amount/v1/result?{urlencode(between(start, end))}"


async def counted(address: tuple[str, int], name: str) -> float:
    _, body = await get(address, "/metrics")
    lines = [line for line in body.decode().splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def executions(address: tuple[str, int]) -> int:
    return round(asyncio.run(counted(address, "gateway_execution_seconds_count")))


def identical_misses(report: Report, folder: Path) -> None:
    project = make_project(folder / "identical", "cache: {ttl: 1h}")
    put(project, range(DAYS), 1)

    async def all_at_once(address: tuple[str, int]) -> Counter[str]:
        replies = await asyncio.gather(*(get(address, target(0, 365)) for _ in range(IDENTICAL)))
        return Counter(head.split("\r\n")[0] for head, _ in replies)

    with served(project) as address:
        asyncio.run(get(address, "/readyz"))
        started = time.perf_counter()
        statuses = asyncio.run(all_at_once(address))
        seconds, ran = time.perf_counter() - started, executions(address)
    fine = statuses == {"HTTP/1.1 200 OK": IDENTICAL}
    what = f"{IDENTICAL:,} identical concurrent misses, 2 workers"
    report.add(what, f"{ran} execution(s), {seconds:.1f} s, all 200: {fine}", "1 execution", ran == 1 and fine)


@dataclass
class Dashboards:
    """What the polling clients saw."""

    replies: int = 0
    waited: int = 0
    late: float = 0.0
    """The longest time, in seconds, after a rewrite at which an answer was still the old one."""
    slowest: list[float] = field(default_factory=list)
    written: dict[int, tuple[float, int]] = field(default_factory=dict)
    """When each day was rewritten, and with what."""

    def judge(self, asked_at: float, day: int, head: str, body: bytes) -> None:
        self.replies += 1
        self.waited += "fwd=" in head
        written = self.written.get(day)
        amount = re.search(rb'"amount":\s*(\d+)', body)
        if written is not None and amount is not None and int(amount[1]) != 6 + written[1]:
            self.late = max(self.late, asked_at - written[0])


def dashboards(report: Report, folder: Path, clients: int, seconds: float) -> None:
    """Poll prepared answers while one partition after the other is rewritten."""
    spans = {day: (day - 3, day + 4) for day in range(7, 7 + 7 * QUESTIONS, 7)}
    sets = ", ".join("{{start: {start}, end: {end}}}".format(**between(*span)) for span in spans.values())
    cache = f"cache: {{ttl: {TTL}s, stale_while_revalidate: {STALE}s}}"
    project = make_project(folder / "dashboards", f"{cache}\nwarm: [{sets}]", refresh=f"{REFRESH}s")
    put(project, range(DAYS), 1)
    seen, changed, days = Dashboards(), 0, list(spans)

    async def poll(address: tuple[str, int], number: int, until: float) -> None:
        await asyncio.sleep(number / clients)
        turn = number
        while time.monotonic() < until:
            day, started = days[turn % QUESTIONS], time.monotonic()
            head, body = await get(address, target(*spans[day]))
            seen.judge(started, day, head, body)
            seen.slowest.append(time.monotonic() - started)
            turn += 1
            await asyncio.sleep(max(0.0, started + 1 - time.monotonic()))

    async def rewrite(until: float) -> int:
        count = 0
        while time.monotonic() + 10 < until:
            day = days[count % QUESTIONS]
            await asyncio.to_thread(put, project, [day], 100 + count)
            seen.written[day] = (time.monotonic(), 100 + count)
            count += 1
            await asyncio.sleep(10)
        return count

    async def run(address: tuple[str, int]) -> int:
        while await counted(address, "gateway_answers_prepared_total{") < QUESTIONS:
            await asyncio.sleep(0.2)
        until = time.monotonic() + seconds
        _, count = await asyncio.gather(
            asyncio.gather(*(poll(address, number, until) for number in range(clients))), rewrite(until)
        )
        return int(count)

    with served(project) as address:
        changed = asyncio.run(run(address))
        ran = executions(address) - QUESTIONS
    slowest = sorted(seen.slowest)
    name = f"{clients:,} dashboards, {QUESTIONS} questions, {seconds:.0f} s"
    rate = f"{seen.replies} replies, 99 % within {slowest[int(len(slowest) * 0.99)] * 1000:.0f} ms"
    report.add(name, rate, "", True)
    report.add("  executions after warm-up", f"{ran}, {changed} changed", "no more than changed", ran <= changed)
    report.add("  requests that waited on one", str(seen.waited), "0", seen.waited == 0)
    old, most = seen.late, REFRESH + STALE
    report.add("  oldest answer after a change", f"{old:.1f} s", f"under {most:.0f} s (refresh + stale)", old < most)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--clients", default=100, show_default=True)
@click.option("--seconds", default=31.0, show_default=True)
def main(clients: int, seconds: float) -> None:
    """Measure, and print a table."""
    report = Report()
    with TemporaryDirectory() as folder:
        memory_hit(report, Path(folder))
        shared_hit(report, Path(folder))
        revalidation(report, Path(folder))
        identical_misses(report, Path(folder))
        dashboards(report, Path(folder), clients, seconds)
    sys.exit(0 if report.show() else 1)


if __name__ == "__main__":
    main()
