"""Load a gateway with more heavy queries than there is memory for, and measure what all of its processes take.

Run it as a script; it ends with 1 where a question was neither answered nor refused with ``Retry-After``, where a
process ended, or where memory went over the budget by more than the goal.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import click
import duckdb

from gateway.declaration import parse_size

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from process_tree import Memory, tree, usage
from processes import Server, gateway_server

OVER = 0.15
"""Part of the budget that the memory may go beyond it."""
TABLE = """
table: events
location: warehouse/events
partitioned_by: [{column: day, transform: day, source: ts}]
"""
HEAVY = """/*
summary: The largest of millions of groups, which are held and sorted
parameters:
  least: {type: integer}
*/
SELECT id, count(*) AS events, sum(amount) AS total
FROM events
WHERE amount >= $least
GROUP BY id
ORDER BY total DESC, id
LIMIT 1000
"""
WIDE = """/*
summary: All rows of one day, which are gathered, encoded and kept
parameters:
  least: {type: integer}
*/
SELECT id, ts, amount FROM events WHERE ts < TIMESTAMP '2024-01-02' AND amount >= $least
"""
CHEAP = """/*
summary: One day of it
parameters:
  least: {type: integer}
cache: off
*/
SELECT count(*) AS events FROM events WHERE ts < TIMESTAMP '2024-01-02' AND amount >= $least
"""


def make(project: Path, rows: int) -> None:
    """Write the project, and its table of ten days."""
    queries = {"heavy": HEAVY, "wide": WIDE, "cheap": CHEAP}
    texts = {"catalog/events.yaml": TABLE} | {f"queries/{name}/v1.sql": text for name, text in queries.items()}
    for name, text in texts.items():
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text(text)
    (project / "warehouse").mkdir()
    with closing(duckdb.connect(config={"threads": 2})) as connection:
        connection.execute(
            "COPY (SELECT TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * (i * 864000 // $rows) AS ts, "
            "md5(i::VARCHAR) AS id, (hash(i) % 1000000)::DOUBLE AS amount, strftime(ts, '%Y-%m-%d') AS day "
            "FROM range($rows) t(i)) "
            f"TO '{project / 'warehouse/events'}' (FORMAT parquet, PARTITION_BY (day))",
            {"rows": rows},
        )


@dataclass
class Seen:
    """What the clients of one query saw: seconds by status, and what was no answer."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def ask(self, port: int, query: str, least: int) -> None:
        started = time.monotonic()
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
                connection.request("GET", f"/v1/queries/{query}/v1/result?least={least}")
                response = connection.getresponse()
                body = response.read() if response.status != 200 else b""
                while response.read(2**20):
                    """An answer is read and not held."""
        except (OSError, HTTPException) as error:
            self.failures[type(error).__name__] += 1
            return
        what = "answered" if response.status == 200 else json.loads(body)["type"].rpartition("/")[2]
        self.seconds.setdefault(what, []).append(time.monotonic() - started)
        if response.status == 503 and response.getheader("Retry-After") is None:
            self.failures["no Retry-After"] += 1
        if what not in ("answered", "queue-full"):
            self.failures[what] += 1

    def rows(self, name: str) -> Iterator[str]:
        for what, seconds in sorted(self.seconds.items()):
            yield f"| {name}: {what} | {len(seconds)} | {min(seconds):.1f} to {max(seconds):.1f} |"
        for failure, count in self.failures.items():
            yield f"| {name}, not as it should be: {failure} | {count} | |"


@dataclass
class Outcome:
    """What the clients of each query saw; the memory of all processes in bytes; how many of them ended."""

    seen: dict[str, Seen] = field(default_factory=lambda: {name: Seen() for name in ("heavy", "wide", "cheap")})
    memory: dict[str, int] = field(default_factory=dict)
    died: int = 0


def load(server: Server, clients: int, readers: int) -> Outcome:
    """Ask all heavy and wide questions at once, and cheap ones until they are answered; then one more heavy one."""
    outcome, before, stop = Outcome(), tree(server.process.pid), Event()
    seen = outcome.seen
    with Memory(server.process.pid) as used:
        outcome.memory["idle"] = used.peak
        with ThreadPoolExecutor(clients + readers + 1) as pool:
            cheap = pool.submit(cheap_until, stop, seen["cheap"], server.port)
            asked = [pool.submit(seen["heavy"].ask, server.port, "heavy", least) for least in range(clients)]
            asked += [pool.submit(seen["wide"].ask, server.port, "wide", least) for least in range(readers)]
            for each in asked:
                each.result()
            stop.set()
            cheap.result()
        seen["heavy"].ask(server.port, "heavy", clients)
        outcome.memory["after"] = usage(server.process.pid).memory
    outcome.memory |= {"peak": used.peak, "anonymous at the peak": used.anonymous}
    outcome.died = len(set(before) - set(tree(server.process.pid)))
    return outcome


def cheap_until(stop: Event, seen: Seen, port: int) -> None:
    """Ask a cheap question now and then."""
    for least in range(100_000):
        if stop.wait(0.5):
            return
        seen.ask(port, "cheap", least)


def show(outcome: Outcome, budget: int) -> bool:
    """Print what was seen; tell whether the goal was reached."""
    print("| what | count | seconds |\n| --- | --- | --- |")
    for name, seen in outcome.seen.items():
        print("\n".join(seen.rows(name)))
    print(f"| processes that ended | {outcome.died} | |")
    print("\n| memory of all processes | MiB | of the budget |\n| --- | --- | --- |")
    for name, size in outcome.memory.items():
        print(f"| {name} | {size >> 20} | {size / budget:.2f} |")
    print(f"\ngoal: all answered or refused with Retry-After, no process ended, peak under {1 + OVER} of the budget")
    failed = any(seen.failures for seen in outcome.seen.values()) or outcome.died > 0
    return not failed and outcome.memory["peak"] <= budget * (1 + OVER)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--clients", default=50, show_default=True, help="Heavy questions asked at once, all different.")
@click.option("--readers", default=20, show_default=True, help="Large results asked for beside them, all different.")
@click.option("--rows", default=4_000_000, show_default=True, help="Rows of the table.")
@click.option("--memory", default="2560MiB", show_default=True, help="The budget, for about four of the queries.")
@click.option("--workers", default=1, show_default=True)
@click.option("--slots", default=5, show_default=True, help="Queries at once in a worker, one of them cheap.")
@click.option("--wait", default="60s", show_default=True, help="Longest wait for a slot.")
def main(clients: int, readers: int, rows: int, **settings: str | int) -> None:
    """Load a gateway with more than fits into its memory, and print what became of it."""
    given = {"MEMORY": settings["memory"], "SERVER_WORKERS": settings["workers"], "ENGINE_SLOTS": settings["slots"]}
    given |= {"ENGINE_WAIT": settings["wait"], "ENGINE_TIMEOUT": "300s", "SERVER_THREADS": clients + readers + 16}
    with TemporaryDirectory() as folder:
        project = Path(folder)
        make(project, rows)
        with gateway_server(project, given) as server:
            print(server.announced)
            outcome = load(server, clients, readers)
    sys.exit(0 if show(outcome, parse_size(settings["memory"])) else 1)


if __name__ == "__main__":
    main()
